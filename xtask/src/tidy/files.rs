//! The files the rules apply to.

use std::path::Path;

use anyhow::Result;

use crate::shell::{self, Repo};

/// A text file of the checkout.
pub(super) struct File {
    /// Path from the top level, with `/`.
    pub(super) path: String,
    /// What is in it.
    pub(super) text: String,
}

impl File {
    pub(super) fn is(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|found| found == extension)
    }
}

/// Every text file that is in git, or would be after `git add`. Files that are not UTF-8 are no text.
pub(super) fn tracked(repo: &Repo) -> Result<Vec<File>> {
    let listed = shell::output(repo.command("git").args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]))?;
    let mut files = Vec::new();
    for path in listed.split('\0').filter(|path| !path.is_empty()) {
        if let Ok(text) = std::fs::read_to_string(repo.root().join(path)) {
            files.push(File { path: path.to_owned(), text });
        }
    }
    Ok(files)
}
