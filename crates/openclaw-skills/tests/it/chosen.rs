//! Which engine is chosen, and when it is chosen again.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use openclaw_core::{
    config::{SandboxEngine, SkillsConfig},
    port::{SkillPort as _, ToolPort as _},
};
use openclaw_skills::SkillsOptions;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::support::{Home, call};

/// Longer than the first pause.
const A_MINUTE: Duration = Duration::from_secs(61);

fn config(engine: SandboxEngine) -> SkillsConfig {
    SkillsConfig { engine, ..SkillsConfig::default() }
}

/// A home whose launcher can be taken away.
fn home() -> Home {
    Home::made(config(SandboxEngine::Namespace), |options| {
        let launcher = options.dir.parent().unwrap().join("launcher");
        fs::copy(&options.launcher, &launcher).unwrap();
        fs::set_permissions(&launcher, fs::Permissions::from_mode(0o755)).unwrap();
        SkillsOptions { launcher, ..options }
    })
}

/// Waits until something is so, in real time.
async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    for _ in 0..600 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not so after half a minute: {what}");
}

/// A minute goes by for the program, but not for the processes that it starts.
async fn a_minute_passes() {
    tokio::time::pause();
    tokio::time::advance(A_MINUTE).await;
    tokio::time::resume();
}

#[tokio::test]
async fn an_engine_that_fails_is_found_out_and_tried_again() {
    let home = home();
    home.python("echo", "", "import sys\nprint(sys.stdin.read())\n");
    let (launcher, aside) = (home.path("home/.openclaw/launcher"), home.path("aside"));
    let mut tasks = JoinSet::new();
    let shutdown = CancellationToken::new();
    tasks.spawn(home.skills.clone().keep(shutdown.clone()));
    let engine = || home.skills.sandbox().engine;
    until("it works", async || engine() == "namespace").await;

    // It stops working: a call says so, and is right.
    fs::rename(&launcher, &aside).unwrap();
    home.skills.list().await.unwrap();
    let failed = home.call("echo", json!({})).await;
    assert!(failed.is_error, "{}", failed.content);
    assert_eq!(engine(), "namespace", "a call alone is not believed");
    a_minute_passes().await;
    until("it is found out", async || engine() == "none" && home.skills.sandbox().problems.len() > 1).await;
    let problems = home.skills.sandbox().problems.join("\n");
    assert!(problems.contains("launcher") && problems.contains("tried again in 1 min"), "{problems}");
    let listed = home.listed().await;
    assert!(listed[0].3.as_ref().is_some_and(|reason| reason.contains("tried again")), "{listed:?}");

    // It is there again: with the next try, or the one after that.
    fs::rename(&aside, &launcher).unwrap();
    a_minute_passes().await;
    until("it works again", async || engine() == "namespace").await;
    assert!(!home.call("echo", json!({})).await.is_error);
    shutdown.cancel();
    tasks.join_all().await;
}

#[tokio::test]
async fn a_changed_configuration_is_a_reason_to_try_again() {
    let home = home();
    let (launcher, aside) = (home.path("home/.openclaw/launcher"), home.path("aside"));
    fs::rename(&launcher, &aside).unwrap();
    let mut tasks = JoinSet::new();
    let shutdown = CancellationToken::new();
    tasks.spawn(home.skills.clone().keep(shutdown.clone()));
    until("it does not work", async || home.skills.sandbox().problems.len() > 1).await;
    fs::rename(&aside, &launcher).unwrap();
    let changed = SkillsConfig { registry: Some("/nowhere".to_owned()), ..config(SandboxEngine::Namespace) };
    home.config.send_replace(std::sync::Arc::new(changed));
    until("it works", async || home.skills.sandbox().engine == "namespace").await;
    shutdown.cancel();
    tasks.join_all().await;
}

#[tokio::test]
async fn skills_are_looked_at_while_an_engine_is_tried() {
    let home = Home::made(config(SandboxEngine::Podman), |options| {
        let bin = options.dir.parent().unwrap().join("bin");
        slow(&bin.join("podman"));
        let environment = vec![("PATH".to_owned(), bin.display().to_string())];
        SkillsOptions { environment, ..options }
    });
    let mut tasks = JoinSet::new();
    let shutdown = CancellationToken::new();
    tasks.spawn(home.skills.clone().keep(shutdown.clone()));
    home.python("echo", "", "import sys\nprint(sys.stdin.read())\n");
    let is_known = async || home.skills.judge(&call("echo", json!({}))).await.stamp.is_some();
    until("the new skill is known", is_known).await;
    let problems = home.skills.sandbox().problems;
    assert_eq!(problems, ["the sandbox engines are being tried"]);
    shutdown.cancel();
    tasks.join_all().await;
}

/// An engine that takes its time.
fn slow(program: &Path) {
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    fs::write(program, "#!/bin/sh\nexec /bin/sleep 600\n").unwrap();
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
}
