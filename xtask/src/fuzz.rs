//! `cargo xtask fuzz`: the fuzz targets of all crates, with cargo-fuzz on nightly.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::shell::{self, Repo};

/// Runs one target, or all of them in turn.
pub(crate) fn fuzz(repo: &Repo, args: &[String]) -> Result<()> {
    let (mut wanted, mut seconds) = (None, 60_u64);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == "--seconds" {
            let value = args.next().context("`--seconds` needs a number")?;
            seconds = value.parse().with_context(|| format!("`--seconds {value}` is no number"))?;
        } else {
            wanted = Some(arg.as_str());
        }
    }
    let all = targets(repo.root())?;
    let chosen: Vec<_> = all.iter().filter(|(_, name)| wanted.is_none_or(|wanted| wanted == name)).collect();
    if chosen.is_empty() {
        let names: Vec<_> = all.iter().map(|(_, name)| name.as_str()).collect();
        bail!("no such fuzz target; there are: {}", names.join(", "));
    }
    for (directory, name) in &chosen {
        println!("\n== {name}, {seconds} s");
        // The pinned toolchain has no sanitizers, and `+nightly` is understood by rustup's cargo only.
        let mut command = repo.command("cargo");
        command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
        command.args(["+nightly", "fuzz", "run", name, "--fuzz-dir"]).arg(directory);
        command.args(["--", &format!("-max_total_time={seconds}"), "-timeout=10", "-rss_limit_mb=2048"]);
        shell::run(&mut command).with_context(|| {
            format!("{name} found something, or cargo-fuzz is missing (cargo install cargo-fuzz; rustup toolchain install nightly)")
        })?;
    }
    println!("\n{} targets, {seconds} s each, nothing found", chosen.len());
    Ok(())
}

/// Every fuzz target: the directory of its cargo-fuzz package, and its name.
pub(crate) fn targets(root: &Path) -> Result<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    for group in ["crates", "bins"] {
        for entry in std::fs::read_dir(root.join(group))? {
            let directory = entry?.path().join("fuzz");
            let manifest = directory.join("Cargo.toml");
            if !manifest.is_file() {
                continue;
            }
            let text = shell::read(&manifest)?;
            for part in text.split("[[bin]]").skip(1) {
                let name = part.lines().find_map(|line| line.trim().strip_prefix("name = "));
                found.extend(name.map(|name| (directory.clone(), name.trim_matches('"').to_owned())));
            }
        }
    }
    found.sort();
    Ok(found)
}
