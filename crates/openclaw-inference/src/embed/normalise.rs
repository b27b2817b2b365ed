//! What a text goes through before it is cut into pieces: characters are replaced after the model's table, composed, and
//! every run of white space becomes one mark in front of a word.
//!
//! SentencePiece does the first two in one table of some 200,000 sequences. A table of single characters and canonical
//! composition after it give the same text (a test compares them), at a fortieth of the size.

use unicode_normalization::UnicodeNormalization as _;

/// The character that stands for white space.
pub(super) const MARK: char = '\u{2581}';

/// Replacements of single characters.
#[derive(Debug, Default)]
pub(super) struct Normaliser {
    /// The character, and where its replacement ends in `text`; ascending.
    entries: Vec<(char, u32)>,
    text: String,
    /// Whether it replaces a printable character of ASCII, as no known model does.
    touches_ascii: bool,
}

impl Normaliser {
    /// Takes entries with ascending characters; `None` when they don't ascend or are too many.
    pub(super) fn new<'a>(entries: impl Iterator<Item = (char, &'a str)>) -> Option<Self> {
        let mut made = Self::default();
        for (from, to) in entries {
            if made.entries.last().is_some_and(|(last, _)| *last >= from) {
                return None;
            }
            made.text.push_str(to);
            made.touches_ascii |= (' '..='~').contains(&from);
            made.entries.push((from, u32::try_from(made.text.len()).ok()?));
        }
        made.entries.shrink_to_fit();
        made.text.shrink_to_fit();
        Some(made)
    }

    /// The replacement of a character that has one.
    fn replacement(&self, from: char) -> Option<&str> {
        let index = self.entries.binary_search_by_key(&from, |(from, _)| *from).ok()?;
        let start = index.checked_sub(1).map_or(0, |before| self.entries[before].1 as usize);
        self.text.get(start..self.entries[index].1 as usize)
    }

    /// The text as the vocabulary has it: every word behind a [`MARK`], nothing for a text without a word.
    pub(super) fn normalise(&self, text: &str) -> String {
        let mut normal = String::with_capacity(text.len() + text.len() / 4 + MARK.len_utf8());
        let mut buffer = [0; 4];
        let is_plain = |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        let mapped: String = if !self.touches_ascii && is_plain(text) {
            text.to_owned()
        } else {
            let mut mapped = String::with_capacity(text.len());
            for character in text.chars() {
                mapped.push_str(self.replacement(character).unwrap_or(character.encode_utf8(&mut buffer)));
            }
            mapped.nfc().collect()
        };
        for word in mapped.split(' ').filter(|word| !word.is_empty()) {
            normal.push(MARK);
            normal.push_str(word);
        }
        normal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Normaliser {
        let entries = [('\t', " "), ('\u{a0}', " "), ('\u{b2}', "2"), ('\u{200b}', " "), ('\u{ff76}', "カ")];
        let more = [('\u{ff9e}', "\u{3099}"), ('\u{fffd}', " ")];
        Normaliser::new(entries.into_iter().chain(more)).unwrap()
    }

    #[test]
    fn replaces_composes_and_marks_words() {
        let small = small();
        assert_eq!(small.normalise("  two\t words \u{a0}"), "▁two▁words");
        assert_eq!(small.normalise("x²"), "▁x2");
        assert_eq!(small.normalise("e\u{301}"), "▁é");
        assert_eq!(small.normalise("ｶﾞ"), "▁ガ");
        assert_eq!(small.normalise("한"), "▁한");
    }

    #[test]
    fn a_text_without_a_word_is_nothing() {
        for text in ["", " ", "\t\u{200b}\u{fffd}"] {
            assert_eq!(small().normalise(text), "", "{text:?}");
        }
    }

    #[test]
    fn a_table_out_of_order_is_none() {
        assert!(Normaliser::new([('b', ""), ('a', "")].into_iter()).is_none());
        assert!(Normaliser::new([('a', ""), ('a', "")].into_iter()).is_none());
    }
}
