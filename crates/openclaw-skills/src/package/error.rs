//! Why a folder is no skill that can be used.

use std::{io, path::PathBuf};

use crate::manifest::ManifestError;

/// Why a folder is no skill that can be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PackageError {
    /// No `SKILL.md`.
    #[error("there is no SKILL.md in {}", folder.display())]
    NoManifest {
        /// Where none is.
        folder: PathBuf,
    },
    /// A link, a directory or a device where a file has to be.
    #[error("{} is no plain file: put the file itself there, not a link to it", path.display())]
    NotPlain {
        /// What it is about.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("can't read {}", path.display())]
    Unreadable {
        /// What can't be read.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Bytes that are no UTF-8.
    #[error("{} is no UTF-8 text: save it as UTF-8", path.display())]
    NotText {
        /// What it is about.
        path: PathBuf,
    },
    /// What the file says.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A local skill whose folder is called otherwise.
    #[error(
        "the skill calls itself `{name}`, and its folder is `{folder}`: rename one of them, so that both agree"
    )]
    OtherName {
        /// The folder's name.
        folder: String,
        /// The manifest's.
        name: String,
    },
    /// A folder whose name no skill can have.
    #[error(
        "a skill's folder can't be called `{folder}`: rename it, to 1 to 64 characters of a-z, 0-9, `.`, `_` and `-`, beginning with \
         a letter or digit"
    )]
    FolderName {
        /// The folder's name, without control characters.
        folder: String,
    },
    /// Installed versions, and none of them is in force.
    #[error(
        "versions {} are there, but `current` does not say which is in force: install the skill again",
        versions.join(", ")
    )]
    NoCurrent {
        /// The versions, newest first.
        versions: Vec<String>,
    },
    /// `current` names what isn't there, or can't be read.
    #[error("`current` can't be used: {reason}; install the skill again")]
    Current {
        /// Why not.
        reason: String,
    },
    /// What is to be run can't be.
    #[error("`{entry}` can't be run: {reason}")]
    Entry {
        /// The program or file.
        entry: String,
        /// Why not, and what to do.
        reason: String,
    },
    /// An MCP server without a program.
    #[error(
        "the skill says it is an MCP server, but there is nothing to run: add `entrypoint: [program, …]`, or one of the files run, \
         run.sh, main.py, index.js"
    )]
    NothingToRun,
}

impl PackageError {
    /// The error and its causes in one sentence.
    pub(crate) fn sentence(&self) -> String {
        let mut text = self.to_string();
        if let Self::Unreadable { source, .. } = self {
            text.push_str(": ");
            text.push_str(&source.to_string());
        }
        text
    }
}
