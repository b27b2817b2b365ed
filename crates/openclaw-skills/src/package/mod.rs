//! A skill on the disk: its folder, what it says of itself, and what there is to run. Blocking: called off the async threads.

mod entry;
mod error;
mod files;
mod layout;
mod read;
mod validate;
mod watch;

use std::path::{Path, PathBuf};

pub use self::validate::{Validation, validate};
pub(crate) use self::{
    error::PackageError,
    files::{Kind, list_files},
    layout::{Found, Source, current, found, set_current},
    watch::Fingerprint,
};
use crate::manifest::Manifest;

/// A skill's folder, read and checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Package {
    pub(crate) manifest: Manifest,
    /// The folder with `SKILL.md`; absolute, without links.
    pub(crate) root: PathBuf,
    pub(crate) shape: Shape,
}

/// The three shapes of skills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A program: JSON on stdin, JSON on stdout. Its argv; paths of the skill's own files are relative to its folder.
    Entry(Vec<String>),
    /// An MCP server on stdio.
    Mcp(Vec<String>),
    /// Text for the model, and files beside it.
    Instructions,
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Entry(argv) => write!(f, "program ({})", argv.join(" ")),
            Self::Mcp(argv) => write!(f, "MCP server ({})", argv.join(" ")),
            Self::Instructions => f.write_str("instructions"),
        }
    }
}

impl Package {
    /// Reads the skill in a folder. A name that is missing or can't be one is the folder's; whether the two agree is not looked at
    /// here (see [`found`]).
    ///
    /// # Errors
    ///
    /// What keeps it from being used, in a sentence for its author.
    pub(crate) fn load(root: &Path) -> Result<Self, PackageError> {
        let root = absolute(root)?;
        let name = root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Self::read(root, &name)
    }

    /// Reads the skill in a folder that is not called like it, as those of installed versions are. Registries know a skill by a name
    /// of their own: `name` is the one that counts.
    ///
    /// # Errors
    ///
    /// As [`Self::load`].
    pub(crate) fn load_as(root: &Path, name: &str) -> Result<Self, PackageError> {
        let mut package = Self::read(absolute(root)?, name)?;
        let own = std::mem::replace(&mut package.manifest.name, name.to_owned());
        if own != name {
            package.manifest.warnings.push(format!("it calls itself `{own}`; it is installed as `{name}`"));
        }
        Ok(package)
    }

    /// `root` has no links in it.
    fn read(root: PathBuf, name: &str) -> Result<Self, PackageError> {
        let (text, warning) = read::manifest(&root)?;
        let mut manifest = Manifest::parse_as(&text, Some(name))?;
        manifest.warnings.extend(warning);
        let shape = entry::resolve(&root, &manifest)?;
        Ok(Self { manifest, root, shape })
    }
}

fn absolute(root: &Path) -> Result<PathBuf, PackageError> {
    root.canonicalize().map_err(|source| PackageError::Unreadable { path: root.to_owned(), source })
}

#[cfg(test)]
mod tests;
