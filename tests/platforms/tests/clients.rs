//! The servers, driven by the platforms' own client libraries.
//!
//! `OPENCLAW_PLATFORM_CLIENTS` names a virtual environment that has them. Without it the tests say `SKIPPED:`; with
//! `OPENCLAW_REQUIRE_ALL=1` they fail.
#![cfg(test)]

use std::{path::PathBuf, process::Stdio, time::Duration};

use openclaw_platforms::{Discord, Slack, Telegram};
use tokio::process::Command;

/// Runs `clients/SCRIPT URL` with the environment's Python.
async fn drive(script: &str, url: &str) {
    let Some(environment) = std::env::var_os("OPENCLAW_PLATFORM_CLIENTS").map(PathBuf::from) else {
        let reason = "OPENCLAW_PLATFORM_CLIENTS names no virtual environment with the platforms' clients";
        assert!(std::env::var_os("OPENCLAW_REQUIRE_ALL").is_none_or(|all| all != "1"), "{reason}");
        println!("SKIPPED: {reason}");
        return;
    };
    let ran = Command::new(environment.join("bin/python"))
        .arg(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients").join(script))
        .arg(url)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_secs(120), ran).await.unwrap().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&said));
}

#[tokio::test(flavor = "multi_thread")]
async fn telegram_is_what_aiogram_takes_for_it() {
    let telegram = Telegram::start("42:TEST").await;
    drive("telegram_aiogram.py", &telegram.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slack_is_what_slack_bolt_takes_for_it() {
    let slack = Slack::start("xoxb-test", "xapp-test").await;
    drive("slack_bolt_client.py", &slack.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_is_what_discord_py_takes_for_it() {
    let discord = Discord::start("discord-test-token").await;
    drive("discord_py.py", &discord.url()).await;
}
