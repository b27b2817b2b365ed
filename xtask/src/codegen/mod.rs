//! `cargo xtask codegen`: files that are made from the Rust types.

mod model;
mod python;
mod typescript;

use anyhow::{Context as _, Result, bail};

use self::model::Document;
use crate::{
    shell::{self, FEATURES, Repo},
    test,
};

/// Every generated file, with what it should say.
fn files(repo: &Repo) -> Result<Vec<(&'static str, String)>> {
    let mut build = repo.cargo(&["build", "--quiet"]);
    // With the features of every other step (see [`FEATURES`]), so that nothing is compiled twice.
    shell::run(build.args(FEATURES).arg("--all-targets"))?;
    let example = repo.built("debug/examples", "openapi");
    test::require_built(&example)?;
    let json = shell::output(repo.command(&example).arg("json"))?;
    let document = Document::read(&serde_json::from_str(&json)?)?;
    Ok(vec![
        ("docs/openapi.yaml", shell::output(&mut repo.command(example))?),
        ("sdks/node/src/types.ts", typescript::types(&document)),
        ("sdks/node/src/operations.ts", typescript::operations(&document)),
        ("sdks/python/src/openclaw/_types.py", python::types(&document)),
    ])
}

/// Writes the generated files.
pub(crate) fn write(repo: &Repo) -> Result<()> {
    for (name, text) in files(repo)? {
        let path = repo.root().join(name);
        std::fs::write(&path, text).with_context(|| format!("can't write {}", path.display()))?;
        println!("wrote {name}");
    }
    Ok(())
}

/// Fails when a generated file is not what the types say, and shows the first line that differs.
pub(crate) fn check(repo: &Repo) -> Result<()> {
    for (name, expected) in files(repo)? {
        let found = shell::read(&repo.root().join(name))?;
        if expected == found {
            continue;
        }
        let number = expected.lines().zip(found.lines()).take_while(|(left, right)| left == right).count();
        bail!(
            "{name} is not what the types say, from line {} on: `{}` should be `{}`; run `cargo xtask codegen`",
            number + 1,
            found.lines().nth(number).unwrap_or_default(),
            expected.lines().nth(number).unwrap_or_default(),
        );
    }
    Ok(())
}
