//! `cargo xtask tidy`: the house rules that no other tool checks.

mod files;
pub(crate) mod forgotten;
mod layers;
mod lengths;
mod links;
mod words;

use anyhow::{Result, bail};

use crate::shell::Repo;

/// What the rules found.
#[derive(Default)]
pub(crate) struct Findings {
    errors: Vec<String>,
    warnings: Vec<String>,
}

impl Findings {
    fn error(&mut self, text: impl Into<String>) {
        self.errors.push(text.into());
    }

    fn warn(&mut self, text: impl Into<String>) {
        self.warnings.push(text.into());
    }
}

/// Applies every rule; prints all that was found, fails when any of it is an error.
pub(crate) fn tidy(repo: &Repo) -> Result<()> {
    let files = files::tracked(repo)?;
    let metadata = repo.metadata()?;
    let mut findings = Findings::default();
    lengths::check(&files, &mut findings);
    words::check(&files, &mut findings);
    links::check(repo.root(), &files, &mut findings);
    layers::check(&metadata, &mut findings);
    forgotten::check(repo.root(), &metadata, &files, &mut findings);
    for warning in &findings.warnings {
        println!("warning: {warning}");
    }
    for error in &findings.errors {
        println!("error: {error}");
    }
    if findings.errors.is_empty() {
        println!("tidy: {} files, {} warnings", files.len(), findings.warnings.len());
        Ok(())
    } else {
        bail!("{} house rules broken", findings.errors.len())
    }
}
