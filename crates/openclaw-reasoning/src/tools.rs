//! Tools on the wire: names every vendor takes, ids that are always there, arguments put together from pieces.

use std::borrow::Cow;

use openclaw_core::{ToolCall, ToolDefinition};
use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::Value;

/// The name under which a tool is offered: vendors take `[A-Za-z0-9_-]{1,64}`, ours may hold dots.
pub(crate) fn wire_name(name: &str) -> Cow<'_, str> {
    if name.contains('.') { name.replace('.', "_").into() } else { name.into() }
}

/// The way back from [`wire_name`]: pairs of wire name and name, for the names that differ.
#[derive(Debug, Default)]
pub(crate) struct ToolNames(Vec<(String, String)>);

impl ToolNames {
    pub(crate) fn new(tools: &[ToolDefinition]) -> Self {
        let changed = tools.iter().filter(|tool| tool.name.contains('.'));
        Self(changed.map(|tool| (wire_name(&tool.name).into_owned(), tool.name.clone())).collect())
    }

    pub(crate) fn original(&self, name: String) -> String {
        match self.0.iter().find(|(wire, _)| *wire == name) {
            Some((_, original)) => original.clone(),
            None => name,
        }
    }
}

/// A tool's schema; vendors insist on an object's.
pub(crate) struct Schema<'a>(pub(crate) &'a Value);

impl Serialize for Schema<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_object() && self.0.get("type").is_some() {
            return self.0.serialize(serializer);
        }
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("type", "object")?;
        map.serialize_entry("properties", &serde_json::Map::new())?;
        map.end()
    }
}

/// A call whose arguments arrive in pieces.
#[derive(Debug, Default)]
pub(crate) struct Assembling {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arguments: String,
}

impl Assembling {
    /// The call, put together. Arguments that are no JSON are kept as a string: the tool's answer will tell the model.
    pub(crate) fn finish(self, names: &ToolNames) -> ToolCall {
        let arguments = match self.arguments.trim() {
            "" => Value::Object(serde_json::Map::new()),
            text => serde_json::from_str(text).unwrap_or_else(|_| Value::String(self.arguments.clone())),
        };
        let id = if self.id.is_empty() { make_id() } else { self.id };
        ToolCall { id, name: names.original(self.name), arguments }
    }

    /// Whether the arguments are whole, or none.
    pub(crate) fn is_whole(&self) -> bool {
        let text = self.arguments.trim();
        text.is_empty() || serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
    }
}

/// An id for a call that the vendor gave none, unique in its conversation.
pub(crate) fn make_id() -> String {
    let random: String = std::iter::repeat_with(fastrand::alphanumeric).take(20).collect();
    format!("call_{random}")
}

/// Serialises a JSON value as a string that holds its text, the way OpenAI wants arguments.
pub(crate) struct AsText<'a>(pub(crate) &'a Value);

impl Serialize for AsText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_with_dots_find_their_way_back() {
        let tool = |name: &str| ToolDefinition {
            name: name.into(),
            description: String::new(),
            parameters: json!({}),
        };
        let names = ToolNames::new(&[tool("files.read"), tool("clock")]);
        assert_eq!(wire_name("files.read"), "files_read");
        assert_eq!(names.original("files_read".into()), "files.read");
        assert_eq!(names.original("clock".into()), "clock");
    }

    #[test]
    fn arguments_are_put_together_whatever_a_model_writes() {
        let finish = |arguments: &str| {
            let call = Assembling { id: "1".into(), name: "t".into(), arguments: arguments.into() };
            (call.is_whole(), call.finish(&ToolNames::default()).arguments)
        };
        assert_eq!(finish(r#"{"a":1}"#), (true, json!({"a": 1})));
        assert_eq!(finish(""), (true, json!({})));
        assert_eq!(finish(r#"{"a":"#), (false, json!(r#"{"a":"#)));
        assert!(Assembling::default().finish(&ToolNames::default()).id.starts_with("call_"));
    }

    #[test]
    fn a_schema_is_always_an_objects() {
        assert_eq!(
            serde_json::to_value(Schema(&Value::Null)).unwrap(),
            json!({"type": "object", "properties": {}})
        );
        let own = json!({"type": "object", "properties": {"a": {"type": "string"}}});
        assert_eq!(serde_json::to_value(Schema(&own)).unwrap(), own);
    }
}
