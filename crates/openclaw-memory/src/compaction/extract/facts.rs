//! Which of a user's sentences say something lasting: who they are, what they prefer, what is so, what is to be done.
//! Precision before recall: a question, a supposition, a quotation and what somebody else said are none.

use openclaw_core::port::Section;

use super::{
    cues::*,
    prose::{self, unquoted},
};
use crate::compaction::{language::Language, words::folded};

/// Shortest and longest sentence that is kept, in [`prose::weight`]; a longer one is a story.
const WEIGHT: std::ops::RangeInclusive<usize> = 7..=400;

/// What a sentence says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) section: Section,
    /// 0 to 100.
    pub(super) importance: u8,
}

const fn found(section: Section, importance: u8) -> Option<Finding> {
    Some(Finding { section, importance })
}

/// Whether a message asks to work on a text, so that its sentences are that text's.
pub(super) fn is_commission(first_sentence: &str, language: Language) -> bool {
    let text = folded(first_sentence);
    match language {
        Language::English => {
            let mut rest = text.trim();
            for polite in [
                "hi ",
                "hello ",
                "hey ",
                "please ",
                "can you ",
                "could you ",
                "would you ",
                "please ",
                "help me ",
            ] {
                rest = rest.strip_prefix(polite).unwrap_or(rest).trim_start();
            }
            EN_WORKS.iter().any(|work| starts_with_word(rest, work))
        }
        Language::Simplified | Language::Traditional => has(&text, ZH_WORKS),
        Language::Japanese => has(&text, JA_WORKS),
        Language::Korean => has(&text, KO_WORKS),
    }
}

/// What a sentence of the user says that lasts.
pub(super) fn find(sentence: &str, language: Language) -> Option<Finding> {
    if !WEIGHT.contains(&prose::weight(sentence)) || sentence.contains(['?', '？']) {
        return None;
    }
    let text = folded(&unquoted(sentence)).replace('’', "'");
    let text = text.trim_end_matches(['.', '。', '!', '！', '．', '~', '～', ' ', '…']).trim();
    match language {
        Language::English => english(text),
        Language::Simplified | Language::Traditional => chinese(text),
        Language::Japanese => japanese(text),
        Language::Korean => korean(text),
    }
}

fn has(text: &str, cues: &[&str]) -> bool {
    cues.iter().any(|cue| text.contains(cue))
}

fn ends(text: &str, cues: &[&str]) -> bool {
    cues.iter().any(|cue| text.ends_with(cue))
}

fn starts_with_word(text: &str, words: &str) -> bool {
    text.strip_prefix(words).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '\''))
}

fn has_word(text: &str, words: &str) -> bool {
    text.match_indices(words).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        !before.is_some_and(char::is_alphanumeric)
            && starts_with_word(text.get(at..).unwrap_or_default(), words.trim_end())
    })
}

fn digits(text: &str) -> bool {
    text.chars().any(char::is_numeric)
}

// ---------------------------------------------------------------------------------------------------------------------

fn english(text: &str) -> Option<Finding> {
    if !text.starts_with([
        'i', 'm', 'w', 'o', 'a', 'n', 'f', 'g', 'r', 'p', 't', 'd', 's', 'k', 'b', 'c', 'h', 'y', 'j', 'e',
        'l',
    ]) || EN_ASKS.iter().any(|ask| starts_with_word(text, ask))
        || EN_SUPPOSES.iter().any(|word| has_word(text, word))
    {
        return None;
    }
    let reported = EN_REPORTS.iter().any(|word| has_word(text, word));
    let clauses = text
        .split([',', ';', ':', '—', '('])
        .flat_map(|clause| clause.split(" and i ").enumerate().map(|(part, clause)| (part > 0, clause)));
    let mut best: Option<Finding> = None;
    for (is_i, clause) in clauses {
        let joined = if is_i { format!("i {clause}") } else { clause.to_owned() };
        let clause = without_fillers(joined.trim());
        if reported && !clause.starts_with("my ") {
            continue;
        }
        let said = english_clause(clause, text);
        if said.is_some_and(|said| best.is_none_or(|best| said.importance > best.importance)) {
            best = said;
        }
    }
    best
}

fn without_fillers(mut clause: &str) -> &str {
    while let Some(rest) = EN_FILLERS.iter().find_map(|filler| {
        clause.strip_prefix(filler).and_then(|rest| rest.strip_prefix([' ', '!', '.'])).map(str::trim_start)
    }) {
        clause = rest;
    }
    clause
}

fn english_clause(clause: &str, whole: &str) -> Option<Finding> {
    let starts = |cues: &[&'static str]| cues.iter().copied().find(|cue| starts_with_word(clause, cue));
    if starts(EN_REMIND).is_some() {
        return found(Section::Tasks, 70);
    }
    if starts(EN_REMEMBER).is_some() {
        return found(Section::Facts, 80);
    }
    if let Some(rule) = starts(EN_RULES) {
        // What is to be done may stand behind a comma.
        let rest = whole.split_once(rule).map_or("", |(_, rest)| rest);
        let near: Vec<&str> = rest.split_whitespace().take(5).collect();
        let clean = |word: &&str| EN_RULE_VERBS.contains(&word.trim_matches(|c: char| !c.is_alphanumeric()));
        let told = if rule == "always" || rule == "never" {
            near.first().is_some_and(clean)
        } else {
            near.iter().any(clean)
        };
        return if told || has_word(whole, "reply") || has_word(whole, "call me") {
            found(Section::Preferences, 75)
        } else {
            None
        };
    }
    let timed = || {
        EN_TIMES.iter().any(|time| has_word(whole, time))
            || (digits(whole) && (has_word(whole, "at") || has_word(whole, "by") || has_word(whole, "on")))
    };
    if starts(EN_MUST).is_some() && timed() {
        return found(Section::Tasks, 65);
    }
    // Adverbs stand between the person and the verb.
    let mut plain = String::with_capacity(clause.len());
    for (index, word) in clause.split_whitespace().enumerate() {
        if index > 3 || !EN_ADVERBS.contains(&word) {
            if !plain.is_empty() {
                plain.push(' ');
            }
            plain.push_str(word);
        }
    }
    let starts = |cues: &[&'static str]| cues.iter().copied().find(|cue| starts_with_word(&plain, cue));
    let after = |cue: &str| plain.get(cue.len()..).unwrap_or_default().trim_start().to_owned();
    if let Some(cue) = starts(EN_PREFERS) {
        let rest = after(cue);
        if cue != "my favorite"
            && cue != "my favourite"
            && (rest.is_empty() || EN_PASSING.iter().any(|word| starts_with_word(&rest, word)))
        {
            return None;
        }
        return found(Section::Preferences, 60);
    }
    if let Some(cue) = starts(EN_PROFILE) {
        return if after(cue).is_empty() && !cue.starts_with("i'm ") && !cue.starts_with("i am ") {
            None
        } else {
            found(Section::Profile, 70)
        };
    }
    if let Some(cue) = starts(EN_IS) {
        let rest = after(cue);
        let nothing = rest.is_empty() || EN_IS_NOT.iter().any(|word| starts_with_word(&rest, word));
        return if nothing { None } else { found(Section::Profile, 60) };
    }
    if let Some(rest) = plain.strip_prefix("i'm ").or_else(|| plain.strip_prefix("i am ")) {
        let age = rest.split_whitespace().next().and_then(|word| word.parse::<u8>().ok());
        let alone = rest.split_whitespace().count() == 1 || rest.contains("years old");
        if age.is_some() && alone {
            return found(Section::Profile, 70);
        }
    }
    let cue = starts(EN_FACTS)?;
    let rest = after(cue);
    let nouns = rest.split_whitespace();
    if nouns
        .clone()
        .take(2)
        .any(|noun| EN_OWN_NOT.contains(&noun.trim_matches(|c: char| !c.is_alphanumeric())))
    {
        return None;
    }
    match cue {
        "my" | "our" => nouns
            .take(5)
            .skip(1)
            .any(|word| EN_FACT_VERBS.contains(&word))
            .then_some(Finding { section: Section::Facts, importance: 55 }),
        "i've been" | "i have been" => (has_word(&rest, "for") || has_word(&rest, "since"))
            .then_some(Finding { section: Section::Facts, importance: 45 }),
        _ if rest.is_empty() || EN_PASSING.iter().any(|word| starts_with_word(&rest, word)) => None,
        "i'm allergic" | "i am allergic" | "i have diabetes" | "i have asthma" => found(Section::Facts, 85),
        _ => found(Section::Facts, 50),
    }
}

// ---------------------------------------------------------------------------------------------------------------------

fn chinese(text: &str) -> Option<Finding> {
    // A doubled particle asks; one that belongs to a word does not.
    let asked = text.replace("那么", "").replace("那麼", "").replace("什么都", "").replace("什麼都", "");
    if has(&asked, ZH_ASKS) || has(text, ZH_REPORTS) {
        return None;
    }
    if has(text, ZH_REMIND) {
        return found(Section::Tasks, 70);
    }
    let timed = has(text, ZH_TIMES) || (digits(text) && has(text, &["月", "日", "号", "號", "点", "點"]));
    if has(text, ZH_SUPPOSES) {
        return None;
    }
    if has(text, ZH_MUST) && timed && !has(text, ZH_RULES) {
        return found(Section::Tasks, 65);
    }
    if has(text, &["记住", "記住", "请记得", "請記得", "帮我记", "幫我記"]) {
        return found(Section::Facts, 80);
    }
    let mut best: Option<Finding> = None;
    for clause in text.split(['，', ',', '；', ';', '：', ':', '。', ' ', '、']) {
        let said = chinese_clause(clause.trim(), text);
        if said.is_some_and(|said| best.is_none_or(|best| said.importance > best.importance)) {
            best = said;
        }
    }
    best.filter(|_| !has(text, &["以前我", "我以前", "曾经", "曾經"]))
}

fn chinese_clause(clause: &str, whole: &str) -> Option<Finding> {
    let mut clause = clause;
    for filler in [
        "另外",
        "而且",
        "因为",
        "因為",
        "其实",
        "其實",
        "不过",
        "不過",
        "但是",
        "但",
        "所以",
        "对了",
        "對了",
        "顺便说一下",
        "順便說一下",
        "你好",
        "嗯",
        "是的",
        "对",
        "對",
    ] {
        clause = clause.strip_prefix(filler).unwrap_or(clause);
    }
    if has(clause, ZH_RULES) && has(clause, ZH_RULE_VERBS) && !clause.contains("我想") {
        let (before, _) = ZH_RULES.iter().find_map(|rule| clause.split_once(rule))?;
        if before.chars().count() <= 3 && !before.contains('我') {
            return found(Section::Preferences, 75);
        }
    }
    if (clause.starts_with('请')
        || clause.starts_with('請')
        || clause.starts_with("叫我")
        || clause.starts_with("称呼我")
        || clause.starts_with("稱呼我"))
        && has(clause, &["叫我", "称呼我", "稱呼我", "一律", "都用"])
    {
        return found(Section::Preferences, 75);
    }
    let rest = clause.strip_prefix('我')?;
    if let Some(kin) = ZH_KIN.iter().find_map(|kin| {
        let rest = rest.strip_prefix("们").or_else(|| rest.strip_prefix("們")).unwrap_or(rest);
        let rest = rest.strip_prefix('的').or_else(|| rest.strip_prefix('家')).unwrap_or(rest);
        rest.strip_prefix(kin)
    }) {
        let near: String = kin.chars().take(8).collect();
        return (has(&near, ZH_KIN_VERBS) && kin.chars().count() >= 2)
            .then_some(Finding { section: Section::Facts, importance: 55 });
    }
    if rest.starts_with('家') {
        return has(rest, &["有", "住", "在", "养", "養"])
            .then_some(Finding { section: Section::Facts, importance: 50 });
    }
    let mut rest = rest;
    // Adverbs, in any order; 一直很喜欢.
    while let Some(after) = ZH_ADVERBS.iter().find_map(|adverb| rest.strip_prefix(adverb)) {
        rest = after;
    }
    let after =
        |cues: &[&'static str]| cues.iter().find_map(|cue| rest.strip_prefix(cue).map(|after| (*cue, after)));
    if rest.contains("过敏") || rest.contains("過敏") {
        return found(Section::Facts, 85);
    }
    if let Some((cue, object)) = after(ZH_PREFERS) {
        let passing = ZH_PASSING.iter().any(|word| object.starts_with(word));
        let wish = matches!(cue, "不想" | "愿意" | "願意") && !has(object, &["你", "您"]);
        return if passing || wish || object.is_empty() && cue.chars().count() < 3 {
            None
        } else {
            found(Section::Preferences, 60)
        };
    }
    if let Some(being) = rest.strip_prefix('是') {
        let not = ["说", "說", "想", "不", "觉得", "覺得", "在", "指", "要", "否", "因", "这", "這", "用"];
        let short = being.chars().count() <= 18;
        return (short && has(being, ZH_BEING) && !not.iter().any(|word| being.starts_with(word)))
            .then_some(Finding { section: Section::Profile, importance: 65 });
    }
    if let Some(place) = rest.strip_prefix('在') {
        let works = has(
            place,
            &[
                "工作", "上班", "上学", "上學", "念书", "念書", "读书", "讀書", "任职", "任職", "读", "讀",
                "长大", "長大", "出生",
            ],
        );
        return works.then_some(Finding { section: Section::Profile, importance: 65 });
    }
    if (rest.ends_with('岁') || rest.ends_with('歲')) && rest.chars().count() <= 6 {
        return found(Section::Profile, 70);
    }
    if let Some((cue, object)) = after(ZH_PROFILE) {
        let trivial = object.is_empty() && !matches!(cue, "单身" | "單身" | "已婚" | "结婚了" | "結婚了");
        let doing = matches!(cue, "做" | "学" | "學") && !has(whole, &["工作", "年", "行业", "行業", "的是"]);
        return if trivial || doing { None } else { found(Section::Profile, 70) };
    }
    if let Some(owned) = rest.strip_prefix('的') {
        let (noun, value) =
            ["是", "叫", "在", "有", "为", "為"].iter().find_map(|verb| owned.split_once(verb))?;
        let plain = !has(noun, ZH_OWN_NOT) && noun.chars().count() <= 8 && !value.is_empty();
        return plain.then_some(Finding { section: Section::Facts, importance: 55 });
    }
    let (_, object) = after(ZH_FACTS)?;
    let nothing = object.is_empty()
        || has(object, ZH_OWN_NOT)
        || ZH_PASSING.iter().any(|word| object.starts_with(word));
    if nothing { None } else { found(Section::Facts, 50) }
}

// ---------------------------------------------------------------------------------------------------------------------

fn japanese(text: &str) -> Option<Finding> {
    if has(text, JA_ASKS) || ends(text, JA_ASKS_END) || has(text, JA_SUPPOSES) {
        return None;
    }
    if has(text, JA_REMIND) {
        return found(Section::Tasks, 70);
    }
    if has(text, JA_RULES) && ends(text, JA_RULE_ENDS) || ends(text, &["と呼んでください", "と呼んで"])
    {
        return found(Section::Preferences, 75);
    }
    let kin = has(text, JA_KIN);
    if has(text, JA_REPORTS) {
        return None;
    }
    let timed = has(text, JA_TIMES) || digits(text);
    if has(text, JA_MUST) && timed && !ends(text, JA_RULE_ENDS) {
        return found(Section::Tasks, 65);
    }
    if has(text, &["アレルギー"]) {
        return found(Section::Facts, 85);
    }
    if has(text, &["覚えておいて", "覚えてて", "覚えといて"]) {
        return found(Section::Facts, 80);
    }
    if ends(text, JA_RULE_ENDS) {
        return None;
    }
    if kin && !text.starts_with('私') && has(text, &["です", "ます", "ました", "だ", "いる", "いて"])
    {
        let told = has(text, JA_PREFERS)
            || has(text, JA_PROFILE)
            || has(text, JA_FACTS)
            || has(text, &["名前", "です"]);
        return told.then_some(Finding { section: Section::Facts, importance: 55 });
    }
    if has(text, JA_PREFERS) {
        return if has(text, JA_PASSING) { None } else { found(Section::Preferences, 60) };
    }
    if has(text, JA_PROFILE) && !has(text, JA_PASSING) {
        return found(Section::Profile, 70);
    }
    let job = JA_JOBS.iter().any(|job| {
        text.find(job).and_then(|at| text.get(at + job.len()..)).is_some_and(|rest| {
            ["です", "だ", "をして", "として", "をやって", "歴"].iter().any(|end| rest.starts_with(end))
                || rest.is_empty()
        })
    });
    if job {
        return found(Section::Profile, 65);
    }
    let own = has(text, JA_SELF);
    let plain =
        own || !text.contains("は") || has(text, &["毎朝", "毎日", "毎週", "を飼って", "を買い", "服用"]);
    if has(text, JA_FACTS) && plain && !has(text, &["質問", "問題", "エラー", "バグ"]) {
        return found(Section::Facts, 50);
    }
    let possessed =
        ["私の", "僕の", "俺の", "わたしの"].iter().any(|my| text.starts_with(my)) && text.contains('は');
    let nothing = has(text, &["質問", "意見", "コード", "考え", "問題", "理解"]);
    if possessed && !nothing { found(Section::Facts, 55) } else { None }
}

// ---------------------------------------------------------------------------------------------------------------------

fn korean(text: &str) -> Option<Finding> {
    if ends(text, KO_ASKS_END) || has(text, KO_ASKS) || has(text, KO_SUPPOSES) {
        return None;
    }
    if has(text, KO_REMIND) || has(text, &["알려 줘", "알려줘"]) && has(text, KO_TIMES) {
        return found(Section::Tasks, 70);
    }
    if has(text, KO_RULES) && ends(text, KO_RULE_ENDS) || has(text, &["라고 불러"]) {
        return found(Section::Preferences, 75);
    }
    let kin = has(text, KO_KIN);
    if has(text, KO_REPORTS) {
        return None;
    }
    let timed = has(text, KO_TIMES) || digits(text);
    if has(text, KO_MUST) && timed {
        return found(Section::Tasks, 65);
    }
    if has(text, &["알레르기", "알러지"]) {
        return found(Section::Facts, 85);
    }
    if has(text, &["기억해 줘", "기억해줘", "기억해 주세요", "기억해 두"]) {
        return found(Section::Facts, 80);
    }
    if ends(text, &["주세요", "줘", "마세요", "바랍니다"]) {
        return None;
    }
    if kin && !starts_self(text) || has(text, &["제 여동생", "제 남동생", "제 아내", "제 남편"])
    {
        let told = has(text, KO_PREFERS)
            || has(text, KO_PROFILE)
            || has(text, KO_FACTS)
            || has(text, KO_JOBS)
            || ends(text, &["예요", "이에요", "입니다"]);
        return told.then_some(Finding { section: Section::Facts, importance: 55 });
    }
    if has(text, KO_PREFERS) {
        return if has(text, KO_PASSING) { None } else { found(Section::Preferences, 60) };
    }
    if has(text, KO_PROFILE) {
        return found(Section::Profile, 70);
    }
    let job = KO_JOBS.iter().any(|job| {
        text.find(job).and_then(|at| text.get(at + job.len()..)).is_some_and(|rest| {
            ["입니다", "예요", "이에요", "이야", "로 일", "으로 일"].iter().any(|end| rest.starts_with(end))
        })
    });
    if job {
        return found(Section::Profile, 65);
    }
    let own = has(text, KO_SELF) || has(text, &["키우", "키워", "매일", "매주", "복용", "샀"]);
    let nothing = has(text, &["질문", "문제", "오류", "에러", "버그", "궁금"]);
    if own && !nothing && has(text, KO_FACTS) {
        return found(Section::Facts, 50);
    }
    let possessed = ["제 ", "내 "].iter().any(|my| text.starts_with(my))
        && ends(text, &["예요", "이에요", "입니다", "이야", "야"]);
    if possessed && !nothing && !has(text, &["생각", "의견", "코드"]) {
        found(Section::Facts, 55)
    } else {
        None
    }
}

fn starts_self(text: &str) -> bool {
    ["저는", "나는", "전 ", "난 ", "제가", "내가"].iter().any(|me| text.starts_with(me))
}

#[cfg(test)]
#[path = "facts_tests.rs"]
mod tests;
