//! Which files there are, and what they are called.

use openclaw_core::{Timestamp, port::Section};

use super::language::Language;

/// The directory of the summaries.
pub(super) const SUMMARIES: &str = "conversation-summaries";
/// What a file being made ends in.
pub(super) const MAKING: &str = ".oc-tmp";

/// The day of a point in time, in UTC: `YYYY-MM-DD`.
pub(super) fn day(time: Timestamp) -> String {
    let mut text = time.to_string();
    text.truncate(10);
    text
}

/// The file of a section, relative to the directory; summaries have one a day.
pub(super) fn file(section: Section, day: &str) -> String {
    match section {
        Section::Profile => "user-profile.md".to_owned(),
        Section::Preferences => "preferences.md".to_owned(),
        Section::Facts => "facts.md".to_owned(),
        Section::Tasks => "tasks.md".to_owned(),
        Section::Summary => format!("{SUMMARIES}/{day}.md"),
    }
}

/// The ledger that a file's lines are in: one for the directory, one a month for the summaries.
pub(super) fn ledger(file: &str) -> String {
    match file.strip_prefix(SUMMARIES).and_then(|name| name.get(1..8)) {
        Some(month) => format!("{SUMMARIES}/.lines-{month}"),
        None => ".lines".to_owned(),
    }
}

/// Whether a name is that of a ledger.
pub(super) fn is_ledger(file: &str) -> bool {
    file.rsplit('/').next().is_some_and(|name| name == ".lines" || name.starts_with(".lines-"))
        && !file.ends_with(MAKING)
}

const TITLES: [(Section, [&str; 5]); 4] = [
    (Section::Profile, ["About the user", "关于用户", "關於使用者", "ユーザーについて", "사용자 정보"]),
    (Section::Preferences, ["Preferences", "偏好", "偏好", "好み", "선호"]),
    (Section::Facts, ["Facts", "事实", "事實", "事実", "사실"]),
    (Section::Tasks, ["Tasks", "任务", "任務", "やること", "할 일"]),
];

/// What a new file is headed.
pub(super) fn title(section: Section, day: &str, language: Language) -> String {
    let column = match language {
        Language::English => 0,
        Language::Simplified => 1,
        Language::Traditional => 2,
        Language::Japanese => 3,
        Language::Korean => 4,
    };
    let titles = TITLES.iter().find(|(of, _)| *of == section).map(|(_, titles)| titles);
    titles.and_then(|titles| titles.get(column)).map_or_else(|| day.to_owned(), |&title| title.to_owned())
}

/// Whether a heading is one of ours.
pub(super) fn is_title(heading: &str) -> bool {
    TITLES.iter().any(|(_, titles)| titles.contains(&heading))
        || heading.len() == 10 && heading.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}
