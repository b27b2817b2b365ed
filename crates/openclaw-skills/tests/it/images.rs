//! `runtime:` names an image: a local root for the built-in engine, an image of theirs for the others.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use openclaw_core::config::{SandboxEngine, SkillPolicy, SkillsConfig};
use serde_json::{Value, json};

use crate::{
    engines::{has_docker, is_there},
    support::Home,
    user::{self, Who},
};

const IMAGE: &str = "localhost/openclaw-test:1";

/// What the image has and the host does not, and the other way round, with nothing but what the shell can do itself.
const LOOK: &str = r#"
read input
read marker < /usr/share/marker
(echo words > /usr/share/written) 2>/dev/null
here() { [ -e "$1" ] && printf true || printf false; }
echo "{\"input\": $input, \"marker\": \"$marker\", \"python\": $(here /usr/bin/python3), \"written\": $(here /usr/share/written)}"
"#;

/// Unpacks an image with a shell and a `cat` in it, out of the host's.
fn unpack(root: &Path) {
    let mut files: Vec<PathBuf> = ["/bin/sh", "/bin/cat"].map(PathBuf::from).into();
    let listed = Command::new("ldd").args(&files).output().unwrap();
    for word in String::from_utf8(listed.stdout).unwrap().split_whitespace() {
        if word.starts_with("/lib") && !word.ends_with(':') {
            files.push(word.into());
        }
    }
    for file in files {
        let inside = root.join(file.strip_prefix("/").unwrap());
        fs::create_dir_all(inside.parent().unwrap()).unwrap();
        fs::copy(&file, inside).unwrap();
    }
    fs::create_dir_all(root.join("usr/share")).unwrap();
    fs::write(root.join("usr/share/marker"), "of the image\n").unwrap();
}

fn home(engine: SandboxEngine, images: Vec<String>) -> Home {
    let home = Home::with(SkillsConfig {
        engine,
        rootless: engine != SandboxEngine::Docker,
        policy: SkillPolicy { images, ..SkillPolicy::default() },
        ..SkillsConfig::default()
    });
    let head = |name: &str, image: &str, more: &str| {
        format!("---\nname: {name}\ndescription: For a test.\nruntime: '{image}'\n{more}---\nRun it.\n")
    };
    home.put("look", "SKILL.md", &head("look", IMAGE, "entrypoint: [/bin/sh, look.sh]\n"));
    home.put("look", "look.sh", LOOK);
    let other = "entrypoint: [cat, SKILL.md]\npermissions: [shell]\n";
    home.put("cat", "SKILL.md", &head("cat", IMAGE, other));
    home.put("missing", "SKILL.md", &head("missing", "localhost/openclaw-nothing:1", other));
    home
}

async fn suite(home: &Home, missing: &str) {
    home.start().await;
    for _ in 0..2 {
        let looked = home.call("look", json!({"n": 1})).await;
        assert!(!looked.is_error, "{}", looked.content);
        let seen: Value = serde_json::from_str(&looked.content).unwrap();
        let expected =
            json!({"input": {"n": 1}, "marker": "of the image", "python": false, "written": false});
        assert_eq!(seen, expected);
    }
    let read = home.call("cat", json!({})).await;
    assert!(read.content.contains("name: cat"), "{}", read.content);
    let refused = home.call("missing", json!({})).await;
    assert!(refused.is_error && refused.content.contains(missing), "{}", refused.content);
    home.end().await;
}

/// Brings the image into a container engine.
fn import(engine: &str, root: &Path) {
    let mut tar =
        Command::new("tar").arg("-C").arg(root).args(["-c", "."]).stdout(Stdio::piped()).spawn().unwrap();
    let import = Command::new(engine).args(["import", "-", IMAGE]).stdin(tar.stdout.take().unwrap()).output();
    assert!(tar.wait().unwrap().success());
    let import = import.unwrap();
    assert!(import.status.success(), "{}", String::from_utf8_lossy(&import.stderr));
}

async fn unpacked() {
    let dir = tempfile::tempdir_in("/var/tmp").unwrap();
    let root = dir.path().join("root");
    unpack(&root);
    let home = home(SandboxEngine::Namespace, vec![format!("{IMAGE}={}", root.display())]);
    suite(&home, "skills.policy.images").await;
}

#[tokio::test]
async fn namespace() {
    unpacked().await;
}

#[tokio::test]
async fn namespace_as_a_user() {
    match user::not_root("images::namespace_as_a_user") {
        Who::Us => unpacked().await,
        Who::Another => {}
        Who::Nobody(reason) => println!("SKIPPED: {reason}"),
    }
}

async fn imported(engine: SandboxEngine, program: &str) {
    let root = tempfile::tempdir().unwrap();
    unpack(root.path());
    import(program, root.path());
    suite(&home(engine, Vec::new()), "openclaw-nothing").await;
    // (Podman's are the test's own.)
    let _ = Command::new(program).args(["image", "rm", "--force", IMAGE]).output();
}

#[tokio::test]
async fn podman_as_a_user() {
    match user::not_root("images::podman_as_a_user") {
        Who::Us if !is_there("podman") => println!("SKIPPED: podman is not installed"),
        Who::Us => imported(SandboxEngine::Podman, "podman").await,
        Who::Another => {}
        Who::Nobody(reason) => println!("SKIPPED: {reason}"),
    }
}

#[tokio::test]
async fn docker() {
    if has_docker() {
        imported(SandboxEngine::Docker, "docker").await;
    }
}
