//! The part of a text to show.

use unicode_segmentation::UnicodeSegmentation as _;

use super::terms::Terms;
use crate::lexical::fold;

/// Characters of a passage.
const PASSAGE_CHARS: usize = 300;
/// Of which so many lie before the first match.
const LEAD_CHARS: usize = 60;

/// The passage of `text` with the most different terms.
pub(super) fn passage(text: &str, terms: &Terms) -> String {
    let text = text.trim();
    if text.chars().count() <= PASSAGE_CHARS {
        return text.to_owned();
    }
    let (mut folded, mut map) = (String::with_capacity(text.len()), Vec::new());
    fold(text, &mut folded, Some(&mut map));
    let matches = terms.matches(&folded);
    // Bytes are a good enough measure for choosing; the cut below counts characters.
    let reach = PASSAGE_CHARS - LEAD_CHARS;
    let distinct_from = |index: usize| {
        let Some((start, _)) = matches.get(index) else { return 0 };
        let near = matches.iter().skip(index).take_while(|(at, _)| at - start <= reach);
        let mut seen: Vec<usize> = near.map(|(_, term)| *term).collect();
        seen.sort_unstable();
        seen.dedup();
        seen.len()
    };
    let best = (0..matches.len()).max_by_key(|index| (distinct_from(*index), std::cmp::Reverse(*index)));
    let at = best.and_then(|index| matches.get(index)).map_or(0, |(at, _)| *at);
    let piece = map.partition_point(|(folded, _)| *folded <= at).saturating_sub(1);
    let origin = map.get(piece).map_or(0, |(_, origin)| *origin);

    let (head, tail) = text.split_at_checked(origin).unwrap_or(("", text));
    let lead: usize = head.graphemes(true).rev().take(LEAD_CHARS).map(str::len).sum();
    let start = if lead == head.len() { 0 } else { next_word(text, origin - lead, origin) };
    let shown = text.get(start..).unwrap_or(tail);
    let end: usize = shown.graphemes(true).take(PASSAGE_CHARS).map(str::len).sum();
    let cut = shown.get(..end).unwrap_or(shown);
    let mut out = String::with_capacity(cut.len() + 8);
    if start > 0 {
        out.push('…');
    }
    out.push_str(cut.trim());
    if end < shown.len() {
        out.push('…');
    }
    out
}

/// The first word that begins in a range, or the range's start.
fn next_word(text: &str, from: usize, until: usize) -> usize {
    let part = text.get(from..until).unwrap_or_default();
    part.find(char::is_whitespace).map_or(from, |space| from + space)
}

/// The first line of a text that says something, shortened at a word if it is longer than `max` characters.
pub(crate) fn one_line(text: &str, max: usize) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let mut graphemes = line.grapheme_indices(true);
    let Some((end, _)) = graphemes.nth(max) else { return line.to_owned() };
    let room: usize = line.graphemes(true).take(max - 1).map(str::len).sum();
    let cut = line.get(..room.min(end)).unwrap_or(line);
    // A word that is cut goes as a whole, unless nearly nothing would be left.
    let whole = match line.get(cut.len()..).and_then(|rest| rest.chars().next()) {
        Some(next) if !next.is_whitespace() => cut
            .split_word_bound_indices()
            .next_back()
            .filter(|(at, word)| *at >= cut.len() / 2 && word.chars().all(char::is_alphanumeric))
            .and_then(|(at, word)| line.get(at..)?.split_word_bounds().next().map(|full| (at, word, full)))
            .filter(|(_, word, full)| word.len() < full.len())
            .and_then(|(at, ..)| cut.get(..at))
            .unwrap_or(cut),
        _ => cut,
    };
    format!("{}…", whole.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts_are_shown_whole() {
        assert_eq!(passage("  明天서울的天氣如何? ", &Terms::of("天氣")), "明天서울的天氣如何?");
    }

    #[test]
    fn long_texts_are_cut_around_the_match() {
        let text = format!("{} the green dragon sleeps {}", "word ".repeat(200), "other ".repeat(200));
        let shown = passage(&text, &Terms::of("dragon green"));
        assert!(shown.contains("green dragon sleeps"), "{shown}");
        assert!(shown.starts_with('…') && shown.ends_with('…'), "{shown}");
        assert!(shown.chars().count() <= PASSAGE_CHARS + 2, "{}", shown.chars().count());
        let text = format!("{}綠龍{}", "한국어".repeat(200), "日本語".repeat(200));
        assert!(passage(&text, &Terms::of("綠龍")).contains("綠龍"));
    }

    #[test]
    fn summaries_are_one_line_of_whole_characters() {
        assert_eq!(one_line("\n  hello world \nmore", 80), "hello world");
        assert_eq!(one_line("", 80), "");
        assert_eq!(one_line("hello wonderful world", 14), "hello…");
        assert_eq!(one_line("hello wonderful world", 16), "hello wonderful…");
        let family = "👨‍👩‍👧".repeat(10);
        assert_eq!(one_line(&family, 4), format!("{}…", "👨‍👩‍👧".repeat(3)));
        assert_eq!(one_line(&"天".repeat(100), 80).chars().count(), 80);
    }
}
