//! The skills that exist: each is read, or refused for a reason that is known here.
//!
//! `OPENCLAW_SKILL_CORPUS` names a directory with skills somewhere below it, such as the unpacked npm package `openclaw`. Without it
//! the test says `SKIPPED:`; with `OPENCLAW_REQUIRE_ALL=1` it fails.
#![cfg(test)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use openclaw_skills::validate;

/// Skills that are refused, and a part of the reason.
const REFUSED: &[(&str, &str)] = &[
    // The template of the Agent Skills examples, which is meant to be copied to a folder of another name.
    ("template", "calls itself `template-skill`"),
];

/// The folders with a `SKILL.md` below `dir`.
fn folders(dir: &Path, into: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap()).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    if entries.iter().any(|entry| entry.file_name() == "SKILL.md") {
        into.push(dir.to_owned());
        return;
    }
    for entry in entries.iter().filter(|entry| entry.file_type().unwrap().is_dir()) {
        folders(&entry.path(), into);
    }
}

#[test]
fn every_skill_that_exists_is_read_or_refused_with_a_reason() {
    let Some(corpus) = std::env::var_os("OPENCLAW_SKILL_CORPUS") else {
        let reason = "OPENCLAW_SKILL_CORPUS names no directory with skills (unpack the npm package openclaw)";
        assert!(std::env::var_os("OPENCLAW_REQUIRE_ALL").is_none_or(|all| all != "1"), "{reason}");
        eprintln!("SKIPPED: {reason}");
        return;
    };
    let mut all = Vec::new();
    folders(Path::new(&corpus), &mut all);
    assert!(!all.is_empty(), "no SKILL.md below {}", corpus.display());
    let mut wrong = Vec::new();
    for folder in &all {
        let name = folder.file_name().unwrap().to_string_lossy();
        let validation = validate(folder);
        for warning in &validation.warnings {
            println!("{name}: {warning}");
        }
        let expected = REFUSED.iter().find(|(refused, _)| *refused == name);
        match (expected, &validation.problems[..]) {
            (None, []) => assert_eq!(validation.name.as_deref(), Some(&*name)),
            (Some((_, part)), [problem]) if problem.contains(part) => {}
            (_, problems) => wrong.push(format!("{name}: {problems:?}")),
        }
    }
    assert!(wrong.is_empty(), "{} of {} are not as expected:\n{}", wrong.len(), all.len(), wrong.join("\n"));
    println!("{} skills were read", all.len() - REFUSED.len().min(all.len()));
}
