//! Skills: listing, installing, removing, and calling them as tools.
//!
//! A skill is a folder with a `SKILL.md` that begins with YAML front matter. This version has no sandbox, and a skill never runs
//! without one: installed skills are listed as `disabled`, and no tool is offered to the model.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use std::sync::Arc;
//!
//! use openclaw_core::{config::SkillsConfig, port::SkillPort as _};
//! use openclaw_skills::Skills;
//! use tokio::sync::watch;
//!
//! let (_config_tx, config) = watch::channel(Arc::new(SkillsConfig::default()));
//! let skills = Skills::open("no/such/directory".into(), config);
//! assert!(skills.list().await.unwrap().is_empty());
//! assert!(skills.install("weather", None).await.unwrap_err().to_string().contains("skills.registry"));
//! # });
//! ```
//!
//! This crate must never know about the gateway's HTTP interface, the log, models or channels; and nothing that a skill brings
//! may run outside a sandbox.

mod archive;
mod folder;
mod install;
mod lock;
mod manifest;
mod name;
mod package;
mod registry;
mod skills;

pub use registry::{BuiltinFile, BuiltinSkill};
pub use skills::Skills;

/// Archives of strangers, for the fuzzer: whatever `bytes` are, unpacking them into the empty folder `dest` returns, and what it says
/// it wrote lies there. No stable interface.
///
/// # Panics
/// When it does not.
#[doc(hidden)]
pub fn fuzz_archive(bytes: &[u8], dest: &std::path::Path) {
    archive::unpack_any(bytes, dest);
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
