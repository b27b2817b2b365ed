//! `skills`: where they come from, what runs them, what they may do.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::InvalidValue;
use crate::{HostPattern, Permission, Permissions, Secret};

/// Skills and their sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SkillsConfig {
    /// What runs skills. Default `auto`: the first of podman, docker, namespace that proves itself.
    pub engine: SandboxEngine,
    /// Whether a container engine that runs as root is passed over, unless the gateway itself is root. Default true.
    pub rootless: bool,
    /// Where skills are installed from: an `https://` registry (ClawHub's protocol, or a tree with `index.json`) or a local
    /// directory. Default: only the skills that come with the gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
    /// Ed25519 public keys of the registry, each 32 bytes in base64. With keys, what it sends must be signed by one of them.
    pub registry_keys: Vec<String>,
    /// Which calls a person is asked about first. Default `risky`.
    pub approval: ApprovalMode,
    /// Values for `env:NAME`, before those of the gateway's own environment.
    pub env: BTreeMap<String, Secret>,
    /// Further permissions by the name of a skill, such as a folder for `files`.
    pub grants: BTreeMap<String, Vec<String>>,
    /// Bounds of one call, and of all together.
    pub limits: SkillLimits,
    /// What may be installed.
    pub policy: SkillPolicy,
}

/// What runs skills.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SandboxEngine {
    /// The first that proves itself: podman, docker, namespace.
    #[default]
    Auto,
    /// Podman.
    Podman,
    /// Docker.
    Docker,
    /// The built-in one: namespaces, seccomp and landlock of the Linux kernel.
    Namespace,
    /// None: skills are listed, and stay disabled.
    None,
}

/// Which calls a person is asked about first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ApprovalMode {
    /// None.
    Never,
    /// Each.
    Always,
    /// Those of skills that may change files of the host, or that see secrets or files and reach the network.
    #[default]
    Risky,
}

/// Bounds of one call, and of all together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SkillLimits {
    /// Memory of one sandbox, in MiB, files in its `/tmp` and `/work` counted in. Default 512; 16 to 65536.
    pub memory_mb: u32,
    /// Processes and threads of one sandbox. Default 128; 8 to 4096.
    pub processes: u32,
    /// Wall-clock time of a call when the skill names none, in seconds. Default 30; 1 to 300.
    pub timeout_seconds: u32,
    /// Sandboxes at the same time, those that wait for a call counted in; calls without a place wait. Default 8; 1 to 256.
    pub concurrent: u32,
    /// Sandboxes kept ready for skills that were used lately, over all of them, as far as there are places; 0 keeps none. Default 2; 0 to 32.
    pub warm: u32,
}

/// What may be installed, and where it may connect to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SkillPolicy {
    /// Permissions that an install may ask for without `--allow`. Default: none.
    pub allow: Vec<String>,
    /// Permissions that no skill gets, whatever else is said. Default: none.
    pub deny: Vec<String>,
    /// Whether only signed archives are installed. Default false.
    pub require_signature: bool,
    /// Private, loopback and link-local addresses that skills may connect to, as `host:port`. Default: none.
    pub allow_private: Vec<String>,
    /// Local roots of images, each `image=/directory` with the name that a skill's `runtime` has and where it is unpacked.
    pub images: Vec<String>,
}

impl Default for SkillsConfig {
    fn default() -> Self {
        Self {
            engine: SandboxEngine::default(),
            rootless: true,
            registry: None,
            registry_keys: Vec::new(),
            approval: ApprovalMode::default(),
            env: BTreeMap::new(),
            grants: BTreeMap::new(),
            limits: SkillLimits::default(),
            policy: SkillPolicy::default(),
        }
    }
}

impl Default for SkillLimits {
    fn default() -> Self {
        Self { memory_mb: 512, processes: 128, timeout_seconds: 30, concurrent: 8, warm: 2 }
    }
}

/// Those of `texts` that are permissions; [`SkillsConfig::check`] has refused the others.
fn permissions(texts: &[String]) -> Permissions {
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}

impl SkillPolicy {
    /// [`Self::allow`], read.
    #[must_use]
    pub fn allowed(&self) -> Permissions {
        permissions(&self.allow)
    }

    /// Where an image is unpacked, by [`Self::images`].
    #[must_use]
    pub fn image_root(&self, image: &str) -> Option<&str> {
        let roots = self.images.iter().filter_map(|text| text.split_once('='));
        roots.filter(|(name, _)| *name == image).map(|(_, root)| root).next()
    }

    /// [`Self::deny`], read.
    #[must_use]
    pub fn denied(&self) -> Permissions {
        permissions(&self.deny)
    }
}

impl SkillsConfig {
    /// What [`Self::grants`] says of a skill, read.
    #[must_use]
    pub fn granted(&self, skill: &str) -> Permissions {
        self.grants.get(skill).map(|texts| permissions(texts)).unwrap_or_default()
    }

    pub(super) fn check(&self, problems: &mut Vec<InvalidValue>) {
        let mut lists = vec![
            ("skills.policy.allow".to_owned(), &self.policy.allow),
            ("skills.policy.deny".to_owned(), &self.policy.deny),
        ];
        lists.extend(self.grants.iter().map(|(name, list)| (format!("skills.grants.{name}"), list)));
        for (key, list) in lists {
            for (index, text) in list.iter().enumerate() {
                if let Err(error) = text.parse::<Permission>() {
                    problems.push(InvalidValue::new(format!("{key}[{index}]"), format!("is wrong: {error}")));
                }
            }
        }
        for (index, text) in self.policy.allow_private.iter().enumerate() {
            let is_pair = text.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
            if !is_pair || text.starts_with('*') || text.parse::<HostPattern>().is_err() {
                problems.push(InvalidValue::new(
                    format!("skills.policy.allow_private[{index}]"),
                    "must be host:port, such as 192.168.1.10:8123 or nas.local:443",
                ));
            }
        }
        for (index, key) in self.registry_keys.iter().enumerate() {
            if !is_key(key) {
                problems.push(InvalidValue::new(
                    format!("skills.registry_keys[{index}]"),
                    "must be an Ed25519 public key: 32 bytes in base64",
                ));
            }
        }
        for (index, text) in self.policy.images.iter().enumerate() {
            if !text.split_once('=').is_some_and(|(image, root)| !image.is_empty() && root.starts_with('/')) {
                problems.push(InvalidValue::new(
                    format!("skills.policy.images[{index}]"),
                    "must be image=/directory: the image's name and where it is unpacked",
                ));
            }
        }
        let limits = &self.limits;
        for (key, value, low, high) in [
            ("memory_mb", limits.memory_mb, 16, 65_536),
            ("processes", limits.processes, 8, 4096),
            ("timeout_seconds", limits.timeout_seconds, 1, 300),
            ("concurrent", limits.concurrent, 1, 256),
            ("warm", limits.warm, 0, 32),
        ] {
            if !(low..=high).contains(&value) {
                let rule = format!("must be between {low} and {high}");
                problems.push(InvalidValue::new(format!("skills.limits.{key}"), rule));
            }
        }
    }
}

fn is_key(text: &str) -> bool {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    STANDARD.decode(text).is_ok_and(|bytes| bytes.len() == 32)
}
