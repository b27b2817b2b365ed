//! How many tokens a text is, about, before any vendor has counted it.
//!
//! Every byte has a weight by what it begins: tokenizers spend most of their tokens on the beginnings of words, on figures and
//! on signs, so that prose, code, JSON and identifiers differ by a factor of three in bytes per token. The weights were fitted to
//! five vendors' tokenizers over prose in five languages, code, JSON, YAML and tables; with them Latin text comes
//! out within about 15 % for each of them. Other scripts differ more between vendors (0.7 to 1.5 tokens for a Chinese character), so
//! they are counted apart, and [`Gauge`](super::Gauge) weighs the two by what the vendor counts.

use std::fmt;

/// A token in units of the weights.
const UNIT: u64 = 64;
/// Bytes whose weights fit the halves of a sum.
const CHUNK: usize = 1 << 20;
/// Weight of each byte: the lower half counts as Latin text, the upper half as another script.
const WEIGHTS: [u64; 256] = weights();

const fn weights() -> [u64; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'a'..=b'z' => 13,
            b'A'..=b'Z' => 51,
            b'0'..=b'9' => 58,
            b' ' => 6,
            0..=0x1F => 19,
            0x21..=0x7F => 38,
            // The rest of a character.
            0x80..=0xBF => 0,
            // Latin with accents.
            0xC0..=0xCC => 29,
            // Greek, Cyrillic, Hebrew, Arabic.
            0xCD..=0xDF => 29 << 32,
            // Indian scripts, Thai, Georgian.
            0xE0 | 0xE1 => 48 << 32,
            // Quotation marks, dashes, arrows, bullets.
            0xE2 => 96,
            // Kana, Han, Hangul, full-width forms.
            0xE3..=0xEF => 64 << 32,
            // Emoji, rare Han.
            0xF0..=0xFF => 160,
        };
        byte += 1;
    }
    table
}

/// Tokens by the average tokenizer, in parts of a token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Of Latin text, figures, signs, and what a format adds.
    latin: u64,
    /// Of text in other scripts.
    script: u64,
    /// Pictures; nobody can tell from the outside what they cost.
    pictures: u32,
}

impl Count {
    pub(crate) fn of(text: &str) -> Self {
        Self::of_bytes(text.as_bytes())
    }

    pub(super) fn of_bytes(bytes: &[u8]) -> Self {
        let mut count = Self::default();
        for chunk in bytes.chunks(CHUNK) {
            // Four sums, so that one addition need not wait for another.
            let mut sums = [0_u64; 4];
            let quads = chunk.chunks_exact(4);
            for byte in quads.remainder() {
                sums[0] += WEIGHTS[usize::from(*byte)];
            }
            for quad in quads {
                for (sum, byte) in sums.iter_mut().zip(quad) {
                    *sum += WEIGHTS[usize::from(*byte)];
                }
            }
            for sum in sums {
                count.latin += sum & 0xFFFF_FFFF;
                count.script += sum >> 32;
            }
        }
        count
    }

    /// So many tokens of a format's own.
    pub(super) const fn fixed(tokens: u64) -> Self {
        Self { latin: tokens * UNIT, script: 0, pictures: 0 }
    }

    /// One picture that takes so many tokens, about.
    pub(super) const fn picture(tokens: u64) -> Self {
        Self { latin: tokens * UNIT, script: 0, pictures: 1 }
    }

    pub(super) fn has_pictures(self) -> bool {
        self.pictures > 0
    }

    /// Tokens of Latin text and of other scripts.
    pub(crate) fn parts(self) -> [f64; 2] {
        [self.latin as f64 / UNIT as f64, self.script as f64 / UNIT as f64]
    }
}

impl std::ops::AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.latin += other.latin;
        self.script += other.script;
        self.pictures += other.pictures;
    }
}

impl std::iter::Sum for Count {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        let mut sum = Self::default();
        all.for_each(|count| sum += count);
        sum
    }
}

/// Counts what is written to it, so that JSON need not be put together for that.
impl fmt::Write for Count {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        *self += Self::of(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn about(text: &str) -> (u64, u64) {
        let [latin, script] = Count::of(text).parts();
        (latin.round() as u64, script.round() as u64)
    }

    #[test]
    fn kinds_of_writing_cost_what_tokenizers_take_for_them() {
        // In comments: what the tokenizers of GPT-4o and Llama 3 make of it.
        for (text, tokens) in [
            ("", (0, 0)),
            ("The quick brown fox jumps over the lazy dog, twice a day.", (12, 0)), // 14, 14
            (r#"{"name":"chunk","version":"1.2.10","files":["a.js","b.js"]}"#, (26, 0)), // 26, 26
            ("if let Some(found) = self.map.get(&key) { return Ok(found); }", (18, 0)), // 18, 18
            ("01J8Z3V5XQ4K7M9N2P6R8T0W1Y", (22, 0)),                                // 20, 21
            ("1024 4096 65536", (12, 0)),                                           // 9, 9
            ("明天下午三点开会", (0, 8)),                                           // 6, 6
            ("사용자는 서울에 산다", (0, 9)),                                       // 8, 9
            ("Память никогда не лжёт", (0, 9)),                                     // 7, 8
            ("déjà vu", (2, 0)),
        ] {
            assert_eq!(about(text), tokens, "{text}");
        }
    }

    #[test]
    fn a_long_text_counts_as_its_pieces_do() {
        let text = "Wort und 字 ".repeat(300_000);
        let whole = Count::of(&text);
        let pieces: Count = text.as_bytes().chunks(999).map(Count::of_bytes).sum();
        assert_eq!(whole, pieces);
        let mut written = Count::default();
        write!(written, "{}{}", &text[..9], &text[9..]).unwrap();
        assert_eq!(written, whole);
    }
}
