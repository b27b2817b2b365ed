//! What a skill asks for, and what it gets.

use std::fmt;

use openclaw_core::{Permission, Permissions, config::SkillsConfig};

use crate::lock::Record;

/// What a skill asks for beyond what it may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Beyond {
    /// Which skill.
    pub(crate) name: String,
    /// Which version.
    pub(crate) version: String,
    /// The version in force, when there is one.
    pub(crate) previous: Option<String>,
    /// How it comes from somebody else than the version in force: then that one's grants don't count, and nothing is compared with it.
    pub(crate) moved: Option<String>,
    /// What nobody has granted.
    pub(crate) missing: Permissions,
    /// What `skills.policy.deny` forbids, whatever was granted.
    pub(crate) denied: Permissions,
    /// What the version in force did not ask for.
    pub(crate) added: Permissions,
    /// What it asked for, and this one does not.
    pub(crate) removed: Permissions,
}

/// What a skill is measured by.
pub(super) struct Measure<'a> {
    pub(super) config: &'a SkillsConfig,
    /// What whoever installs it allows.
    pub(super) allow: &'a Permissions,
    /// The version in force.
    pub(super) previous: Option<&'a Record>,
    /// How it comes from somebody else than that.
    pub(super) moved: Option<String>,
    /// Whether it comes with the program: then what it asks for is granted unless policy denies it.
    pub(super) is_builtin: bool,
}

impl Measure<'_> {
    /// Whether `wanted` is granted. Granted are `skills.policy.allow`, `skills.grants`, what the version in force has, and what
    /// is allowed now; `skills.policy.deny` goes before all of them. What was granted by name was granted to whoever held the name
    /// then: of a skill that comes from somebody else it has to be allowed again, even if the skill does not ask for it.
    pub(super) fn check(&self, name: &str, version: &str, wanted: &Permissions) -> Result<(), Box<Beyond>> {
        let by_name = self.config.granted(name);
        let (mut old, mut wanted) = (Permissions::default(), wanted.clone());
        let mut granted = self.config.policy.allowed();
        if self.moved.is_some() {
            wanted.extend(by_name.iter().cloned());
        } else {
            old.extend(self.previous.into_iter().flat_map(|record| record.permissions.iter().cloned()));
            granted.extend(by_name.iter().chain(old.iter()).cloned());
        }
        granted.extend(self.allow.iter().cloned());
        if self.is_builtin {
            granted.extend(wanted.iter().cloned());
        }
        let denied = denied(&wanted, &self.config.policy.denied());
        let missing = wanted.beyond(&granted).beyond(&denied);
        if missing.is_empty() && denied.is_empty() {
            return Ok(());
        }
        let is_new = |permission: &&Permission| !old.iter().any(|own| own == *permission);
        let is_gone = |permission: &&Permission| !wanted.iter().any(|own| own == *permission);
        Err(Box::new(Beyond {
            name: name.to_owned(),
            version: version.to_owned(),
            previous: self.previous.map(|record| record.version.clone()),
            moved: self.moved.clone(),
            missing,
            denied,
            added: wanted.iter().filter(is_new).cloned().collect(),
            removed: old.iter().filter(is_gone).cloned().collect(),
        }))
    }
}

/// Those of `wanted` that `deny` forbids, in whole or in part: a skill that asks for every host asks for the forbidden one, too.
pub(crate) fn denied(wanted: &Permissions, deny: &Permissions) -> Permissions {
    wanted.iter().filter(|permission| deny.iter().any(|deny| overlaps(deny, permission))).cloned().collect()
}

fn overlaps(deny: &Permission, wanted: &Permission) -> bool {
    match (deny, wanted) {
        // Who may not write may still read.
        (Permission::Write(_), Permission::Read(_)) => false,
        // Who may not read may not write either: writing includes reading.
        (Permission::Read(path), Permission::Write(_)) => {
            let deny = Permission::Write(path.clone());
            deny.covers(wanted) || wanted.covers(&deny)
        }
        _ => deny.covers(wanted) || wanted.covers(deny),
    }
}

impl Beyond {
    /// Everything that stands in the way.
    pub(crate) fn permissions(&self) -> Permissions {
        self.missing.iter().chain(self.denied.iter()).cloned().collect()
    }

    /// What changed since the version in force, a line each, with `+` or `-` before it.
    pub(crate) fn diff(&self) -> Vec<String> {
        let added = self.added.iter().map(|permission| format!("+ {permission}"));
        added.chain(self.removed.iter().map(|permission| format!("- {permission}"))).collect()
    }
}

impl fmt::Display for Beyond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |permissions: &Permissions| permissions.to_texts().join(", ");
        write!(f, "`{}` {} asks for more than it may have.", self.name, self.version)?;
        if let Some(moved) = &self.moved {
            write!(f, " It is not from where it was: {moved}; what was granted before does not count.")?;
        }
        if !self.missing.is_empty() {
            write!(f, " Nobody has granted {}.", list(&self.missing))?;
        }
        if !self.denied.is_empty() {
            write!(f, " `skills.policy.deny` forbids {}.", list(&self.denied))?;
        }
        if let (Some(previous), None) = (&self.previous, &self.moved) {
            let changes = self.diff().join(", ");
            let changes = if changes.is_empty() { "nothing" } else { &changes };
            write!(f, " Changed since {previous}: {changes}.")?;
        }
        if self.denied.is_empty() {
            let flags: Vec<_> =
                self.missing.iter().map(|permission| format!("--allow {permission}")).collect();
            write!(f, " Install it with `{}`, or add that to `skills.policy.allow`", flags.join(" "))
        } else {
            write!(f, " It can't be installed unless the policy changes")
        }
    }
}
