//! Installing, rolling back, removing and auditing skills.
//!
//! **The order of an installation.** Asked, downloaded and checked without touching the disk; then, holding the directory's lock:
//!
//! 1. unpack into `.staging-…/`, sync, check files, manifest and permissions;
//! 2. write `skills.lock` with the new version before the one in force;
//! 3. rename the staged folder to `<name>/<version>`;
//! 4. replace `<name>/current`: from here on the new version is in force;
//! 5. delete what is no longer in `skills.lock`.
//!
//! Every folder is thus in the lock before it is there. A crash before 4 leaves the version before in force, and [`Installer::sweep`] takes
//! back what was begun: versions that stand in the lock before the one in force never were. Without an earlier version, a crash
//! between 3 and 4 is completed instead. Going back is the same the other way round: `current`, then the lock, then the folder.

mod audit;
mod commit;
mod error;
mod grant;
mod layout;
mod manage;
mod sweep;
#[cfg(test)]
mod tests;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use openclaw_core::{Permissions, config::SkillsConfig};
use tracing::info;

use self::commit::Commit;
pub(crate) use self::{
    audit::State,
    error::{InstallError, list},
    grant::denied,
};
use crate::{
    lock::{Guard, Lock, Record, Verifier},
    name::{check_name, check_version},
    registry::{Keys, Registry, is_newer},
};

/// What a skill says of itself, as far as installing needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Declared {
    /// Its name.
    pub(crate) name: String,
    /// Its version; `None`: it says none, and the registry's counts.
    pub(crate) version: Option<String>,
    /// What it asks for.
    pub(crate) permissions: Permissions,
}

/// Reads the skill in a folder that is installed under a name, with everything that is checked before one is loaded; the error is a
/// sentence for people. When what it says of its name differs, the skill is refused.
pub(crate) type ReadPackage = fn(&Path, &str) -> Result<Declared, String>;

/// What is to be installed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    /// Which skill.
    pub(crate) name: String,
    /// Which version; `None`: the newest.
    pub(crate) version: Option<String>,
    /// What it may do beyond what policy says.
    pub(crate) allow: Permissions,
    /// Whether it is installed although the registry has doubts about it.
    pub(crate) force: bool,
}

/// What became of an installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Installed {
    /// Installed now; in force.
    New {
        /// As it stands in the lock.
        record: Record,
        /// The version in force before.
        previous: Option<String>,
    },
    /// It was in force and intact already.
    Unchanged(Record),
}

/// Changes a skills directory.
#[derive(Debug, Clone)]
pub(crate) struct Installer {
    dir: PathBuf,
    read: ReadPackage,
    verifier: Arc<Verifier>,
}

impl Installer {
    /// For the directory `dir`, which need not exist. Does no I/O.
    pub(crate) fn new(dir: PathBuf, read: ReadPackage) -> Self {
        Self { dir, read, verifier: Arc::default() }
    }

    /// Installs a skill, or brings it to another version. Once the download is there it goes on to its end even when the caller
    /// leaves.
    ///
    /// # Errors
    /// See [`InstallError`]; the version before is then still in force.
    pub(crate) async fn install(
        &self,
        registry: &Registry,
        request: Request,
        config: &SkillsConfig,
    ) -> Result<Installed, InstallError> {
        check_name(&request.name).map_err(InstallError::Invalid)?;
        request.version.as_deref().map_or(Ok(()), check_version).map_err(InstallError::Invalid)?;
        let release = registry.resolve(&request.name, request.version.as_deref()).await?;
        let name = request.name.clone();
        if let Some((record, is_intact)) = self.blocking(move |own| own.in_force(&name)).await? {
            if record.version == release.version && is_intact {
                return Ok(Installed::Unchanged(record));
            }
            if request.version.is_none() && is_newer(&record.version, &release.version) {
                return Err(InstallError::Older {
                    name: release.name,
                    registry: release.source,
                    newest: release.version,
                    installed: record.version,
                });
            }
        }
        if release.is_suspicious && !request.force {
            let (name, version, registry) = (release.name, release.version, release.source);
            return Err(InstallError::Suspicious { name, version, registry });
        }
        let content = registry.download(&release).await?;
        let keys = Keys::new(&config.registry_keys, config.policy.require_signature);
        let signed_by = release.signed_by(&content, &keys)?;
        let commit = Commit {
            release,
            content,
            signed_by,
            allow: request.allow,
            config: config.clone(),
            read: self.read,
        };
        let guard = self.guard().await?;
        let work = move |own: &Self| match own.in_force(&commit.release.name)? {
            // Another request for the same has had the directory until now.
            Some((record, true)) if record.version == commit.release.version => {
                Ok(Installed::Unchanged(record))
            }
            _ => commit.run(&own.dir, &guard),
        };
        let installed = self.blocking(work).await?;
        if let Installed::New { record, previous } = &installed {
            let (version, source) = (&record.version, &record.source);
            info!(skill = %request.name, %version, %source, previous, "installed a skill");
        }
        Ok(installed)
    }

    /// The version in force, and whether its files are what was installed.
    fn in_force(&self, name: &str) -> Result<Option<(Record, bool)>, InstallError> {
        let Some(lock) = Lock::read(&self.dir)? else { return Ok(None) };
        let current = layout::current(&self.dir, name)
            .map_err(InstallError::io("read", &self.dir.join(name).join("current")))?;
        let Some(record) = current.and_then(|version| lock.record(name, &version).cloned()) else {
            return Ok(None);
        };
        let root = layout::version_dir(&self.dir, name, &record.version);
        let differences = self.verifier.differences(&root, &record)?;
        Ok(Some((record, differences.is_empty())))
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, InstallError> + Send + 'static,
    ) -> Result<T, InstallError> {
        let own = self.clone();
        let dir = self.dir.clone();
        match tokio::task::spawn_blocking(move || work(&own)).await {
            Ok(done) => done,
            Err(error) => Err(InstallError::io("work on", &dir)(io::Error::other(error))),
        }
    }

    /// The right to change the directory, when nobody else is at it any more.
    ///
    /// # Errors
    /// When that takes too long, or the directory can't be made.
    pub(crate) async fn guard(&self) -> Result<Guard, InstallError> {
        Ok(Guard::wait(&self.dir).await?)
    }
}
