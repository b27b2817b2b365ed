//! Skills: folders in the Agent Skills format, installed from a registry or put there by hand, and called as tools in a sandbox.
//!
//! A skill is a program, an MCP server, or instructions. [`Skills`] lists, installs and removes them ([`SkillPort`]), offers them to models
//! and carries out their calls ([`ToolPort`]). Nothing runs before an engine has proved itself.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! # let dir = tempfile::tempdir().unwrap();
//! # let runtime_dir = dir.path().join("run");
//! use std::sync::Arc;
//!
//! use openclaw_core::{config::SkillsConfig, port::SkillPort as _};
//! use openclaw_skills::{Skills, SkillsOptions};
//! use tokio::sync::watch;
//!
//! let (_config_tx, config) = watch::channel(Arc::new(SkillsConfig::default()));
//! let options = SkillsOptions::new("no/such/directory".into(), runtime_dir, "openclaw-sandbox".into());
//! let skills = Skills::open(options, config).unwrap();
//! assert!(skills.list().await.unwrap().is_empty());
//! assert!(skills.install("weather", None).await.unwrap_err().to_string().contains("skills.registry"));
//! # });
//! ```
//!
//! [`SkillPort`]: openclaw_core::port::SkillPort
//! [`ToolPort`]: openclaw_core::port::ToolPort
//!
//! This crate must never know about the gateway's HTTP interface, the log, models or channels; and nothing that a skill brings
//! may run outside a sandbox.

mod archive;
mod catalog;
mod egress;
#[cfg(target_os = "linux")]
mod executor;
mod install;
mod limits;
mod lock;
mod manifest;
mod name;
mod package;
#[cfg(target_os = "linux")]
mod protocol;
mod registry;
#[cfg(target_os = "linux")]
mod sandbox;
mod skills;
mod usage;

pub use egress::{
    Egress, EgressCounts, EgressError, EgressLimits, Lease, Resolve, SystemResolver, proxy_environment,
};
#[cfg(target_os = "linux")]
pub use executor::Variables;
pub use package::{Validation, validate};
pub use registry::BuiltinSkill;
#[cfg(target_os = "linux")]
pub use sandbox::init::main as sandbox_main;
pub use skills::{
    SkillAudit, SkillBeyond, SkillCase, SkillCaseError, SkillDetails, SkillDifference, SkillFound, SkillKind,
    SkillRefusal, SkillRequest, Skills, SkillsOptions, copy_skill,
};

/// Readers of foreign bytes, for the fuzzer.
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::{
        archive::fuzz as archive, egress::fuzz_client_hello as client_hello,
        manifest::fuzz_manifest as manifest,
    };
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
