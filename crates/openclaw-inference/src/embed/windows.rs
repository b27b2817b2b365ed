//! Where a long text is cut so that each part fits into the model.

use std::ops::Range;

/// Tokens of a window, of the 512 a text may have: its prefix, both ends, and what counting part by part may miss come on top.
const WINDOW: usize = 448;
/// Tokens that a window shares with the one before, so that no sentence is seen in halves only.
const OVERLAP: usize = 64;
/// Most characters of a part that is counted as one: languages without spaces have no words to cut at.
const PART: usize = 32;

/// A stretch of text that is not cut any further.
struct Part {
    range: Range<usize>,
    tokens: usize,
}

/// The windows of a text; `count` says how many tokens a part of it has.
pub(super) fn windows(text: &str, count: impl Fn(&str) -> usize) -> Vec<Range<usize>> {
    let parts: Vec<Part> = parts(text)
        .map(|range| Part { tokens: count(&text[range.clone()]), range })
        .filter(|part| part.tokens > 0)
        .collect();
    let mut windows = Vec::new();
    let mut first = 0;
    while let Some(start) = parts.get(first) {
        let (mut tokens, mut end) = (start.tokens, first + 1);
        while let Some(part) = parts.get(end)
            && tokens + part.tokens <= WINDOW
        {
            tokens += part.tokens;
            end += 1;
        }
        windows.push(start.range.start..parts[end - 1].range.end);
        if end == parts.len() {
            break;
        }
        // Back by the overlap, but always on.
        let (mut next, mut shared) = (end, 0);
        while next > first + 1 && shared + parts[next - 1].tokens <= OVERLAP {
            next -= 1;
            shared += parts[next].tokens;
        }
        first = next;
    }
    windows
}

/// Words, the long ones in parts.
fn parts(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let start = text.len() - rest.len();
        let first = rest.chars().next()?;
        let mut end = first.len_utf8();
        for (index, character) in rest.char_indices().skip(1).take(PART - 1) {
            // White space goes with the word before it.
            if !character.is_whitespace() && rest[..index].ends_with(char::is_whitespace) {
                break;
            }
            end = index + character.len_utf8();
        }
        rest = &rest[end..];
        Some(start..start + end)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_short_text_is_one_window_and_an_empty_one_none() {
        let letters = |part: &str| part.chars().filter(|character| !character.is_whitespace()).count();
        assert_eq!(windows("two words", letters), vec![0..9]);
        assert_eq!(windows("  two  ", letters), vec![2..7]);
        assert!(windows("", letters).is_empty());
        assert!(windows(" \n ", letters).is_empty());
    }

    proptest! {
        /// Whatever the text, every token is in a window, windows fit and go on, and neighbours share a little.
        #[test]
        fn windows_cover_the_text(text in "([a-zé日本 ]{0,40}){0,60}") {
            let count = |part: &str| part.chars().filter(|character| !character.is_whitespace()).count();
            let windows = windows(&text, count);
            let mut covered = 0;
            for window in &windows {
                prop_assert!(text.is_char_boundary(window.start) && text.is_char_boundary(window.end));
                prop_assert!(count(&text[window.clone()]) <= WINDOW);
                if window.start > covered {
                    prop_assert_eq!(count(&text[covered..window.start]), 0);
                }
                prop_assert!(window.end > covered);
                prop_assert!(covered.saturating_sub(window.start) <= OVERLAP * 4 + PART * 4);
                covered = window.end;
            }
            prop_assert_eq!(count(&text[covered..]), 0);
            if windows.len() > 1 {
                prop_assert!(windows.windows(2).all(|pair| pair[1].start < pair[0].end));
            }
        }
    }
}
