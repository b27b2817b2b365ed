//! The tests of the client libraries.

use std::{ffi::OsStr, path::PathBuf, process::Command};

use anyhow::{Context as _, Result, bail};

use crate::{
    report::{Outcome, Tally},
    shell::{self, Repo},
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

/// Checks the Python library's types and runs its tests, in an environment that holds nothing but what it needs.
pub(crate) fn python(repo: &Repo, tally: &mut Tally) -> Result<Outcome> {
    let wheels = std::env::var_os("OPENCLAW_PYTHON_WHEELS")
        .map_or(repo.root().join("target/tools/wheels"), PathBuf::from);
    if !wheels.is_dir() {
        return Ok(Outcome::Skipped(
            "the packages of sdks/python are missing: python3 -m pip download --dest target/tools/wheels --requirement sdks/python/requirements-dev.txt"
                .to_owned(),
        ));
    }
    if !has_python(repo) {
        return Ok(Outcome::Skipped("python3 is not installed, which the Python library is for".to_owned()));
    }
    let home = repo.target_dir().join("python-sdk");
    let (venv, cache) = (home.join("venv"), home.join("mypy"));
    let python = venv.join("bin/python");
    let make = |args: &[&OsStr]| shell::output(repo.command("python3").arg("-m").args(args));
    // Without a pip of its own, which takes longest to make: ours serves it.
    make(&["venv".as_ref(), "--clear".as_ref(), "--without-pip".as_ref(), venv.as_ref()])?;
    make(&[
        "pip".as_ref(),
        "--python".as_ref(),
        python.as_ref(),
        "install".as_ref(),
        "--quiet".as_ref(),
        "--no-index".as_ref(),
        "--find-links".as_ref(),
        wheels.as_ref(),
        "--requirement".as_ref(),
        "sdks/python/requirements-dev.txt".as_ref(),
    ])?;
    let library = |args: &[&str]| {
        let mut command = repo.command(&python);
        command.args(args).current_dir(repo.root().join("sdks/python")).env("PYTHONPATH", "src");
        // Nothing is written beside what goes into the wheel.
        command.env("PYTHONDONTWRITEBYTECODE", "1").env("MYPY_CACHE_DIR", &cache);
        command
    };
    shell::run(&mut library(&["-m", "mypy"]))?;
    let args = ["-W", "error", "-m", "unittest", "discover", "-t", ".", "-s", "tests"];
    let count = unittest(&mut library(&args)).inspect_err(|_| tally.failed += 1)?;
    tally.passed += count;
    Ok(Outcome::Passed(format!("{count} passed")))
}

/// Whether there is a Python.
pub(crate) fn has_python(repo: &Repo) -> bool {
    repo.command("python3").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Runs Python's unittest; how many tests passed.
pub(crate) fn unittest(command: &mut Command) -> Result<usize> {
    let output =
        command.output().with_context(|| format!("can't start {}", command.get_program().display()))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let count =
        text.lines().find_map(|line| line.strip_prefix("Ran ")?.split(' ').next()?.parse::<usize>().ok());
    match count {
        Some(count) if count > 0 && output.status.success() => Ok(count),
        _ => bail!("the tests failed:\n{text}"),
    }
}
