//! Tools: what a model may call, and what came of it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The tool that shows a model the instructions of a skill, named in its argument `skill`. They are what a person installed to be
/// followed, not what a skill returned; no skill's own tool has this name.
pub const SKILL_READ: &str = "skill_read";

/// The skill that a tool belongs to: what stands before the first dot of its name, or all of it.
///
/// ```
/// assert_eq!(openclaw_core::skill_of("files.read"), "files");
/// assert_eq!(openclaw_core::skill_of("weather"), "weather");
/// ```
#[must_use]
pub fn skill_of(tool: &str) -> &str {
    tool.split_once('.').map_or(tool, |(skill, _)| skill)
}

/// A tool as it is offered to a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolDefinition {
    /// `[A-Za-z0-9_.-]{1,64}`, unique among the tools of a turn.
    pub name: String,
    /// What it does and when to use it, for the model.
    pub description: String,
    /// JSON Schema of the arguments.
    pub parameters: Value,
}

/// A model's wish to call a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The vendor's id of this call; the result carries it back.
    pub id: String,
    /// Which tool.
    pub name: String,
    /// The arguments, an object by the tool's schema (unchecked: models err).
    pub arguments: Value,
}

/// What came of a [`ToolCall`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolResult {
    /// The id of the call.
    pub call_id: String,
    /// Which tool.
    pub name: String,
    /// The result, or what went wrong, as the model reads it.
    pub content: String,
    /// Whether the call failed.
    pub is_error: bool,
}
