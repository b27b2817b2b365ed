//! Ports of the skills: managing them, and calling them as tools.

use std::time::Duration;

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::{ConversationId, Failure, RunId, Timestamp, ToolCall, ToolDefinition, ToolResult};

/// Manages installed skills.
#[async_trait]
pub trait SkillPort: Send + Sync {
    /// Every installed skill, by name.
    async fn list(&self) -> Result<Vec<SkillInfo>, SkillsError>;

    /// Installs a skill from the registry; `None` means its newest version. An earlier version stays in place when this fails.
    async fn install(&self, name: &str, version: Option<&str>) -> Result<SkillInstall, SkillsError>;

    /// Removes a skill and returns what it was.
    async fn remove(&self, name: &str) -> Result<SkillInfo, SkillsError>;

    /// What runs skills.
    fn sandbox(&self) -> SandboxInfo;
}

/// Offers tools to a model and calls them.
#[async_trait]
pub trait ToolPort: Send + Sync {
    /// The tools that are ready now.
    async fn definitions(&self) -> Vec<ToolDefinition>;

    /// Whether a person has to allow this call first. Its stamp belongs into the [`ToolContext`] of the call.
    async fn judge(&self, _call: &ToolCall) -> Judgement {
        Judgement::default()
    }

    /// Calls a tool. Failures of any kind come back as a result with `is_error`. Stops at once when `context.cancel` fires.
    async fn call(&self, call: &ToolCall, context: &ToolContext) -> ToolResult;
}

/// What is said of a call before it is made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Why a person has to allow it first, in words for that person; `None`: nobody has to.
    pub reason: Option<String>,
    /// What was judged: a tool that is another by the time of the call is not called. `None`: that does not matter.
    pub stamp: Option<u64>,
}

impl Judgement {
    /// Of a tool that nobody knows yet: whatever is there by the time of the call was not judged.
    #[must_use]
    pub fn unknown() -> Self {
        Self { reason: None, stamp: Some(0) }
    }
}

/// On whose behalf a tool is called.
#[derive(Debug, Clone)]
pub struct ToolContext {
    /// The run.
    pub run: RunId,
    /// Its conversation.
    pub conversation: ConversationId,
    /// Most time the work on the call may take, from when it begins: waiting for a turn is not counted.
    pub timeout: Duration,
    /// Fires when the run is cancelled.
    pub cancel: CancellationToken,
    /// The stamp of the [`Judgement`] by which it is called.
    pub judged: Option<u64>,
}

/// An installed skill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkillInfo {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// `active`, or why not: `disabled`, `changed`, `invalid`, `missing`, ….
    pub status: String,
    /// The same in a sentence that says what to do; `None` for an active one.
    pub reason: Option<String>,
    /// What it does, in its own words; may be empty.
    pub description: String,
    /// What it may do, in three words.
    pub permissions: SkillPermissions,
    /// When it was installed.
    pub installed_at: Timestamp,
    /// When it was last called.
    pub last_used: Option<Timestamp>,
    /// How often it was called.
    pub invocations: u64,
}

/// A skill's permissions as the contract shows them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SkillPermissions {
    /// May reach some host.
    pub network: bool,
    /// May reach some path outside its own folder.
    pub filesystem: bool,
    /// May run programs that are not its own.
    pub shell: bool,
}

/// What became of an installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SkillInstall {
    /// Installed now.
    Installed(SkillInfo),
    /// This version was installed already.
    Unchanged(SkillInfo),
}

/// What runs skills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SandboxInfo {
    /// `podman`, `docker`, `namespace`, or `none`.
    pub engine: String,
    /// Whether it runs without root's rights.
    pub rootless: bool,
    /// What is wrong with it, or with those that were tried before it: one sentence each.
    pub problems: Vec<String>,
}

/// Why a skill could not be listed, installed or removed.
#[derive(Debug, thiserror::Error)]
pub enum SkillsError {
    /// Not installed, or not known to the registry.
    #[error("{reason}")]
    NotFound {
        /// Which skill.
        name: String,
        /// What was looked for, where, and what to do.
        reason: String,
    },
    /// The archive fails its check, or asks for what policy denies.
    #[error("{reason}")]
    Refused {
        /// Which skill.
        name: String,
        /// Why, and what to do.
        reason: String,
        /// Permissions it asks for that nobody has granted, each as it is written; empty when this is not about permissions.
        permissions: Vec<String>,
    },
    /// The name or version can't be one.
    #[error("`{field}` {reason}")]
    Invalid {
        /// `name` or `version`.
        field: &'static str,
        /// Why not.
        reason: String,
    },
    /// A file or the registry can't be reached.
    #[error("{what}")]
    Unavailable {
        /// What failed, on which path or address.
        what: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl From<&SkillsError> for Failure {
    fn from(error: &SkillsError) -> Self {
        use crate::ErrorCode::{Forbidden, NotFound, ServiceUnavailable};
        match error {
            SkillsError::NotFound { name, reason } => Self::new(NotFound, reason).with("name", name.as_str()),
            SkillsError::Refused { name, reason, permissions } => {
                let failure = Self::new(Forbidden, reason).with("name", name.as_str());
                if permissions.is_empty() {
                    failure
                } else {
                    failure.with("permissions", permissions.clone())
                }
            }
            SkillsError::Invalid { field, reason } => Self::bad_field(field, reason),
            SkillsError::Unavailable { what, .. } => Self::new(ServiceUnavailable, what),
        }
    }
}
