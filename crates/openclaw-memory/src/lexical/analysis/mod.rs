//! What a text can be found by. Documents and queries go through the same code, or they would miss each other.
//!
//! - **Words** of scripts with spaces: case and width folded, English ones reduced to their stems.
//! - **Names** (`snake_case`, `camelCase`, `a.b.c`, versions, addresses, paths): their parts as words, and the whole.
//! - **Runs** of scripts without spaces: every pair of neighbouring characters and every character, traditional ones as
//!   simplified ones.
//! - **Signs** that are pictures rather than punctuation.

mod fold;
mod simplify;
mod stem;
mod stop;

use unicode_segmentation::UnicodeSegmentation as _;

pub(crate) use fold::{fold, folded, is_unspaced};
use fold::{normalise, push_lower};
use simplify::Simplifier;
use stop::Stop;

/// Longest name that is looked up as a whole, in bytes.
const LONGEST_WHOLE: usize = 512;

/// What kind of term it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// A word's stem, a number, or a sign.
    Word,
    /// A word as it is written, where its stem is another.
    Exact,
    /// A name with its separators.
    Whole,
    /// A lone character of a script without spaces.
    Alone,
    /// Two neighbouring characters of such a script, and whether they begin and end their run.
    Pair { first: bool, last: bool },
    /// One character of a longer run, if it says something by itself.
    Single,
}

impl Class {
    /// How much longer a document is by a term: a word is one, and so is each character of a run.
    pub(crate) fn length(self) -> u32 {
        match self {
            Self::Word | Self::Alone | Self::Pair { first: false, .. } => 1,
            Self::Pair { first: true, .. } => 2,
            Self::Exact | Self::Whole | Self::Single => 0,
        }
    }
}

/// Stands before a word as it is written, so that no stem is the same term.
const EXACT: u8 = 1;

/// Finds terms. Holds the table of traditional characters and the lists of words that say little.
#[derive(Debug)]
pub(crate) struct Analyzer {
    simplifier: Simplifier,
    stop: Stop,
}

/// Scripts without spaces, as far as they count differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Han,
    Hiragana,
    Katakana,
    Hangul,
    Other,
}

impl Script {
    fn of(c: char) -> Self {
        match c {
            '\u{3005}'
            | '\u{3007}'
            | '\u{3400}'..='\u{9fff}'
            | '\u{f900}'..='\u{faff}'
            | '\u{20000}'..='\u{3ffff}' => Self::Han,
            '\u{3041}'..='\u{309f}' => Self::Hiragana,
            '\u{30a0}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' => Self::Katakana,
            '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{ac00}'..='\u{d7a3}' => Self::Hangul,
            _ => Self::Other,
        }
    }

    /// Chinese and Japanese text runs on over its scripts; Korean words stand apart from both, and so do Thai, ….
    fn family(self) -> u8 {
        match self {
            Self::Han | Self::Hiragana | Self::Katakana => 0,
            Self::Hangul => 1,
            Self::Other => 2,
        }
    }
}

/// Whom to tell of each term.
type Tell<'a> = dyn FnMut(&[u8], Class) + 'a;

impl Analyzer {
    pub(crate) fn new() -> Self {
        Self { simplifier: Simplifier::new(), stop: Stop::new() }
    }

    /// What a query's term counts for by what it is; a rare term counts for more beside that. Found by measuring: see ADR 0007.
    pub(crate) fn weight(&self, term: &[u8], class: Class) -> f32 {
        let text = std::str::from_utf8(term).unwrap_or_default();
        let mut chars = text.chars().map(Script::of);
        let scripts = (chars.next(), chars.next());
        match (class, scripts) {
            (Class::Word, _) if self.stop.has_stem(term) => 0.15,
            (Class::Word, _) => 1.0,
            (Class::Exact, _) => 0.2,
            (Class::Whole, _) => 0.5,
            (Class::Alone | Class::Single, (Some(Script::Han), _)) => 0.7,
            (Class::Alone | Class::Single, _) => 0.15,
            (Class::Pair { .. }, _) if self.stop.has_pair(text) => 0.3,
            (Class::Pair { first: true, .. }, (Some(Script::Hangul), _)) => 1.3,
            (Class::Pair { last: true, .. }, (Some(Script::Hangul), _)) => 0.5,
            (Class::Pair { .. }, (Some(Script::Hiragana), Some(Script::Hiragana))) => 0.5,
            (Class::Pair { .. }, (first, second)) if first != second => 0.7,
            (Class::Pair { .. }, _) => 1.0,
        }
    }

    /// Tells of every term of a text, in no useful order, repetitions included.
    pub(crate) fn terms(&self, text: &str, tell: &mut Tell<'_>) {
        let mut normal = String::with_capacity(text.len());
        normalise(text, &mut normal);
        let mut rest = normal.as_str();
        while let Some(first) = rest.chars().next() {
            let unspaced = is_unspaced(first);
            let family = Script::of(first).family();
            let border = |c: char| {
                if unspaced {
                    !is_unspaced(c) || Script::of(c).family() != family
                } else {
                    c.is_whitespace() || is_unspaced(c)
                }
            };
            let end = rest.char_indices().skip(1).find(|(_, c)| border(*c)).map_or(rest.len(), |(at, _)| at);
            let (piece, later) = rest.split_at_checked(end).unwrap_or((rest, ""));
            if unspaced {
                self.run(piece, tell);
            } else if !first.is_whitespace() {
                self.chunk(piece, tell);
            } else if piece.len() > first.len_utf8() {
                // White space is a piece of its own only up to the next character.
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
                continue;
            }
            rest = later;
        }
    }

    /// Pairs and characters of a run without spaces.
    fn run(&self, run: &str, tell: &mut Tell<'_>) {
        let mut pair = [0; 8];
        let mut before = 0;
        let mut chars = run.chars().map(|c| self.simplifier.simplified(c)).peekable();
        let mut first = true;
        while let Some(c) = chars.next() {
            let last = chars.peek().is_none();
            let mut utf8 = [0; 4];
            let now = c.encode_utf8(&mut utf8).as_bytes();
            let end = before + now.len();
            if let Some(place) = pair.get_mut(before..end) {
                place.copy_from_slice(now);
            }
            if before > 0 {
                tell(pair.get(..end).unwrap_or_default(), Class::Pair { first, last });
                first = false;
            }
            if before == 0 && last {
                tell(now, Class::Alone);
            } else if is_telling(c, before == 0) {
                tell(now, Class::Single);
            }
            pair.copy_within(before..end, 0);
            before = now.len();
        }
    }

    /// What stands between two white spaces, or white space and a run.
    fn chunk(&self, chunk: &str, tell: &mut Tell<'_>) {
        let mut words = 0;
        for word in chunk.unicode_words() {
            self.word_and_parts(word, tell);
            words += 1;
        }
        // The signs, where there can be any.
        if !chunk.is_ascii() {
            let mut flag = None;
            for c in chunk.chars() {
                let mut utf8 = [0; 8];
                if matches!(c, '\u{1f1e6}'..='\u{1f1ff}') {
                    // Flags are pairs of letters.
                    if let Some(first) = flag.take() {
                        let end = char::encode_utf8(first, &mut utf8).len();
                        let end = utf8.get_mut(end..).map_or(end, |rest| end + c.encode_utf8(rest).len());
                        tell(utf8.get(..end).unwrap_or_default(), Class::Word);
                    } else {
                        flag = Some(c);
                    }
                } else if is_sign(c) {
                    tell(c.encode_utf8(&mut utf8).as_bytes(), Class::Word);
                }
            }
        }
        // The name as a whole. "C++" and "F#" are names, too.
        let tail = |c: char| matches!(c, '+' | '#' | '/') || is_name_char(c);
        let head = |c: char| matches!(c, '@' | '#' | '.' | '/' | '~') || is_name_char(c);
        let whole = chunk.trim_start_matches(|c| !head(c)).trim_end_matches(|c| !tail(c));
        let whole = whole.strip_suffix('/').unwrap_or(whole);
        let marked = words == 1 && whole.chars().next_back().is_some_and(|c| matches!(c, '+' | '#'));
        if (words > 1 || marked)
            && whole.len() <= LONGEST_WHOLE
            && whole.chars().all(|c| is_name_char(c) || joins(c))
        {
            tell(lower(whole).as_bytes(), Class::Whole);
        }
    }

    /// A word by Unicode's rules, which may still be a name of several parts.
    fn word_and_parts(&self, word: &str, tell: &mut Tell<'_>) {
        let stemmed = |part: &str, tell: &mut Tell<'_>| {
            let mut exact = lower(part).into_bytes();
            exact.insert(0, EXACT);
            let word = exact.get(1..).unwrap_or_default();
            if !word.iter().all(u8::is_ascii_lowercase) {
                return tell(word, Class::Word);
            }
            let mut stem = word.to_vec();
            stem::stem(&mut stem);
            tell(&stem, Class::Word);
            if stem != word && !self.stop.has_stem(&stem) {
                tell(&exact, Class::Exact);
            }
        };
        let plain = |word: &str| {
            let mut bytes = word.bytes();
            bytes.next().is_some_and(|first| first.is_ascii_alphabetic())
                && bytes.all(|byte| byte.is_ascii_lowercase())
        };
        if plain(word) {
            return stemmed(word, tell);
        }
        if let Some(at) = word.find(['\'', '’']) {
            // Of "Ann's" only Ann counts; "don't" is one word, and in "l'eau" the second part is one, too.
            let (before, after) = word.split_at_checked(at).unwrap_or((word, ""));
            let after = after.trim_start_matches(['\'', '’']);
            if matches!(after, "s" | "S" | "") {
                return self.word_and_parts(before, tell);
            }
            if after.chars().count() > 2 {
                self.word_and_parts(after, tell);
            }
            let joined: String = word.chars().filter(|c| !matches!(c, '\'' | '’')).collect();
            return stemmed(&joined, tell);
        }
        let mut parts = 0;
        let mut start = 0;
        let mut before: Option<char> = None;
        let mut chars = word.char_indices().peekable();
        let mut emit = |from: usize, to: usize, tell: &mut Tell<'_>| {
            let part = word.get(from..to).unwrap_or_default();
            if !part.is_empty() {
                parts += 1;
                if part.len() < word.len() {
                    stemmed(part, tell);
                }
            }
        };
        while let Some((at, c)) = chars.next() {
            let next = chars.peek().map(|(_, next)| *next);
            if is_separator(c) {
                emit(start, at, tell);
                start = at + c.len_utf8();
            } else if before.is_some_and(|before| is_border(before, c, next)) {
                emit(start, at, tell);
                start = at;
            }
            before = Some(c);
        }
        emit(start, word.len(), tell);
        if parts <= 1 && start == 0 {
            return stemmed(word, tell);
        }
        // 1,234 and 1234 are the same number.
        let whole: String = lower(word).chars().filter(|c| *c != ',').collect();
        tell(whole.as_bytes(), Class::Whole);
    }
}

/// Whether a character of a run says something by itself: an ideograph does, and the first syllable of a Korean word, which may
/// be all of it but its endings; the letters of kana, Thai, … don't.
fn is_telling(c: char, first: bool) -> bool {
    match c {
        '\u{3007}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}' => true,
        '\u{ac00}'..='\u{d7a3}' => first,
        _ => false,
    }
}

/// Whether a character is a picture or a sign that people search for.
fn is_sign(c: char) -> bool {
    matches!(c, '\u{00a2}'..='\u{00a9}' | '\u{00ae}'..='\u{00b1}' | '\u{20a0}'..='\u{20cf}' | '\u{2190}'..='\u{2bff}'
        | '\u{1f000}'..='\u{1f3fa}' | '\u{1f400}'..='\u{1faff}')
}

/// Characters that hold a name together. Others end it.
fn joins(c: char) -> bool {
    matches!(
        c,
        '-' | '_' | '.' | '/' | ':' | '@' | '#' | '+' | '&' | '=' | '?' | '%' | '~' | '\'' | '\\' | '*'
    )
}

fn is_name_char(c: char) -> bool {
    c.is_alphanumeric()
}

fn lower(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|c| push_lower(c, &mut out));
    out
}

fn is_separator(c: char) -> bool {
    matches!(c, '_' | '.' | ',' | ':' | ';' | '·' | '‧' | '․')
}

/// Whether a part of a name begins with `c`: a capital after a small letter (camelCase), the last of several capitals
/// (HTTPServer), and where letters and digits meet.
fn is_border(before: char, c: char, next: Option<char>) -> bool {
    if is_separator(before) {
        return false;
    }
    let capital = c.is_uppercase();
    capital && before.is_lowercase()
        || capital && before.is_uppercase() && next.is_some_and(char::is_lowercase)
        || c.is_ascii_digit() && before.is_alphabetic()
        || before.is_ascii_digit() && c.is_alphabetic()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, classes: &[Class]) -> Vec<String> {
        let mut found = Vec::new();
        Analyzer::new().terms(text, &mut |term, class| {
            if classes.contains(&class) {
                found.push(String::from_utf8(term.to_vec()).unwrap());
            }
        });
        found
    }

    fn words(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        Analyzer::new().terms(text, &mut |term, class| {
            if !matches!(class, Class::Single | Class::Exact) {
                found.push(String::from_utf8(term.to_vec()).unwrap());
            }
        });
        found
    }

    #[test]
    fn texts_mix_scripts() {
        assert_eq!(words("Python語言の books"), ["python", "语言", "言の", "book"]);
        assert_eq!(words("사용자의 飲食偏好"), ["사용", "용자", "자의", "饮食", "食偏", "偏好"]);
        assert_eq!(of("飲食のお茶", &[Class::Single]), ["饮", "食", "茶"]);
        assert_eq!(words("茶"), ["茶"]);
        assert_eq!(words("ชาดี tea"), ["ชา", "าด", "ดี", "tea"]);
        assert_eq!(words("ﾊﾟｿｺﾝ"), words("パソコン"));
        assert!(words("  \n\t ").is_empty());
        assert!(words("...!? 「」").is_empty());
    }

    #[test]
    fn names_are_found_whole_and_by_their_parts() {
        for (name, expected) in [
            ("snake_case_name", &["snake", "case", "name", "snake_case_name"][..]),
            ("parseHttpRequest", &["pars", "http", "request", "parsehttprequest"]),
            ("HTTPServer2", &["http", "server", "2", "httpserver2"]),
            ("std::mem::swap()", &["std", "mem", "swap", "std::mem::swap"]),
            ("v1.2.3", &["v", "1", "2", "3", "v1.2.3"]),
            ("1,234.5", &["1", "234", "5", "1234.5"]),
            ("C++", &["c", "c++"]),
            ("ann@example.com,", &["ann", "exampl", "com", "example.com", "ann@example.com"]),
            ("src/main.rs", &["src", "main", "rs", "main.rs", "src/main.rs"]),
            ("well-known", &["well", "known", "well-known"]),
            ("Ann's", &["ann"]),
            ("don't", &["dont"]),
            ("l'homme", &["homm", "lhomm"]),
            ("iPhone15", &["i", "phone", "15", "iphone15"]),
        ] {
            assert_eq!(words(name), expected, "{name}");
        }
        let url = words("(https://Example.com/a/b?q=1)");
        assert!(url.contains(&"https://example.com/a/b?q=1".to_owned()), "{url:?}");
        assert!(url.contains(&"example.com".to_owned()), "{url:?}");
    }

    #[test]
    fn pictures_are_terms() {
        assert_eq!(words("🎉 ok👍🏽!"), ["🎉", "ok", "👍"]);
        assert_eq!(words("🇰🇷🇯🇵"), ["🇰🇷", "🇯🇵"]);
        assert_eq!(words("5€"), ["5", "€"]);
    }

    proptest::proptest! {
        #[test]
        fn folding_first_changes_little(text in "[ -~一-龥ぁ-ヿ가-힣ａ-ｚ🎉]{0,40}") {
            // No panic, and every term is UTF-8.
            for term in words(&text) {
                proptest::prop_assert!(!term.is_empty());
            }
        }
    }
}
