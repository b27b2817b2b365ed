//! Why a registry did not give a skill.

use std::{io, path::PathBuf, time::Duration};

/// Why a registry did not give a skill.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    /// The configuration names none, and it does not come with the program.
    #[error(
        "skill `{name}` does not come with the gateway, and no registry is configured: set `skills.registry` in gateway.yaml to \
         an https:// address or a local directory"
    )]
    NotConfigured {
        /// Which skill.
        name: String,
    },
    /// It is not there.
    #[error("{registry} has no skill `{name}`")]
    NotFound {
        /// Which skill.
        name: String,
        /// Where.
        registry: String,
    },
    /// It is there, and the version is not.
    #[error("{registry} has no version {version} of skill `{name}`")]
    NoVersion {
        /// Which skill.
        name: String,
        /// Which version.
        version: String,
        /// Where.
        registry: String,
    },
    /// The registry says that it does harm.
    #[error("{registry} has flagged skill `{name}` as malware: it is not installed")]
    Malware {
        /// Which skill.
        name: String,
        /// Where.
        registry: String,
    },
    /// The registry won't give it.
    #[error("{registry} refuses skill `{name}` ({status}): {words}")]
    Denied {
        /// Which skill.
        name: String,
        /// Where.
        registry: String,
        /// The status.
        status: u16,
        /// What it says.
        words: String,
    },
    /// The bytes are not those it named.
    #[error(
        "`{name}` {version} from {registry} is not what the registry says it is: {reason}. It is not installed"
    )]
    Digest {
        /// Which skill.
        name: String,
        /// Which version.
        version: String,
        /// Where.
        registry: String,
        /// What differs.
        reason: String,
    },
    /// There is no signature, and there must be one.
    #[error(
        "`{name}` {version} from {registry} has no signature that can be checked: {}",
        if *has_keys {
            "with keys in `skills.registry_keys` it must be signed by one of them"
        } else {
            "`skills.policy.require_signature` needs keys in `skills.registry_keys`"
        }
    )]
    Unsigned {
        /// Which skill.
        name: String,
        /// Which version.
        version: String,
        /// Where.
        registry: String,
        /// Whether there are keys at all.
        has_keys: bool,
    },
    /// There is one, of nobody who is trusted.
    #[error(
        "the signature of `{name}` {version} from {registry} is by none of the keys in `skills.registry_keys`"
    )]
    BadSignature {
        /// Which skill.
        name: String,
        /// Which version.
        version: String,
        /// Where.
        registry: String,
    },
    /// The configuration names what can't be a registry.
    #[error("`skills.registry` can't be {address}: {reason}")]
    Address {
        /// The address, safe to show.
        address: String,
        /// Why not.
        reason: &'static str,
    },
    /// Nobody answers.
    #[error("{url} can't be reached: {message}")]
    Unreachable {
        /// The address without its query.
        url: String,
        /// The cause.
        message: String,
    },
    /// No answer in time.
    #[error("{url} did not answer within {} s", after.as_secs())]
    TimedOut {
        /// The address without its query.
        url: String,
        /// How long was waited.
        after: Duration,
    },
    /// An error, also after it was asked again.
    #[error("{url} answers with status {status}{}", wait.map(|wait| format!(": try again in {} s", wait.as_secs())).unwrap_or_default())]
    Status {
        /// The address without its query.
        url: String,
        /// The status.
        status: u16,
        /// How long it asks to wait.
        wait: Option<Duration>,
    },
    /// It sends us where no registry may.
    #[error("{url} leads to {to}, which a registry may not: only https:// and public hosts are followed")]
    Redirect {
        /// The address without its query.
        url: String,
        /// Where to.
        to: String,
    },
    /// The answer is longer than any should be.
    #[error("{what} has more than {limit} bytes")]
    TooLarge {
        /// The address without its query, or the file.
        what: String,
        /// The most there may be.
        limit: u64,
    },
    /// The answer is not what the protocol says.
    #[error("{what} does not make sense: {reason}")]
    Answer {
        /// The address without its query, or the file.
        what: String,
        /// Why not.
        reason: String,
    },
    /// HTTPS does not work on this machine.
    #[error("{0}")]
    Tls(String),
    /// A file of a local registry can't be read.
    #[error("can't read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl RegistryError {
    /// Whether the skill or version is not there.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::NotConfigured { .. } | Self::NotFound { .. } | Self::NoVersion { .. })
    }

    /// Whether it is there and must not be installed.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Malware { .. }
                | Self::Denied { .. }
                | Self::Digest { .. }
                | Self::Unsigned { .. }
                | Self::BadSignature { .. }
        )
    }

    /// Which skill this is about.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::NotConfigured { name }
            | Self::NotFound { name, .. }
            | Self::NoVersion { name, .. }
            | Self::Malware { name, .. }
            | Self::Denied { name, .. }
            | Self::Digest { name, .. }
            | Self::Unsigned { name, .. }
            | Self::BadSignature { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Whether asking again may help.
    pub(super) fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Status { status, .. } => *status == 429 || *status >= 500,
            _ => false,
        }
    }
}
