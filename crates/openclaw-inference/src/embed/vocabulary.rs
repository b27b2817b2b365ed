//! The vocabulary, and the cutting of a text into its pieces: of all ways to write a text as a row of pieces, the one with the
//! highest sum of scores (a unigram model, as SentencePiece has it).

use std::ops::Range;

/// The number of a row of the embedding table.
pub(super) type TokenId = u32;

/// Begins every text.
pub(super) const BEGIN: TokenId = 0;
/// Ends every text.
pub(super) const END: TokenId = 2;
/// Stands for characters that are in no piece.
pub(super) const UNKNOWN: TokenId = 3;

/// How much worse an unknown character is than the rarest piece.
const UNKNOWN_PENALTY: f32 = 10.0;

/// Pieces in the order of their bytes, which makes a trie of them without any node: the pieces with a common beginning stand
/// next to each other, and each further byte narrows their range.
#[derive(Debug)]
pub(super) struct Vocabulary {
    /// Where each piece begins in the texts, and where the last one ends; the pieces' ids; their scores; their texts.
    words: Vec<u32>,
    pieces: usize,
    /// The pieces of each first byte: from here to the next entry.
    first: Vec<u32>,
    unknown_score: f32,
}

/// What the best way to a place in the text comes from.
#[derive(Clone, Copy)]
struct Step {
    score: f32,
    from: u32,
    id: TokenId,
}

const UNREACHED: Step = Step { score: f32::NEG_INFINITY, from: 0, id: UNKNOWN };

impl Vocabulary {
    /// Words that a vocabulary takes; `texts` is the bytes of its pieces.
    pub(super) fn words(pieces: usize, texts: usize) -> usize {
        3 * pieces + 1 + texts.div_ceil(4)
    }

    /// Takes what a file has: offsets, ids, scores and, padded to a whole word, texts. The error says what is wrong with them.
    pub(super) fn new(words: Vec<u32>, pieces: usize, texts: usize, rows: u32) -> Result<Self, &'static str> {
        if words.len() != Self::words(pieces, texts) {
            return Err("the vocabulary is of another size than it says");
        }
        let mut made = Self { words, pieces, first: vec![0; 257], unknown_score: 0.0 };
        if made.offsets().first() != Some(&0) || made.offsets().last().map(|end| *end as usize) != Some(texts)
        {
            return Err("the pieces' texts don't fill their room");
        }
        if !made.offsets().is_sorted_by(|a, b| a < b) {
            return Err("a piece is empty or ends before it begins");
        }
        if made.ids().iter().any(|id| *id >= rows) || made.scores().iter().any(|score| !score.is_finite()) {
            return Err("a piece has no row or no score");
        }
        if (1..pieces).any(|index| made.piece(index - 1) >= made.piece(index)) {
            return Err("the pieces are out of order");
        }
        if (0..pieces).any(|index| std::str::from_utf8(made.piece(index)).is_err()) {
            return Err("a piece is no text");
        }
        for index in 0..pieces {
            let byte = usize::from(made.piece(index)[0]);
            made.first[byte + 1] += 1;
        }
        for byte in 0..256 {
            made.first[byte + 1] += made.first[byte];
        }
        made.unknown_score = made.scores().iter().copied().fold(0f32, f32::min) - UNKNOWN_PENALTY;
        Ok(made)
    }

    fn offsets(&self) -> &[u32] {
        &self.words[..self.pieces + 1]
    }

    fn ids(&self) -> &[TokenId] {
        &self.words[self.pieces + 1..][..self.pieces]
    }

    fn scores(&self) -> &[f32] {
        pulp::bytemuck::cast_slice(&self.words[2 * self.pieces + 1..][..self.pieces])
    }

    fn texts(&self) -> &[u8] {
        pulp::bytemuck::cast_slice(&self.words[3 * self.pieces + 1..])
    }

    fn piece(&self, index: usize) -> &[u8] {
        &self.texts()[self.words[index] as usize..self.words[index + 1] as usize]
    }

    /// Tells every piece that `text` begins with: its length and index, shortest first.
    fn prefixes(&self, text: &[u8], mut found: impl FnMut(usize, usize)) {
        let Some(byte) = text.first() else { return };
        let byte = usize::from(*byte);
        let mut range = self.first[byte] as usize..self.first[byte + 1] as usize;
        let mut length = 1;
        while !range.is_empty() {
            // A piece that ends here stands before those that go on.
            if self.piece(range.start).len() == length {
                found(length, range.start);
                range.start += 1;
            }
            let Some(next) = text.get(length) else { return };
            range = self.narrow(range, length, *next);
            length += 1;
        }
    }

    /// The part of a range whose pieces have this byte at this place; all of them are longer than that.
    fn narrow(&self, range: Range<usize>, place: usize, byte: u8) -> Range<usize> {
        let texts = self.texts();
        let at = |index: usize| texts[self.words[index] as usize + place];
        let bound = |start: usize, end: usize, before: &dyn Fn(u8) -> bool| {
            let (mut low, mut high) = (start, end);
            while low < high {
                let middle = low.midpoint(high);
                if before(at(middle)) {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            low
        };
        let start = bound(range.start, range.end, &|found| found < byte);
        let end = bound(start, range.end, &|found| found <= byte);
        start..end
    }

    /// The ids of a normalised text's pieces, without [`BEGIN`] and [`END`].
    pub(super) fn cut(&self, text: &str) -> Vec<TokenId> {
        let (bytes, ids, scores) = (text.as_bytes(), self.ids(), self.scores());
        let mut best = vec![UNREACHED; bytes.len() + 1];
        best[0].score = 0.0;
        for (start, character) in text.char_indices() {
            let (reached, width) = (best[start].score, character.len_utf8());
            let mut alone = false;
            self.prefixes(&bytes[start..], |length, piece| {
                alone |= length == width;
                let score = reached + scores[piece];
                let step = &mut best[start + length];
                if score > step.score {
                    *step = Step { score, from: start as u32, id: ids[piece] };
                }
            });
            let step = &mut best[start + width];
            let score = reached + self.unknown_score;
            if !alone && score > step.score {
                *step = Step { score, from: start as u32, id: UNKNOWN };
            }
        }
        let mut tokens = Vec::new();
        let mut end = bytes.len();
        while end > 0 {
            let Step { from, id, .. } = best[end];
            // A run of unknown characters is one unknown piece.
            if id != UNKNOWN || tokens.last() != Some(&UNKNOWN) {
                tokens.push(id);
            }
            end = from as usize;
        }
        tokens.reverse();
        tokens
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A vocabulary of pieces with scores; ids count from 4.
    fn vocabulary(pieces: &[(&str, f32)]) -> Vocabulary {
        let mut sorted: Vec<_> = (4..).zip(pieces).map(|(id, (text, score))| (*text, id, *score)).collect();
        sorted.sort_unstable_by(|a, b| a.0.cmp(b.0));
        let (mut texts, mut offsets) = (String::new(), vec![0]);
        for (text, ..) in &sorted {
            texts += text;
            offsets.push(texts.len() as u32);
        }
        let ids: Vec<u32> = sorted.iter().map(|(_, id, _)| *id).collect();
        let scores: Vec<f32> = sorted.iter().map(|(.., score)| *score).collect();
        make(texts.as_bytes(), &offsets, &ids, &scores).unwrap()
    }

    fn make(texts: &[u8], offsets: &[u32], ids: &[u32], scores: &[f32]) -> Result<Vocabulary, &'static str> {
        let mut words = [offsets, ids].concat();
        words.extend(scores.iter().map(|score| score.to_bits()));
        let mut padded = texts.to_vec();
        padded.resize(texts.len().next_multiple_of(4), 0);
        words.extend(padded.as_chunks().0.iter().map(|word| u32::from_ne_bytes(*word)));
        Vocabulary::new(words, ids.len(), texts.len(), 1000)
    }

    #[test]
    fn takes_the_best_way_not_the_longest_piece() {
        let words =
            vocabulary(&[("ab", -5.0), ("a", -1.0), ("b", -1.0), ("abc", -9.0), ("c", -2.0), ("日本", -1.0)]);
        assert_eq!(words.cut("abc"), [5, 6, 8]);
        assert_eq!(words.cut("日本a"), [9, 5]);
        assert_eq!(words.cut(""), Vec::<TokenId>::new());
    }

    #[test]
    fn unknown_characters_in_a_row_are_one_piece() {
        let words = vocabulary(&[("a", -1.0)]);
        assert_eq!(words.cut("日本a語"), [UNKNOWN, 4, UNKNOWN]);
    }

    #[test]
    fn parts_that_make_no_vocabulary_are_refused() {
        assert!(make(b"ab", &[0, 1, 2], &[4, 5], &[0.0, 0.0]).is_ok());
        for (bytes, offsets, ids, scores) in [
            (b"ab".as_slice(), [0, 1, 2].as_slice(), [4].as_slice(), [0.0, 0.0].as_slice()),
            (b"ab", &[0, 1, 3], &[4, 5], &[0.0, 0.0]),
            (b"ab", &[0, 2, 1], &[4, 5], &[0.0, 0.0]),
            (b"ab", &[0, 2, 2], &[4, 5], &[0.0, 0.0]),
            (b"ba", &[0, 1, 2], &[4, 5], &[0.0, 0.0]),
            (b"aa", &[0, 1, 2], &[4, 5], &[0.0, 0.0]),
            (b"ab", &[0, 1, 2], &[4, 1000], &[0.0, 0.0]),
            (b"ab", &[0, 1, 2], &[4, 5], &[0.0, f32::NAN]),
            (b"a\xff", &[0, 1, 2], &[4, 5], &[0.0, 0.0]),
        ] {
            assert!(make(bytes, offsets, ids, scores).is_err(), "{bytes:?} {offsets:?} {ids:?} {scores:?}");
        }
    }

    proptest! {
        /// No other way to cut the text is better, found by trying all of them.
        #[test]
        fn no_way_is_better(text in "[abc]{0,9}", scores in prop::collection::vec(-9.0f32..-0.5, 8)) {
            let pieces = ["a", "b", "c", "ab", "bc", "abc", "ca", "cab"];
            let scored: Vec<_> = pieces.into_iter().zip(scores).collect();
            let words = vocabulary(&scored);
            let total: f32 = words.cut(&text).iter().map(|id| scored[*id as usize - 4].1).sum();
            let mut best = vec![f32::NEG_INFINITY; text.len() + 1];
            best[0] = 0.0;
            for end in 1..=text.len() {
                for (piece, score) in &scored {
                    if text[..end].ends_with(piece) {
                        best[end] = best[end].max(best[end - piece.len()] + score);
                    }
                }
            }
            prop_assert!((total - best[text.len()]).abs() < 1e-3, "{} {}", total, best[text.len()]);
        }
    }
}
