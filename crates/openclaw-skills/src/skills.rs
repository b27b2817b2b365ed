//! The port's implementation over a directory.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use openclaw_core::{
    Permission, Permissions, Timestamp, ToolCall, ToolDefinition, ToolResult,
    config::SkillsConfig,
    port::{
        SandboxInfo, SkillInfo, SkillInstall, SkillPermissions, SkillPort, SkillsError, ToolContext, ToolPort,
    },
};
use tokio::sync::watch;
use tracing::info;

use crate::{
    name::{check_name, check_version},
    package::{self, Found, Source},
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
        package::sweep(&dir);
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

/// What a skill is that nothing can run.
const DISABLED: &str = "disabled";
/// What a skill is that can't be read.
const INVALID: &str = "invalid";

fn unavailable(what: String, source: io::Error) -> SkillsError {
    SkillsError::Unavailable { what, source: Box::new(source) }
}

fn list(dir: &Path) -> Result<Vec<SkillInfo>, SkillsError> {
    let found =
        package::found(dir).map_err(|error| unavailable(format!("can't read {}", dir.display()), error))?;
    Ok(found.into_iter().map(info_of).collect())
}

fn remove(dir: &Path, name: &str) -> Result<SkillInfo, SkillsError> {
    check_name(name)?;
    let removed = package::remove(dir, name);
    let removed =
        removed.map_err(|error| unavailable(format!("can't remove {}", dir.join(name).display()), error))?;
    removed.map(info_of).ok_or_else(|| {
        let reason = format!("no skill `{name}` is installed (looked in {})", dir.display());
        SkillsError::NotFound { name: name.to_owned(), reason }
    })
}

/// The skill as the contract shows it.
fn info_of(found: Found) -> SkillInfo {
    let changed = fs::symlink_metadata(found.root.join("SKILL.md")).and_then(|metadata| metadata.modified());
    let installed_at = changed.map_or_else(|_| Timestamp::now(), Timestamp::from);
    let version = |own: String| match &found.source {
        Source::Installed { version } => version.clone(),
        Source::Local => own,
    };
    let (status, reason, version, description, permissions) = match found.package {
        Ok(package) => {
            let manifest = package.manifest;
            let reason = "this version has no sandbox to run skills in".to_owned();
            (
                DISABLED,
                reason,
                version(manifest.version),
                manifest.description,
                in_three_words(&manifest.permissions),
            )
        }
        Err(error) => {
            let permissions = SkillPermissions::default();
            (INVALID, error.sentence(), version("0.0.0".to_owned()), String::new(), permissions)
        }
    };
    SkillInfo {
        name: found.name,
        version,
        status: status.to_owned(),
        reason: Some(reason),
        description,
        permissions,
        installed_at,
        last_used: None,
        invocations: 0,
    }
}

fn in_three_words(permissions: &Permissions) -> SkillPermissions {
    let any = |is: fn(&Permission) -> bool| permissions.iter().any(is);
    SkillPermissions {
        network: any(|one| matches!(one, Permission::Network(_))),
        filesystem: any(|one| matches!(one, Permission::Read(_) | Permission::Write(_))),
        shell: any(|one| matches!(one, Permission::Shell)),
    }
}

#[async_trait]
impl SkillPort for Skills {
    async fn list(&self) -> Result<Vec<SkillInfo>, SkillsError> {
        self.blocking(|dir| list(&dir)).await
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
        let removed = self.blocking(move |dir| remove(&dir, &name)).await?;
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
