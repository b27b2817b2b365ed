//! Schemas that the types alone can't tell.

use openclaw_core::{ErrorCode, config::CHANNEL_TYPES, limits, port::LogLevel};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use crate::{Limits, routes::logs::COMPONENTS};

pub(super) const SKILL_NAME: &str = "^[a-z0-9][a-z0-9._-]{0,63}$";

pub(crate) fn time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "date-time"})
}

pub(crate) fn optional_time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["string", "null"], "format": "date-time"})
}

pub(crate) fn message_text(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "minLength": 1, "maxLength": limits::MESSAGE_BYTES, "pattern": "\\S"})
}

pub(crate) fn memory_text(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "minLength": 1, "maxLength": limits::MEMORY_BYTES, "pattern": "\\S"})
}

pub(crate) fn memory_tags(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["array", "null"],
        "maxItems": limits::MEMORY_TAGS,
        "items": {"type": "string", "minLength": 1, "maxLength": limits::MEMORY_TAG_BYTES, "pattern": "\\S"},
    })
}

pub(crate) fn search_words(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "minLength": 1, "maxLength": Limits::QUERY_BYTES, "pattern": "\\S"})
}

pub(crate) fn channel_type(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "enum": CHANNEL_TYPES})
}

pub(crate) fn conversation_id(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["string", "null"], "pattern": "^[A-Za-z0-9_-]{1,64}$"})
}

pub(crate) fn skill_name(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "pattern": SKILL_NAME})
}

pub(crate) fn skill_version(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["string", "null"], "pattern": "^[0-9][A-Za-z0-9.+-]{0,63}$"})
}

/// Log lines are core's own type.
pub(crate) fn log_lines(generator: &mut SchemaGenerator) -> Schema {
    let level = generator.subschema_for::<LogLevel>().to_value();
    json_schema!({"type": "array", "items": {
        "type": "object",
        "required": ["timestamp", "level", "component", "message", "fields"],
        "properties": {
            "timestamp": {"type": "string", "format": "date-time"},
            "level": level,
            "component": {"type": "string", "enum": COMPONENTS},
            "message": {"type": "string"},
            "fields": {"type": "object"},
        },
    }})
}

/// The body of every error.
pub(super) fn error(generator: &mut SchemaGenerator) -> Value {
    let code = generator.subschema_for::<ErrorCode>().to_value();
    json!({
        "type": "object",
        "description": "What went wrong, for programs and for people.",
        "required": ["error", "message", "status", "details"],
        "properties": {
            "error": code,
            "message": {"type": "string"},
            "status": {"type": "integer"},
            "details": {"type": "object"},
        },
    })
}
