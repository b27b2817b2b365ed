//! The bound on the memory of all processes together, and what it must not be taken for.

use std::process::Command;

use openclaw_core::{
    config::{SandboxEngine, SkillLimits, SkillsConfig},
    port::SkillPort as _,
};
use serde_json::json;

use crate::support::Home;

/// Five children with the parent's pages, which nobody has copied.
const READERS: &str = "
import json, os, time
parent = bytearray(b'x') * (120 << 20)
end, stay = os.pipe()
children = []
for _ in range(5):
    out, into = os.pipe()
    if os.fork() == 0:
        os.close(stay)
        os.write(into, b'%d' % sum(parent[::4096]))
        os.read(end, 1)
        os._exit(0)
    children.append(out)
sums = [int(os.read(out, 20)) for out in children]
time.sleep(1)
print(json.dumps({'sums': sums}))
";

/// The same, but each child writes to them, and so has its own.
const WRITERS: &str = "
import os, time
parent = bytearray(b'x') * (120 << 20)
for _ in range(5):
    if os.fork() == 0:
        for at in range(0, len(parent), 4096):
            parent[at] = 1
        time.sleep(60)
time.sleep(60)
";

#[tokio::test]
async fn pages_that_processes_share_are_counted_once() {
    let limits = SkillLimits { memory_mb: 256, ..SkillLimits::default() };
    let home =
        Home::with(SkillsConfig { engine: SandboxEngine::Namespace, limits, ..SkillsConfig::default() });
    home.python("readers", "", READERS);
    home.python("writers", "", WRITERS);
    home.start().await;
    let shared = home.call("readers", json!({})).await;
    assert!(!shared.is_error, "{}", shared.content);
    let copied = home.call("writers", json!({})).await;
    assert!(copied.is_error && copied.content.contains("256 MiB of memory"), "{}", copied.content);
    home.end().await;
}

/// Set for the second run of the test, in a place where parts of /proc are covered.
const COVERED: &str = "OPENCLAW_TEST_COVERED";

#[tokio::test]
async fn without_a_proc_of_its_own_the_engine_is_not_used_and_says_why() {
    if std::env::var_os(COVERED).is_some() {
        let home = Home::new(SandboxEngine::Namespace);
        home.skills.start().await;
        let sandbox = home.skills.sandbox();
        assert_eq!(sandbox.engine, "none");
        let said = sandbox.problems.join("\n");
        assert!(said.contains("bound their memory together"), "{said}");
        return;
    }
    // As container engines do it; whoever makes a user namespace below can't take the cover off, and gets no new /proc.
    let is_root = rustix::process::geteuid().is_root();
    let space: &[&str] = if is_root { &["--mount"] } else { &["--user", "--map-root-user", "--mount"] };
    let back = if is_root { "" } else { "unshare --user --map-user=1000 --map-group=1000 " };
    let cover = format!("mount -t tmpfs tmpfs /proc/irq && exec {back}\"$0\" \"$@\"");
    let ran = Command::new("unshare")
        .args(space)
        .args(["sh", "-c", &cover])
        .arg(std::env::current_exe().unwrap())
        .args([
            "memory::without_a_proc_of_its_own_the_engine_is_not_used_and_says_why",
            "--exact",
            "--nocapture",
        ])
        .env(COVERED, "yes")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(
        ran.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&ran.stderr)
    );
}
