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

pub use self::program::Launcher;
pub(crate) use self::select::Surroundings;
