//! Where text may be cut: between lines first, then sentences, words and characters, and not inside links, code or emphasis.

use std::ops::Range;

use pulldown_cmark::{Event, Parser, Tag};
use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation as _};

use super::{
    doc::OPTIONS,
    guard::{guard, starters},
};

/// The places to cut `text` at or before `max`, best first; all are larger than 0.
///
/// Only what stands before `max` decides, so that text which is still to come changes nothing. What is kept whole is cut
/// only if it `must` be.
pub(super) fn places(text: &str, max: usize, must: bool) -> Vec<usize> {
    let max = floor(text, max);
    let window = text.get(..max).unwrap_or("");
    let next = text.get(max..).and_then(|rest| rest.chars().next());
    let kept = kept(window, if must { max / 2 } else { 0 });
    let free = |at: &usize| {
        let before = kept.partition_point(|range| range.start < *at);
        before.checked_sub(1).and_then(|last| kept.get(last)).is_none_or(|last| last.end <= *at)
            && !is_escaped(window, *at)
    };
    let half = |at: &usize| *at * 2 >= max;

    let lines = ends(window, next, |_, char| char == '\n');
    let sentences = ends(window, next, is_sentence_end);
    let spaces = ends(window, next, |_, char| char.is_whitespace());
    let words = words(window, next);
    let mut places = Vec::new();
    for ends in [&lines, &sentences, &spaces, &words] {
        places.extend(ends.iter().rev().copied().filter(half).find(free));
    }
    places.extend(spaces.iter().rev().copied().find(free));
    places.extend(words.iter().rev().copied().find(free));
    // Right before or after what is kept whole.
    let edges = kept.iter().flat_map(|range| [range.start, range.end]).filter(|at| (1..=max).contains(at));
    places.extend(edges.rev().find(free));
    if !must {
        places.extend(Some(max).filter(free));
        return places;
    }
    places.extend(spaces.iter().rev().copied().find(half));
    places.extend(words.iter().rev().copied().find(half));
    places.push(max);
    places
}

/// The largest place at or before `at` that is between two characters as people see them; inside of one that is longer.
pub(super) fn floor(text: &str, at: usize) -> usize {
    let char = text.floor_char_boundary(at);
    let text = text.get(..text.ceil_char_boundary(char.saturating_add(LOOK_AHEAD))).unwrap_or(text);
    let mut cursor = GraphemeCursor::new(char, text.len(), true);
    if cursor.is_boundary(text, 0) == Ok(true) {
        return char;
    }
    match cursor.prev_boundary(text, 0) {
        Ok(Some(boundary)) if boundary > 0 => boundary,
        _ => char,
    }
}

/// Enough for whatever may extend a character that ends at a place.
const LOOK_AHEAD: usize = 64;

/// Behind each character that ends something, and its closing quotes and brackets.
fn ends(window: &str, next: Option<char>, is_end: impl Fn(Option<char>, char) -> bool) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut chars = window.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        let end = at + char.len_utf8();
        let after = chars.peek().map(|(_, char)| *char).or(next);
        if is_end(after, char) {
            ends.push(end);
        }
    }
    if next.is_some_and(|next| is_end(None, next) && next.is_whitespace()) {
        ends.push(window.len());
    }
    ends
}

fn is_sentence_end(after: Option<char>, char: char) -> bool {
    match char {
        '。' | '！' | '？' | '．' | '｡' | '…' | '」' | '』' | '”' => {
            after.is_none_or(|after| !is_closing(after))
        }
        '.' | '!' | '?' | ':' | ';' | '؟' | '۔' | '।' => after.is_some_and(char::is_whitespace),
        _ => false,
    }
}

fn is_closing(char: char) -> bool {
    "。！？．｡…」』”’）】》〉、，；：,.;:!?)]}\"'".contains(char)
}

/// Between words, for scripts that write none of their spaces too.
fn words(window: &str, next: Option<char>) -> Vec<usize> {
    let mut words: Vec<usize> = window
        .split_word_bound_indices()
        .filter(|(at, word)| *at > 0 && !word.starts_with(is_closing))
        .map(|(at, _)| at)
        .collect();
    if next.is_some_and(|next| next.is_whitespace()) {
        words.push(window.len());
    }
    words
}

/// Whether a backslash before a place belongs to what follows.
fn is_escaped(window: &str, at: usize) -> bool {
    let before = window.get(..at).unwrap_or("");
    (before.len() - before.trim_end_matches('\\').len()) % 2 == 1
}

/// What is not to be cut: links, images, code, emphasis, entities; in order. Of what is still open, what begins behind `late`.
fn kept(window: &str, late: usize) -> Vec<Range<usize>> {
    let text = guard(window);
    let inserted = starters(window);
    let back = |position: usize| {
        // The nth backslash stands n further than where it was put.
        let before = inserted.iter().enumerate().take_while(|(nth, at)| *at + nth < position).count();
        position - before
    };
    let mut kept: Vec<Range<usize>> = Vec::new();
    for (event, range) in Parser::new_ext(&text, OPTIONS).into_offset_iter() {
        let keeps = match &event {
            Event::Start(
                Tag::Emphasis | Tag::Strong | Tag::Strikethrough | Tag::Link { .. } | Tag::Image { .. },
            ) => true,
            Event::Code(_) | Event::InlineHtml(_) => true,
            Event::Text(text) => text.len() != range.len(),
            _ => false,
        };
        let range = back(range.start)..back(range.end);
        if keeps && kept.last().is_none_or(|last| last.end <= range.start) {
            kept.push(range);
        }
    }
    if let Some(open) = open(window, &kept, late) {
        kept.retain(|range| range.end <= open);
        kept.push(open..usize::MAX);
    }
    kept
}

/// Where something begins, late in the window, that may end behind it: `[text](http://…`, `**bold …`.
fn open(window: &str, kept: &[Range<usize>], late: usize) -> Option<usize> {
    let mut at = window.ceil_char_boundary(late);
    let past = kept.partition_point(|range| range.end <= at);
    let mut kept = kept.iter().skip(past).peekable();
    while at < window.len() {
        if let Some(range) = kept.peek().filter(|range| range.start <= at) {
            at = range.end.max(at);
            kept.next();
            continue;
        }
        let rest = window.get(at..)?;
        let char = rest.chars().next()?;
        let before = window.get(..at)?.chars().next_back();
        if opens(before, char, rest) {
            let escaped = is_escaped(window, at);
            // An address without its end yet is guarded as if it were HTML.
            if !escaped || char == '<' {
                return Some(at - usize::from(escaped || (before == Some('!') && char == '[')));
            }
        }
        let run = if "*_~`".contains(char) {
            rest.len() - rest.trim_start_matches(char).len()
        } else {
            char.len_utf8()
        };
        at += run;
    }
    None
}

/// How far the text of a link is looked for its end.
const NEAR: usize = 256;

fn opens(before: Option<char>, char: char, rest: &str) -> bool {
    let near = &rest[..rest.floor_char_boundary(NEAR)];
    let find = |what: &[u8]| near.bytes().position(|byte| what.contains(&byte));
    let is_all = near.len() == rest.len();
    match char {
        '`' => true,
        '[' => match near.find(']') {
            Some(end) => {
                rest.get(end + 1..).is_none_or(|after| after.is_empty() || after.starts_with(['(', '[']))
            }
            None => is_all,
        },
        '<' => is_all && find(b"> \n").is_none(),
        '&' => rest.len() < 40 && find(b"; \n").is_none(),
        '*' | '_' | '~' => match rest.trim_start_matches(char).chars().next() {
            None => true,
            Some(next) if next.is_whitespace() => false,
            Some(_) => char == '*' || before.is_none_or(|before| !before.is_alphanumeric()),
        },
        _ => false,
    }
}
