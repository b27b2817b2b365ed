//! What a line says, apart from how: its words, characters, names and numbers, whether it denies, and whether another text
//! bears it out. Decides on duplicates and on what a model may write.

use std::collections::HashSet;

use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfkc_quick};
use unicode_segmentation::UnicodeSegmentation as _;

use super::language::{is_han, is_hangul, is_hiragana, is_katakana};

/// Words that say next to nothing by themselves, and how a model calls the person it writes of.
const EMPTY_WORDS: &[&str] = &[
    "a", "about", "also", "am", "an", "and", "are", "as", "at", "be", "been", "being", "but", "by", "can",
    "could", "did", "do", "does", "for", "from", "had", "has", "have", "he", "her", "him", "his", "i", "if",
    "in", "into", "is", "it", "its", "just", "me", "mine", "my", "of", "on", "or", "our", "please", "really",
    "she", "should", "so", "some", "such", "than", "that", "the", "their", "them", "then", "there", "these",
    "they", "this", "those", "to", "too", "us", "user", "very", "was", "we", "were", "will", "with", "would",
    "you", "your", "m", "s", "re", "ve", "ll", "d",
];
/// What a line may begin with when it names the person it is about.
const SUBJECTS: &[&str] = &[
    "the user's",
    "the user",
    "user's",
    "user",
    "i'm",
    "i am",
    "i",
    "my",
    "用户的",
    "用户",
    "用戶的",
    "用戶",
    "使用者的",
    "使用者",
    "我的",
    "我",
    "本人",
    "ユーザーは",
    "ユーザーの",
    "ユーザー",
    "私は",
    "私の",
    "私",
    "僕は",
    "僕の",
    "俺は",
    "사용자는",
    "사용자의",
    "사용자가",
    "사용자",
    "저는",
    "제가",
    "저의",
    "나는",
    "내가",
    "나의",
    "제",
    "내",
];
/// Words that change nothing where two lines are compared.
const WEAK_WORDS: &[&str] = &["a", "an", "the", "really", "very", "just", "also", "please", "quite", "so"];
/// Han characters that join and colour.
const EMPTY_HAN: &str = "的了是在有和就都而及與与並并或也很會会要把被讓让從从到對对向為为以於于等能可這这那此其之吧呢啊呀嘛喔哦個个位些他她它您你我們们上下中着著過过得地用户戶使者";
const WEAK_MARKS: &[&str] =
    &["ですよね", "ですね", "ですよ", "です", "ます", "だよ", "だね", "だ", "よ", "ね"];
/// Korean words that only close a sentence.
const EMPTY_KOREAN: &[&str] =
    &["함", "됨", "임", "하는", "하다", "한다", "해요", "합니다", "하고", "것", "수", "및"];
/// Words that turn what is said into its opposite.
const DENYING_WORDS: &[&str] = &[
    "not",
    "no",
    "never",
    "none",
    "cannot",
    "can't",
    "don't",
    "doesn't",
    "didn't",
    "isn't",
    "aren't",
    "wasn't",
    "weren't",
    "won't",
    "wouldn't",
    "shouldn't",
    "couldn't",
    "haven't",
    "hasn't",
    "hadn't",
    "without",
    "neither",
    "nor",
    "nobody",
    "nothing",
    "dont",
    "cant",
    "isnt",
    "doesnt",
    "안",
    "못",
];
/// The same, in scripts without spaces or with endings; after [`NO_DENIAL`] has been taken out.
const DENYING: &[&str] = &[
    "不",
    "没",
    "沒",
    "无",
    "無",
    "别",
    "別",
    "未",
    "勿",
    "ない",
    "ません",
    "なかった",
    "なく",
    "無い",
    "않",
    "없",
    "아니",
];
/// What has a denying sign in it and denies nothing.
const NO_DENIAL: &[&str] = &[
    "不错",
    "不錯",
    "不过",
    "不過",
    "差不多",
    "不仅",
    "不僅",
    "不但",
    "不只",
    "了不起",
    "不好意思",
    "没关系",
    "沒關係",
    "特别",
    "特別",
    "别人",
    "別人",
    "分别",
    "分別",
    "个别",
    "個別",
    "级别",
    "級別",
    "性别",
    "性別",
    "不得不",
    "区别",
    "區別",
    "别墅",
    "未来",
    "未來",
    "无论",
    "無論",
    "無料",
    "無事",
    "なければ",
    "なきゃ",
    "ないと",
    "少ない",
    "危ない",
    "つまらない",
    "かもしれない",
    "しかない",
    "違いない",
    "もったいない",
    "수밖에 없",
    "아니면",
];

/// NFKC and lower case.
pub(super) fn folded(text: &str) -> String {
    if text.is_ascii() {
        text.to_ascii_lowercase()
    } else if is_nfkc_quick(text.chars()) == IsNormalized::Yes {
        text.to_lowercase()
    } else {
        text.nfkc().collect::<String>().to_lowercase()
    }
}

fn is_east(c: char) -> bool {
    is_han(c) || is_hiragana(c) || is_katakana(c) || is_hangul(c)
}

/// Whether a word says next to nothing by itself.
pub(super) fn is_empty_word(word: &str) -> bool {
    EMPTY_WORDS.contains(&word)
}

/// An English word without its commonest endings.
pub(super) fn stem(word: &str) -> &str {
    let word = word.strip_suffix("'s").or_else(|| word.strip_suffix('’')).unwrap_or(word);
    let long = |rest: &&str| rest.len() >= 3 && rest.is_ascii();
    if let Some(rest) = word.strip_suffix("ies").filter(long) {
        return rest;
    }
    for ending in ["ing", "ed", "es", "s", "e", "y"] {
        if let Some(rest) = word.strip_suffix(ending).filter(long)
            && !(ending == "s" && rest.ends_with('s'))
        {
            return rest;
        }
    }
    word
}

/// What two lines that say the same have in common: their words in order, folded, without articles, politeness and the name of the
/// person they are about.
pub(super) fn key(text: &str) -> String {
    let text = folded(text).replace('’', "'");
    let mut rest = text.trim();
    for subject in SUBJECTS {
        if let Some(after) = rest.strip_prefix(subject) {
            let whole = !subject.is_ascii() || after.starts_with(|c: char| !c.is_alphanumeric() && c != '\'');
            if whole && !after.trim().is_empty() {
                rest = after.trim_start();
                break;
            }
        }
    }
    let mut key = String::with_capacity(rest.len());
    for word in rest.split_word_bounds() {
        if word.chars().any(is_east) {
            key.push_str(word);
        } else if word.chars().any(char::is_alphanumeric) && !WEAK_WORDS.contains(&word) {
            let last = key.chars().next_back();
            if last.is_some_and(|last| !is_east(last)) {
                key.push(' ');
            }
            key.push_str(
                word.strip_suffix('s').filter(|rest| rest.len() > 2 && !rest.ends_with('s')).unwrap_or(word),
            );
        }
    }
    for mark in WEAK_MARKS {
        if let Some(len) = key.strip_suffix(mark).map(str::len).filter(|len| *len > 0) {
            key.truncate(len);
            break;
        }
    }
    if key.is_empty() { rest.to_owned() } else { key }
}

/// Whether a clause says that something is not so.
fn denies(clause: &str) -> bool {
    let mut text = folded(clause).replace('’', "'");
    for harmless in NO_DENIAL {
        if text.contains(harmless) {
            text = text.replace(harmless, "");
        }
    }
    DENYING.iter().any(|mark| text.contains(mark))
        || text.unicode_words().any(|word| DENYING_WORDS.contains(&word) || word.ends_with("n't"))
}

/// What has to be borne out.
#[derive(Debug, Default)]
struct Claims {
    /// Words, as stems.
    words: Vec<String>,
    /// Names and numbers: as they are, folded.
    exact: Vec<String>,
    han: Vec<char>,
    /// Neighbouring Han characters.
    pairs: Vec<(char, char)>,
    /// The heads of Korean words.
    heads: Vec<String>,
    hiragana: Vec<(char, char)>,
}

fn claims(text: &str) -> Claims {
    let mut found = Claims::default();
    let mut subject = false;
    let lower = folded(text);
    // What the line calls the person it is about is not in the person's words.
    for name in ["用户", "用戶", "使用者", "ユーザー", "사용자는", "사용자의", "사용자가", "사용자"]
    {
        subject |= lower.contains(name);
    }
    let bare = if subject {
        let mut bare = text.to_owned();
        for name in ["用户", "用戶", "使用者", "ユーザー", "사용자는", "사용자의", "사용자가", "사용자"]
        {
            bare = bare.replace(name, " ");
        }
        bare
    } else {
        text.to_owned()
    };
    let mut first = true;
    for word in bare.split_word_bounds() {
        let lower = folded(word);
        if lower.chars().any(|c| c.is_numeric()) {
            found.exact.push(lower);
        } else if word.chars().any(is_hangul) {
            let helps = lower.starts_with(['있', '없', '않']) || EMPTY_KOREAN.contains(&lower.as_str());
            if !helps {
                found.heads.push(lower.chars().take(2).collect());
            }
        } else if word.chars().any(is_katakana) {
            found.exact.push(lower);
        } else if word.chars().any(|c| c.is_alphabetic()) && !word.chars().any(is_east) {
            let plain = lower.replace('’', "'");
            let denies = DENYING_WORDS.contains(&plain.as_str()) || plain.ends_with("n't");
            if !EMPTY_WORDS.contains(&plain.as_str()) && !denies {
                let inner = word.chars().skip(1).any(char::is_uppercase);
                let capital = word.chars().next().is_some_and(char::is_uppercase);
                if inner || (capital && !first) {
                    found.exact.push(plain);
                } else {
                    found.words.push(stem(&plain).to_owned());
                }
            }
        }
        first &= !word.chars().any(char::is_alphanumeric);
    }
    let (mut before, mut before_kana) = (None, None);
    for c in folded(&bare).chars() {
        let content = is_han(c) && !EMPTY_HAN.contains(c) && !"不没沒无無别別未勿".contains(c);
        if content {
            found.han.push(c);
            if let Some(before) = before {
                found.pairs.push((before, c));
            }
        }
        before = content.then_some(c);
        if is_hiragana(c)
            && let Some(before) = before_kana
        {
            found.hiragana.push((before, c));
        }
        before_kana = is_hiragana(c).then_some(c);
    }
    found
}

/// Why a line is not borne out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsupported {
    /// It has no word, character or number that could be looked for.
    Empty,
    /// A name or number is not in the sources.
    Exact,
    /// Too few of its words are in the sources.
    Words,
    /// It denies what the sources say, or says what they deny.
    Denial,
}

/// Texts that lines may be drawn from.
#[derive(Debug)]
pub(super) struct Evidence {
    text: String,
    /// Without spaces, for names that are parted differently.
    dense: String,
    stems: HashSet<String>,
    pairs: HashSet<(char, char)>,
    clauses: Vec<String>,
}

impl Evidence {
    pub(super) fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut text = String::new();
        for piece in texts {
            text.push_str(&folded(piece));
            text.push('\n');
        }
        let text = text.replace('’', "'");
        let stems = text.unicode_words().map(|word| stem(word).to_owned()).collect();
        let chars: Vec<char> = text.chars().collect();
        let pairs = chars.windows(2).map(|pair| (pair[0], pair[1])).collect();
        let ends = |c: char| {
            matches!(c, ',' | '.' | ';' | '!' | '?' | '\n' | '，' | '。' | '；' | '！' | '？' | '、')
        };
        let clauses =
            text.split(ends).filter(|clause| !clause.trim().is_empty()).map(str::to_owned).collect();
        let dense = text.split_whitespace().collect();
        Self { text, dense, stems, pairs, clauses }
    }

    /// Whether these texts bear a line out: all of its names, numbers and Han characters are in them, four fifths of its other words,
    /// and it denies just what they deny. How a thing is put can be checked so, not whether it is meant.
    pub(super) fn bears_out(&self, line: &str) -> Result<(), Unsupported> {
        let claims = claims(line);
        let only_kana = claims.words.is_empty()
            && claims.exact.is_empty()
            && claims.han.is_empty()
            && claims.heads.is_empty();
        if only_kana && claims.hiragana.is_empty() {
            return Err(Unsupported::Empty);
        }
        let has = |exact: &String| {
            if exact.chars().all(char::is_numeric) {
                self.has_number(exact)
            } else {
                self.dense.contains(exact.as_str())
            }
        };
        if !claims.exact.iter().all(has) {
            return Err(Unsupported::Exact);
        }
        if !claims.han.iter().all(|c| self.text.contains(*c)) {
            return Err(Unsupported::Words);
        }
        let share = |found: usize, of: usize, fifths: usize| found * 5 >= of * fifths;
        let pairs = claims.pairs.iter().filter(|pair| self.pairs.contains(pair)).count();
        let words = claims.words.iter().filter(|word| self.stems.contains(*word)).count()
            + claims.heads.iter().filter(|head| self.text.contains(head.as_str())).count();
        let kana = claims.hiragana.iter().filter(|pair| self.pairs.contains(pair)).count();
        if !share(pairs, claims.pairs.len(), 3)
            || !share(words, claims.words.len() + claims.heads.len(), 4)
            || (only_kana && !share(kana, claims.hiragana.len(), 4))
        {
            return Err(Unsupported::Words);
        }
        if self.denial_agrees(line, &claims) { Ok(()) } else { Err(Unsupported::Denial) }
    }

    /// A number stands alone: 3 is not in 30.
    fn has_number(&self, number: &str) -> bool {
        self.text.match_indices(number).any(|(at, _)| {
            let before = self.text.get(..at).and_then(|before| before.chars().next_back());
            let after = self.text.get(at + number.len()..).and_then(|after| after.chars().next());
            !before.is_some_and(char::is_numeric) && !after.is_some_and(char::is_numeric)
        })
    }

    /// The clauses that have most of the line's words deny as the line does.
    fn denial_agrees(&self, line: &str, claims: &Claims) -> bool {
        let denied = denies(line);
        let overlap = |clause: &String| {
            let stems: HashSet<&str> = clause.unicode_words().map(stem).collect();
            claims.words.iter().filter(|word| stems.contains(word.as_str())).count()
                + claims.exact.iter().filter(|exact| clause.contains(exact.as_str())).count()
                + claims.han.iter().filter(|c| clause.contains(**c)).count()
                + claims.heads.iter().filter(|head| clause.contains(head.as_str())).count()
        };
        let scored: Vec<(usize, &String)> =
            self.clauses.iter().map(|clause| (overlap(clause), clause)).collect();
        let best = scored.iter().map(|(score, _)| *score).max().unwrap_or(0);
        if best == 0 {
            return !denied;
        }
        scored.iter().any(|(score, clause)| *score == best && denies(clause) == denied)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_say_the_same_have_one_key() {
        for (a, b) in [
            ("I like tea.", "The user likes tea"),
            ("My dog is called Rex", "The user's dog is called Rex!"),
            ("我喜歡喝茶。", "用戶喜歡喝茶"),
            ("私はお茶が好きです。", "ユーザーはお茶が好き"),
            ("저는 차를 좋아해요", "사용자는 차를 좋아해요."),
            ("ＡＢＣ is the best", "abc is the best"),
        ] {
            assert_eq!(key(a), key(b), "{a} / {b}");
        }
        for (a, b) in [
            ("I like tea", "I don't like tea"),
            ("Alice loves Bob", "Bob loves Alice"),
            ("from Paris to London", "to Paris from London"),
            ("我妹妹住在东京", "我妹妹住在南京"),
            ("room 12A", "room 12B"),
            ("我比他高", "他比我高"),
            ("!!", "??"),
        ] {
            assert_ne!(key(a), key(b), "{a} / {b}");
        }
    }

    #[test]
    fn a_line_is_borne_out_or_not() {
        for (source, line, expected) in [
            ("I like green tea, and my sister Anna lives in Osaka.", "The user likes green tea", Ok(())),
            ("I like green tea, and my sister Anna lives in Osaka.", "Sister Anna lives in Osaka", Ok(())),
            (
                "I like green tea, and my sister Anna lives in Osaka.",
                "Sister Anna lives in Kyoto",
                Err(Unsupported::Exact),
            ),
            (
                "I like green tea, and my sister Anna lives in Osaka.",
                "The user is a convicted thief",
                Err(Unsupported::Words),
            ),
            ("I like green tea.", "The user does not like green tea", Err(Unsupported::Denial)),
            ("I don't like coffee, I prefer tea.", "Prefers tea", Ok(())),
            ("I don't eat meat.", "Eats meat", Err(Unsupported::Denial)),
            ("I don't eat meat.", "Doesn't eat meat", Ok(())),
            ("My PIN is 30.", "PIN is 3", Err(Unsupported::Exact)),
            ("My PIN is 30.", "PIN is 30", Ok(())),
            ("我住在台北，喜歡烏龍茶", "用戶住在台北", Ok(())),
            ("我住在台中，喜歡烏龍茶", "用戶住在台北", Err(Unsupported::Words)),
            ("我喜歡烏龍茶", "用戶不喜歡烏龍茶", Err(Unsupported::Denial)),
            ("我不吃香菜", "用户吃香菜", Err(Unsupported::Denial)),
            ("我对花生过敏", "用户对花生过敏", Ok(())),
            ("東京に住んでいます。コーヒーは苦手です。", "ユーザーは東京に住んでいる", Ok(())),
            ("東京に住んでいます。", "ユーザーは大阪に住んでいる", Err(Unsupported::Words)),
            ("コーヒーが好きです。", "ビールが好き", Err(Unsupported::Exact)),
            ("りんごがすきです", "みかんがきらい", Err(Unsupported::Words)),
            ("저는 서울에 살고 있어요.", "서울에 살고 있음", Ok(())),
            ("저는 서울에 살고 있어요.", "부산에 살고 있음", Err(Unsupported::Words)),
            ("저는 커피를 안 마셔요", "커피를 마셔요", Err(Unsupported::Denial)),
            ("anything", "!!!", Err(Unsupported::Empty)),
        ] {
            assert_eq!(Evidence::new([source]).bears_out(line), expected, "{source} / {line}");
        }
    }
}
