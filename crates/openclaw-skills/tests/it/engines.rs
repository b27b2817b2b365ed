//! The same on every engine that is there.

use std::{fs, sync::Arc};

use openclaw_core::{
    config::{SandboxEngine, SkillLimits, SkillPolicy, SkillsConfig},
    port::SkillPort as _,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    network::{AllHere, FETCH, hello},
    support::Home,
    user::{self, Who},
};

const LOOK: &str = "
import json, os, sys
arguments = json.load(sys.stdin)
seen = {}
for path in arguments['paths']:
    try:
        seen[path] = open(path).read()
    except OSError as error:
        seen[path] = type(error).__name__
try:
    with open(arguments['write'], 'w') as file:
        file.write('written')
    seen['write'] = True
except OSError as error:
    seen['write'] = type(error).__name__
seen['env'] = sorted(os.environ)
seen['who'] = [os.getuid() != 0 or 'root inside', os.getcwd(), os.uname().nodename]
print(json.dumps(seen))
";

/// Calls, grants, bounds and the network.
async fn suite(engine: SandboxEngine) {
    let mut servers = JoinSet::new();
    let port = hello(&mut servers).await;
    let home = Home::with_resolver(
        SkillsConfig {
            engine,
            // Docker's daemon may be root's.
            rootless: engine != SandboxEngine::Docker,
            limits: SkillLimits {
                memory_mb: 96,
                processes: 32,
                timeout_seconds: 6,
                ..SkillLimits::default()
            },
            policy: SkillPolicy {
                allow_private: vec![format!("allowed.test:{port}")],
                ..SkillPolicy::default()
            },
            env: [("TOLD".to_owned(), "needle-in-a-variable".into())].into(),
            ..SkillsConfig::default()
        },
        Arc::new(AllHere),
    );
    let (notes, diary) = (home.path("home/notes"), home.path("home/diary"));
    for folder in [&notes, &diary] {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("a.txt"), "words").unwrap();
    }
    home.open_to_all(&notes);
    let head = format!("permissions: ['filesystem:write:{}', 'env:TOLD']\n", notes.display());
    home.python("look", &head, LOOK);
    home.python("fetch", &format!("permissions: ['network:allowed.test:{port}']\n"), FETCH);
    home.python("glutton", "", "kept = []\nwhile True: kept.append(bytearray(1 << 20))\n");
    home.python(
        "rabbit",
        "",
        "import os, time\nwhile True:\n  try: os.fork()\n  except OSError: time.sleep(.01)\n",
    );
    home.python(
        "shell",
        "",
        "import subprocess\nprint(subprocess.run(['/bin/ls', '/'], capture_output=True).stdout)\n",
    );
    home.python("free", "permissions: [shell]\n", "import subprocess\nprint(subprocess.run(['/bin/echo', 'free'], capture_output=True).stdout.decode())\n");
    home.start().await;
    let sandbox = home.skills.sandbox();
    println!("engine: {sandbox:?}");
    let is_root = rustix::process::geteuid().is_root();
    assert!(!(is_root && sandbox.rootless), "{sandbox:?}");

    let (note, secret, token) =
        (notes.join("a.txt"), diary.join("a.txt"), home.path("home/.openclaw/gateway.yaml"));
    let written = notes.join("new.txt");
    let looked =
        home.call("look", json!({"paths": [note, secret, token, "/skill/SKILL.md"], "write": written})).await;
    assert!(!looked.is_error, "{}", looked.content);
    let seen: Value = serde_json::from_str(&looked.content).unwrap();
    assert_eq!(seen[note.to_str().unwrap()], "words");
    assert_eq!(seen[secret.to_str().unwrap()], "FileNotFoundError");
    assert_eq!(seen[token.to_str().unwrap()], "FileNotFoundError");
    assert!(seen["/skill/SKILL.md"].as_str().unwrap().contains("name: look"));
    assert_eq!(seen["write"], true);
    assert_eq!(fs::read_to_string(&written).unwrap(), "written");
    let variables = json!(["HOME", "LANG", "OPENCLAW_GRANTED", "PATH", "TMPDIR", "TOLD", "USER"]);
    assert!(
        seen["env"]
            .as_array()
            .unwrap()
            .iter()
            .all(|name| variables.as_array().unwrap().contains(name) || name == "LC_CTYPE"),
        "{}",
        seen["env"]
    );
    assert_eq!(seen["who"][1], "/skill");
    assert_eq!(seen["who"][2], "sandbox");

    let fetched = home.call("fetch", json!({"url": format!("http://allowed.test:{port}/")})).await;
    assert!(fetched.content.contains("hello"), "{}", fetched.content);
    let refused = home.call("fetch", json!({"url": format!("http://other.test:{port}/")})).await;
    assert!(refused.content.contains("403"), "{}", refused.content);

    for bounded in ["glutton", "rabbit"] {
        let result = home.call(bounded, json!({})).await;
        println!("{bounded}: {}", result.content);
        assert!(result.is_error, "{bounded}: {}", result.content);
    }
    let kept = home.call("shell", json!({})).await;
    assert!(kept.is_error && kept.content.contains("PermissionError"), "{}", kept.content);
    let free = home.call("free", json!({})).await;
    assert!(free.content.contains("free"), "{}", free.content);
    home.end().await;
}

#[tokio::test]
async fn namespace() {
    suite(SandboxEngine::Namespace).await;
}

#[tokio::test]
async fn namespace_as_a_user() {
    match user::not_root("engines::namespace_as_a_user") {
        Who::Us => suite(SandboxEngine::Namespace).await,
        Who::Another => {}
        Who::Nobody(reason) => println!("SKIPPED: {reason}"),
    }
}

#[tokio::test]
async fn podman_as_a_user() {
    match user::not_root("engines::podman_as_a_user") {
        Who::Us if !is_there("podman") => println!("SKIPPED: podman is not installed"),
        Who::Us => suite(SandboxEngine::Podman).await,
        Who::Another => {}
        Who::Nobody(reason) => println!("SKIPPED: {reason}"),
    }
}

#[tokio::test]
async fn docker() {
    if has_docker() {
        suite(SandboxEngine::Docker).await;
    }
}

#[tokio::test]
async fn docker_of_root_as_a_user() {
    match user::not_root("engines::docker_of_root_as_a_user") {
        Who::Us if has_docker() => suite(SandboxEngine::Docker).await,
        Who::Us | Who::Another => {}
        Who::Nobody(reason) => println!("SKIPPED: {reason}"),
    }
}

#[tokio::test]
async fn podman_as_root() {
    match rustix::process::geteuid().is_root() && is_there("podman") {
        true => suite(SandboxEngine::Podman).await,
        false => println!("not tried: this is for root, with podman"),
    }
}

/// Whether docker's daemon answers; says so when it does not.
pub(crate) fn has_docker() -> bool {
    let info = std::process::Command::new("docker").arg("info").output();
    let has = info.is_ok_and(|info| info.status.success());
    if !has {
        println!("not tried: docker is not installed, or its daemon does not answer");
    }
    has
}

pub(crate) fn is_there(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}
