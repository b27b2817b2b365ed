//! Erasing, pruning and checking.

use std::path::Path;

use openclaw_core::port::Section;

use super::{DIR, everything, ours, read, run, save, spoken, talk};
use crate::{
    compaction::{
        check_citations, erase_citations,
        language::Language,
        merge::{Candidate, Contents, Origin, merge},
        prune_before,
    },
    fs::FaultFs,
};

fn erase(fs: &FaultFs, ids: &[&str]) -> (u64, u64) {
    let removed = erase_citations(fs, Path::new(DIR), &|id| ids.contains(&id)).unwrap();
    (removed.lines, removed.files)
}

#[test]
fn what_cites_the_erased_goes_and_nothing_else() {
    let fs = FaultFs::new();
    run(&fs, &talk());
    let text = read(&fs, "preferences.md").replace("I like green tea.", "I adore sencha\n  and gyokuro");
    save(&fs, "preferences.md", format!("{text}- CANARY of mine\n").as_bytes());
    save(&fs, "notes.md", read(&fs, "user-profile.md").as_bytes());
    save(&fs, "facts.md.oc-tmp", b"I live in Taipei.");
    let (lines, files) = erase(&fs, &["u1", "a1"]);
    assert_eq!((lines, files), (4 + u64::from(lines == 5), 3));
    for (path, bytes) in everything(&fs) {
        let text = String::from_utf8(bytes).unwrap();
        for word in ["Taipei", "sencha", "gyokuro", "u1", "a1"] {
            assert!(!text.contains(word), "{word} in {}", path.display());
        }
    }
    assert!(read(&fs, "preferences.md").contains("CANARY of mine"));
    assert_eq!(ours(&fs, "facts.md").len(), 1);
    let before = everything(&fs);
    assert_eq!(erase(&fs, &["u1", "a1"]), (0, 0));
    assert_eq!(everything(&fs), before);
}

#[test]
fn a_struck_line_forgets_the_name_of_an_erased_successor() {
    let line = |text: &str, from: &str, day: &str, supersedes| Candidate {
        section: Section::Profile,
        day: day.to_owned(),
        text: text.to_owned(),
        from: vec![from.to_owned()],
        importance: 50,
        supersedes,
        origin: Origin::Model,
    };
    let mut contents = Contents::default();
    contents.files.insert("user-profile.md".to_owned(), None);
    let old = line("I live in Taipei.", "u1", "2026-03-20", None);
    let (contents, _) = merge(&contents, std::slice::from_ref(&old), Language::English);
    let reference = crate::compaction::line::reference("user-profile.md", &old.text, &old.from);
    let new = line("I live in Tokyo.", "u2", "2026-03-21", Some(reference));
    let (contents, merged) = merge(&contents, &[new], Language::English);
    assert_eq!(merged.superseded, 1);
    let whole = contents.files["user-profile.md"].clone().unwrap();

    let fs = FaultFs::new();
    save(&fs, "user-profile.md", &whole);
    erase(&fs, &["u2"]);
    assert_eq!(ours(&fs, "user-profile.md"), ["I live in Taipei."]);
    let text = read(&fs, "user-profile.md");
    assert!(text.contains("- ~~I live in Taipei.~~ <!-- oc1 ") && !text.contains("Tokyo"), "{text}");

    // The same when a person had touched the struck line.
    let touched = String::from_utf8(whole).unwrap().replace("~~ → I live", "~~ (no!) → I live");
    save(&fs, "user-profile.md", touched.as_bytes());
    erase(&fs, &["u2"]);
    let text = read(&fs, "user-profile.md");
    assert!(text.contains("~~I live in Taipei.~~ (no!) <!-- oc1 ") && !text.contains("Tokyo"), "{text}");
}

#[test]
fn what_is_older_goes_and_does_not_come_back() {
    let fs = FaultFs::new();
    run(&fs, &talk());
    let removed = prune_before(&fs, Path::new(DIR), "2026-03-21T09:00:00Z".parse().unwrap()).unwrap();
    assert!(removed.lines >= 3 && removed.files == 2, "{removed:?}");
    assert_eq!(ours(&fs, "preferences.md"), ["我喜歡爬山。"]);
    assert_eq!(ours(&fs, "facts.md").len(), 1);
    assert!(run(&fs, &talk()).withheld > 0);
    assert_eq!(ours(&fs, "preferences.md"), ["我喜歡爬山。"]);
}

#[test]
fn citations_that_lead_nowhere_are_found() {
    let fs = FaultFs::new();
    run(&fs, &[spoken("u1", "2026-03-20", "I'm allergic to peanuts.")]);
    let check = |fs: &FaultFs| check_citations(fs, Path::new(DIR), &|id| id == "u1").unwrap();
    assert!(check(&fs).is_empty());
    let text = read(&fs, "facts.md").replace("from=u1", "from=u1,u2") + "- no source <!-- oc1 ref=x -->\n";
    save(&fs, "facts.md", text.as_bytes());
    let found: Vec<_> = check(&fs).into_iter().map(|found| (found.file, found.line, found.id)).collect();
    assert_eq!(
        found,
        [("facts.md".to_owned(), 3, "u2".to_owned()), ("facts.md".to_owned(), 4, String::new())]
    );
}
