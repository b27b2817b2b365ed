//! [`SkillPort`]: listing, installing, removing.

use std::io;

use async_trait::async_trait;
use openclaw_core::{
    Permissions, Timestamp,
    port::{SandboxInfo, SkillInfo, SkillInstall, SkillPort, SkillsError},
};
use tracing::info;

use super::{Inner, SkillRequest, Skills};
use crate::{
    catalog::{Entry, State, in_three_words},
    lock::Guard,
    name::check_name,
};

pub(super) fn unavailable(what: impl Into<String>, source: io::Error) -> SkillsError {
    SkillsError::Unavailable { what: what.into(), source: Box::new(source) }
}

impl State {
    /// The contract's word.
    fn word(&self) -> &'static str {
        match self {
            Self::Ready(_) => "active",
            Self::Invalid(_) => "invalid",
            Self::Changed(_) => "changed",
            Self::Missing(_) => "missing",
            Self::Denied(_) => "denied",
        }
    }

    /// Why it is not active.
    pub(super) fn reason(&self) -> Option<&str> {
        match self {
            Self::Ready(_) => None,
            Self::Invalid(reason) | Self::Changed(reason) | Self::Missing(reason) | Self::Denied(reason) => {
                Some(reason)
            }
        }
    }
}

impl Inner {
    pub(super) fn info_of(&self, entry: &Entry) -> SkillInfo {
        let mut status = entry.state.word().to_owned();
        let mut reason = entry.state.reason().map(str::to_owned);
        if let State::Ready(skill) = &entry.state {
            let hindrance = match &*self.selection.borrow() {
                None => Some("the sandbox engines are being tried".to_owned()),
                Some(selection) if selection.engine.is_none() => Some(match selection.told().as_slice() {
                    [] => "no sandbox engine works here: `gateway doctor` says what to do".to_owned(),
                    problems => format!("no sandbox engine works here: {}", problems.join("; ")),
                }),
                Some(_) => None,
            };
            if let Some(hindrance) = hindrance {
                (status, reason) = ("disabled".to_owned(), Some(hindrance));
            } else if let Some((stamp, Err(error))) = self.seen().servers.get(&skill.name)
                && *stamp == skill.stamp
            {
                (status, reason) = ("failed".to_owned(), Some(format!("its server does not work: {error}")));
            } else if let Some(silence) = self.executor.silence(skill) {
                (status, reason) = ("failed".to_owned(), Some(silence));
            }
        }
        let used = self.usage.of(&entry.name);
        SkillInfo {
            name: entry.name.clone(),
            version: entry.version.clone(),
            status,
            reason,
            description: entry.description.clone(),
            permissions: in_three_words(&entry.permissions),
            installed_at: entry.installed_at,
            last_used: used.last,
            invocations: used.invocations,
        }
    }

    pub(super) fn info(&self, name: &str) -> Result<SkillInfo, SkillsError> {
        let catalog = self.catalog();
        let entry = catalog.entries.get(name).ok_or_else(|| self.unknown(name))?;
        Ok(self.info_of(entry))
    }

    pub(super) fn unknown(&self, name: &str) -> SkillsError {
        let reason = format!("no skill `{name}` is installed (looked in {})", self.dir.display());
        SkillsError::NotFound { name: name.to_owned(), reason }
    }
}

/// A skill whose files are not there.
fn lost(name: String, version: String) -> SkillInfo {
    SkillInfo {
        name,
        version,
        status: "missing".to_owned(),
        reason: None,
        description: String::new(),
        permissions: in_three_words(&Permissions::default()),
        installed_at: Timestamp::now(),
        last_used: None,
        invocations: 0,
    }
}

impl Skills {
    /// The right to change the directory. For changing what is not there, none is made.
    pub(super) async fn right_to_change(&self, name: &str) -> Result<Guard, SkillsError> {
        check_name(name)?;
        let name = name.to_owned();
        self.blocking(move |inner| if inner.dir.is_dir() { Ok(()) } else { Err(inner.unknown(&name)) })
            .await?;
        Ok(self.inner.installer.guard().await?)
    }
}

#[async_trait]
impl SkillPort for Skills {
    async fn list(&self) -> Result<Vec<SkillInfo>, SkillsError> {
        self.blocking(|inner| {
            inner.refresh().map_err(|error| unavailable(format!("can't read {}", inner.dir.display()), error))
        })
        .await?;
        let catalog = self.inner.catalog();
        Ok(catalog.entries.values().map(|entry| self.inner.info_of(entry)).collect())
    }

    async fn install(&self, name: &str, version: Option<&str>) -> Result<SkillInstall, SkillsError> {
        let request = SkillRequest {
            name: name.to_owned(),
            version: version.map(str::to_owned),
            allow: Permissions::default(),
            force: false,
        };
        self.install_as(request).await
    }

    async fn remove(&self, name: &str) -> Result<SkillInfo, SkillsError> {
        let guard = self.right_to_change(name).await?;
        let name = name.to_owned();
        let removed = self
            .blocking(move |inner| {
                let read = |error| unavailable(format!("can't read {}", inner.dir.display()), error);
                inner.refresh().map_err(read)?;
                let info = inner.info(&name);
                let version = inner.installer.remove(&name, guard)?;
                inner.usage.forget(&name);
                inner.refresh_anew().map_err(read)?;
                // Of one whose folder was gone the lock knew.
                Ok(info.unwrap_or_else(|_| lost(name, version.unwrap_or_default())))
            })
            .await?;
        info!(skill = %removed.name, version = %removed.version, "removed a skill");
        Ok(removed)
    }

    fn sandbox(&self) -> SandboxInfo {
        self.sandbox_info()
    }
}
