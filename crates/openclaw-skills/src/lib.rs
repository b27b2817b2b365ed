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
pub use registry::{BuiltinFile, BuiltinSkill};
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
