//! Exit codes, as `docs/cli.md` lists them.

use std::process::ExitCode;

/// Why a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Ok,
    /// Something failed; the message says what.
    Failure,
    /// The command line is not one. (clap's own code.)
    Usage,
    /// The configuration is not valid.
    Config,
    /// The port is in use, or another gateway holds the data directory.
    InUse,
    /// No gateway answers.
    NotRunning,
    /// Ended by Ctrl-C.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Ok => 0,
            Exit::Failure => 1,
            Exit::Usage => 2,
            Exit::Config => 3,
            Exit::InUse => 4,
            Exit::NotRunning => 5,
            Exit::Interrupted => 130,
        })
    }
}

/// A failure with the exit code it leads to, and every sentence it takes to tell it.
#[derive(Debug)]
pub(crate) struct Stop {
    pub(crate) exit: Exit,
    pub(crate) message: String,
}

impl Stop {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// What failed, with its causes.
    pub(crate) fn because(exit: Exit, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Some errors repeat their cause in their own text.
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            cause = error.source();
        }
        Self { exit, message }
    }
}
