//! What is installed, from where, with which rights, and whether it is still that.

use std::{collections::BTreeSet, fs, io};

use openclaw_core::{Permissions, Timestamp};

use super::{InstallError, Installer, layout};
use crate::{
    archive::has_manifest,
    lock::{Difference, Lock, Record},
    name::check_name,
};

/// One installed skill, audited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuditLine {
    /// Which skill.
    pub(crate) name: String,
    /// The version in force.
    pub(crate) version: Option<String>,
    /// Whether its files are what was installed.
    pub(crate) state: State,
    /// Where it came from.
    pub(crate) source: Option<String>,
    /// When it was installed.
    pub(crate) installed_at: Option<Timestamp>,
    /// SHA-256 of its archive.
    pub(crate) archive_sha256: Option<String>,
    /// The key that its signature was checked with.
    pub(crate) signed_by: Option<String>,
    /// What it may do.
    pub(crate) permissions: Permissions,
    /// Versions to go back to, the last in force first.
    pub(crate) earlier: Vec<String>,
}

/// Whether the files of a skill are what was installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// They are.
    Intact,
    /// They are not.
    Changed(Vec<Difference>),
    /// The folder of the version in force is not there, or there is no version in force.
    Missing,
    /// It is not in the lock: nobody knows what it should be.
    Unknown,
}

impl Installer {
    /// Looks at every installed skill, by name; one's own skills are not among them. Blocking.
    ///
    /// # Errors
    /// When the lock file is damaged or a file can't be read.
    pub(crate) fn audit(&self) -> Result<Vec<AuditLine>, InstallError> {
        let lock = Lock::read(&self.dir)?.unwrap_or_default();
        let mut names: BTreeSet<String> = lock.names().map(str::to_owned).collect();
        names.extend(self.folders()?);
        names.iter().map(|name| self.line(name, &lock)).collect()
    }

    /// Whether the files of an installed skill are what was installed. Blocking.
    ///
    /// # Errors
    /// When a file can't be read.
    pub(crate) fn state(&self, name: &str, lock: &Lock) -> Result<(State, Option<Record>), InstallError> {
        let current =
            layout::current(&self.dir, name).map_err(InstallError::io("read", &self.dir.join(name)))?;
        let Some(version) = current else {
            let state = if lock.versions(name).is_empty() { State::Unknown } else { State::Missing };
            return Ok((state, None));
        };
        let Some(record) = lock.record(name, &version) else { return Ok((State::Unknown, None)) };
        let root = layout::version_dir(&self.dir, name, &version);
        if !fs::symlink_metadata(&root).is_ok_and(|metadata| metadata.is_dir()) {
            return Ok((State::Missing, Some(record.clone())));
        }
        let differences = self.verifier.differences(&root, record)?;
        let state = if differences.is_empty() { State::Intact } else { State::Changed(differences) };
        Ok((state, Some(record.clone())))
    }

    fn line(&self, name: &str, lock: &Lock) -> Result<AuditLine, InstallError> {
        let (state, record) = self.state(name, lock)?;
        let version = match &record {
            Some(record) => Some(record.version.clone()),
            None => layout::current(&self.dir, name).unwrap_or_default(),
        };
        let earlier = lock.versions(name).iter().map(|record| record.version.clone());
        let earlier = earlier.skip_while(|other| version.as_ref() != Some(other)).skip(1).collect();
        let record = record.as_ref();
        Ok(AuditLine {
            name: name.to_owned(),
            version,
            state,
            source: record.map(|record| record.source.clone()),
            installed_at: record.map(|record| record.installed_at),
            archive_sha256: record.and_then(|record| record.archive_sha256.clone()),
            signed_by: record.and_then(|record| record.signed_by.clone()),
            permissions: record.map(|record| record.permissions.clone()).unwrap_or_default(),
            earlier,
        })
    }

    /// The folders with versions in them.
    fn folders(&self) -> Result<Vec<String>, InstallError> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(InstallError::io("read", &self.dir)(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(InstallError::io("read", &self.dir))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let is_installed = check_name(&name).is_ok()
                && entry.file_type().is_ok_and(|kind| kind.is_dir())
                && !has_manifest(&entry.path())
                && !layout::versions(&self.dir, &name).unwrap_or_default().is_empty();
            if is_installed {
                names.push(name);
            }
        }
        Ok(names)
    }
}
