//! Which language a text is in, as far as its script tells: enough to say which mean of the vectors it belongs to.

/// A language, or all those that share a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Language {
    /// English, and whatever isn't one of the others.
    Other = 0,
    Chinese = 1,
    Japanese = 2,
    Korean = 3,
}

/// Letters of other scripts that count as one character of Chinese, Japanese or Korean.
const LETTERS_A_CHARACTER: u32 = 3;
/// Chinese characters for each kana up to which a text is still Japanese; a Chinese text may quote a word or two.
const HAN_A_KANA: u32 = 8;
/// Characters that are looked at; by then it is clear.
const LOOK: usize = 4096;

impl Language {
    pub(crate) const ALL: [Self; 4] = [Self::Other, Self::Chinese, Self::Japanese, Self::Korean];

    /// The language of a text; [`Language::Other`] when there is nothing to tell by.
    pub(crate) fn of(text: &str) -> Self {
        let (mut hangul, mut kana, mut han, mut letters) = (0_u32, 0_u32, 0_u32, 0_u32);
        for c in text.chars().take(LOOK) {
            match c {
                '\u{1100}'..='\u{11ff}' | '\u{3131}'..='\u{318e}' | '\u{ac00}'..='\u{d7a3}' => hangul += 1,
                '\u{3041}'..='\u{309f}'
                | '\u{30a1}'..='\u{30fa}'
                | '\u{30fc}'..='\u{30ff}'
                | '\u{31f0}'..='\u{31ff}'
                | '\u{ff66}'..='\u{ff9f}' => kana += 1,
                '\u{3005}'
                | '\u{3007}'
                | '\u{3400}'..='\u{4dbf}'
                | '\u{4e00}'..='\u{9fff}'
                | '\u{f900}'..='\u{faff}'
                | '\u{20000}'..='\u{3ffff}' => han += 1,
                c if c.is_alphabetic() => letters += 1,
                _ => {}
            }
        }
        // Korean may cite Chinese characters, Japanese has them in any case.
        let (language, characters) = if hangul > 0 && hangul * 2 >= kana + han {
            (Self::Korean, hangul + han)
        } else if kana > 0 && kana * HAN_A_KANA >= han {
            (Self::Japanese, kana + han)
        } else {
            (Self::Chinese, han)
        };
        // A name or two of another script do not make a text foreign; a character or two within prose do not either.
        if characters > 0 && characters * LETTERS_A_CHARACTER >= letters { language } else { Self::Other }
    }

    /// From the number in a row of the vectors; unknown ones are [`Language::Other`].
    pub(crate) fn from_number(number: u8) -> Self {
        Self::ALL.into_iter().find(|language| *language as u8 == number).unwrap_or(Self::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_tells_the_language() {
        for (text, language) in [
            ("Where is the spare key?", Language::Other),
            ("", Language::Other),
            ("🎉 42", Language::Other),
            ("Где ключ?", Language::Other),
            ("备用钥匙在哪里", Language::Chinese),
            ("備用鑰匙在哪裡", Language::Chinese),
            ("水", Language::Chinese),
            ("予備の鍵はどこ", Language::Japanese),
            ("カメラ", Language::Japanese),
            ("ｶﾒﾗ", Language::Japanese),
            ("東京都庁へ行く", Language::Japanese),
            ("여분 열쇠는 어디", Language::Korean),
            ("大韓民國의 憲法", Language::Chinese),
            ("헌법(憲法)은 어디에", Language::Korean),
        ] {
            assert_eq!(Language::of(text), language, "{text}");
        }
    }

    #[test]
    fn words_of_another_script_do_not_change_it() {
        for (text, language) in [
            ("Nora 的 birthday cake 要什么样的?", Language::Chinese),
            ("production の config を変えるときのルールは？", Language::Japanese),
            ("billing API 문서 주소가 뭐야?", Language::Korean),
            ("The word for key is 鍵, as far as I remember", Language::Other),
            ("这首歌叫「さくら」，是日本的民谣，我们小时候在学校里学过很多次也唱过", Language::Chinese),
        ] {
            assert_eq!(Language::of(text), language, "{text}");
        }
    }

    #[test]
    fn numbers_lead_back() {
        for language in Language::ALL {
            assert_eq!(Language::from_number(language as u8), language);
        }
        assert_eq!(Language::from_number(200), Language::Other);
    }
}
