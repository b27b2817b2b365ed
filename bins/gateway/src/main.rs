//! The `gateway` program. Everything is in the library beside it, so that tests and fuzzers reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    openclaw_gateway::main()
}
