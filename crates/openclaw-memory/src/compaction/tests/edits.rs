//! What a person writes stays, and wins.

use proptest::prelude::*;

use super::{ours, read, run, save, spoken, talk};
use crate::fs::FaultFs;

fn edited(fs: &FaultFs, file: &str, from: &str, to: &str) -> String {
    let text = read(fs, file);
    assert!(text.contains(from), "{text}");
    let text = text.replace(from, to);
    save(fs, file, text.as_bytes());
    text
}

#[test]
fn an_edited_line_is_the_persons_and_the_old_one_does_not_come_back() {
    let fs = FaultFs::new();
    run(&fs, &talk());
    let saved = edited(&fs, "user-profile.md", "I live in Taipei.", "I live in Kaohsiung.");
    let outcome = run(&fs, &talk());
    assert_eq!((outcome.added, outcome.withheld), (0, 1));
    assert_eq!(read(&fs, "user-profile.md"), saved);
    // Said again, it is said again.
    run(&fs, &[spoken("u9", "2026-05-01", "I live in Taipei.")]);
    assert_eq!(ours(&fs, "user-profile.md"), ["I live in Taipei."]);
    assert!(read(&fs, "user-profile.md").starts_with(&saved));
}

#[test]
fn a_line_that_was_taken_out_does_not_come_back() {
    let fs = FaultFs::new();
    run(&fs, &talk());
    for file in ["facts.md", "conversation-summaries/2026-03-20.md"] {
        save(&fs, file, b"# Facts\n");
        let outcome = run(&fs, &talk());
        assert!(outcome.withheld > 0, "{file}");
        assert_eq!(read(&fs, file), "# Facts\n");
    }
    // Its comment alone taken away: the same, and the words are theirs.
    let text = read(&fs, "preferences.md");
    let bare = format!(
        "- I like green tea.\n{}",
        text.split_once("green tea").unwrap().1.split_once('\n').unwrap().1
    );
    save(&fs, "preferences.md", bare.as_bytes());
    run(&fs, &talk());
    assert_eq!(read(&fs, "preferences.md"), bare);
}

#[test]
fn what_a_person_says_already_is_not_added() {
    let fs = FaultFs::new();
    save(&fs, "preferences.md", b"* I like green tea");
    run(&fs, &talk());
    assert_eq!(ours(&fs, "preferences.md"), ["我喜歡爬山。"]);
    assert!(read(&fs, "preferences.md").starts_with("* I like green tea\n- "));
}

#[test]
fn new_lines_keep_clear_of_what_a_person_hung_under_ours() {
    let fs = FaultFs::new();
    run(&fs, &talk());
    let text = read(&fs, "facts.md");
    save(&fs, "facts.md", format!("{text}  - very!\n\n  really\n\n## Mine\n\n```\nopen").as_bytes());
    run(&fs, &[spoken("u9", "2026-05-01", "My dog is called Rex.")]);
    let after = read(&fs, "facts.md");
    let rest =
        after.strip_prefix(&format!("{text}  - very!\n\n  really\n- My dog is called Rex. <!-- ")).unwrap();
    assert!(rest.ends_with("-->\n\n## Mine\n\n```\nopen"), "{after}");
    // Never into code that is not closed.
    save(&fs, "tasks.md", b"mine\n```\ncode");
    run(&fs, &[spoken("u10", "2026-05-01", "Remind me to water the plants.")]);
    assert!(read(&fs, "tasks.md").starts_with("mine\n- [ ] Remind me"), "{}", read(&fs, "tasks.md"));
    assert!(read(&fs, "tasks.md").ends_with("-->\n```\ncode"));
}

#[test]
fn a_file_of_another_kind_of_lines_keeps_them() {
    let fs = FaultFs::new();
    run(&fs, &talk());
    let text = format!("\u{feff}{}", read(&fs, "facts.md").replace('\n', "\r\n"));
    save(&fs, "facts.md", text.as_bytes());
    run(
        &fs,
        &[
            spoken("u9", "2026-05-01", "My dog is called Rex."),
            spoken("u8", "2026-05-01", "I am allergic to peanuts."),
        ],
    );
    let after = read(&fs, "facts.md");
    assert_eq!(after.matches('\n').count(), after.matches("\r\n").count());
    assert_eq!(after.matches('\u{feff}').count(), 1);
    assert_eq!(ours(&fs, "facts.md").len(), 2, "{after}");
}

/// A piece of what a person may write into a file.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        "[-*>#`~ |a-z語\t]{0,16}",
        Just("```".to_owned()),
        Just("<!-- oc1 ref=0 from=u1 check=0 -->".to_owned()),
        Just("- <!-- oc1 from=m".to_owned()),
        Just("<!--".to_owned()),
        Just("---".to_owned()),
        Just("\r".to_owned()),
        Just("- [x] I like green tea.".to_owned()),
        "\\PC{0,12}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a person does to the file between two compactions is still there, byte for byte.
    #[test]
    fn edits_survive(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), 0_usize..4, piece()), 0..8),
        last_newline in any::<bool>(), bytes in proptest::option::of(128_u8..),
    ) {
        let fs = FaultFs::new();
        let first = talk();
        run(&fs, &first);
        let mut lines: Vec<Vec<u8>> = read(&fs, "preferences.md").lines().map(|line| line.as_bytes().to_vec()).collect();
        for (at, what, piece) in edits {
            let at = at.index(lines.len() + 1);
            match what {
                0 | 1 => lines.insert(at, piece.into_bytes()),
                2 if at < lines.len() => drop(lines.remove(at)),
                _ if at < lines.len() => lines[at].extend_from_slice(piece.as_bytes()),
                _ => {}
            }
        }
        if let Some(byte) = bytes {
            lines.push(vec![b'x', byte]);
        }
        let mut saved = lines.join(&b'\n');
        if last_newline {
            saved.push(b'\n');
        }
        save(&fs, "preferences.md", &saved);
        run(&fs, &first);
        run(&fs, &[spoken("u7", "2026-04-02", "I love jasmine rice. I like green tea.")]);
        let after = fs.contents(&super::path("preferences.md")).unwrap();
        // Take out what was added or is still ours and was confirmed: the person's lines are all there, in order.
        let text = |bytes: &[u8]| -> Vec<Vec<u8>> { bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect() };
        let now = text(&after);
        let mut at = 0;
        for line in text(&saved) {
            let ours = std::str::from_utf8(&line).is_ok_and(|line| {
                crate::compaction::line::parse("preferences.md", line.trim_start_matches('\u{feff}').trim_end_matches('\r')).is_some()
            });
            if ours || line.is_empty() {
                continue;
            }
            // The last line may have been given an end, in the file's own manner.
            let found = now[at..].iter().position(|other| *other == line || other.strip_suffix(b"\r") == Some(&line));
            prop_assert!(found.is_some(), "lost {:?} of {:?} in {:?}", String::from_utf8_lossy(&line), String::from_utf8_lossy(&saved), String::from_utf8_lossy(&after));
            at += found.unwrap() + 1;
        }
        // And nothing of theirs was written twice.
        let before = fs.contents(&super::path("preferences.md")).unwrap();
        run(&fs, &first);
        prop_assert_eq!(fs.contents(&super::path("preferences.md")).unwrap(), before);
    }
}
