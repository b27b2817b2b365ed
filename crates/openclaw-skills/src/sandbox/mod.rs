//! The sandbox: what runs a skill, and what keeps it in.
//!
//! Engines make sandboxes ([`engine::Engine`]); in each, the gateway's own program is process 1 ([`init`]) and starts the skill.

mod canary;
mod container;
mod ended;
mod engine;
mod forward;
mod host;
pub(crate) mod init;
mod namespace;
mod plan;
mod program;
mod select;

pub(crate) use self::program::Launcher;
pub(crate) use self::select::{Selection, Surroundings};
pub(crate) use self::{
    ended::{Ended, LAST_WORDS_BYTES, hear},
    engine::{Engine, EngineError, Job, Sandbox},
    plan::{Bounds, Grant},
};

/// The program and arguments that write one of a skill's files to standard output: our own, as an image may have no `cat`.
pub(crate) fn reader_argv(path: &str) -> Vec<String> {
    [program::PROGRAM, init::ARGUMENT, "read", path].map(str::to_owned).into()
}
