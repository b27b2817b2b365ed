//! `cargo xtask codegen`: files that are made from the Rust types.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::{
    shell::{self, FEATURES, Repo},
    test,
};

const OPENAPI: &str = "docs/openapi.yaml";

fn target(repo: &Repo) -> PathBuf {
    repo.root().join(OPENAPI)
}

/// Builds with the features of every other step (see [`FEATURES`]), then runs the example that prints the document.
fn openapi(repo: &Repo) -> Result<String> {
    let mut build = repo.cargo(&["build", "--quiet"]);
    shell::run(build.args(FEATURES).arg("--all-targets"))?;
    let example = repo.built("debug/examples", "openapi");
    test::require_built(&example)?;
    shell::output(&mut repo.command(example))
}

/// Writes the generated files.
pub(crate) fn write(repo: &Repo) -> Result<()> {
    let path = target(repo);
    std::fs::write(&path, openapi(repo)?).with_context(|| format!("can't write {}", path.display()))?;
    println!("wrote {OPENAPI}");
    Ok(())
}

/// Fails when a generated file is not what the types say, and shows the first line that differs.
pub(crate) fn check(repo: &Repo) -> Result<()> {
    let expected = openapi(repo)?;
    let found = shell::read(&target(repo))?;
    if expected == found {
        return Ok(());
    }
    let number = expected.lines().zip(found.lines()).take_while(|(left, right)| left == right).count();
    bail!(
        "{OPENAPI} is not what the types say, from line {} on: `{}` should be `{}`; run `cargo xtask codegen`",
        number + 1,
        found.lines().nth(number).unwrap_or_default(),
        expected.lines().nth(number).unwrap_or_default(),
    );
}
