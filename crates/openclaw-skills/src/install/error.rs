//! Why a skill was not installed, rolled back or removed.

use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
};

use openclaw_core::port::SkillsError;

use super::grant::Beyond;
use crate::{
    archive::ArchiveError,
    lock::{Difference, LockError},
    registry::RegistryError,
};

/// Why a skill was not installed, rolled back or removed. What was in force before still is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InstallError {
    /// The name or version can't be one.
    #[error(transparent)]
    Invalid(SkillsError),
    /// The registry did not give it.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The registry has doubts.
    #[error(
        "{registry} has flagged `{name}` {version} as suspicious: read it first, then install it with `--force`"
    )]
    Suspicious {
        /// Which skill.
        name: String,
        /// Which version.
        version: String,
        /// Where.
        registry: String,
    },
    /// The newest version is older than the one in force: somebody may be holding back updates.
    #[error(
        "the newest `{name}` of {registry} is {newest}, older than {installed}, which is installed: name the version to go back to it"
    )]
    Older {
        /// Which skill.
        name: String,
        /// Where.
        registry: String,
        /// What it has.
        newest: String,
        /// What is in force.
        installed: String,
    },
    /// The archive can't be unpacked.
    #[error("`{name}` {version} can't be unpacked")]
    Archive {
        /// Which skill.
        name: String,
        /// Which version.
        version: String,
        /// Why not.
        #[source]
        source: ArchiveError,
    },
    /// What was unpacked is no skill, or another one.
    #[error("`{name}` {version} is not installed: {reason}")]
    Package {
        /// Which skill.
        name: String,
        /// Which version.
        version: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It asks for what nobody granted.
    #[error("{0}")]
    Permissions(Box<Beyond>),
    /// A person's own skill has the name.
    #[error("{} is a skill of your own, and is not replaced: rename or remove it to install `{name}` from a registry", path.display())]
    Local {
        /// Which skill.
        name: String,
        /// Its folder.
        path: PathBuf,
    },
    /// It is not there.
    #[error("no skill `{name}` is installed (looked in {})", dir.display())]
    NotInstalled {
        /// Which skill.
        name: String,
        /// The skills directory.
        dir: PathBuf,
    },
    /// There is nothing to go back to.
    #[error("skill `{name}` has no earlier version to go back to")]
    NoEarlier {
        /// Which skill.
        name: String,
    },
    /// The earlier version is not what was installed any more.
    #[error(
        "`{name}` {version} was changed since it was installed ({}): install it again",
        list(differences)
    )]
    Changed {
        /// Which skill.
        name: String,
        /// Which version.
        version: String,
        /// How.
        differences: Vec<Difference>,
    },
    /// The lock file can't be used.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The system refused.
    #[error("can't {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Most differences that a message lists.
const LISTED: usize = 5;

/// The first of some differences, in words.
pub(crate) fn list(differences: &[Difference]) -> String {
    let mut words: Vec<_> = differences.iter().take(LISTED).map(ToString::to_string).collect();
    if differences.len() > LISTED {
        words.push(format!("and {} more", differences.len() - LISTED));
    }
    words.join(", ")
}

impl InstallError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Suspicious { name, .. }
            | Self::Older { name, .. }
            | Self::Archive { name, .. }
            | Self::Package { name, .. }
            | Self::Local { name, .. }
            | Self::NotInstalled { name, .. }
            | Self::NoEarlier { name }
            | Self::Changed { name, .. } => Some(name),
            Self::Permissions(beyond) => Some(&beyond.name),
            Self::Registry(error) => error.name(),
            Self::Invalid(_) | Self::Lock(_) | Self::Io { .. } => None,
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Registry(error) if error.is_missing() => Kind::NotFound,
            Self::Registry(error) if error.is_refusal() => Kind::Refused,
            Self::Archive { source, .. } if source.is_io() => Kind::Unavailable,
            Self::NotInstalled { .. } | Self::NoEarlier { .. } => Kind::NotFound,
            Self::Registry(_) | Self::Invalid(_) | Self::Lock(_) | Self::Io { .. } => Kind::Unavailable,
            _ => Kind::Refused,
        }
    }
}

enum Kind {
    NotFound,
    Refused,
    Unavailable,
}

/// An error and its causes on one line.
fn whole(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

impl From<InstallError> for SkillsError {
    fn from(error: InstallError) -> Self {
        let permissions = match error {
            InstallError::Invalid(error) => return error,
            InstallError::Permissions(ref beyond) => beyond.permissions().to_texts(),
            _ => Vec::new(),
        };
        let name = error.name().unwrap_or_default().to_owned();
        match error.kind() {
            Kind::NotFound => Self::NotFound { name, reason: whole(&error) },
            Kind::Refused => Self::Refused { name, reason: whole(&error), permissions },
            Kind::Unavailable => Self::Unavailable { what: whole(&error), source: Box::new(error) },
        }
    }
}
