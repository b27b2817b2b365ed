//! One version of a skill, as a registry offers it.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read as _},
    path::PathBuf,
};

use bytes::Bytes;
use reqwest::Url;
use serde::Deserialize;

use super::{BuiltinSkill, Client, Keys, RegistryError, builtin::SOURCE};
use crate::{
    archive::{ArchiveBounds, Tree},
    lock::{sha256_hex, sync_folder},
};

/// The file that ClawHub adds to an archive and does not list.
const META: &str = "_meta.json";

/// A skill that a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its name.
    pub(crate) name: String,
    /// Its newest version, when the registry says.
    pub(crate) version: Option<String>,
    /// What it does; may be empty.
    pub(crate) description: String,
    /// Where it is.
    pub(crate) source: String,
}

/// One version of a skill, as a registry offers it.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// Where it is from: an address, a directory, or `builtin`.
    pub(crate) source: String,
    /// Who published it there, when the registry says.
    pub(crate) publisher: Option<String>,
    /// Whether the registry has doubts about it.
    pub(crate) is_suspicious: bool,
    /// Digest of the image it runs in.
    pub(crate) image_digest: Option<String>,
    /// Ed25519 in base64, see [`super::signature::message`].
    pub(super) signature: Option<String>,
    pub(super) digest: Digest,
    pub(super) place: Place,
}

/// What the bytes are compared with.
#[derive(Debug, Clone)]
pub(super) enum Digest {
    /// Nothing: they are in the program.
    Program,
    /// SHA-256 of the archive, and its length.
    Archive { sha256: String, bytes: Option<u64> },
    /// SHA-256 of each file.
    Files(BTreeMap<String, String>),
}

/// Where the bytes are.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Program(&'static BuiltinSkill),
    File(PathBuf),
    Web(Url),
}

/// What was downloaded.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    /// The archive.
    pub(crate) bytes: Bytes,
    /// Its SHA-256 in hexadecimal.
    pub(crate) sha256: String,
}

impl Release {
    pub(super) fn builtin(skill: &'static BuiltinSkill) -> Self {
        Self {
            name: skill.name.to_owned(),
            version: skill.version.to_owned(),
            source: SOURCE.to_owned(),
            publisher: None,
            is_suspicious: false,
            image_digest: None,
            signature: None,
            digest: Digest::Program,
            place: Place::Program(skill),
        }
    }

    /// Whether it comes with the program, which is trusted as it is.
    pub(crate) fn is_builtin(&self) -> bool {
        matches!(self.place, Place::Program(_))
    }

    /// Gets it, and compares the archive's digest when there is one.
    pub(super) async fn download(&self, client: Option<&Client>) -> Result<Content, RegistryError> {
        let limit = ArchiveBounds::default().archive;
        let bytes = match &self.place {
            Place::Program(skill) => Bytes::from_static(skill.archive),
            Place::File(path) => read_file(path.clone(), limit).await?,
            Place::Web(url) => {
                let Some(client) = client else {
                    return Err(RegistryError::NotConfigured { name: self.name.clone() });
                };
                let reply = client.get(url, limit).await?;
                match reply.status {
                    200 => reply.body,
                    404 | 410 => {
                        let reason = format!("{} is not there", reply.url);
                        return Err(RegistryError::Answer { what: self.source.clone(), reason });
                    }
                    status => {
                        let (name, registry) = (self.name.clone(), self.source.clone());
                        return Err(RegistryError::Denied { name, registry, status, words: reply.words() });
                    }
                }
            }
        };
        let sha256 = sha256_hex(&bytes);
        if let Digest::Archive { sha256: expected, bytes: length } = &self.digest {
            if length.is_some_and(|length| length != bytes.len() as u64) {
                let reason =
                    format!("the archive has {} bytes and should have {}", bytes.len(), length.unwrap_or(0));
                return Err(self.differs(reason));
            }
            if sha256 != *expected {
                return Err(
                    self.differs(format!("the archive's SHA-256 is {sha256} and should be {expected}"))
                );
            }
        }
        Ok(Content { bytes, sha256 })
    }

    /// The key that signed what was downloaded; `None`: nobody, and nobody had to.
    ///
    /// # Errors
    /// When it must be signed by one of `keys` and is not.
    pub(crate) fn signed_by(&self, content: &Content, keys: &Keys) -> Result<Option<String>, RegistryError> {
        if self.is_builtin() { Ok(None) } else { keys.check(self, &content.sha256) }
    }

    /// Compares unpacked files with the registry's list. A file that the registry itself added is taken away. Blocking.
    ///
    /// # Errors
    /// When a file differs, is missing or is more than was listed.
    pub(crate) fn check_files(&self, tree: &mut Tree) -> Result<(), RegistryError> {
        let Digest::Files(expected) = &self.digest else { return Ok(()) };
        if tree.files.contains_key(META) && !expected.contains_key(META) {
            self.take_meta(tree)?;
        }
        for (path, sha256) in expected {
            match tree.files.get(path) {
                None => return Err(self.differs(format!("`{path}` is missing"))),
                Some(file) if file.sha256 != *sha256 => {
                    let reason = format!("`{path}` has SHA-256 {} and should have {sha256}", file.sha256);
                    return Err(self.differs(reason));
                }
                Some(_) => {}
            }
        }
        match tree.files.keys().find(|path| !expected.contains_key(*path)) {
            Some(path) => Err(self.differs(format!("`{path}` is not in its list of files"))),
            None => Ok(()),
        }
    }

    fn take_meta(&self, tree: &mut Tree) -> Result<(), RegistryError> {
        #[derive(Deserialize)]
        struct Meta {
            slug: String,
            version: String,
        }
        let path = tree.root.join(META);
        let failed = |source| RegistryError::Io { path: path.clone(), source };
        let text = fs::read(&path).map_err(failed)?;
        let is_own = serde_json::from_slice(&text)
            .is_ok_and(|meta: Meta| meta.slug == self.name && meta.version == self.version);
        if !is_own {
            return Err(self.differs(format!("`{META}` speaks of another skill or version")));
        }
        fs::remove_file(&path).and_then(|()| sync_folder(&tree.root)).map_err(failed)?;
        tree.files.remove(META);
        Ok(())
    }

    fn differs(&self, reason: String) -> RegistryError {
        let (name, version, registry) = (self.name.clone(), self.version.clone(), self.source.clone());
        RegistryError::Digest { name, version, registry, reason }
    }
}

/// Reads a file of a local registry, off the async threads.
pub(super) async fn read_file(path: PathBuf, limit: u64) -> Result<Bytes, RegistryError> {
    let work = move || {
        let failed = |source| RegistryError::Io { path: path.clone(), source };
        // Opening a pipe would wait for its other end.
        if !fs::metadata(&path).map_err(failed)?.is_file() {
            return Err(failed(io::Error::other("it is no file")));
        }
        let mut bytes = Vec::new();
        File::open(&path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes)).map_err(failed)?;
        if bytes.len() as u64 > limit {
            return Err(RegistryError::TooLarge { what: path.display().to_string(), limit });
        }
        Ok(bytes.into())
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(read) => read,
        Err(error) => Err(RegistryError::Io {
            path: PathBuf::from("a file of the registry"),
            source: io::Error::other(error),
        }),
    }
}
