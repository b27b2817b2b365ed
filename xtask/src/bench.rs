//! `cargo xtask bench`: builds for release and prints the table of figures.

use anyhow::Result;

use crate::shell::{self, Repo};

/// Builds what is measured and what measures, then measures.
pub(crate) fn bench(repo: &Repo, args: &[String]) -> Result<()> {
    // Apart from each other, so that the gateway is measured with its own features, not with those of its measurer.
    shell::run(&mut repo.cargo(&["build", "--release", "-p", "gateway"]))?;
    shell::run(&mut repo.cargo(&["build", "--release", "-p", "openclaw-memory", "--examples"]))?;
    shell::run(&mut repo.cargo(&["build", "--release", "-p", "openclaw-platforms"]))?;
    shell::run(&mut repo.cargo(&["build", "--release", "-p", "openclaw-bench"]))?;
    let mut measure = repo.command(repo.built("release", "openclaw-bench"));
    shell::run(measure.arg(repo.target_dir().join("release")).args(args))
}
