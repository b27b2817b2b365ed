//! Compaction as a whole, over a file system that fails.

mod care;
mod crash;
mod edits;
mod hostile;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use openclaw_core::{MemoryEntry, Role, port::DistillPort};
use tokio_util::sync::CancellationToken;

use super::{CompactionError, Input, Options, Outcome, Spoken, compact, document::Document};
use crate::fs::{FaultFs, Fs};

pub(super) const DIR: &str = "/home/memory/compacted";

pub(super) fn path(file: &str) -> PathBuf {
    Path::new(DIR).join(file)
}

/// A message of the user (`u…`) or the assistant (`a…`) of conversation `conv_1`, on the day of `day`.
pub(super) fn spoken(id: &str, day: &str, text: &str) -> Spoken {
    Spoken {
        conversation: "conv_1".parse().unwrap(),
        id: id.parse().unwrap(),
        role: if id.starts_with('u') { Role::User } else { Role::Assistant },
        timestamp: format!("{day}T10:00:00Z").parse().unwrap(),
        text: text.to_owned(),
    }
}

pub(super) fn talk() -> Vec<Spoken> {
    vec![
        spoken("u1", "2026-03-20", "I live in Taipei. I like green tea."),
        spoken("a1", "2026-03-20", "Taipei has wonderful tea houses."),
        spoken("u2", "2026-03-21", "I'm allergic to peanuts. Remind me to buy oolong."),
        spoken("u3", "2026-03-21", "我喜歡爬山。"),
    ]
}

pub(super) struct Setup<'a> {
    pub(super) messages: &'a [Spoken],
    pub(super) remembered: &'a [MemoryEntry],
    pub(super) distiller: Option<&'a dyn DistillPort>,
    pub(super) dry_run: bool,
}

impl<'a> Setup<'a> {
    pub(super) fn of(messages: &'a [Spoken]) -> Self {
        Self { messages, remembered: &[], distiller: None, dry_run: false }
    }

    pub(super) fn run(&self, fs: &dyn Fs) -> Result<Outcome, CompactionError> {
        let mut messages = self.messages.iter().cloned().map(Ok);
        let input = Input { messages: &mut messages, remembered: self.remembered };
        let cancel = CancellationToken::new();
        let options = Options {
            distiller: self.distiller,
            deadline: Duration::from_secs(5),
            dry_run: self.dry_run,
            progress: &|_, _| {},
            cancel: &cancel,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(compact(input, Path::new(DIR), fs, options))
    }
}

pub(super) fn run(fs: &FaultFs, messages: &[Spoken]) -> Outcome {
    Setup::of(messages).run(fs).unwrap()
}

pub(super) fn read(fs: &FaultFs, file: &str) -> String {
    String::from_utf8(fs.contents(&path(file)).unwrap_or_default()).unwrap()
}

/// A person saves a file.
pub(super) fn save(fs: &FaultFs, file: &str, text: &[u8]) {
    let opened = fs.create(&path(file)).unwrap();
    opened.write_all_at(text, 0).unwrap();
    opened.sync_data().unwrap();
    fs.sync_dir(path(file).parent().unwrap()).unwrap();
}

/// All files with their bytes, ledgers too.
pub(super) fn everything(fs: &FaultFs) -> Vec<(PathBuf, Vec<u8>)> {
    fs.files().into_iter().map(|path| (path.clone(), fs.contents(&path).unwrap())).collect()
}

/// The texts of our lines in a file.
pub(super) fn ours(fs: &FaultFs, file: &str) -> Vec<String> {
    Document::parse(file, read(fs, file).as_bytes()).ours().map(|entry| entry.text.clone()).collect()
}

#[test]
fn what_was_said_becomes_files_that_cite_it() {
    let fs = FaultFs::new();
    let outcome = run(&fs, &talk());
    assert_eq!(ours(&fs, "user-profile.md"), ["I live in Taipei."]);
    assert_eq!(ours(&fs, "preferences.md"), ["I like green tea.", "我喜歡爬山。"]);
    assert_eq!(ours(&fs, "facts.md"), ["I'm allergic to peanuts."]);
    assert_eq!(ours(&fs, "tasks.md"), ["Remind me to buy oolong."]);
    assert!(!ours(&fs, "conversation-summaries/2026-03-20.md").is_empty());
    assert!(!ours(&fs, "conversation-summaries/2026-03-21.md").is_empty());
    assert_eq!((outcome.messages, outcome.files.len()), (4, 6));
    assert_eq!(outcome.refused.total(), 0);
    assert!(read(&fs, "facts.md").contains(" on=2026-03-21 importance=0.85 from=u2 check="));
}

#[test]
fn a_second_time_changes_nothing() {
    let fs = FaultFs::new();
    run(&fs, &talk());
    let before = everything(&fs);
    let again = run(&fs, &talk());
    assert_eq!((again.added, again.superseded, again.withheld), (0, 0, 0));
    assert!(again.files.is_empty());
    assert_eq!(everything(&fs), before);
}

#[test]
fn a_long_talk_is_summed_up_the_same_each_time() {
    // Sentences that weigh the same, in five languages: whatever order a hash table has must not decide between them.
    let texts = [
        "I moved to Lisbon last spring and I like the light there. What should I see in the old town on a rainy day?",
        "我最近在學做菜，特別喜歡做麻婆豆腐。你能不能告訴我怎麼讓豆腐不碎？",
        "我住在杭州，每天骑车上班，大概要四十分钟。",
        "来月の京都旅行の計画を立てています。抹茶が好きなので、お茶屋さんを回りたいです。",
        "저는 매일 아침 한강에서 달리기를 해요. 다음 주 토요일에 대회가 있어요.",
        "Remind me to renew the lease before Friday. Here is the log:\n```\n2026-03-20 ERROR connection refused\n```",
    ];
    let talk: Vec<Spoken> = (0..400)
        .map(|at| Spoken {
            conversation: format!("conv_{}", at / 40).parse().unwrap(),
            ..spoken(&format!("u{at}"), &format!("2026-03-{:02}", 1 + at / 25), texts[at % texts.len()])
        })
        .collect();
    let fs = FaultFs::new();
    run(&fs, &talk);
    let before = everything(&fs);
    assert!(run(&fs, &talk).files.is_empty());
    assert_eq!(everything(&fs), before);
}

#[test]
fn a_dry_run_says_what_it_would_do_and_does_nothing() {
    let (fs, talk) = (FaultFs::new(), talk());
    let dry = Setup { dry_run: true, ..Setup::of(&talk) }.run(&fs).unwrap();
    assert!(fs.files().is_empty());
    assert_eq!(dry, run(&fs, &talk));
}

#[test]
fn the_same_said_again_is_cited_again() {
    let fs = FaultFs::new();
    run(&fs, &talk());
    let outcome = run(&fs, &[spoken("u9", "2026-04-01", "I really like green tea!")]);
    assert_eq!((outcome.confirmed, ours(&fs, "preferences.md").len()), (1, 2));
    assert!(read(&fs, "preferences.md").contains("on=2026-04-01 importance=0.60 from=u1,u9 "));
}

#[test]
fn titles_are_in_the_users_language() {
    for (text, title) in [
        ("我对花生过敏。", "# 事实\n\n"),
        ("我對花生過敏。", "# 事實\n\n"),
        ("ピーナッツアレルギーがあります。", "# 事実\n\n"),
        ("저는 땅콩 알레르기가 있어요.", "# 사실\n\n"),
        ("I'm allergic to peanuts.", "# Facts\n\n"),
    ] {
        let fs = FaultFs::new();
        run(&fs, &[spoken("u1", "2026-03-20", text)]);
        assert!(read(&fs, "facts.md").starts_with(title), "{}", read(&fs, "facts.md"));
    }
}

#[test]
fn what_is_remembered_is_a_line_and_what_is_done_is_ticked() {
    let entry = |id: &str, kind, content: &str| MemoryEntry {
        id: id.parse().unwrap(),
        kind,
        content: content.to_owned(),
        importance: 0.9,
        tags: Vec::new(),
        expires_at: None,
        completed_at: None,
        conversation: None,
        sources: vec!["u1".parse().unwrap()],
        superseded_by: None,
    };
    use openclaw_core::MemoryKind::{Ephemeral, Fact, Task};
    let mut entries = vec![
        entry("mem_01ARZ3NDEKTSV4RRFFQ69G5FAV", Task, "Buy oolong"),
        entry("mem_01ARZ3NDEKTSV4RRFFQ69G5FAW", Fact, "The gate code is 4711"),
        entry("mem_01ARZ3NDEKTSV4RRFFQ69G5FAX", Ephemeral, "In a hurry"),
    ];
    let fs = FaultFs::new();
    let run = |entries: &[MemoryEntry]| Setup { remembered: entries, ..Setup::of(&[]) }.run(&fs).unwrap();
    assert_eq!(run(&entries).added, 2);
    assert!(read(&fs, "tasks.md").contains("- [ ] Buy oolong <!-- oc1 "));
    assert!(read(&fs, "tasks.md").contains("from=mem_01ARZ3NDEKTSV4RRFFQ69G5FAV,u1 "));
    entries[0].completed_at = Some("2026-04-01".parse().unwrap());
    entries[1].superseded_by = Some("mem_01ARZ3NDEKTSV4RRFFQ69G5FAY".parse().unwrap());
    entries.push(entry("mem_01ARZ3NDEKTSV4RRFFQ69G5FAY", Fact, "The gate code is 1234"));
    let outcome = run(&entries);
    assert_eq!((outcome.added, outcome.superseded), (1, 1));
    assert!(read(&fs, "tasks.md").contains("- [x] Buy oolong <!-- oc1 "));
    assert!(read(&fs, "facts.md").contains("- ~~The gate code is 4711~~ → The gate code is 1234 <!-- oc1 "));
    let before = everything(&fs);
    assert!(run(&entries).files.is_empty());
    assert_eq!(everything(&fs), before);
    // Taken out by a person: it stays out, however often it is remembered.
    let kept: String = read(&fs, "tasks.md")
        .lines()
        .filter(|line| !line.contains("oolong"))
        .map(|line| format!("{line}\n"))
        .collect();
    save(&fs, "tasks.md", kept.as_bytes());
    assert_eq!(run(&entries).withheld, 1);
    assert_eq!(read(&fs, "tasks.md"), kept);
}

#[test]
fn the_files_are_as_they_are_described() {
    // docs/formats.md, "Markdown memories". Whoever changes a byte of this changes the format's version.
    let fs = FaultFs::new();
    run(&fs, &talk());
    for (file, golden) in [
        ("preferences.md", include_str!("golden/preferences.md")),
        ("tasks.md", include_str!("golden/tasks.md")),
        ("conversation-summaries/2026-03-20.md", include_str!("golden/2026-03-20.md")),
        (".lines", include_str!("golden/lines")),
    ] {
        assert_eq!(read(&fs, file), golden, "{file}");
    }
}

#[test]
fn a_file_of_a_former_version_reads_the_same() {
    let document = Document::parse("preferences.md", include_bytes!("golden/preferences.md"));
    let entries: Vec<_> = document.ours().collect();
    assert_eq!(entries.len(), 2);
    assert_eq!(
        (entries[1].text.as_str(), entries[1].note.from.as_slice()),
        ("我喜歡爬山。", &["u3".to_owned()][..])
    );
    assert_eq!(document.render(), include_bytes!("golden/preferences.md"));
}
