//! The tests of the client libraries.

use anyhow::{Result, bail};

use crate::{
    report::{Outcome, Tally},
    shell::Repo,
};

/// Builds the Node library, checks its types and runs its tests against servers of their own.
pub(crate) fn node(repo: &Repo, tally: &mut Tally) -> Result<Outcome> {
    let directory = repo.root().join("sdks/node");
    if !directory.join("node_modules/typescript").is_dir() {
        return Ok(Outcome::Skipped(
            "the compiler of sdks/node is missing: npm ci --prefix sdks/node".to_owned(),
        ));
    }
    let output = repo.command("npm").args(["test", "--silent"]).current_dir(directory).output();
    let Ok(output) = output else {
        return Ok(Outcome::Skipped("npm is not installed, which the Node library is built with".to_owned()));
    };
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    // Node says `# pass 3` to files and `ℹ pass 3` to terminals.
    let count = |what: &str| {
        let number = |line: &str| line.split_once(' ')?.1.strip_prefix(what)?.trim().parse::<usize>().ok();
        text.lines().find_map(number)
    };
    let passed = count("pass").unwrap_or(0);
    if !output.status.success() || passed == 0 {
        tally.failed += count("fail").unwrap_or(1).max(1);
        bail!("the Node library's tests failed:\n{text}");
    }
    tally.passed += passed;
    Ok(Outcome::Passed(format!("{passed} passed")))
}
