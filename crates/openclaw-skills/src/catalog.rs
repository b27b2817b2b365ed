//! What is installed, as it stands now: one immutable snapshot, replaced when something changes on the disk.

use std::{collections::BTreeMap, sync::Arc};

use openclaw_core::{Permission, Permissions, Timestamp, port::SkillPermissions};

use crate::package::Package;

/// A skill that may be called.
#[derive(Debug)]
pub(crate) struct Skill {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) package: Package,
    /// Whether it was put there by hand: nothing says what its files should be.
    pub(crate) is_local: bool,
    /// What it may do: requested, approved, and not denied.
    pub(crate) granted: Permissions,
    /// Another number when any of its files, or what it is granted, has changed.
    pub(crate) stamp: u64,
}

/// A skill as it is listed.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) description: String,
    pub(crate) permissions: Permissions,
    pub(crate) installed_at: Timestamp,
    /// Whether it was put there by hand.
    pub(crate) is_local: bool,
    pub(crate) state: State,
}

/// Whether a skill can be called, and why not.
#[derive(Debug, Clone)]
pub(crate) enum State {
    /// It can, as soon as there is a sandbox.
    Ready(Arc<Skill>),
    /// Its files can't be made sense of.
    Invalid(String),
    /// A file is not what was installed.
    Changed(String),
    /// Something that it needs is not there.
    Missing(String),
    /// It was installed, and policy has denied it since.
    Denied(String),
}

/// All skills, by name.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    pub(crate) entries: BTreeMap<String, Entry>,
}

impl Catalog {
    /// The skill of that name, if it can be called.
    pub(crate) fn ready(&self, name: &str) -> Option<&Arc<Skill>> {
        match &self.entries.get(name)?.state {
            State::Ready(skill) => Some(skill),
            _ => None,
        }
    }

    /// Whether that skill can be called as it was when it had this stamp.
    pub(crate) fn has(&self, name: &str, stamp: u64) -> bool {
        self.ready(name).is_some_and(|skill| skill.stamp == stamp)
    }

    /// Every skill that can be called, by name.
    pub(crate) fn all_ready(&self) -> impl Iterator<Item = &Arc<Skill>> {
        self.entries.values().filter_map(|entry| match &entry.state {
            State::Ready(skill) => Some(skill),
            _ => None,
        })
    }
}

impl Skill {
    /// The same skill with no rights at all, for looking at its files.
    pub(crate) fn without_grants(&self) -> Self {
        Self {
            name: self.name.clone(),
            version: self.version.clone(),
            package: self.package.clone(),
            is_local: self.is_local,
            granted: Permissions::default(),
            stamp: self.stamp,
        }
    }

    /// Whether it may run programs that are not its own.
    pub(crate) fn has_shell(&self) -> bool {
        self.granted.covers(&Permission::Shell)
    }
}

/// The contract's three words for permissions.
pub(crate) fn in_three_words(permissions: &Permissions) -> SkillPermissions {
    let mut words = SkillPermissions::default();
    for permission in permissions.iter() {
        match permission {
            Permission::Network(_) => words.network = true,
            Permission::Read(_) | Permission::Write(_) => words.filesystem = true,
            Permission::Shell => words.shell = true,
            Permission::Env(_) => {}
        }
    }
    words
}
