//! Where skills are installed from: the program itself, a directory, a tree of files over HTTPS, or ClawHub.
//!
//! Nothing a registry says is believed without a check that an archive can fail: every download has a digest, and with keys
//! configured a signature. The names of the skills that come with the program are taken: no registry can offer another `shell`.

mod address;
mod builtin;
mod clawhub;
mod client;
mod error;
#[cfg(test)]
pub(crate) mod fake;
mod index;
mod release;
mod signature;
#[cfg(test)]
mod tests;
mod tree;
mod version;

use std::{path::PathBuf, sync::Arc};

use reqwest::Url;
use tokio::sync::OnceCell;

pub use self::builtin::BuiltinSkill;
use self::{clawhub::ClawHub, tree::Tree};
pub(crate) use self::{
    client::Client,
    error::RegistryError,
    release::{Content, Found, Release},
    signature::Keys,
    version::is_newer,
};

/// Most results of a search.
pub(crate) const RESULTS: usize = 100;

/// The places that are asked, in their order: the program's own skills, then the configured registry.
#[derive(Debug)]
pub(crate) struct Registry {
    builtin: &'static [BuiltinSkill],
    remote: Option<Remote>,
}

#[derive(Debug)]
enum Remote {
    Folder(Tree),
    Web(Box<Web>),
}

/// A registry that is reached by HTTP; which protocol it speaks is found out when it is first asked.
#[derive(Debug)]
struct Web {
    client: Arc<Client>,
    base: Url,
    kind: OnceCell<Kind>,
}

#[derive(Debug)]
enum Kind {
    Tree(Tree),
    ClawHub(ClawHub),
}

impl Registry {
    /// The registry at `address` (`skills.registry`), and the skills of the program. Reads and asks nothing yet.
    ///
    /// # Errors
    /// When the address is neither `https://`, nor `http://` on this machine, nor an absolute directory.
    pub(crate) fn open(
        address: Option<&str>,
        builtin: &'static [BuiltinSkill],
        client: &Arc<Client>,
    ) -> Result<Self, RegistryError> {
        let remote = match address {
            None => None,
            Some(address) if address::is_url(address) => Some(Remote::Web(Box::new(Web {
                client: Arc::clone(client),
                base: address::parse(address)?,
                kind: OnceCell::new(),
            }))),
            Some(path) if PathBuf::from(path).is_absolute() => {
                Some(Remote::Folder(Tree::folder(path.into())))
            }
            Some(address) => {
                let reason = "it is neither an https:// address nor an absolute directory";
                return Err(RegistryError::Address { address: address::presentable(address), reason });
            }
        };
        Ok(Self { builtin, remote })
    }

    /// Skills whose name or description has the words of `query`, best first, `limit` at most.
    ///
    /// # Errors
    /// When the registry can't be asked.
    pub(crate) async fn search(&self, query: &str, limit: usize) -> Result<Vec<Found>, RegistryError> {
        let limit = limit.min(RESULTS);
        let mut found = builtin::search(self.builtin, query);
        let more = match &self.remote {
            None => Vec::new(),
            Some(Remote::Folder(tree)) => tree.search(query).await?,
            Some(Remote::Web(web)) => match web.kind().await? {
                Kind::Tree(tree) => tree.search(query).await?,
                Kind::ClawHub(hub) => hub.search(query, limit).await?,
            },
        };
        found.extend(more.into_iter().filter(|other| !self.is_builtin(&other.name)));
        found.truncate(limit);
        Ok(found)
    }

    /// What there is to install under a name; without a version, the newest.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::Malware`], or when the registry can't be asked.
    pub(crate) async fn resolve(&self, name: &str, version: Option<&str>) -> Result<Release, RegistryError> {
        if let Some(release) = builtin::release(self.builtin, name, version) {
            return release;
        }
        match &self.remote {
            None => Err(RegistryError::NotConfigured { name: name.to_owned() }),
            Some(Remote::Folder(tree)) => tree.release(name, version).await,
            Some(Remote::Web(web)) => match web.kind().await? {
                Kind::Tree(tree) => tree.release(name, version).await,
                Kind::ClawHub(hub) => hub.release(name, version).await,
            },
        }
    }

    /// Gets a release and checks its digest.
    ///
    /// # Errors
    /// [`RegistryError::Digest`], or when it can't be got.
    pub(crate) async fn download(&self, release: &Release) -> Result<Content, RegistryError> {
        let client = match &self.remote {
            Some(Remote::Web(web)) => Some(web.client.as_ref()),
            _ => None,
        };
        release.download(client).await
    }

    fn is_builtin(&self, name: &str) -> bool {
        self.builtin.iter().any(|skill| skill.name == name)
    }
}

impl Web {
    async fn kind(&self) -> Result<&Kind, RegistryError> {
        self.kind.get_or_try_init(|| self.find_out()).await
    }

    /// A host that says where its ClawHub is has one; an `index.json` is a tree; what has neither is tried as ClawHub, whose
    /// answers then say that it is none.
    async fn find_out(&self) -> Result<Kind, RegistryError> {
        let (client, base) = (&self.client, &self.base);
        let index = address::index_of(base);
        let tree = || Kind::Tree(Tree::web(Arc::clone(client), index.clone()));
        if index == *base {
            return Ok(tree());
        }
        let is_root = matches!(base.path(), "" | "/");
        if is_root && let Some(api) = clawhub::discover(client, base).await? {
            return Ok(Kind::ClawHub(ClawHub::new(Arc::clone(client), base, &api)?));
        }
        if index::is_there(client, &index).await? {
            return Ok(tree());
        }
        Ok(Kind::ClawHub(ClawHub::new(Arc::clone(client), base, base)?))
    }
}
