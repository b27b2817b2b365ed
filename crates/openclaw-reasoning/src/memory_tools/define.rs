//! The tools as models are told of them. Every word costs tokens in every request.

use openclaw_core::{ToolDefinition, limits};
use serde_json::{Value, json};

use super::{FORGET, READ, SEARCH, STORE, look};

pub(super) fn all(can_curate: bool) -> Vec<ToolDefinition> {
    let mut tools = vec![search(can_curate), read()];
    if can_curate {
        tools.extend([store(), forget()]);
    }
    tools
}

fn tool(name: &str, description: &str, required: &[&str], properties: &Value) -> ToolDefinition {
    ToolDefinition {
        name: name.to_owned(),
        description: description.to_owned(),
        parameters: json!({ "type": "object", "properties": properties, "required": required }),
    }
}

fn kinds() -> Value {
    json!({ "type": "string", "enum": ["preference", "fact", "task", "conversation", "ephemeral"] })
}

fn search(can_curate: bool) -> ToolDefinition {
    let mut properties = json!({
        "query": { "type": "string" },
        "limit": { "type": "integer", "minimum": 1, "maximum": look::MOST_RESULTS },
        "since": { "type": "string", "description": "date or RFC 3339 time" },
        "until": { "type": "string" },
    });
    let mut description = "Finds what was said in any earlier conversation, or remembered.".to_owned();
    if can_curate && let Some(properties) = properties.as_object_mut() {
        properties.insert("kind".to_owned(), kinds());
        description.push_str(" With `kind`, only remembered entries; all of them without `query`.");
    }
    tool(SEARCH, &description, &[], &properties)
}

fn read() -> ToolDefinition {
    tool(
        READ,
        "Shows a message or entry whole, or from a character on: what was cut, or found by memory_search.",
        &["id"],
        &json!({
            "id": { "type": "string" },
            "offset": { "type": "integer" },
            "conversation": { "type": "string" },
        }),
    )
}

fn store() -> ToolDefinition {
    tool(
        STORE,
        "Remembers something lasting about the user or their work, in their language, one thing per call.",
        &["content", "kind"],
        &json!({
            "content": { "type": "string" },
            "kind": kinds(),
            "importance": { "type": "number", "minimum": 0, "maximum": 1 },
            "tags": { "type": "array", "items": { "type": "string" }, "maxItems": limits::MEMORY_TAGS },
            "expires_at": { "type": "string", "description": "date or RFC 3339 time" },
            "supersedes": { "type": "string", "description": "id of the entry that is no longer true" },
        }),
    )
}

fn forget() -> ToolDefinition {
    tool(
        FORGET,
        "Erases one remembered entry for good. Only when the user asks for it.",
        &["id"],
        &json!({ "id": { "type": "string", "description": "mem_…" } }),
    )
}
