//! The engines of this machine, for real.
#![cfg(all(test, target_os = "linux"))]

use std::{path::PathBuf, sync::Arc};

use openclaw_core::config::{SandboxEngine, SkillsConfig};
use openclaw_skills::{Launcher, probe};

#[tokio::test]
async fn probing() {
    let engine = match std::env::var("ENGINE").as_deref() {
        Ok("podman") => SandboxEngine::Podman,
        Ok("auto") => SandboxEngine::Auto,
        _ => SandboxEngine::Namespace,
    };
    let t = std::time::Instant::now();
    let found = probe(Launcher::new(PathBuf::from(env!("CARGO_BIN_EXE_openclaw-sandbox"))), Arc::new(SkillsConfig { engine, ..SkillsConfig::default() })).await;
    println!("{found} {:?}", t.elapsed());
}
