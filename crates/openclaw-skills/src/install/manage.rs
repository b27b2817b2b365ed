//! Going back to an earlier version, and removing.

use std::fs;

use openclaw_core::Timestamp;

use super::{InstallError, Installer, layout, sweep};
use crate::{
    archive::has_manifest,
    lock::{Guard, Lock, Record, sync_folder},
    name::check_name,
};

impl Installer {
    /// Finishes or takes back what a crash interrupted, unless another program is at work. Blocking; for the start.
    ///
    /// # Errors
    /// When the lock file is damaged or a file can't be changed; nothing that is in force is touched.
    pub(crate) fn sweep(&self) -> Result<(), InstallError> {
        match Guard::try_take(&self.dir)? {
            Some(_guard) => sweep::sweep(&self.dir),
            None => Ok(()),
        }
    }

    /// Goes back to the version that was in force before, after checking its files; the one in force is deleted. Returns what is
    /// in force now. Blocking.
    ///
    /// # Errors
    /// When there is none, or it was changed; the version in force is then still there.
    pub(crate) fn rollback(&self, name: &str, _guard: Guard) -> Result<Record, InstallError> {
        check_name(name).map_err(InstallError::Invalid)?;
        sweep::sweep(&self.dir)?;
        let mut lock = Lock::read(&self.dir)?.unwrap_or_default();
        let versions = lock.versions(name);
        if versions.is_empty() {
            return Err(self.not_installed(name));
        }
        // The sweep has put the one in force first.
        let earlier = versions.get(1).cloned();
        let earlier = earlier.ok_or_else(|| InstallError::NoEarlier { name: name.to_owned() })?;
        let root = layout::version_dir(&self.dir, name, &earlier.version);
        let differences = self.verifier.differences(&root, &earlier)?;
        if !differences.is_empty() {
            let (name, version) = (name.to_owned(), earlier.version);
            return Err(InstallError::Changed { name, version, differences });
        }
        layout::set_current(&self.dir, name, &earlier.version)
            .map_err(InstallError::io("write", &self.dir.join(name).join("current")))?;
        let mut is_reached = false;
        lock.retain(name, |record| {
            is_reached |= record.version == earlier.version;
            is_reached
        });
        lock.write(&self.dir)?;
        sweep::sweep(&self.dir)?;
        Ok(earlier)
    }

    /// Removes a skill with all its versions, installed or one's own; returns the version in force. Blocking.
    ///
    /// The folder goes out of sight first, so that a crash leaves the skill whole or gone for every reader.
    ///
    /// # Errors
    /// When there is none, or a file can't be changed.
    pub(crate) fn remove(&self, name: &str, _guard: Guard) -> Result<Option<String>, InstallError> {
        check_name(name).map_err(InstallError::Invalid)?;
        let folder = self.dir.join(name);
        let is_folder = fs::symlink_metadata(&folder).is_ok_and(|metadata| metadata.is_dir());
        let is_own = has_manifest(&folder);
        let mut lock = match Lock::read(&self.dir) {
            Ok(lock) => lock.unwrap_or_default(),
            // One's own skills are not in it.
            Err(_) if is_own => Lock::default(),
            Err(error) => return Err(error.into()),
        };
        let is_locked = !lock.versions(name).is_empty();
        let has_versions = !layout::versions(&self.dir, name).unwrap_or_default().is_empty();
        if !(is_locked || is_folder && (is_own || has_versions)) {
            return Err(self.not_installed(name));
        }
        let current = layout::current(&self.dir, name).unwrap_or_default();
        let version = current.or_else(|| lock.versions(name).first().map(|record| record.version.clone()));
        let trash = self.dir.join(format!("{}{}-{name}", sweep::TRASH, Timestamp::now().unix_millis()));
        if is_folder {
            fs::rename(&folder, &trash)
                .and_then(|()| sync_folder(&self.dir))
                .map_err(InstallError::io("remove", &folder))?;
        }
        // Before the lock: somebody may be removing it because the disk is full. The folder's name tells a later sweep what it was.
        sweep::empty(&trash)?;
        if lock.remove(name) {
            lock.write(&self.dir)?;
        }
        sweep::remove(&trash)?;
        Ok(version)
    }

    fn not_installed(&self, name: &str) -> InstallError {
        InstallError::NotInstalled { name: name.to_owned(), dir: self.dir.clone() }
    }
}
