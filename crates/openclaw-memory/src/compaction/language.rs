//! Which of the languages we know words of a text is in.

/// A language with words of its own here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(super) enum Language {
    /// English, and whatever is none of the others.
    #[default]
    English,
    /// Chinese in simplified characters.
    Simplified,
    /// Chinese in traditional characters.
    Traditional,
    Japanese,
    Korean,
}

/// Frequent characters that only one of the two forms of Chinese has, pair by pair.
const SIMPLIFIED: &str = "们这说来个时会对没还后过学国开关点话电见长门问间样当实应体么吗让请欢爱买卖东车书读写听觉记录医药员钱给从严难题机号连进运动为与发经现业区气产万网总务办习语议论设计划单价质费较节约预订会议烧鸡鱼饭馆儿孙爷妈岁华张陈刘杨赵黄吴龙马";
const TRADITIONAL: &str = "們這說來個時會對沒還後過學國開關點話電見長門問間樣當實應體麼嗎讓請歡愛買賣東車書讀寫聽覺記錄醫藥員錢給從嚴難題機號連進運動為與發經現業區氣產萬網總務辦習語議論設計劃單價質費較節約預訂會議燒雞魚飯館兒孫爺媽歲華張陳劉楊趙黃吳龍馬";

pub(super) fn is_han(c: char) -> bool {
    matches!(c, '\u{3005}' | '\u{3007}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

pub(super) fn is_hiragana(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{309f}')
}

pub(super) fn is_katakana(c: char) -> bool {
    matches!(c, '\u{30a1}'..='\u{30fa}' | '\u{30fc}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}')
}

pub(super) fn is_hangul(c: char) -> bool {
    matches!(c, '\u{ac00}'..='\u{d7a3}' | '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}')
}

/// How much of each script texts have.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Scripts {
    han: usize,
    kana: usize,
    hangul: usize,
    other: usize,
    simplified: usize,
    traditional: usize,
}

/// Tells the two forms of Chinese apart.
#[derive(Debug)]
pub(super) struct Tongues {
    simplified: Vec<char>,
    traditional: Vec<char>,
}

impl Default for Tongues {
    fn default() -> Self {
        let only = |these: &str, those: &str| {
            let mut only: Vec<char> = these.chars().filter(|c| !those.contains(*c)).collect();
            only.sort_unstable();
            only
        };
        Self { simplified: only(SIMPLIFIED, TRADITIONAL), traditional: only(TRADITIONAL, SIMPLIFIED) }
    }
}

impl Tongues {
    /// Counts the characters of a text in.
    pub(super) fn count(&self, text: &str, scripts: &mut Scripts) {
        for c in text.chars() {
            if c.is_ascii() {
                scripts.other += usize::from(c.is_ascii_alphabetic());
            } else if is_han(c) {
                scripts.han += 1;
                scripts.simplified += usize::from(self.simplified.binary_search(&c).is_ok());
                scripts.traditional += usize::from(self.traditional.binary_search(&c).is_ok());
            } else if is_hiragana(c) || is_katakana(c) {
                scripts.kana += 1;
            } else if is_hangul(c) {
                scripts.hangul += 1;
            } else {
                scripts.other += usize::from(c.is_alphabetic());
            }
        }
    }

    /// The language of a text.
    pub(super) fn of(&self, text: &str) -> Language {
        if text.is_ascii() {
            return Language::English;
        }
        let mut scripts = Scripts::default();
        self.count(text, &mut scripts);
        scripts.language()
    }
}

impl Scripts {
    /// The language that most of it is in. A character of East Asia says about as much as four letters.
    pub(super) fn language(&self) -> Language {
        let east = self.han + self.kana + self.hangul;
        if east == 0 || east * 4 < self.other {
            Language::English
        } else if self.hangul * 2 > east {
            Language::Korean
        } else if self.kana * 8 > east {
            Language::Japanese
        } else if self.hangul * 4 > east {
            Language::Korean
        } else if self.traditional > self.simplified {
            Language::Traditional
        } else {
            Language::Simplified
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_tell_their_language() {
        let tongues = Tongues::default();
        for (text, language) in [
            ("I like tea", Language::English),
            ("Ich mag Tee, schön", Language::English),
            ("我喜欢喝茶", Language::Simplified),
            ("我喜歡喝茶", Language::Traditional),
            ("我用 Python 寫程式", Language::Traditional),
            ("お茶が好きです", Language::Japanese),
            ("東京都在住、会社員です", Language::Japanese),
            ("저는 차를 좋아해요", Language::Korean),
            ("저는 Kubernetes를 좋아해요", Language::Korean),
            ("Please read 红楼梦 to me once more tonight", Language::English),
            ("", Language::English),
        ] {
            assert_eq!(tongues.of(text), language, "{text}");
        }
    }
}
