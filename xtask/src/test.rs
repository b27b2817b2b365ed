//! `cargo xtask test` and `cargo xtask e2e`.

use std::{
    path::Path,
    process::{Command, ExitCode},
};

use anyhow::{Result, bail};

use crate::{
    codegen,
    report::{Outcome, Report, Tally},
    sdks,
    shell::{self, FEATURES, Repo},
    tidy,
};

const E2E: &str = "package(openclaw-e2e)";
const NOT_E2E: &str = "not package(openclaw-e2e)";

/// Everything this machine can check.
pub(crate) fn all(repo: &Repo) -> Result<ExitCode> {
    let mut report = Report::new(require_all());
    report.step("fmt", |_| passed(format(repo, true)));
    report.step("tidy", |_| passed(tidy::tidy(repo)));
    report.step("deny", |_| deny(repo));
    report.step("clippy", |_| {
        passed(shell::run(&mut workspace(repo, &["clippy"], &["--all-targets", "--", "-D", "warnings"])))
    });
    report.step("docs", |_| {
        passed(shell::run(workspace(repo, &["doc"], &["--no-deps"]).env("RUSTDOCFLAGS", "-D warnings")))
    });
    report.step("build", |_| passed(build(repo)));
    report.step("codegen", |_| passed(codegen::check(repo)));
    report.step("tests", |tally| tests(repo, NOT_E2E, tally));
    report.step("doctests", |tally| doctests(repo, tally));
    report.step("skills", |tally| skills(repo, tally));
    report.step("node sdk", |tally| sdks::node(repo, tally));
    report.step("python sdk", |tally| sdks::python(repo, tally));
    report.step("e2e", |tally| tests(repo, E2E, tally));
    Ok(exit(report.finish()))
}

/// The end-to-end tests, or those whose name contains `filter`.
pub(crate) fn e2e(repo: &Repo, filter: Option<&str>) -> Result<ExitCode> {
    let mut report = Report::new(require_all());
    report.step("build", |_| passed(build(repo)));
    let expression = match filter {
        Some(name) => format!("{E2E} and test(/{name}/)"),
        None => E2E.to_owned(),
    };
    report.step("e2e", |tally| tests(repo, &expression, tally));
    Ok(exit(report.finish()))
}

/// Formats the workspace, or checks that it is formatted; also what no `mod` leads to.
pub(crate) fn format(repo: &Repo, check: bool) -> Result<()> {
    let check: &[&str] = if check { &["--check"] } else { &[] };
    shell::run(repo.cargo(&["fmt", "--all"]).args(check))?;
    let found = tidy::forgotten::found(repo.root());
    if found.is_empty() {
        return Ok(());
    }
    shell::run(repo.command("rustfmt").args(["--edition", "2024"]).args(check).args(found))
}

fn require_all() -> bool {
    std::env::var_os("OPENCLAW_REQUIRE_ALL").is_some_and(|value| value == "1")
}

fn exit(good: bool) -> ExitCode {
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn passed(result: Result<()>) -> Result<Outcome> {
    result.map(|()| Outcome::Passed(String::new()))
}

fn workspace(repo: &Repo, before: &[&str], after: &[&str]) -> Command {
    let mut command = repo.cargo(before);
    command.args(FEATURES).args(after);
    command
}

/// Builds everything the later steps run. `--all-targets` takes the same features as the tests do, so that nothing is
/// compiled twice, and makes sure that the `gateway` which the end-to-end tests start is this tree's.
pub(crate) fn build(repo: &Repo) -> Result<()> {
    shell::run(&mut workspace(repo, &["build"], &["--all-targets"]))
}

fn deny(repo: &Repo) -> Result<Outcome> {
    if !repo.has_cargo("deny") {
        return Ok(Outcome::Skipped(
            "cargo-deny is not installed: cargo install cargo-deny --locked".to_owned(),
        ));
    }
    passed(shell::run(&mut repo.cargo(&[
        "deny",
        "--all-features",
        "check",
        "--hide-inclusion-graph",
        "bans",
        "licenses",
        "sources",
    ])))
}

fn tests(repo: &Repo, expression: &str, tally: &mut Tally) -> Result<Outcome> {
    if !repo.has_cargo("nextest") {
        return without_nextest(repo, expression, tally);
    }
    let junit = repo.root().join("target/nextest/xtask/junit.xml");
    if junit.exists() {
        std::fs::remove_file(&junit)?;
    }
    let mut command =
        workspace(repo, &["nextest", "run"], &["--profile", "xtask", "--no-tests", "pass", "-E", expression]);
    let result = shell::run(with_gateway(repo, &mut command));
    let note = if junit.exists() { count(&shell::read(&junit)?, tally) } else { String::new() };
    result?;
    Ok(Outcome::Passed(note))
}

fn with_gateway<'a>(repo: &Repo, command: &'a mut Command) -> &'a mut Command {
    command.env("OPENCLAW_GATEWAY_BIN", repo.built("debug", "gateway"))
}

/// Reads counts and SKIPPED lines out of nextest's JUnit file. Its attributes stand in a fixed order and its text is
/// escaped, so looking for strings is enough.
fn count(junit: &str, tally: &mut Tally) -> String {
    let mut skipped = Vec::new();
    for case in junit.split("<testcase ").skip(1) {
        let attribute = |name: &str| {
            let rest = case.split_once(&format!("{name}=\""))?.1;
            Some(rest.split_once('"')?.0)
        };
        let failed = case.contains("<failure") || case.contains("<error");
        let reason = case.lines().find_map(|line| Some(line.split_once("SKIPPED: ")?.1));
        match reason {
            _ if failed => tally.failed += 1,
            Some(reason) => {
                tally.skipped += 1;
                let reason = reason.split("</system-").next().unwrap_or_default();
                let reason = reason.replace("&quot;", "\"").replace("&apos;", "'").replace("&amp;", "&");
                skipped.push(format!("skipped {}: {reason}", attribute("name").unwrap_or_default()));
            }
            None => tally.passed += 1,
        }
    }
    summary(tally, &skipped)
}

fn summary(tally: &Tally, skipped: &[String]) -> String {
    let mut lines =
        vec![format!("{} passed, {} failed, {} skipped", tally.passed, tally.failed, tally.skipped)];
    lines.extend_from_slice(skipped);
    lines.join("\n")
}

/// The same through `cargo test`, whose output carries the SKIPPED lines.
fn without_nextest(repo: &Repo, expression: &str, tally: &mut Tally) -> Result<Outcome> {
    println!("cargo-nextest is not installed; using cargo test");
    let mut command = if expression == NOT_E2E {
        workspace(repo, &["test"], &["--all-targets", "--exclude", "openclaw-e2e"])
    } else {
        repo.cargo(&["test", "-p", "openclaw-e2e", "--tests"])
    };
    command.args(["--no-fail-fast", "--", "--show-output"]);
    let (good, note) = libtest(with_gateway(repo, &mut command), tally)?;
    if good { Ok(Outcome::Passed(note)) } else { bail!("some tests failed") }
}

fn doctests(repo: &Repo, tally: &mut Tally) -> Result<Outcome> {
    let (good, note) = libtest(&mut workspace(repo, &["test", "--doc"], &[]), tally)?;
    if good { Ok(Outcome::Passed(note)) } else { bail!("some doctests failed") }
}

/// The tests of the skills in `skills/`, which are Python programs.
fn skills(repo: &Repo, tally: &mut Tally) -> Result<Outcome> {
    if !sdks::has_python(repo) {
        return Ok(Outcome::Skipped(
            "python3 is not installed, which the skills in skills/ are written in".to_owned(),
        ));
    }
    // Nothing is written beside what goes into the gateway.
    let args = ["-B", "-m", "unittest", "discover", "-s", "skills/tests"];
    let count = sdks::unittest(repo.command("python3").args(args)).inspect_err(|_| tally.failed += 1)?;
    tally.passed += count;
    Ok(Outcome::Passed(format!("{count} passed")))
}

/// Runs libtest through cargo, shows what it wrote, and counts.
fn libtest(command: &mut Command, tally: &mut Tally) -> Result<(bool, String)> {
    let output = command.stderr(std::process::Stdio::inherit()).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut skipped = Vec::new();
    for line in text.lines() {
        println!("{line}");
        if let Some((_, reason)) = line.split_once("SKIPPED: ") {
            skipped.push(format!("skipped: {reason}"));
        } else if let Some(result) = line.strip_prefix("test result: ") {
            let number = |what: &str| {
                let words: Vec<_> = result.split([' ', ';', '.']).filter(|word| !word.is_empty()).collect();
                let at = words.iter().position(|word| *word == what)?;
                words.get(at.checked_sub(1)?)?.parse::<usize>().ok()
            };
            tally.passed += number("passed").unwrap_or(0);
            tally.failed += number("failed").unwrap_or(0);
        }
    }
    tally.skipped += skipped.len();
    tally.passed = tally.passed.saturating_sub(skipped.len());
    Ok((output.status.success(), summary(tally, &skipped)))
}

/// Whether there is an executable at `path`, for steps that need one built before.
pub(crate) fn require_built(path: &Path) -> Result<()> {
    if path.is_file() { Ok(()) } else { bail!("{} was not built", path.display()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_a_junit_file() {
        let junit = r#"<testsuites><testsuite name="e2e">
            <testcase name="a" classname="e2e"><system-out>running 1 test</system-out></testcase>
            <testcase name="b" classname="e2e"><system-out>SKIPPED: no &quot;curl&quot; here</system-out></testcase>
            <testcase name="c" classname="e2e"><failure type="test failure">SKIPPED: not really</failure></testcase>
            </testsuite></testsuites>"#;
        let mut tally = Tally::default();
        let note = count(junit, &mut tally);
        assert_eq!((tally.passed, tally.failed, tally.skipped), (1, 1, 1));
        assert_eq!(note, "1 passed, 1 failed, 1 skipped\nskipped b: no \"curl\" here");
    }
}
