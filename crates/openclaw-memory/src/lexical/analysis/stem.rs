//! English stems, by Porter's second algorithm (Snowball's "english").
//!
//! Our own: it is short, its rules don't change, and the crates that have it carry twenty other languages along.

/// Words that the rules would get wrong, and their stems.
const EXCEPTIONS: [(&[u8], &[u8]); 15] = [
    (b"andes", b"andes"),
    (b"atlas", b"atlas"),
    (b"bias", b"bias"),
    (b"cosmos", b"cosmos"),
    (b"early", b"earli"),
    (b"gently", b"gentl"),
    (b"howe", b"howe"),
    (b"idly", b"idl"),
    (b"news", b"news"),
    (b"only", b"onli"),
    (b"singly", b"singl"),
    (b"skies", b"sky"),
    (b"skis", b"ski"),
    (b"sky", b"sky"),
    (b"ugly", b"ugli"),
];

/// Beginnings behind which the first region starts.
const PREFIXES: [&[u8]; 9] =
    [b"arsen", b"commun", b"emerg", b"gener", b"inter", b"later", b"organ", b"past", b"univers"];

/// Longest first, as all tables of endings here.
const STEP_2: [(&[u8], &[u8]); 25] = [
    (b"ational", b"ate"),
    (b"fulness", b"ful"),
    (b"iveness", b"ive"),
    (b"ization", b"ize"),
    (b"ousness", b"ous"),
    (b"biliti", b"ble"),
    (b"lessli", b"less"),
    (b"tional", b"tion"),
    (b"alism", b"al"),
    (b"aliti", b"al"),
    (b"ation", b"ate"),
    (b"entli", b"ent"),
    (b"fulli", b"ful"),
    (b"iviti", b"ive"),
    (b"ogist", b"og"),
    (b"ousli", b"ous"),
    (b"abli", b"able"),
    (b"alli", b"al"),
    (b"anci", b"ance"),
    (b"ator", b"ate"),
    (b"enci", b"ence"),
    (b"izer", b"ize"),
    (b"bli", b"ble"),
    (b"ogi", b"og"),
    (b"li", b""),
];

const STEP_3: [(&[u8], &[u8]); 9] = [
    (b"ational", b"ate"),
    (b"tional", b"tion"),
    (b"alize", b"al"),
    (b"ative", b""),
    (b"icate", b"ic"),
    (b"iciti", b"ic"),
    (b"ical", b"ic"),
    (b"ness", b""),
    (b"ful", b""),
];

const STEP_4: [&[u8]; 18] = [
    b"ement", b"able", b"ance", b"ence", b"ible", b"ment", b"ant", b"ate", b"ent", b"ion", b"ism", b"iti",
    b"ive", b"ize", b"ous", b"al", b"er", b"ic",
];

/// A word on its way to its stem. A `y` that is a consonant is written `Y` meanwhile.
struct Word<'a> {
    bytes: &'a mut Vec<u8>,
    /// Where the first and the second region start.
    r1: usize,
    r2: usize,
}

fn is_vowel(byte: u8) -> bool {
    matches!(byte, b'a' | b'e' | b'i' | b'o' | b'u' | b'y')
}

/// Replaces a word of lower-case ASCII letters by its stem.
pub(super) fn stem(bytes: &mut Vec<u8>) {
    if bytes.len() < 3 {
        return;
    }
    if let Some((_, stem)) = EXCEPTIONS.iter().find(|(word, _)| *word == bytes.as_slice()) {
        bytes.clear();
        bytes.extend_from_slice(stem);
        return;
    }
    let mut after_vowel = true;
    for byte in bytes.iter_mut() {
        if *byte == b'y' && after_vowel {
            *byte = b'Y';
        }
        after_vowel = is_vowel(*byte);
    }
    let (r1, r2) = regions(bytes);
    let mut word = Word { bytes, r1, r2 };
    word.plural();
    word.past_and_participle();
    word.final_y();
    word.step_2();
    word.step_3();
    word.step_4();
    word.step_5();
    bytes.make_ascii_lowercase();
}

fn regions(bytes: &[u8]) -> (usize, usize) {
    // Behind the first consonant after a vowel.
    let behind = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        let vowel = rest.iter().position(|byte| is_vowel(*byte));
        let consonant =
            vowel.and_then(|at| rest.iter().skip(at).position(|byte| !is_vowel(*byte)).map(|more| at + more));
        consonant.map_or(bytes.len(), |at| from + at + 1)
    };
    let prefix = PREFIXES.iter().find(|prefix| bytes.starts_with(prefix));
    let r1 = prefix.map_or_else(|| behind(0), |prefix| prefix.len());
    (r1, behind(r1))
}

impl Word<'_> {
    fn ends(&self, ending: &[u8]) -> bool {
        self.bytes.ends_with(ending)
    }

    fn in_r1(&self, ending: &[u8]) -> bool {
        self.bytes.len() - ending.len() >= self.r1
    }

    fn in_r2(&self, ending: &[u8]) -> bool {
        self.bytes.len() - ending.len() >= self.r2
    }

    fn cut(&mut self, count: usize) {
        self.bytes.truncate(self.bytes.len().saturating_sub(count));
    }

    fn replace(&mut self, ending: &[u8], by: &[u8]) {
        self.cut(ending.len());
        self.bytes.extend_from_slice(by);
    }

    /// The byte so many places before the end, 0 when there is none.
    fn back(&self, places: usize) -> u8 {
        self.bytes.len().checked_sub(places + 1).and_then(|at| self.bytes.get(at)).copied().unwrap_or(0)
    }

    fn has_vowel_before(&self, ending: usize) -> bool {
        self.bytes.iter().rev().skip(ending).any(|byte| is_vowel(*byte))
    }

    /// Whether the word, without its last `cut` bytes, ends in a short syllable.
    fn ends_short(&self, cut: usize) -> bool {
        let [last, middle, first] = [0, 1, 2].map(|place| self.back(place + cut));
        let length = self.bytes.len() - cut;
        let consonant = |byte: u8| byte != 0 && !is_vowel(byte);
        let closed = consonant(last) && !matches!(last, b'w' | b'x' | b'Y');
        length >= 3 && closed && is_vowel(middle) && consonant(first)
            || length == 2 && consonant(last) && is_vowel(middle)
            || self.bytes.get(..length).is_some_and(|stem| stem.ends_with(b"past"))
    }

    fn plural(&mut self) {
        if self.ends(b"sses") {
            self.cut(2);
        } else if self.ends(b"ied") || self.ends(b"ies") {
            let by: &[u8] = if self.bytes.len() > 4 { b"i" } else { b"ie" };
            self.replace(b"ies", by);
        } else if self.ends(b"s") && !self.ends(b"us") && !self.ends(b"ss") && self.has_vowel_before(2) {
            self.cut(1);
        }
    }

    fn past_and_participle(&mut self) {
        for ending in [&b"eedly"[..], b"eed"] {
            if self.ends(ending) {
                let stem = self.bytes.get(..self.bytes.len() - ending.len()).unwrap_or_default();
                if self.in_r1(ending) && !matches!(stem, b"succ" | b"proc" | b"exc") {
                    self.replace(ending, b"ee");
                }
                return;
            }
        }
        let Some(ending) =
            [&b"ingly"[..], b"edly", b"ing", b"ed"].into_iter().find(|ending| self.ends(ending))
        else {
            return;
        };
        if ending == b"ing" {
            let stem = self.bytes.get(..self.bytes.len() - 3).unwrap_or_default();
            match stem {
                // "dying", "lying", "tying".
                [first, b'y'] if !is_vowel(*first) => return self.replace(b"ying", b"ie"),
                b"even" | b"cann" | b"inn" | b"earr" | b"herr" | b"out" => return,
                _ => {}
            }
        }
        if !self.has_vowel_before(ending.len()) {
            return;
        }
        self.cut(ending.len());
        let doubled = self.back(0) == self.back(1)
            && matches!(self.back(0), b'b' | b'd' | b'f' | b'g' | b'm' | b'n' | b'p' | b'r' | b't');
        if self.ends(b"at") || self.ends(b"bl") || self.ends(b"iz") {
            self.bytes.push(b'e');
        } else if doubled {
            if !(self.bytes.len() == 3 && matches!(self.back(2), b'a' | b'e' | b'o')) {
                self.cut(1);
            }
        } else if self.bytes.len() == self.r1 && self.ends_short(0) {
            self.bytes.push(b'e');
        }
    }

    fn final_y(&mut self) {
        if matches!(self.back(0), b'y' | b'Y') && self.bytes.len() > 2 && !is_vowel(self.back(1)) {
            self.replace(b"y", b"i");
        }
    }

    fn step_2(&mut self) {
        let Some((ending, by)) = STEP_2.into_iter().find(|(ending, _)| self.ends(ending)) else { return };
        let before = self.back(ending.len());
        let applies = match ending {
            b"ogi" => before == b'l',
            b"li" => matches!(before, b'c' | b'd' | b'e' | b'g' | b'h' | b'k' | b'm' | b'n' | b'r' | b't'),
            _ => true,
        };
        if applies && self.in_r1(ending) {
            self.replace(ending, by);
        }
    }

    fn step_3(&mut self) {
        let Some((ending, by)) = STEP_3.into_iter().find(|(ending, _)| self.ends(ending)) else { return };
        if self.in_r1(ending) && (ending != b"ative" || self.in_r2(ending)) {
            self.replace(ending, by);
        }
    }

    fn step_4(&mut self) {
        let Some(ending) = STEP_4.into_iter().find(|ending| self.ends(ending)) else { return };
        if self.in_r2(ending) && (ending != b"ion" || matches!(self.back(3), b's' | b't')) {
            self.cut(ending.len());
        }
    }

    fn step_5(&mut self) {
        let cut = match self.back(0) {
            b'e' => self.in_r2(b"e") || self.in_r1(b"e") && !self.ends_short(1),
            b'l' => self.in_r2(b"l") && self.back(1) == b'l',
            _ => false,
        };
        if cut {
            self.cut(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_one_stem_meet() {
        let stems = [
            ("consign consigned consigning consignment", "consign"),
            ("knack knacks", "knack"),
            ("generate generates generating generator", "generat"),
            ("communism", "communism"),
            ("dying die", "die"),
            ("hopping hop hopped", "hop"),
            ("hoping hope hoped", "hope"),
            ("relational", "relat"),
            ("happy", "happi"),
            ("rationalize", "ration"),
            ("universe universes", "univers"),
            ("eating eats", "eat"),
            ("says", "say"),
            ("youth", "youth"),
            ("succeed", "succeed"),
            ("national", "nation"),
            ("news", "news"),
            ("is", "is"),
            ("bus", "bus"),
            ("ties tied", "tie"),
            ("cries cried", "cri"),
            ("evening evenings", "evening"),
            ("egging", "egg"),
        ];
        for (words, expected) in stems {
            for word in words.split(' ') {
                let mut bytes = word.as_bytes().to_vec();
                stem(&mut bytes);
                let found = String::from_utf8(bytes).unwrap();
                assert_eq!(found, expected, "{word}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_word_has_a_stem(word in "[a-z]{0,12}") {
            let mut bytes = word.clone().into_bytes();
            stem(&mut bytes);
            proptest::prop_assert!(bytes.is_ascii() && bytes.len() <= word.len() + 1);
        }
    }
}
