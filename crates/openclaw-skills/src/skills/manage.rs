//! What a command line does besides: installing with grants, going back, searching, looking closely.

use futures_util::future::BoxFuture;
use openclaw_core::{
    Permissions, Timestamp,
    port::{SkillInfo, SkillInstall, SkillsError},
};

use super::{Skills, infos::unavailable};
use crate::{
    catalog::State,
    install::{self, Installed, Request},
    name::check_name,
    package::{Shape, list_files},
    registry::Registry,
};

/// What is to be installed.
#[derive(Debug, Clone, Default)]
pub struct SkillRequest {
    /// Which skill.
    pub name: String,
    /// Which version; `None`: the newest.
    pub version: Option<String>,
    /// What it may do beyond what policy allows.
    pub allow: Permissions,
    /// Whether it is installed although the registry calls it suspicious.
    pub force: bool,
}

/// A skill that a registry has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkillFound {
    /// Its name.
    pub name: String,
    /// Its newest version, if the registry says.
    pub version: Option<String>,
    /// What it does.
    pub description: String,
    /// Which registry: an address, a directory, `builtin`.
    pub source: String,
}

/// The shapes of skills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkillKind {
    /// A program: JSON in, JSON out.
    Program,
    /// An MCP server.
    Server,
    /// Text for the model.
    Instructions,
}

/// What a skill asks for beyond what it may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkillBeyond {
    /// Which skill.
    pub name: String,
    /// Which version.
    pub version: String,
    /// The version in force, when there is one.
    pub previous: Option<String>,
    /// How it comes from somebody else than the version in force: then nothing that was granted before counts.
    pub moved: Option<String>,
    /// What nobody has granted; [`SkillRequest::allow`] does.
    pub missing: Permissions,
    /// What `skills.policy.deny` forbids, whatever is allowed.
    pub denied: Permissions,
    /// What changes since the version in force, a line each, with `+ ` or `- ` before it; without one, or when
    /// `moved`, all that it asks for.
    pub changes: Vec<String>,
}

/// Why a skill was not installed.
#[derive(Debug, thiserror::Error)]
pub enum SkillRefusal {
    /// It asks for more than it may have. Beside it what is told of that where nobody can be asked.
    #[error("{1}")]
    Beyond(Box<SkillBeyond>, #[source] SkillsError),
    /// Anything else.
    #[error("{0}")]
    Other(#[source] SkillsError),
}

impl From<SkillRefusal> for SkillsError {
    fn from(refusal: SkillRefusal) -> Self {
        match refusal {
            SkillRefusal::Beyond(_, error) | SkillRefusal::Other(error) => error,
        }
    }
}

impl From<SkillsError> for SkillRefusal {
    fn from(error: SkillsError) -> Self {
        Self::Other(error)
    }
}

impl From<install::InstallError> for SkillRefusal {
    fn from(error: install::InstallError) -> Self {
        let install::InstallError::Permissions(beyond) = &error else { return Self::Other(error.into()) };
        let beyond = SkillBeyond {
            name: beyond.name.clone(),
            version: beyond.version.clone(),
            previous: beyond.previous.clone(),
            moved: beyond.moved.clone(),
            missing: beyond.missing.clone(),
            denied: beyond.denied.clone(),
            changes: beyond.diff(),
        };
        Self::Beyond(Box::new(beyond), error.into())
    }
}

/// A skill, looked at closely.
#[derive(Debug, Clone)]
pub struct SkillDetails {
    /// As it is listed.
    pub info: SkillInfo,
    /// What it is; `None` when it can't be used.
    pub kind: Option<SkillKind>,
    /// The same in words: `program (…)`, `MCP server (…)`, `instructions`.
    pub shape: Option<String>,
    /// What it may do, each as it is written.
    pub granted: Vec<String>,
    /// Who wrote it.
    pub author: Option<String>,
    /// Its licence.
    pub license: Option<String>,
    /// Where more is said of it.
    pub homepage: Option<String>,
    /// The tools it offers.
    pub tools: Vec<String>,
    /// What its author could do better.
    pub warnings: Vec<String>,
    /// Whether it was put there by hand.
    pub is_local: bool,
    /// Its folder.
    pub folder: std::path::PathBuf,
    /// Its files, with their sizes in bytes.
    pub files: Vec<(String, u64)>,
}

/// An installed skill, checked against the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkillAudit {
    /// Which skill.
    pub name: String,
    /// The version in force.
    pub version: Option<String>,
    /// Whether its files are what was installed.
    pub intact: bool,
    /// If not, why not: one sentence each.
    pub differences: Vec<String>,
    /// Where it came from.
    pub source: Option<String>,
    /// When.
    pub installed_at: Option<Timestamp>,
    /// SHA-256 of its archive.
    pub archive_sha256: Option<String>,
    /// The key its signature was checked with; `None`: it was not signed.
    pub signed_by: Option<String>,
    /// What it may do.
    pub granted: Vec<String>,
    /// Versions to go back to.
    pub earlier: Vec<String>,
}

impl Skills {
    fn registry(&self) -> Result<Registry, SkillsError> {
        let inner = &self.inner;
        let address = inner.config.borrow().registry.clone();
        let opened = Registry::open(address.as_deref(), inner.builtin, &inner.client);
        opened.map_err(|error| install::InstallError::from(error).into())
    }

    /// Installs a skill, or brings it to another version. Once the download is there it goes on to its end when the caller leaves.
    ///
    /// # Errors
    /// When the registry does not have it or can't be asked, when a check fails, or when it asks for more than it may have. What was in
    /// force before still is.
    pub async fn install_as(&self, request: SkillRequest) -> Result<SkillInstall, SkillsError> {
        Ok(self.try_install(request).await?)
    }

    /// The same for whoever can ask a person: of a skill that asks for too much, the error says what that is.
    ///
    /// # Errors
    /// As [`Self::install_as`].
    pub fn try_install(&self, request: SkillRequest) -> BoxFuture<'_, Result<SkillInstall, SkillRefusal>> {
        // Boxed: an `async fn` is compiled into each crate that waits for it.
        Box::pin(async move {
            check_name(&request.name)?;
            let name = request.name.clone();
            let SkillRequest { name: wanted, version, allow, force } = request;
            let request = Request { name: wanted, version, allow, force };
            let config = std::sync::Arc::clone(&self.inner.config.borrow());
            let installed = self.inner.installer.install(&self.registry()?, request, &config).await?;
            self.blocking(|inner| {
                inner.refresh_anew().map_err(|error| unavailable("can't read the skills", error))
            })
            .await?;
            self.look().await;
            let info = self.inner.info(&name)?;
            Ok(match installed {
                Installed::New { .. } => SkillInstall::Installed(info),
                Installed::Unchanged(_) => SkillInstall::Unchanged(info),
            })
        })
    }

    /// Goes back to the version that was in force before.
    ///
    /// # Errors
    /// When there is none, or its files are not what was installed.
    pub async fn rollback(&self, name: &str) -> Result<SkillInfo, SkillsError> {
        let guard = self.right_to_change(name).await?;
        let name = name.to_owned();
        self.blocking(move |inner| {
            inner.installer.rollback(&name, guard)?;
            inner.refresh_anew().map_err(|error| unavailable("can't read the skills", error))?;
            inner.info(&name)
        })
        .await
    }

    /// Skills of the registry whose name or description has the words of `query`, at most `limit`.
    ///
    /// # Errors
    /// When the registry can't be asked.
    pub async fn search(&self, query: &str, limit: usize) -> Result<Vec<SkillFound>, SkillsError> {
        let found = self.registry()?.search(query, limit).await;
        let found = found.map_err(install::InstallError::from)?;
        Ok(found
            .into_iter()
            .map(|found| SkillFound {
                name: found.name,
                version: found.version,
                description: found.description,
                source: found.source,
            })
            .collect())
    }

    /// Looks at a skill closely.
    ///
    /// # Errors
    /// When there is none of that name.
    pub async fn details(&self, name: &str) -> Result<SkillDetails, SkillsError> {
        let name = name.to_owned();
        self.blocking(move |inner| {
            let read = |error| unavailable(format!("can't read {}", inner.dir.display()), error);
            inner.refresh().map_err(read)?;
            let catalog = inner.catalog();
            let entry = catalog.entries.get(&name).ok_or_else(|| inner.unknown(&name))?;
            let mut details = SkillDetails {
                info: inner.info_of(entry),
                kind: None,
                shape: None,
                granted: entry.permissions.to_texts(),
                author: None,
                license: None,
                homepage: None,
                tools: Vec::new(),
                warnings: Vec::new(),
                is_local: entry.is_local,
                folder: inner.dir.join(&name),
                files: Vec::new(),
            };
            if let State::Ready(skill) = &entry.state {
                let (manifest, shape) = (&skill.package.manifest, &skill.package.shape);
                details.kind = Some(match shape {
                    Shape::Entry(_) => SkillKind::Program,
                    Shape::Mcp(_) => SkillKind::Server,
                    Shape::Instructions => SkillKind::Instructions,
                });
                details.shape = Some(shape.to_string());
                details.author.clone_from(&manifest.author);
                details.license.clone_from(&manifest.license);
                details.homepage.clone_from(&manifest.homepage);
                details.warnings.clone_from(&manifest.warnings);
                details.folder.clone_from(&skill.package.root);
                if *shape != Shape::Instructions {
                    let of_skill = |tool: &str| tool == name || tool.starts_with(&format!("{name}."));
                    let seen = inner.seen();
                    let tools = seen.definitions.iter().map(|tool| tool.name.clone());
                    details.tools = tools.filter(|tool| of_skill(tool)).collect();
                }
            }
            let files = list_files(&details.folder).unwrap_or_default();
            details.files = files.entries.into_iter().map(|file| (file.path, file.bytes)).collect();
            Ok(details)
        })
        .await
    }

    /// Checks every installed skill against the lock.
    ///
    /// # Errors
    /// When the lock is damaged or a file can't be read.
    pub async fn audit(&self) -> Result<Vec<SkillAudit>, SkillsError> {
        self.blocking(|inner| {
            let lines = inner.installer.audit()?;
            Ok(lines
                .into_iter()
                .map(|line| SkillAudit {
                    name: line.name,
                    version: line.version,
                    intact: line.state == install::State::Intact,
                    differences: match &line.state {
                        install::State::Intact => Vec::new(),
                        install::State::Changed(differences) => {
                            differences.iter().map(ToString::to_string).collect()
                        }
                        install::State::Missing => {
                            vec!["the version in force is missing: install it again, or remove it".to_owned()]
                        }
                        install::State::Unknown => vec!["skills.lock does not know it".to_owned()],
                    },
                    source: line.source,
                    installed_at: line.installed_at,
                    archive_sha256: line.archive_sha256,
                    signed_by: line.signed_by,
                    granted: line.permissions.to_texts(),
                    earlier: line.earlier,
                })
                .collect())
        })
        .await
    }
}
