//! Byte pair encoding: from a word's bytes to tokens, by joining neighbours in the order the tokenizer learnt.

use std::{cmp::Reverse, collections::BinaryHeap, collections::HashMap};

/// The learnt merges of a vocabulary.
#[derive(Debug)]
pub(super) struct Merges {
    /// Tokens of single bytes.
    bytes: Vec<Option<u32>>,
    /// Two neighbours: when they are joined, and into what.
    pairs: HashMap<(u32, u32), (u32, u32)>,
}

/// A piece of a word, in a list that pieces leave when they are joined with the one before.
#[derive(Debug, Clone, Copy)]
struct Piece {
    token: u32,
    before: usize,
    after: usize,
}

/// No piece; and the token of a piece that has left.
const NONE: usize = usize::MAX;
const GONE: u32 = u32::MAX;

impl Merges {
    /// `byte` gives the token of a single byte, `token` that of a text; `merges` are lines of two texts, the first learnt
    /// first.
    ///
    /// # Errors
    /// The line that is no merge of two tokens into a third.
    pub(super) fn new<'a>(
        byte: impl Fn(u8) -> Option<u32>,
        token: impl Fn(&str) -> Option<u32>,
        merges: impl Iterator<Item = &'a str>,
    ) -> Result<Self, &'a str> {
        let mut pairs = HashMap::with_capacity(merges.size_hint().0);
        let mut joined = String::new();
        for (rank, line) in merges.enumerate() {
            let (left, right) = line.split_once(' ').ok_or(line)?;
            joined.clear();
            joined.push_str(left);
            joined.push_str(right);
            let tokens = (|| Some((token(left)?, token(right)?, token(&joined)?)))();
            let (left, right, whole) = tokens.ok_or(line)?;
            pairs.entry((left, right)).or_insert((u32::try_from(rank).map_err(|_| line)?, whole));
        }
        Ok(Self { bytes: (0..=u8::MAX).map(byte).collect(), pairs })
    }

    /// Appends the tokens of a word. Bytes that are no token are left out.
    pub(super) fn encode(&self, word: &[u8], into: &mut Vec<u32>) {
        let tokens = word.iter().filter_map(|byte| self.bytes[usize::from(*byte)]);
        let mut pieces: Vec<Piece> = tokens
            .enumerate()
            .map(|(index, token)| Piece {
                token,
                before: index.checked_sub(1).unwrap_or(NONE),
                after: index + 1,
            })
            .collect();
        let Some(last) = pieces.last_mut() else { return };
        last.after = NONE;
        // The earliest learnt first, and of those the leftmost. What a join made stale is told by its tokens.
        let mut joins = BinaryHeap::new();
        let find = |pieces: &[Piece], left: usize| {
            let piece = pieces.get(left)?;
            let right = pieces.get(piece.after)?;
            let (rank, whole) = self.pairs.get(&(piece.token, right.token))?;
            Some(Reverse((*rank, left, (piece.token, right.token), *whole)))
        };
        joins.extend((0..pieces.len()).filter_map(|left| find(&pieces, left)));
        while let Some(Reverse((_, left, tokens, whole))) = joins.pop() {
            let Piece { token, before, after } = pieces[left];
            let Some(right) = pieces.get(after).copied() else { continue };
            if (token, right.token) != tokens {
                continue;
            }
            pieces[left] = Piece { token: whole, before, after: right.after };
            pieces[after].token = GONE;
            if let Some(next) = pieces.get_mut(right.after) {
                next.before = left;
            }
            joins.extend([before, left].into_iter().filter_map(|left| find(&pieces, left)));
        }
        into.extend(pieces.iter().map(|piece| piece.token).filter(|token| *token != GONE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKENS: [&str; 8] = ["a", "b", "c", "ab", "bc", "abc", "aa", "aaaa"];

    fn token(text: &str) -> Option<u32> {
        TOKENS.iter().position(|token| *token == text).map(|index| index as u32)
    }

    fn merges(lines: &[&'static str]) -> Result<Merges, &'static str> {
        let byte = |byte: u8| token(&char::from(byte).to_string());
        Merges::new(byte, token, lines.iter().copied())
    }

    fn encode(lines: &[&'static str], word: &str) -> Vec<&'static str> {
        let mut tokens = Vec::new();
        merges(lines).unwrap().encode(word.as_bytes(), &mut tokens);
        tokens.into_iter().map(|token| TOKENS[token as usize]).collect()
    }

    #[test]
    fn what_was_learnt_first_is_joined_first() {
        assert_eq!(encode(&["a b", "b c", "ab c"], "abcab"), ["abc", "ab"]);
        assert_eq!(encode(&["b c", "a b", "ab c"], "abcab"), ["a", "bc", "ab"]);
        assert_eq!(encode(&["a a", "aa aa"], "aaaaaaa"), ["aaaa", "aa", "a"]);
        assert_eq!(encode(&["a b"], "axb?"), ["ab"]);
        assert!(encode(&["a b"], "").is_empty());
    }

    #[test]
    fn a_long_word_takes_no_longer_than_its_length() {
        assert_eq!(encode(&["a a", "aa aa"], &"a".repeat(400_000)).len(), 100_000);
    }

    #[test]
    fn merges_of_unknown_tokens_are_named() {
        assert_eq!(merges(&["a b", "b x"]).unwrap_err(), "b x");
        assert_eq!(merges(&["ab"]).unwrap_err(), "ab");
        assert_eq!(merges(&["c c"]).unwrap_err(), "c c");
    }
}
