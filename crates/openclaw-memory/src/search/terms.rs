//! What a query looks for, and how often a text has it.

use memchr::memmem::Finder;
use unicode_segmentation::UnicodeSegmentation as _;

use crate::lexical::{folded, is_unspaced};

/// Most terms of a query; what follows is ignored.
const TERMS: usize = 64;

/// One thing to look for.
#[derive(Debug)]
struct Term {
    text: String,
    finder: Finder<'static>,
    /// A word has to stand alone; a piece of a script without spaces may be anywhere.
    word: bool,
}

/// What a query looks for: words, and pairs of neighbouring characters of scripts without spaces.
#[derive(Debug)]
pub(super) struct Terms {
    terms: Vec<Term>,
}

fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() && !is_unspaced(c)
}

impl Terms {
    pub(super) fn of(query: &str) -> Self {
        let text = folded(query);
        let mut terms = Self { terms: Vec::new() };
        for (unspaced, run) in runs(&text) {
            if !unspaced {
                for word in run.unicode_words() {
                    terms.add(word, true);
                }
                continue;
            }
            let starts: Vec<usize> = run.char_indices().map(|(at, _)| at).chain([run.len()]).collect();
            if starts.len() == 2 {
                terms.add(run, false);
            }
            for pair in starts.windows(3) {
                terms.add(run.get(pair[0]..pair[2]).unwrap_or_default(), false);
            }
        }
        if terms.terms.is_empty() {
            // Signs and pictures alone: look for them as they are.
            for piece in text.split_whitespace() {
                terms.add(piece, false);
            }
        }
        terms
    }

    fn add(&mut self, text: &str, word: bool) {
        if self.terms.len() < TERMS && !text.is_empty() && self.terms.iter().all(|term| term.text != text) {
            let finder = Finder::new(text.as_bytes()).into_owned();
            self.terms.push(Term { text: text.to_owned(), finder, word });
        }
    }

    pub(super) fn len(&self) -> usize {
        self.terms.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Counts each term in a folded text. False: none is there.
    pub(super) fn count(&self, text: &str, counts: &mut [u16]) -> bool {
        let mut any = false;
        for (term, count) in self.terms.iter().zip(counts.iter_mut()) {
            let found = term.positions(text).take(usize::from(u16::MAX)).count();
            *count = u16::try_from(found).unwrap_or(u16::MAX);
            any |= found > 0;
        }
        any
    }

    /// Where terms are in a folded text: (position, which term), in order of position.
    pub(super) fn matches(&self, text: &str) -> Vec<(usize, usize)> {
        let mut found: Vec<_> = self
            .terms
            .iter()
            .enumerate()
            .flat_map(|(index, term)| term.positions(text).take(64).map(move |at| (at, index)))
            .collect();
        found.sort_unstable();
        found
    }
}

impl Term {
    fn positions<'a>(&'a self, text: &'a str) -> impl Iterator<Item = usize> + 'a {
        let stands_alone = |at: usize| {
            let before = text.get(..at).and_then(|before| before.chars().next_back());
            let after = text.get(at + self.text.len()..).and_then(|after| after.chars().next());
            !before.is_some_and(is_word_char) && !after.is_some_and(is_word_char)
        };
        self.finder.find_iter(text.as_bytes()).filter(move |at| !self.word || stands_alone(*at))
    }
}

/// A text cut where it changes between scripts without spaces and anything else.
fn runs(text: &str) -> Vec<(bool, &str)> {
    let mut runs = Vec::new();
    let mut start = 0;
    let mut current = None;
    for (at, c) in text.char_indices() {
        let unspaced = is_unspaced(c);
        if current.is_some_and(|current| current != unspaced) {
            runs.push((!unspaced, text.get(start..at).unwrap_or_default()));
            start = at;
        }
        current = Some(unspaced);
    }
    if let Some(unspaced) = current {
        runs.push((unspaced, text.get(start..).unwrap_or_default()));
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(query: &str) -> Vec<String> {
        Terms::of(query).terms.into_iter().map(|term| term.text).collect()
    }

    fn counts(query: &str, text: &str) -> Vec<u16> {
        let terms = Terms::of(query);
        let mut counts = vec![0; terms.len()];
        terms.count(&folded(text), &mut counts);
        counts
    }

    #[test]
    fn queries_mix_scripts() {
        assert_eq!(texts("Python語言の book"), ["python", "語言", "言の", "book"]);
        assert_eq!(texts("사용자의 飲食偏好"), ["사용", "용자", "자의", "飲食", "食偏", "偏好"]);
        assert_eq!(texts("茶"), ["茶"]);
        assert_eq!(texts("ชาดี tea"), ["ชา", "าด", "ดี", "tea"]);
        assert_eq!(texts("the the THE"), ["the"]);
        assert_eq!(texts("🎉 !!"), ["🎉", "!!"]);
        assert!(texts("  ").is_empty());
    }

    #[test]
    fn words_stand_alone_and_pairs_do_not() {
        assert_eq!(counts("cat", "Cat, concatenate a cat's CAT語"), [3]);
        assert_eq!(counts("飲食", "我的飲食偏好和飲食習慣"), [2]);
        assert_eq!(counts("茶", "綠茶和紅茶"), [2]);
        assert_eq!(counts("서울", "명천서울의天氣"), [1]);
        assert_eq!(counts("ชา", "ฉันชอบดื่มชาเขียว"), [1]);
        assert_eq!(counts("ទឹក", "ខ្ញុំផឹកទឹក"), [1, 2]);
        assert_eq!(counts("ရေ", "ကျွန်တော်ရေသောက်"), [1]);
    }
}
