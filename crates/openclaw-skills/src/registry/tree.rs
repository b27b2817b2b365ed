//! A tree of files, in a directory or over HTTPS: `index.json`, and the archives that it names.

use std::{path::PathBuf, sync::Arc};

use reqwest::Url;

use super::{
    Client, Found, RegistryError, Release,
    client::{JSON_BYTES, shown},
    index::Index,
    release::{Digest, Place, read_file},
};

/// A tree of files. Its index is read again for each question: a registry that people edit has no cache to be wrong.
#[derive(Debug)]
pub(super) struct Tree {
    source: Source,
}

#[derive(Debug)]
enum Source {
    Folder(PathBuf),
    /// The address of the index.
    Web(Arc<Client>, Url),
}

impl Tree {
    pub(super) fn folder(path: PathBuf) -> Self {
        Self { source: Source::Folder(path) }
    }

    pub(super) fn web(client: Arc<Client>, index: Url) -> Self {
        Self { source: Source::Web(client, index) }
    }

    pub(super) async fn search(&self, query: &str) -> Result<Vec<Found>, RegistryError> {
        Ok(self.index().await?.search(query, &self.name()))
    }

    pub(super) async fn release(&self, name: &str, version: Option<&str>) -> Result<Release, RegistryError> {
        let registry = self.name();
        let (version, found) = match self.index().await?.find(name, version) {
            None => return Err(RegistryError::NotFound { name: name.to_owned(), registry }),
            Some(None) => {
                let version = version.unwrap_or_default().to_owned();
                return Err(RegistryError::NoVersion { name: name.to_owned(), version, registry });
            }
            Some(Some(found)) => found,
        };
        if let Err(reason) = found.check(&version) {
            let reason = format!("version {} of `{name}`: {reason}", version.escape_debug());
            return Err(RegistryError::Answer { what: registry, reason });
        }
        Ok(Release {
            name: name.to_owned(),
            version,
            place: self.place(&found.archive),
            source: registry,
            publisher: None,
            is_suspicious: false,
            image_digest: found.image_digest,
            signature: found.signature,
            digest: Digest::Archive { sha256: found.sha256, bytes: found.size },
        })
    }

    /// Where an archive is; its path was checked.
    fn place(&self, archive: &str) -> Place {
        match &self.source {
            Source::Folder(folder) => Place::File(folder.join(archive)),
            Source::Web(_, index) => {
                let mut url = index.clone();
                url.set_query(None);
                if let Ok(mut path) = url.path_segments_mut() {
                    path.pop().extend(archive.split('/'));
                }
                Place::Web(url)
            }
        }
    }

    fn name(&self) -> String {
        match &self.source {
            Source::Folder(folder) => folder.display().to_string(),
            Source::Web(_, index) => shown(index).trim_end_matches("/index.json").to_owned(),
        }
    }

    async fn index(&self) -> Result<Index, RegistryError> {
        match &self.source {
            Source::Folder(folder) => {
                let path = folder.join("index.json");
                Index::parse(&read_file(path.clone(), JSON_BYTES).await?, &path.display().to_string())
            }
            Source::Web(client, url) => {
                let reply = client.get(url, JSON_BYTES).await?;
                if !reply.is_good() {
                    let reason = format!("it answers with status {}", reply.status);
                    return Err(RegistryError::Answer { what: reply.url, reason });
                }
                Index::parse(&reply.body, &reply.url)
            }
        }
    }
}
