//! Where things are below the data directory.

use std::path::{Path, PathBuf};

/// The data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Home(PathBuf);

impl Home {
    pub(crate) fn new(root: PathBuf) -> Self {
        // Absolute, so that messages name the same file from wherever they are read.
        Self(std::path::absolute(&root).unwrap_or(root))
    }

    pub(crate) fn root(&self) -> &Path {
        &self.0
    }

    pub(crate) fn config_file(&self) -> PathBuf {
        self.0.join("gateway.yaml")
    }

    pub(crate) fn soul_file(&self) -> PathBuf {
        self.0.join("soul.md")
    }

    pub(crate) fn memory(&self) -> PathBuf {
        self.0.join("memory")
    }

    pub(crate) fn channels(&self) -> PathBuf {
        self.0.join("channels")
    }

    pub(crate) fn skills(&self) -> PathBuf {
        self.0.join("skills")
    }

    pub(crate) fn models(&self) -> PathBuf {
        self.0.join("models")
    }

    /// Who runs here, and where it listens: there while a gateway runs.
    pub(crate) fn run_file(&self) -> PathBuf {
        self.0.join("gateway.run.json")
    }

    /// A configured path: relative ones are meant below the data directory.
    pub(crate) fn resolve(&self, configured: &str) -> PathBuf {
        self.0.join(configured)
    }
}
