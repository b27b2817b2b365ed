//! The part of an installation that changes the disk.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use openclaw_core::{Permissions, Timestamp, config::SkillsConfig};
use ring::rand::{SecureRandom as _, SystemRandom};

use super::{InstallError, Installed, ReadPackage, grant::Measure, layout, sweep};
use crate::{
    archive::{self, ArchiveBounds, MANIFESTS, Tree},
    lock::{Guard, Lock, Record, hex, sync_folder},
    registry::{Content, Release},
};

/// A download that is about to be installed.
pub(super) struct Commit {
    pub(super) release: Release,
    pub(super) content: Content,
    pub(super) signed_by: Option<String>,
    pub(super) allow: Permissions,
    pub(super) config: SkillsConfig,
    pub(super) read: ReadPackage,
}

/// What has been done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Unpacked,
    Checked,
    Locked,
    Cleared,
    Moved,
    Switched,
}

impl Commit {
    /// Installs it. When that fails, what was begun is taken back. Blocking.
    pub(super) fn run(self, dir: &Path, _guard: &Guard) -> Result<Installed, InstallError> {
        let done = self.steps(dir, &mut |_| Ok(()));
        // Also after success: staging and old versions go.
        let swept = sweep::sweep(dir);
        if let Err(error) = swept {
            tracing::warn!(dir = %dir.display(), %error, "what an installation left can't be deleted");
        }
        done
    }

    /// The steps of an installation, with the directory's lock held; `after` is told of each, and its error ends them there.
    pub(super) fn steps(
        &self,
        dir: &Path,
        after: &mut dyn FnMut(Step) -> io::Result<()>,
    ) -> Result<Installed, InstallError> {
        let (name, version) = (&self.release.name, &self.release.version);
        let mut after = |step| after(step).map_err(InstallError::io("install into", dir));
        // What an earlier one left must not be taken for this one's.
        sweep::sweep(dir)?;
        check_place(dir, name)?;
        let mut lock = Lock::read(dir)?.unwrap_or_default();
        let current = layout::current(dir, name).map_err(InstallError::io("read", &dir.join(name)))?;
        let previous = current.as_deref().and_then(|version| lock.record(name, version)).cloned();

        let staging = new_folder(dir)?;
        let mut tree = self.unpack(&staging.join("new"))?;
        after(Step::Unpacked)?;
        self.release.check_files(&mut tree)?;
        let permissions = self.check(&tree, previous.as_ref())?;
        after(Step::Checked)?;

        let record = self.record(tree.files, permissions);
        lock.add(name, record.clone());
        lock.retain(name, |_| true);
        lock.write(dir)?;
        after(Step::Locked)?;

        let target = layout::version_dir(dir, name, version);
        let parent = dir.join(name);
        make_folder(&parent)?;
        sync_folder(dir).map_err(InstallError::io("write", dir))?;
        match fs::rename(&target, staging.join("old")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(InstallError::io("replace", &target)(error));
            }
            _ => {}
        }
        after(Step::Cleared)?;
        fs::rename(&tree.root, &target)
            .and_then(|()| sync_folder(&parent))
            .map_err(InstallError::io("create", &target))?;
        after(Step::Moved)?;
        layout::set_current(dir, name, version)
            .map_err(InstallError::io("write", &parent.join("current")))?;
        after(Step::Switched)?;
        Ok(Installed::New { record, previous: previous.map(|record| record.version) })
    }

    fn unpack(&self, dest: &Path) -> Result<Tree, InstallError> {
        make_folder(dest)?;
        let bounds = ArchiveBounds::default();
        archive::unpack(&self.content.bytes, dest, &bounds).map_err(|source| InstallError::Archive {
            name: self.release.name.clone(),
            version: self.release.version.clone(),
            source,
        })
    }

    /// It is the skill that was asked for, and may do what it asks for; returns that.
    fn check(&self, tree: &Tree, previous: Option<&Record>) -> Result<Permissions, InstallError> {
        let (name, version) = (&self.release.name, &self.release.version);
        let wrong =
            |reason| Err(InstallError::Package { name: name.clone(), version: version.clone(), reason });
        if !MANIFESTS.iter().any(|name| tree.files.contains_key(*name)) {
            return wrong("its archive has no SKILL.md, at its top or in its only folder".to_owned());
        }
        let declared = match (self.read)(&tree.root, name) {
            Ok(declared) => declared,
            Err(reason) => return wrong(reason),
        };
        if declared.name != *name {
            return wrong(format!("its SKILL.md calls it `{}`", declared.name.escape_debug()));
        }
        if let Some(said) = declared.version.filter(|said| said != version) {
            return wrong(format!("its SKILL.md says that it is version {}", said.escape_debug()));
        }
        let measure = Measure {
            config: &self.config,
            allow: &self.allow,
            previous,
            moved: previous.and_then(|record| self.moved(record)),
            is_builtin: self.release.is_builtin(),
        };
        match measure.check(name, version, &declared.permissions) {
            Ok(()) => Ok(declared.permissions),
            Err(beyond) => Err(InstallError::Permissions(beyond)),
        }
    }

    /// How this comes from somebody else than the version in force; whoever holds a name elsewhere is not who was trusted.
    fn moved(&self, old: &Record) -> Option<String> {
        let Release { source, publisher, .. } = &self.release;
        let version = &old.version;
        let named = |name: &Option<String>| match name {
            Some(name) => format!("`{}`", name.escape_debug()),
            None => "somebody who is not named".to_owned(),
        };
        if old.source != *source {
            Some(format!("{version} came from {}, this one comes from {source}", old.source))
        } else if old.publisher != *publisher {
            Some(format!(
                "{version} was published by {}, this one by {}",
                named(&old.publisher),
                named(publisher)
            ))
        } else if let Some(key) = old.signed_by.as_ref().filter(|_| old.signed_by != self.signed_by) {
            let by = self
                .signed_by
                .as_ref()
                .map_or_else(|| "by no known key".to_owned(), |key| format!("with {key}"));
            Some(format!("{version} was signed with {key}, this one {by}"))
        } else {
            None
        }
    }

    fn record(
        &self,
        files: std::collections::BTreeMap<String, crate::lock::FileRecord>,
        permissions: Permissions,
    ) -> Record {
        let archive_sha256 = (!self.release.is_builtin()).then(|| self.content.sha256.clone());
        Record {
            version: self.release.version.clone(),
            installed_at: Timestamp::now(),
            source: self.release.source.clone(),
            publisher: self.release.publisher.clone(),
            archive_sha256,
            signed_by: self.signed_by.clone(),
            image_digest: self.release.image_digest.clone(),
            permissions,
            files,
        }
    }
}

/// A skill can lie there: nobody's own skill does, and what is there is a folder.
fn check_place(dir: &Path, name: &str) -> Result<(), InstallError> {
    let folder = dir.join(name);
    let metadata = match fs::symlink_metadata(&folder) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(InstallError::io("read", &folder)(error)),
    };
    if !metadata.is_dir() || archive::has_manifest(&folder) {
        return Err(InstallError::Local { name: name.to_owned(), path: folder });
    }
    Ok(())
}

/// A new folder for one installation, which nobody else knows.
fn new_folder(dir: &Path) -> Result<PathBuf, InstallError> {
    let mut random = [0; 8];
    let filled = SystemRandom::new().fill(&mut random);
    filled.map_err(|_| InstallError::io("make a random name in", dir)(io::Error::other("no randomness")))?;
    let folder = dir.join(format!("{}{}", sweep::STAGING, hex(&random)));
    DirBuilder::new().mode(0o700).create(&folder).map_err(InstallError::io("create", &folder))?;
    Ok(folder)
}

fn make_folder(folder: &Path) -> Result<(), InstallError> {
    match DirBuilder::new().mode(0o755).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(InstallError::io("create", folder)(error))
        }
        _ => Ok(()),
    }
}
