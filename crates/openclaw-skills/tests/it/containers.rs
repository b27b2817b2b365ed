//! What holds for containers only: they run beside us, by a command that looks things up for itself.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use openclaw_core::config::{SandboxEngine, SkillLimits, SkillsConfig};
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    engines::{has_docker, is_there},
    escape::left,
    support::Home,
    user::{self, Who},
};

/// Set for a process that is to be killed: the folder that its skill tells it runs in.
const HOLDER: &str = "OPENCLAW_TEST_HOLDER";

/// Set for it, too: the engine.
const HELD_BY: &str = "OPENCLAW_TEST_HELD_BY";

const SLEEPER: &str = "
import json, os, sys, time
open(json.load(sys.stdin)['up'], 'w').close()
time.sleep(600)
";

/// Whether the test `name` is to go on in this process: as a user who has podman.
fn is_ours(name: &str) -> bool {
    match user::not_root(name) {
        Who::Us if is_there("podman") => return true,
        Who::Us => println!("SKIPPED: podman is not installed"),
        Who::Another => {}
        Who::Nobody(reason) => println!("SKIPPED: {reason}"),
    }
    false
}

/// Skills in podman.
fn podman(limits: SkillLimits) -> Home {
    home("podman", limits)
}

/// Skills in containers, by a script that runs `on-run` first of all where that is there and a container is to be run.
fn home(name: &str, limits: SkillLimits) -> Home {
    let is_docker = name == "docker";
    let engine = if is_docker { SandboxEngine::Docker } else { SandboxEngine::Podman };
    let config = SkillsConfig { engine, rootless: !is_docker, limits, ..SkillsConfig::default() };
    Home::made(config, |options| {
        let folder = options.runtime_dir.with_file_name("bin");
        fs::create_dir(&folder).unwrap();
        let path = std::env::var("PATH").unwrap();
        let real = std::env::split_paths(&path).map(|path| path.join(name)).find(|path| path.is_file());
        let hook = options.runtime_dir.with_file_name("on-run");
        let script = format!(
            "#!/bin/sh\ncase \" $* \" in *' run '*) [ -e {hook} ] && . {hook};; esac\nexec {real} \"$@\"\n",
            hook = hook.display(),
            real = real.unwrap().display(),
        );
        crate::support::write(&folder.join(name), &script);
        let mut options = options;
        for (name, value) in &mut options.environment {
            if name == "PATH" {
                *value = format!("{}:{value}", folder.display());
            }
        }
        options
    })
}

fn brief(timeout_seconds: u32) -> SkillLimits {
    SkillLimits { timeout_seconds, warm: 0, memory_mb: 128, ..SkillLimits::default() }
}

/// Waits until `is_so`, at most so many twentieths of a second.
async fn wait(times: usize, what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..times {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{what}");
}

/// What the containers of a home do: `Created`, `Up`, ….
fn containers(engine: &str, home: &Path) -> Vec<String> {
    let line = match engine {
        "docker" => "{{.Label \"ai.openclaw.lifeline\"}} {{.Status}}",
        _ => "{{index .Labels \"ai.openclaw.lifeline\"}} {{.Status}}",
    };
    let listed = Command::new(engine).args(["ps", "--all", "--format", line]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let ours = listed.lines().filter(|line| line.starts_with(home.to_str().unwrap()));
    ours.filter_map(|line| line.split(' ').nth(1)).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_gateway_that_is_killed_takes_its_containers_along() {
    if is_ours("containers::a_gateway_that_is_killed_takes_its_containers_along") {
        killed("podman").await;
    }
}

#[tokio::test]
async fn a_gateway_that_is_killed_takes_its_docker_containers_along() {
    if has_docker() {
        killed("docker").await;
    }
}

async fn killed(engine: &str) {
    let dir = tempfile::tempdir().unwrap();
    let mut gateway = Command::new(std::env::current_exe().unwrap())
        .args(["containers::the_gateway_that_is_killed", "--exact", "--nocapture"])
        .env(HOLDER, dir.path())
        .env(HELD_BY, engine)
        .spawn()
        .unwrap();
    let told = dir.path().join("home");
    let home = || fs::read_to_string(&told).map(PathBuf::from).ok();
    wait(600, "the skill does not run", || home().is_some_and(|home| home.join("granted/up").exists())).await;
    let shared = home().unwrap().canonicalize().unwrap();
    assert!(!left(&shared).is_empty(), "its process is not seen");
    gateway.kill().unwrap();
    gateway.wait().unwrap();
    wait(40, "the container is still there", || left(&shared).is_empty()).await;
    wait(100, "the engine still has it", || containers(engine, &shared).is_empty()).await;
    fs::remove_dir_all(shared).unwrap();
}

#[tokio::test]
async fn the_gateway_that_is_killed() {
    let Some(dir) = std::env::var_os(HOLDER).map(PathBuf::from) else { return };
    let home = home(&std::env::var(HELD_BY).unwrap(), brief(300));
    fs::write(dir.join("home"), home.path("").to_str().unwrap()).unwrap();
    let up = sleeper(&home);
    home.start().await;
    let result = home.call("sleeper", json!({"up": up})).await;
    panic!("nobody killed us: {}", result.content);
}

/// Puts a skill that sleeps; the file that it makes when it does.
fn sleeper(home: &Home) -> PathBuf {
    let granted = home.path("granted");
    fs::create_dir(&granted).unwrap();
    home.open_to_all(&granted);
    home.python("sleeper", &format!("permissions: ['filesystem:write:{}']\n", granted.display()), SLEEPER);
    granted.join("up")
}

#[tokio::test]
async fn what_a_killed_gateway_left_is_removed_whatever_its_runtime_directory_was() {
    if is_ours("containers::what_a_killed_gateway_left_is_removed_whatever_its_runtime_directory_was") {
        swept("podman").await;
    }
}

#[tokio::test]
async fn what_a_killed_gateway_left_is_removed_from_docker() {
    if has_docker() {
        swept("docker").await;
    }
}

async fn swept(engine: &str) {
    let home = home(engine, brief(60));
    let up = sleeper(&home);
    home.python("left", "", "print('{}')\n");
    home.start().await;
    // As if the gateway had been killed half-way: the container is made, and nobody ever starts it.
    let create = "n=$#; while [ $n -gt 0 ]; do a=$1; shift; [ \"$a\" = run ] && a=create; set -- \"$@\" \"$a\"; n=$((n-1)); done\n";
    fs::write(home.path("on-run"), create).unwrap();
    let result = home.call("left", json!({})).await;
    fs::remove_file(home.path("on-run")).unwrap();
    let is_left = || containers(engine, home.dir.path()).contains(&"Created".to_owned());
    assert!(is_left(), "{}", result.content);
    let sweeping = async {
        wait(200, "the sleeper does not run", || up.exists()).await;
        let (shutdown, mut tasks) = (CancellationToken::new(), JoinSet::new());
        tasks.spawn(home.again("other-run").keep(shutdown.clone()));
        wait(600, "what was left is still there", || !is_left()).await;
        shutdown.cancel();
        tasks.join_all().await;
        wait(200, "only the sleeper is to be there", || containers(engine, home.dir.path()) == ["Up"]).await;
    };
    tokio::select! {
        result = home.call("sleeper", json!({"up": up})) => panic!("the sleeper was ended: {}", result.content),
        () = sweeping => {}
    }
    home.end().await;
}

#[tokio::test]
async fn a_link_in_the_place_of_a_granted_folder_is_found_out() {
    if !is_ours("containers::a_link_in_the_place_of_a_granted_folder_is_found_out") {
        return;
    }
    let home = podman(brief(10));
    let (granted, secret) = (home.path("granted"), home.path("home/diary"));
    for folder in [&granted, &secret] {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("a.txt"), if folder == &secret { "a secret" } else { "words" }).unwrap();
    }
    let read = format!("print({{'read': open('{}/a.txt').read()}})\n", granted.display());
    home.python("reader", &format!("permissions: ['filesystem:read:{}']\n", granted.display()), &read);
    home.start().await;
    let result = home.call("reader", json!({})).await;
    assert!(result.content.contains("words"), "{}", result.content);
    // Between the look at the folder and podman's own.
    let swap = format!(
        "mv {granted} {granted}.old; ln -s {secret} {granted}\n",
        granted = granted.display(),
        secret = secret.display()
    );
    fs::write(home.path("on-run"), swap).unwrap();
    let result = home.call("reader", json!({})).await;
    assert!(granted.is_symlink(), "nothing was swapped");
    assert!(result.is_error && result.content.contains("is not what was granted"), "{}", result.content);
    assert!(!result.content.contains("a secret"), "{}", result.content);
    home.end().await;
}

#[tokio::test]
async fn a_neighbour_of_many_processes_has_its_own() {
    if !is_ours("containers::a_neighbour_of_many_processes_has_its_own") {
        return;
    }
    // More than the 1,024 that all of a user's would have together.
    let home = podman(SkillLimits {
        processes: 1000,
        memory_mb: 2048,
        timeout_seconds: 60,
        warm: 0,
        ..SkillLimits::default()
    });
    let granted = home.path("granted");
    fs::create_dir(&granted).unwrap();
    let many = "#!/bin/sh
i=0
while [ $i -lt 950 ]; do sleep 60 & i=$((i+1)); done
touch $1
wait
";
    let up = granted.join("up");
    home.put("many", "SKILL.md", &format!("---\nname: many\ndescription: Many.\nentrypoint: [./main.sh, {}]\npermissions: [shell, 'filesystem:write:{}']\n---\n", up.display(), granted.display()));
    home.put("many", "main.sh", many);
    let few = "
import os, time
for _ in range(100):
    if os.fork() == 0:
        time.sleep(2)
        os._exit(0)
print('{\"made\": 100}')
";
    home.python("few", "", few);
    home.start().await;
    let few = async {
        wait(800, "the many are not there", || up.exists()).await;
        home.call("few", json!({})).await
    };
    tokio::select! {
        result = home.call("many", json!({})) => panic!("the many ended: {}", result.content),
        result = few => assert!(!result.is_error && result.content.contains("100"), "{}", result.content),
    }
    home.end().await;
}

#[tokio::test]
async fn a_container_that_is_late_leaves_no_process_and_no_container() {
    if !is_ours("containers::a_container_that_is_late_leaves_no_process_and_no_container") {
        return;
    }
    let home = podman(brief(1));
    home.python("quick", "", "print('{}')\n");
    home.start().await;
    // Its time is over before podman has made the container.
    fs::write(home.path("on-run"), "sleep 5\n").unwrap();
    let result = home.call("quick", json!({})).await;
    assert!(result.is_error && result.content.contains("did not answer within"), "{}", result.content);
    wait(300, "a command is left", || children() == 0).await;
    wait(300, "a container is left", || containers("podman", home.dir.path()).is_empty()).await;
    home.end().await;
}

/// Processes that we started and have not waited for.
fn children() -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    tasks
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .map(|children| children.split_whitespace().count())
        .sum()
}
