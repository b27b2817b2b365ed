//! Skills on a real directory, in real sandboxes.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use openclaw_core::{
    RunId, ToolCall, ToolResult,
    config::{SandboxEngine, SkillsConfig},
    port::{SkillPort as _, ToolContext, ToolPort as _},
};
use openclaw_skills::{Resolve, Skills, SkillsOptions};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A home directory with a gateway's data directory in it, and the skills of that.
pub(crate) struct Home {
    pub(crate) dir: TempDir,
    pub(crate) config: watch::Sender<Arc<SkillsConfig>>,
    pub(crate) skills: Skills,
}

impl Home {
    /// With one engine, and everything else by default.
    pub(crate) fn new(engine: SandboxEngine) -> Self {
        Self::with(SkillsConfig { engine, ..SkillsConfig::default() })
    }

    pub(crate) fn with(config: SkillsConfig) -> Self {
        Self::made(config, |options| options)
    }

    /// With names of the test's own.
    pub(crate) fn with_resolver(config: SkillsConfig, resolver: Arc<dyn Resolve>) -> Self {
        Self::made(config, |options| SkillsOptions { resolver, ..options })
    }

    /// With options of the test's own.
    pub(crate) fn made(config: SkillsConfig, change: impl FnOnce(SkillsOptions) -> SkillsOptions) -> Self {
        // Not below /tmp, which is the sandbox's own in every sandbox.
        let base = [Path::new("/var/tmp"), Path::new("/tmp")].into_iter().find(|base| base.is_dir()).unwrap();
        let dir = tempfile::Builder::new().prefix("oc-").tempdir_in(base).unwrap();
        // Who runs the sandbox may be another user than the one who made this.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let data = dir.path().join("home/.openclaw");
        fs::create_dir_all(data.join("skills")).unwrap();
        fs::write(data.join("gateway.yaml"), "token: needle-in-the-token-file").unwrap();
        let config = watch::Sender::new(Arc::new(config));
        let skills = Skills::open(change(options(dir.path())), config.subscribe()).unwrap();
        Self { dir, config, skills }
    }

    /// The skills of the same directory, as another process has them that keeps its sockets in `run`.
    pub(crate) fn again(&self, run: &str) -> Skills {
        let options = SkillsOptions { runtime_dir: self.path(run), ..options(self.dir.path()) };
        Skills::open(options, self.config.subscribe()).unwrap()
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    /// Puts a file of a skill of our own.
    pub(crate) fn put(&self, skill: &str, file: &str, text: &str) {
        let path = self.path("home/.openclaw/skills").join(skill).join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        write(&path, text);
    }

    /// Puts a skill that is one Python program.
    pub(crate) fn python(&self, skill: &str, head: &str, program: &str) {
        self.put(
            skill,
            "SKILL.md",
            &format!("---\nname: {skill}\ndescription: For a test.\n{head}---\nRun it.\n"),
        );
        self.put(skill, "main.py", program);
    }

    /// Chooses the engine; fails the test when none works.
    pub(crate) async fn start(&self) {
        self.skills.start().await;
        let sandbox = self.skills.sandbox();
        assert_ne!(sandbox.engine, "none", "{:?}", sandbox.problems);
    }

    /// Makes a folder everybody's: a sandbox of root's runs as somebody else.
    pub(crate) fn open_to_all(&self, folder: &Path) {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
    }

    /// Ends every sandbox, as a program does when it leaves.
    pub(crate) async fn end(&self) {
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        self.skills.clone().keep(shutdown).await;
    }

    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> ToolResult {
        self.skills.call(&call(tool, arguments), &context()).await
    }

    /// What skills are, by name: version, status, reason.
    pub(crate) async fn listed(&self) -> Vec<(String, String, String, Option<String>)> {
        let listed = self.skills.list().await.unwrap();
        listed.into_iter().map(|skill| (skill.name, skill.version, skill.status, skill.reason)).collect()
    }
}

/// Writes a file; one that begins like a script can be run.
pub(crate) fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn options(dir: &Path) -> SkillsOptions {
    let home = dir.join("home");
    let environment = ["PATH", "HOME", "XDG_RUNTIME_DIR", "USER", "DOCKER_HOST"]
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)))
        .collect();
    SkillsOptions {
        home: Some(home.clone()),
        forbidden: vec![home.join(".openclaw")],
        environment,
        ..SkillsOptions::new(
            home.join(".openclaw/skills"),
            dir.join("run"),
            std::env::var_os(crate::user::LAUNCHER)
                .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_openclaw-sandbox")), PathBuf::from),
        )
    }
}

pub(crate) fn call(tool: &str, arguments: Value) -> ToolCall {
    ToolCall { id: "call_1".to_owned(), name: tool.to_owned(), arguments }
}

pub(crate) fn context() -> ToolContext {
    let run = RunId::generate();
    ToolContext {
        run,
        conversation: run.new_conversation_id(),
        timeout: Duration::from_secs(120),
        cancel: CancellationToken::new(),
        judged: None,
    }
}
