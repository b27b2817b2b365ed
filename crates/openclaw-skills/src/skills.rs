//! The port's implementation over a directory.

use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;
use openclaw_core::{
    ToolCall, ToolDefinition, ToolResult,
    config::SkillsConfig,
    port::{SandboxInfo, SkillInfo, SkillInstall, SkillPort, SkillsError, ToolContext, ToolPort},
};
use tokio::sync::watch;
use tracing::info;

use crate::{
    folder,
    name::{check_name, check_version},
};

/// The skills below one directory.
#[derive(Debug)]
pub struct Skills {
    dir: PathBuf,
    config: watch::Receiver<Arc<SkillsConfig>>,
}

/// A registry is configured, and this version can't use it.
#[derive(Debug, thiserror::Error)]
#[error("this version has no registry client")]
struct NoRegistryClient;

impl Skills {
    /// The skills below `dir`, which need not exist. Blocking: finishes removals that a crash interrupted.
    #[must_use]
    pub fn open(dir: PathBuf, config: watch::Receiver<Arc<SkillsConfig>>) -> Self {
        folder::sweep(&dir);
        Self { dir, config }
    }

    /// Work on files, off the async threads. It goes on to its end when the caller leaves.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(PathBuf) -> Result<T, SkillsError> + Send + 'static,
    ) -> Result<T, SkillsError> {
        let dir = self.dir.clone();
        let what = format!("can't work on {}", dir.display());
        match tokio::task::spawn_blocking(move || work(dir)).await {
            Ok(done) => done,
            Err(error) => Err(SkillsError::Unavailable { what, source: Box::new(error) }),
        }
    }
}

#[async_trait]
impl SkillPort for Skills {
    async fn list(&self) -> Result<Vec<SkillInfo>, SkillsError> {
        self.blocking(|dir| folder::list(&dir)).await
    }

    async fn install(&self, name: &str, version: Option<&str>) -> Result<SkillInstall, SkillsError> {
        check_name(name)?;
        version.map_or(Ok(()), check_version)?;
        let registry = self.config.borrow().registry.clone();
        match registry {
            None => Err(SkillsError::NotFound {
                name: name.to_owned(),
                reason: format!(
                    "skill `{name}` can't be looked up: no registry is configured. Set `skills.registry` in gateway.yaml to an \
                     https:// index or a local directory"
                ),
            }),
            Some(registry) => Err(SkillsError::Unavailable {
                what: format!(
                    "this version can't install `{name}` from {registry} yet; put the skill's folder below {} by hand",
                    self.dir.display()
                ),
                source: Box::new(NoRegistryClient),
            }),
        }
    }

    async fn remove(&self, name: &str) -> Result<SkillInfo, SkillsError> {
        let name = name.to_owned();
        let removed = self.blocking(move |dir| folder::remove(&dir, &name)).await?;
        info!(skill = %removed.name, version = %removed.version, "removed a skill");
        Ok(removed)
    }

    fn sandbox(&self) -> SandboxInfo {
        SandboxInfo { engine: "none".to_owned(), rootless: false, problems: Vec::new() }
    }
}

#[async_trait]
impl ToolPort for Skills {
    /// None: a skill never runs without a sandbox, and this version has none.
    async fn definitions(&self) -> Vec<ToolDefinition> {
        Vec::new()
    }

    async fn call(&self, call: &ToolCall, _: &ToolContext) -> ToolResult {
        ToolResult {
            call_id: call.id.clone(),
            name: call.name.clone(),
            content: format!(
                "There is no tool `{}`: this version has no sandbox to run skills in.",
                call.name
            ),
            is_error: true,
        }
    }
}
