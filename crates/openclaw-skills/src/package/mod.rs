//! A skill on the disk: its folder, what it says of itself, and what there is to run.

use std::path::PathBuf;

use crate::manifest::Manifest;

/// A skill's folder, read and checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Package {
    pub(crate) manifest: Manifest,
    /// The folder with `SKILL.md`; absolute.
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
