//! Listing, installing and removing, without an engine.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use openclaw_core::{
    ErrorCode, Failure, RunId, ToolCall,
    config::SkillsConfig,
    port::{SkillPermissions, SkillPort as _, SkillsError, ToolContext, ToolPort as _},
};
use openclaw_skills::{Skills, SkillsOptions};
use tokio::sync::watch;

fn open(dir: &Path, registry: Option<&str>) -> Skills {
    let config = SkillsConfig { registry: registry.map(str::to_owned), ..SkillsConfig::default() };
    let run = tempfile::tempdir().unwrap().path().join("run");
    fs::create_dir_all(run.parent().unwrap()).unwrap();
    let options =
        SkillsOptions::new(dir.to_owned(), run, PathBuf::from(env!("CARGO_BIN_EXE_openclaw-sandbox")));
    Skills::open(options, watch::channel(Arc::new(config)).1).unwrap()
}

fn context() -> ToolContext {
    let run = RunId::generate();
    ToolContext {
        run,
        conversation: run.new_conversation_id(),
        timeout: Duration::from_secs(1),
        cancel: tokio_util::sync::CancellationToken::new(),
        judged: None,
    }
}

fn put(dir: &Path, name: &str, head: &str) {
    let folder = dir.join(name);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("SKILL.md"), head).unwrap();
}

/// What is in a directory, but for the lock that changes take.
fn left(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != ".lock").collect()
}

const WEATHER: &str =
    "---\nname: weather\nversion: 1.2.0\npermissions:\n  - network:api.example.com\n---\nAsk.\n";

#[tokio::test]
async fn lists_what_is_there_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "weather", WEATHER);
    put(dir.path(), "broken", "no head");
    put(dir.path(), "other-name", WEATHER);
    put(dir.path(), ".hidden", WEATHER);
    fs::create_dir(dir.path().join("empty")).unwrap();
    fs::write(dir.path().join("file"), "x").unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    put(elsewhere.path(), "linked", WEATHER);
    #[cfg(unix)]
    std::os::unix::fs::symlink(elsewhere.path().join("linked"), dir.path().join("linked")).unwrap();

    let skills = open(dir.path(), None).list().await.unwrap();
    let shown: Vec<_> =
        skills.iter().map(|s| (s.name.as_str(), s.version.as_str(), s.status.as_str())).collect();
    let expected = [
        ("broken", "0.0.0", "invalid"),
        ("other-name", "0.0.0", "invalid"),
        ("weather", "1.2.0", "disabled"),
    ];
    assert_eq!(shown, expected);
    for (skill, part) in skills.iter().zip(["no front matter", "`weather`", "being tried"]) {
        assert!(skill.reason.as_ref().is_some_and(|reason| reason.contains(part)), "{skill:?}");
    }
    assert_eq!(skills[2].description, "Ask.");
    assert_eq!(skills[2].permissions, SkillPermissions { network: true, filesystem: false, shell: false });
    assert_eq!((skills[2].last_used, skills[2].invocations), (None, 0));
}

#[tokio::test]
async fn removes_the_folder_and_leaves_what_it_links_to() {
    let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    put(dir.path(), "weather", WEATHER);
    fs::write(elsewhere.path().join("keep"), "x").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(elsewhere.path(), dir.path().join("weather/link")).unwrap();
    let skills = open(dir.path(), None);
    assert_eq!(skills.remove("weather").await.unwrap().version, "1.2.0");
    assert_eq!(left(dir.path()), [""; 0]);
    assert!(elsewhere.path().join("keep").exists());
    assert!(matches!(skills.remove("weather").await, Err(SkillsError::NotFound { .. })));
}

#[tokio::test]
async fn a_name_is_never_a_path() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "weather", WEATHER);
    put(dir.path(), "skills/inner", WEATHER);
    let skills = open(&dir.path().join("skills"), None);
    for name in ["../weather", "..", ".", "", "inner/../../weather"] {
        let error = skills.remove(name).await.unwrap_err();
        assert_eq!(Failure::from(&error).details["field"], "name", "{name}");
    }
    assert!(dir.path().join("weather/SKILL.md").exists());
}

#[cfg(unix)]
#[tokio::test]
async fn a_linked_folder_is_not_removed() {
    let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    put(elsewhere.path(), "weather", WEATHER);
    std::os::unix::fs::symlink(elsewhere.path().join("weather"), dir.path().join("weather")).unwrap();
    let error = open(dir.path(), None).remove("weather").await.unwrap_err();
    assert!(matches!(error, SkillsError::NotFound { .. }), "{error}");
    assert!(elsewhere.path().join("weather/SKILL.md").exists());
}

#[tokio::test]
async fn an_install_says_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let without = open(dir.path(), None).install("weather", Some("1.2.0")).await.unwrap_err();
    let failure = Failure::from(&without);
    assert_eq!(failure.code, ErrorCode::NotFound);
    assert!(failure.message.contains("skills.registry"), "{failure}");

    let skills = open(dir.path(), Some("https://127.0.0.1:1"));
    let with = Failure::from(&skills.install("weather", None).await.unwrap_err());
    assert_eq!(with.code, ErrorCode::ServiceUnavailable);
    assert!(with.message.contains("https://127.0.0.1:1"), "{with}");

    for (name, version, field) in [("Weather!", None, "name"), ("weather", Some("new"), "version")] {
        let failure = Failure::from(&skills.install(name, version).await.unwrap_err());
        assert_eq!(failure.details["field"], field);
    }
}

#[tokio::test]
async fn interrupted_removals_are_finished_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), ".removed-1-weather", WEATHER);
    assert!(open(dir.path(), None).list().await.unwrap().is_empty());
    assert_eq!(left(dir.path()), [""; 0]);
    assert!(open(&dir.path().join("missing"), None).list().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_offered_to_the_model_and_a_call_fails_as_a_result() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "weather", WEATHER);
    let skills = open(dir.path(), None);
    assert_eq!(skills.definitions().await, []);
    let call = ToolCall { id: "1".into(), name: "weather".into(), arguments: "{}".into() };
    let result = skills.call(&call, &context()).await;
    assert!(result.is_error && result.call_id == "1");
    assert_eq!((skills.sandbox().engine.as_str(), skills.sandbox().rootless), ("none", false));
}

#[tokio::test]
async fn what_is_called_is_what_was_asked_about() {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "notes", "---\nname: notes\npermissions: [\"filesystem:write:/srv\"]\n---\nWrite.\n");
    fs::create_dir_all(dir.path().join("notes/lib/a/b")).unwrap();
    fs::write(dir.path().join("notes/lib/a/b/c.py"), "1").unwrap();
    fs::write(dir.path().join("notes/main.py"), "1").unwrap();
    let skills = open(dir.path(), None);
    let call = ToolCall { id: "1".into(), name: "notes".into(), arguments: serde_json::json!({}) };
    let judgement = skills.judge(&call).await;
    assert!(judgement.reason.is_some_and(|reason| reason.contains("filesystem:write:/srv")));
    let context = ToolContext { judged: judgement.stamp, ..context() };
    // No engine: it got as far as that.
    let result = skills.call(&call, &context).await;
    assert!(result.content.contains("engines are still being tried"), "{}", result.content);
    fs::write(dir.path().join("notes/lib/a/b/c.py"), "12").unwrap();
    let result = skills.call(&call, &context).await;
    assert!(result.content.contains("has changed since this call was allowed"), "{}", result.content);
    let context = ToolContext { judged: skills.judge(&call).await.stamp, ..context };
    assert!(skills.call(&call, &context).await.content.contains("engines"));
    // Of what nobody knew, nothing was judged.
    let other = ToolCall { name: "other".into(), ..call };
    let judgement = skills.judge(&other).await;
    assert_eq!(judgement.reason, None);
    put(dir.path(), "other", "---\nname: other\n---\nWrite.\n");
    fs::write(dir.path().join("other/main.py"), "1").unwrap();
    skills.list().await.unwrap();
    let context = ToolContext { judged: judgement.stamp, ..context };
    assert!(skills.call(&other, &context).await.content.contains("has changed"));
}

#[tokio::test]
async fn a_skill_whose_folder_is_gone_can_be_removed() {
    let dir = tempfile::tempdir().unwrap();
    let missing = open(&dir.path().join("missing"), None);
    assert!(matches!(missing.remove("weather").await, Err(SkillsError::NotFound { .. })));
    assert!(missing.rollback("weather").await.is_err() && !dir.path().join("missing").exists());
    let skills = open(dir.path(), None);
    fs::write(dir.path().join("skills.lock"), include_str!("../fixtures/skills-1.lock")).unwrap();
    assert!(skills.audit().await.unwrap()[0].differences[0].contains("or remove it"));
    assert_eq!(skills.remove("weather").await.unwrap().version, "1.2.0");
    assert!(skills.audit().await.unwrap().is_empty());
}
