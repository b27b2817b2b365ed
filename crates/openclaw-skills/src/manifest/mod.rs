//! `SKILL.md`: what a skill says of itself.

pub(crate) mod old;

use std::time::Duration;

use openclaw_core::Permissions;
use serde_json::Value;

/// What the front matter and the text behind it say, checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Manifest {
    /// `[a-z0-9][a-z0-9._-]{0,63}`.
    pub(crate) name: String,
    /// What it does and when to use it, for the model; one paragraph, not empty.
    pub(crate) description: String,
    /// `0.0.0` when it says none.
    pub(crate) version: String,
    pub(crate) author: Option<String>,
    pub(crate) license: Option<String>,
    pub(crate) homepage: Option<String>,
    /// What it runs on.
    pub(crate) runtime: Runtime,
    /// Wall-clock time of a call; `None`: the configured default. At most 300 s.
    pub(crate) timeout: Option<Duration>,
    /// What it asks for.
    pub(crate) permissions: Permissions,
    /// JSON Schema of the arguments (an object); `None`: it says nothing about them.
    pub(crate) parameters: Option<Value>,
    /// Words that tell when it is meant.
    pub(crate) triggers: Vec<String>,
    /// The program to run and its arguments, as the front matter names them.
    pub(crate) entrypoint: Option<Vec<String>>,
    /// Whether the entry point is an MCP server on stdio.
    pub(crate) mcp: bool,
    /// Whether one running server may serve several conversations.
    pub(crate) stateless: bool,
    /// Programs it needs in its sandbox, as in `metadata.openclaw.requires.bins`.
    pub(crate) needs_programs: Vec<String>,
    /// What was passed over or mended while reading, in words for its author.
    pub(crate) warnings: Vec<String>,
    /// The Markdown behind the front matter.
    pub(crate) body: String,
}

/// What a skill runs on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Runtime {
    /// The host's interpreters, on a read-only view of its system directories.
    #[default]
    Host,
    /// An image, by its name.
    Image(String),
}
