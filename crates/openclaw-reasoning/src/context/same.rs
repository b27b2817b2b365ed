//! Whether two texts say the same, letter by letter, about.

/// Letters of a piece that texts are compared by.
const PIECE: usize = 4;
/// Part of their pieces that two texts must share to count as the same.
const SHARED: f64 = 0.95;
/// Shorter texts, in bytes of letters, are not looked for inside of others.
const LEAST: usize = 8;

/// A text without what doesn't change what it says: case, spaces, punctuation.
#[derive(Debug)]
pub(super) struct Gist {
    letters: String,
    /// Its figures, in order: 3 May and 5 May are not the same.
    figures: Vec<char>,
    /// Its words; letters, where they are not set apart. One more, such as a `not`, may change everything.
    words: usize,
    /// Hashes of its pieces, sorted, each once.
    pieces: Vec<u32>,
}

impl Gist {
    pub(super) fn of(text: &str) -> Self {
        let letters = letters(text);
        let figures = letters.chars().filter(|c| c.is_numeric()).collect();
        let chars: Vec<char> = letters.chars().collect();
        let has_words = chars.len() * 2 > letters.len();
        let words = if has_words { text.split_whitespace().count() } else { chars.len() };
        let mut pieces: Vec<u32> = chars.windows(PIECE).map(hash).collect();
        pieces.sort_unstable();
        pieces.dedup();
        Self { letters, figures, words, pieces }
    }

    /// Whether this says all that `other` says: it holds it, or the two differ by no more than a slip.
    pub(super) fn says(&self, other: &Self) -> bool {
        if self.letters == other.letters || other.is_in(&self.letters) {
            return true;
        }
        if self.figures != other.figures || self.words != other.words {
            return false;
        }
        let shared = shared(&self.pieces, &other.pieces);
        let all = self.pieces.len() + other.pieces.len() - shared;
        shared as f64 >= SHARED * all as f64
    }

    /// Whether all of it stands in `text`, which [`letters`] made.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.letters.len() >= LEAST
            && memchr::memmem::find(text.as_bytes(), self.letters.as_bytes()).is_some()
    }
}

/// Letters and figures of `text`, in lower case.
pub(super) fn letters(text: &str) -> String {
    let mut letters = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() {
            if c.is_ascii_alphanumeric() {
                letters.push(c.to_ascii_lowercase());
            }
        } else if c.is_alphanumeric() {
            letters.extend(c.to_lowercase());
        }
    }
    letters
}

fn hash(piece: &[char]) -> u32 {
    piece.iter().fold(0x811c_9dc5, |hash: u32, c| (hash ^ u32::from(*c)).wrapping_mul(0x0100_0193))
}

/// How many two sorted lists have in common.
fn shared(mut a: &[u32], mut b: &[u32]) -> usize {
    let mut shared = 0;
    while let (Some((first, rest_a)), Some((second, rest_b))) = (a.split_first(), b.split_first()) {
        match first.cmp(second) {
            std::cmp::Ordering::Less => a = rest_a,
            std::cmp::Ordering::Greater => b = rest_b,
            std::cmp::Ordering::Equal => {
                shared += 1;
                (a, b) = (rest_a, rest_b);
            }
        }
    }
    shared
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_the_same_and_another_meaning_is_not() {
        for (a, b, both) in [
            ("User lives in Oslo.", "user lives in  Oslo", [true; 2]),
            (
                "Prefers answers in Norwegian, short ones",
                "Prefers answers in Norwegian: short ones!",
                [true; 2],
            ),
            ("使用者住在奧斯陸。", "使用者住在奧斯陸", [true; 2]),
            // The longer one says all of the shorter one, and perhaps the opposite.
            ("Also: the reports go to Anna on Fridays", "The reports go to Anna on Fridays.", [true, false]),
            ("Drinks tea, but no more", "Drinks tea", [true, false]),
            ("The user is allergic to peanuts", "The user is not allergic to peanuts", [false; 2]),
            ("The meeting is on 3 May at the office", "The meeting is on 5 May at the office", [false; 2]),
            ("Likes tea", "Likes coffee", [false; 2]),
            ("住在奧斯陸", "住在東京", [false; 2]),
        ] {
            let (first, second) = (Gist::of(a), Gist::of(b));
            assert_eq!([first.says(&second), second.says(&first)], both, "{a} / {b}");
        }
        // In a long text a letter is a slip, and a word is not.
        let long = "The plan for the release has four steps, each of which somebody has to sign. ".repeat(2);
        let long =
            format!("{long} First the tests, then the review, then a day of waiting, then the announcement.");
        for (change, same) in [("anouncement", true), ("announcement never", false)] {
            let other = long.replace("announcement", change);
            assert_eq!(Gist::of(&long).says(&Gist::of(&other)), same, "{change}");
        }
    }

    #[test]
    fn what_was_said_is_found_in_what_is_said_now() {
        let said = letters("Well: I live in Oslo, since 2019. 你好！");
        assert!(Gist::of("i live in OSLO since 2019").is_in(&said));
        assert!(!Gist::of("I live in Oslo since 2020").is_in(&said));
        assert!(!Gist::of("well").is_in(&said), "too short to mean anything");
    }
}
