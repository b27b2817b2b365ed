//! Skills as two maps, and tools that behave as they are told.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use openclaw_core::{
    Timestamp, ToolCall, ToolDefinition, ToolResult,
    port::{
        Judgement, SandboxInfo, SkillInfo, SkillInstall, SkillPermissions, SkillPort, SkillsError,
        ToolContext, ToolPort,
    },
};
use serde_json::json;

use super::lock;

/// Skills that are installed, and versions that a pretended registry has.
#[derive(Debug, Default)]
pub struct FakeSkills {
    installed: Mutex<BTreeMap<String, SkillInfo>>,
    registry: Mutex<BTreeMap<String, Vec<String>>>,
    refused: Mutex<BTreeMap<String, Vec<String>>>,
    problems: Mutex<Vec<String>>,
}

impl FakeSkills {
    /// Nothing installed, nothing to install.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts these versions of a skill into the registry, oldest first.
    #[must_use]
    pub fn with_registry(self, name: &str, versions: &[&str]) -> Self {
        let versions = versions.iter().map(|version| (*version).to_owned()).collect();
        lock(&self.registry).insert(name.to_owned(), versions);
        self
    }

    /// Has this skill installed and active.
    #[must_use]
    pub fn with_installed(self, name: &str, version: &str) -> Self {
        lock(&self.installed).insert(name.to_owned(), info(name, version));
        self
    }

    /// Has this skill installed, but not active for `reason`.
    #[must_use]
    pub fn with_disabled(self, name: &str, description: &str, reason: &str) -> Self {
        let skill = SkillInfo {
            status: "disabled".to_owned(),
            reason: Some(reason.to_owned()),
            description: description.to_owned(),
            ..info(name, "1.0.0")
        };
        lock(&self.installed).insert(name.to_owned(), skill);
        self
    }

    /// Refuses to install this skill, for permissions that nobody granted.
    #[must_use]
    pub fn with_refused(self, name: &str, permissions: &[&str]) -> Self {
        let permissions = permissions.iter().map(|permission| (*permission).to_owned()).collect();
        lock(&self.refused).insert(name.to_owned(), permissions);
        self
    }

    /// Something is wrong with the sandbox.
    #[must_use]
    pub fn with_problem(self, problem: &str) -> Self {
        lock(&self.problems).push(problem.to_owned());
        self
    }
}

fn info(name: &str, version: &str) -> SkillInfo {
    SkillInfo {
        name: name.to_owned(),
        version: version.to_owned(),
        status: "active".to_owned(),
        reason: None,
        description: String::new(),
        permissions: SkillPermissions::default(),
        installed_at: Timestamp::now(),
        last_used: None,
        invocations: 0,
    }
}

#[async_trait]
impl SkillPort for FakeSkills {
    async fn list(&self) -> Result<Vec<SkillInfo>, SkillsError> {
        Ok(lock(&self.installed).values().cloned().collect())
    }

    async fn install(&self, name: &str, version: Option<&str>) -> Result<SkillInstall, SkillsError> {
        if let Some(permissions) = lock(&self.refused).get(name) {
            return Err(SkillsError::Refused {
                name: name.to_owned(),
                reason: format!("`{name}` asks for permissions that were not granted"),
                permissions: permissions.clone(),
            });
        }
        let registry = lock(&self.registry);
        let found = registry.get(name).and_then(|versions| match version {
            Some(wanted) => versions.iter().find(|known| *known == wanted),
            None => versions.last(),
        });
        let Some(version) = found else {
            let reason = format!("no skill `{name}` in the registry");
            return Err(SkillsError::NotFound { name: name.to_owned(), reason });
        };
        let mut installed = lock(&self.installed);
        if let Some(same) = installed.get(name).filter(|skill| skill.version == *version) {
            return Ok(SkillInstall::Unchanged(same.clone()));
        }
        let new = info(name, version);
        installed.insert(name.to_owned(), new.clone());
        Ok(SkillInstall::Installed(new))
    }

    async fn remove(&self, name: &str) -> Result<SkillInfo, SkillsError> {
        lock(&self.installed).remove(name).ok_or_else(|| SkillsError::NotFound {
            name: name.to_owned(),
            reason: format!("no skill `{name}` is installed"),
        })
    }

    fn sandbox(&self) -> SandboxInfo {
        SandboxInfo { engine: "none".to_owned(), rootless: false, problems: lock(&self.problems).clone() }
    }
}

/// What a fake tool does when it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolBehaviour {
    /// Answers with this text, after a while.
    Answer(String, Duration),
    /// Answers with an error.
    Fail(String),
    /// Answers with its arguments as JSON.
    Echo,
    /// Never answers by itself; stops when the run is cancelled.
    Hang,
}

/// Tools that behave as they are told, and count.
#[derive(Debug, Default)]
pub struct FakeTools {
    tools: Mutex<BTreeMap<String, ToolBehaviour>>,
    guarded: Mutex<BTreeMap<String, String>>,
    calls: Mutex<Vec<ToolCall>>,
    stamp: AtomicU64,
    running: AtomicUsize,
    most_running: AtomicUsize,
}

impl FakeTools {
    /// No tools.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One more tool.
    #[must_use]
    pub fn with(self, name: &str, behaviour: ToolBehaviour) -> Self {
        lock(&self.tools).insert(name.to_owned(), behaviour);
        self
    }

    /// A person has to allow calls of this tool, for this reason.
    #[must_use]
    pub fn guarded(self, name: &str, reason: &str) -> Self {
        lock(&self.guarded).insert(name.to_owned(), reason.to_owned());
        self
    }

    /// The tools are others from now on: what was judged before is not called.
    pub fn change(&self) {
        self.stamp.fetch_add(1, Ordering::SeqCst);
    }

    /// Every call so far, in the order they began.
    #[must_use]
    pub fn calls(&self) -> Vec<ToolCall> {
        lock(&self.calls).clone()
    }

    /// The calls that are under way.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    /// The most calls that were under way at one time.
    #[must_use]
    pub fn most_at_once(&self) -> usize {
        self.most_running.load(Ordering::SeqCst)
    }
}

struct Running<'a>(&'a AtomicUsize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl ToolPort for FakeTools {
    async fn definitions(&self) -> Vec<ToolDefinition> {
        let tools = lock(&self.tools);
        let define = |name: &String| ToolDefinition {
            name: name.clone(),
            description: format!("The fake tool {name}."),
            parameters: json!({ "type": "object" }),
        };
        tools.keys().map(define).collect()
    }

    async fn judge(&self, call: &ToolCall) -> Judgement {
        let stamp = Some(self.stamp.load(Ordering::SeqCst));
        Judgement { reason: lock(&self.guarded).get(&call.name).cloned(), stamp }
    }

    async fn call(&self, call: &ToolCall, context: &ToolContext) -> ToolResult {
        lock(&self.calls).push(call.clone());
        let now = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_running.fetch_max(now, Ordering::SeqCst);
        let _running = Running(&self.running);
        let behaviour = lock(&self.tools).get(&call.name).cloned();
        let stamp = self.stamp.load(Ordering::SeqCst);
        let (content, is_error) = match behaviour {
            _ if context.judged.is_some_and(|judged| judged != stamp) => ("it has changed".to_owned(), true),
            Some(ToolBehaviour::Answer(text, after)) => {
                tokio::time::sleep(after).await;
                (text, false)
            }
            Some(ToolBehaviour::Fail(text)) => (text, true),
            Some(ToolBehaviour::Echo) => (call.arguments.to_string(), false),
            Some(ToolBehaviour::Hang) => {
                context.cancel.cancelled().await;
                ("cancelled".to_owned(), true)
            }
            None => (format!("no tool `{}`", call.name), true),
        };
        ToolResult { call_id: call.id.clone(), name: call.name.clone(), content, is_error }
    }
}
