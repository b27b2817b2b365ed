//! Process 1 of sandboxes as a program of its own, for programs that don't want to be it themselves. The gateway needs none: it is its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(target_os = "linux")]
    if let Some(code) = openclaw_skills::sandbox_main(std::env::args_os().skip(1)) {
        return code;
    }
    ExitCode::FAILURE
}
