//! Running a test once more as another user: rootless engines want one who is not root, and CI is root.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::Command,
};

/// Set for the second run: where the launcher was copied to.
pub(crate) const LAUNCHER: &str = "OPENCLAW_TEST_LAUNCHER";

/// Set for the second run: where the attempts to escape were copied to.
pub(crate) const ATTEMPTS: &str = "OPENCLAW_TEST_ATTEMPTS";

/// Who runs a test.
pub(crate) enum Who {
    /// This process may go on.
    Us,
    /// Another user has run it, well.
    Another,
    /// Nobody can; why.
    Nobody(String),
}

/// Runs the test `name` of this program as the user that `OPENCLAW_TEST_USER` names, when we are root; fails when it fails.
pub(crate) fn not_root(name: &str) -> Who {
    if !rustix::process::geteuid().is_root() {
        return Who::Us;
    }
    let Ok(user) = std::env::var("OPENCLAW_TEST_USER") else {
        return Who::Nobody(
            "this is for a user who is not root: set OPENCLAW_TEST_USER to the name of one".to_owned(),
        );
    };
    let id = |flag: &str| {
        let output = Command::new("id").args([flag, user.as_str()]).output().unwrap();
        assert!(output.status.success(), "there is no user {user}");
        String::from_utf8(output.stdout).unwrap().trim().parse::<u32>().unwrap()
    };
    let (uid, gid) = (id("-u"), id("-g"));
    // Where the build lies may be closed to that user.
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = |from: PathBuf, to: &str| {
        let to = dir.path().join(to);
        fs::copy(from, &to).unwrap();
        fs::set_permissions(&to, fs::Permissions::from_mode(0o755)).unwrap();
        to
    };
    let program = copy(std::env::current_exe().unwrap(), "test");
    let launcher = copy(env!("CARGO_BIN_EXE_openclaw-sandbox").into(), "launcher");
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/escape");
    if sources.is_dir() {
        let copied =
            Command::new("cp").arg("-r").arg(sources).arg(dir.path().join("escape")).status().unwrap();
        assert!(copied.success());
        let opened =
            Command::new("chmod").args(["-R", "a+rX"]).arg(dir.path().join("escape")).status().unwrap();
        assert!(opened.success());
    }
    let [home, run, temporary] = ["home", "run", "tmp"].map(|name| {
        let path = dir.path().join(name);
        fs::create_dir(&path).unwrap();
        chown(&path, Some(uid), Some(gid)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        path
    });
    let output = Command::new("setpriv")
        .args([format!("--reuid={uid}"), format!("--regid={gid}"), "--init-groups".to_owned()])
        .arg(program)
        .args([name, "--exact", "--nocapture"])
        .current_dir("/")
        .env(LAUNCHER, launcher)
        .env(ATTEMPTS, dir.path().join("escape/attempts"))
        .env("HOME", home)
        .env("USER", &user)
        .env("XDG_RUNTIME_DIR", run)
        .env("TMPDIR", temporary)
        .env_remove("OPENCLAW_TEST_USER")
        .output()
        .unwrap();
    // Podman leaves a process that holds the user's namespace.
    let pause = fs::read_to_string(dir.path().join("run/libpod/tmp/pause.pid"));
    let pause = pause.ok().and_then(|pid| rustix::process::Pid::from_raw(pid.trim().parse().ok()?));
    if let Some(pid) = pause {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "as {user}: {said}");
    match said.split_once("SKIPPED: ") {
        Some((_, reason)) => Who::Nobody(reason.lines().next().unwrap_or_default().to_owned()),
        None => {
            println!("as {user}: {said}");
            Who::Another
        }
    }
}
