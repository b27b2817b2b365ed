//! Tools on the wire: names every vendor takes, ids that are always there, arguments put together from pieces.

use std::{borrow::Cow, collections::HashSet};

use openclaw_core::{ToolCall, ToolDefinition};
use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::Value;

/// Longest name or id that every vendor takes.
const NAME_CHARS: usize = 64;

/// The id under which a call and its result are told to a vendor that is as strict with ids as with names: another
/// vendor's may be longer and hold anything. Ids that differ still do.
pub(crate) fn wire_id(id: &str) -> Cow<'_, str> {
    if is_plain(id) {
        return id.into();
    }
    // FNV-1a.
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325, step);
    format!("{}_{hash:016x}", plain(id, 40)).into()
}

fn is_plain_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

fn is_plain(text: &str) -> bool {
    (1..=NAME_CHARS).contains(&text.len()) && text.chars().all(is_plain_char)
}

/// `text` in characters that every vendor takes, at most `most` of them and at least one.
pub(crate) fn plain(text: &str, most: usize) -> String {
    let plain: String = text.chars().map(|c| if is_plain_char(c) { c } else { '_' }).take(most).collect();
    if plain.is_empty() { "_".to_owned() } else { plain }
}

/// The names under which a request's tools are known to the model: vendors take `[A-Za-z0-9_-]{1,64}`, each once, and ours may
/// hold dots. Such as are plain already stay as they are; a name that had to be changed into one that is taken is numbered.
#[derive(Debug, Default)]
pub(crate) struct ToolNames {
    changed: Vec<Changed>,
}

#[derive(Debug)]
struct Changed {
    original: String,
    wire: String,
}

impl ToolNames {
    pub(crate) fn new(tools: &[ToolDefinition]) -> Self {
        let names = || tools.iter().map(|tool| tool.name.as_str());
        if names().all(is_plain) {
            return Self::default();
        }
        let mut taken: HashSet<Cow<'_, str>> = names().filter(|name| is_plain(name)).map(Cow::from).collect();
        let mut changed: Vec<Changed> = Vec::new();
        for name in names().filter(|name| !is_plain(name)) {
            if changed.iter().all(|known| known.original != name) {
                let wire = free(name, &taken);
                taken.insert(wire.clone().into());
                changed.push(Changed { original: name.to_owned(), wire });
            }
        }
        Self { changed }
    }

    /// What the model knows `name` as. A name that isn't offered may be any: a history holds what some other model made up.
    pub(crate) fn wire<'a>(&'a self, name: &'a str) -> Cow<'a, str> {
        if is_plain(name) {
            return name.into();
        }
        match self.changed.iter().find(|changed| changed.original == name) {
            Some(changed) => changed.wire.as_str().into(),
            None => plain(name, NAME_CHARS).into(),
        }
    }

    /// The way back from [`wire`](Self::wire).
    pub(crate) fn original(&self, name: String) -> String {
        match self.changed.iter().find(|changed| changed.wire == name) {
            Some(changed) => changed.original.clone(),
            None => name,
        }
    }
}

/// A plain form of `name` that is not `taken`.
fn free(name: &str, taken: &HashSet<Cow<'_, str>>) -> String {
    let mut wire = plain(name, NAME_CHARS);
    let mut number = 1_u32;
    while taken.contains(wire.as_str()) {
        number += 1;
        let ending = format!("_{number}");
        wire = plain(name, NAME_CHARS - ending.len()) + &ending;
    }
    wire
}

/// An offered tool, the way OpenAI writes it and Ollama after it.
#[derive(Serialize)]
pub(crate) struct FunctionTool<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: Cow<'a, str>,
    description: &'a str,
    parameters: Schema<'a>,
}

impl<'a> FunctionTool<'a> {
    pub(crate) fn all(tools: &'a [ToolDefinition], names: &'a ToolNames) -> Vec<Self> {
        let written = tools.iter().map(|tool| Self {
            kind: "function",
            function: Function {
                name: names.wire(&tool.name),
                description: &tool.description,
                parameters: Schema(&tool.parameters),
            },
        });
        written.collect()
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
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn tools(names: &[impl AsRef<str>]) -> Vec<ToolDefinition> {
        let tool = |name: &str| ToolDefinition {
            name: name.into(),
            description: String::new(),
            parameters: json!({}),
        };
        names.iter().map(|name| tool(name.as_ref())).collect()
    }

    #[test]
    fn names_with_dots_find_their_way_back() {
        let names = ToolNames::new(&tools(&["files.read", "clock"]));
        assert_eq!(names.wire("files.read"), "files_read");
        assert_eq!(names.original("files_read".into()), "files.read");
        assert_eq!(names.wire("clock"), "clock");
        assert_eq!(names.original("clock".into()), "clock");
    }

    #[test]
    fn names_that_look_alike_on_the_wire_are_told_apart() {
        let long = "x".repeat(64);
        let names = ToolNames::new(&tools(&[
            "files.read",
            "files_read",
            "files/read",
            "files_read_2",
            "files.read",
            &format!("{long}a"),
            &format!("{long}b"),
        ]));
        for (name, wire) in [
            ("files_read", "files_read"),
            ("files_read_2", "files_read_2"),
            ("files.read", "files_read_3"),
            ("files/read", "files_read_4"),
            (&format!("{long}a"), &long),
            (&format!("{long}b"), &format!("{}_2", &long[..62])),
        ] {
            assert_eq!(names.wire(name), wire);
            assert_eq!(names.original(wire.into()), name);
        }
    }

    proptest! {
        #[test]
        fn every_tool_has_a_wire_name_of_its_own(
            all in proptest::collection::hash_set("[a./_2é]{0,4}|x{62,66}[./]?", 1..12)
        ) {
            let all: Vec<_> = all.into_iter().collect();
            let names = ToolNames::new(&tools(&all));
            let mut wires = HashSet::new();
            for name in all {
                let wire = names.wire(&name).into_owned();
                prop_assert!(is_plain(&wire), "{wire}");
                prop_assert_eq!(names.original(wire.clone()), name);
                prop_assert!(wires.insert(wire));
            }
        }
    }

    #[test]
    fn names_and_ids_are_such_as_every_vendor_takes() {
        let long = "x".repeat(100);
        // None of these is offered.
        let names = ToolNames::default();
        for name in ["", "a b", "天気", "mcp://x/y", &long] {
            assert!(is_plain(&names.wire(name)) && is_plain(&wire_id(name)), "{name}");
        }
        assert_eq!(names.wire("a b/é"), "a_b__");
        assert_eq!(names.wire(&long), long[..64]);
        assert_eq!(wire_id("toolu_01A-b"), "toolu_01A-b");
        assert_eq!(wire_id("call:1"), wire_id("call:1"));
        assert_ne!(wire_id("call:1"), wire_id("call.1"));
        assert_ne!(wire_id(&format!("{long}1")), wire_id(&format!("{long}2")));
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
