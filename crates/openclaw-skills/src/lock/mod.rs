//! `skills.lock`: what was installed, and the digest of every file of it. `docs/formats.md` describes the file.

mod digest;
mod file;
mod guard;
#[cfg(test)]
mod tests;
mod verify;

use std::collections::{BTreeMap, btree_map::Entry};

use openclaw_core::{Permissions, Timestamp};
use serde::{Deserialize, Serialize};

pub(crate) use self::{
    digest::{hex, sha256_hex},
    file::{LockError, sync_folder, write_whole},
    guard::Guard,
    verify::{Difference, Verifier},
};

/// Most versions of one skill: the one in force, and three to go back to.
pub(crate) const VERSIONS: usize = 4;

/// The lock file's content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Lock {
    /// By name: its versions, newest installation first. Never an empty list.
    skills: BTreeMap<String, Vec<Record>>,
}

/// One installed version of a skill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    /// Which version.
    pub(crate) version: String,
    /// When it was installed.
    pub(crate) installed_at: Timestamp,
    /// Where it came from: a registry's address or directory, or `builtin`.
    pub(crate) source: String,
    /// Who published it there, as the registry calls them; none: it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) publisher: Option<String>,
    /// SHA-256 of the archive in hexadecimal; none for skills that come with the gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) archive_sha256: Option<String>,
    /// The public key, in base64, that its signature was checked with; none: it was not signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signed_by: Option<String>,
    /// Digest of the image it runs in, when the registry names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) image_digest: Option<String>,
    /// What it may do.
    pub(crate) permissions: Permissions,
    /// Its files, by their paths below the folder of the version.
    pub(crate) files: BTreeMap<String, FileRecord>,
}

/// A file of a skill.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileRecord {
    /// SHA-256 in lower-case hexadecimal.
    pub(crate) sha256: String,
    /// Its length.
    pub(crate) bytes: u64,
    /// Whether it can be run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) executable: bool,
}

impl Lock {
    /// The versions of a skill, newest installation first.
    pub(crate) fn versions(&self, name: &str) -> &[Record] {
        self.skills.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// One version of a skill.
    pub(crate) fn record(&self, name: &str, version: &str) -> Option<&Record> {
        self.versions(name).iter().find(|record| record.version == version)
    }

    /// The names of all skills.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.skills.keys().map(String::as_str)
    }

    /// Puts a version first; one of the same version is replaced.
    pub(crate) fn add(&mut self, name: &str, record: Record) {
        let versions = self.skills.entry(name.to_owned()).or_default();
        versions.retain(|old| old.version != record.version);
        versions.insert(0, record);
    }

    /// Keeps those versions of a skill that `keep` wants, of these the first [`VERSIONS`]; without any, it is gone.
    pub(crate) fn retain(&mut self, name: &str, keep: impl FnMut(&Record) -> bool) {
        if let Entry::Occupied(mut entry) = self.skills.entry(name.to_owned()) {
            entry.get_mut().retain(keep);
            entry.get_mut().truncate(VERSIONS);
            if entry.get().is_empty() {
                entry.remove();
            }
        }
    }

    /// Forgets a skill.
    pub(crate) fn remove(&mut self, name: &str) -> bool {
        self.skills.remove(name).is_some()
    }
}
