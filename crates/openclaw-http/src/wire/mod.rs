//! What crosses the wire, as types. Requests and responses of each part of the contract have a module of their own.

pub(crate) mod admin;
pub(crate) mod channels;
pub(crate) mod context;
pub(crate) mod conversation;
pub(crate) mod curation;
pub(crate) mod entries;
pub(crate) mod event;
pub(crate) mod memory;
pub(crate) mod message;
pub(crate) mod metadata;
pub(crate) mod skills;
pub(crate) mod status;

/// What serde found wrong with a value, in the words of JSON instead of Rust's.
pub(crate) fn plain_reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    if let Some(name) = text.strip_prefix("duplicate field ") {
        return format!("is given twice: {name}");
    }
    if let Some((found, expected)) = text.split_once(", expected ").filter(|_| text.starts_with("invalid ")) {
        let found = found.trim_start_matches("invalid type: ").trim_start_matches("invalid value: ");
        let found = found
            .trim_start_matches("string ")
            .trim_start_matches("integer ")
            .trim_start_matches("floating point ")
            .trim_start_matches("boolean ")
            .trim_matches('`');
        let found = match found {
            "map" => "an object",
            "sequence" => "an array",
            other => other,
        };
        let expected = match expected {
            "u64" | "usize" | "u32" => "a whole number",
            "a sequence" => "an array",
            "struct" | "a map" => "an object",
            other => other,
        };
        return format!("must be {expected}, not {found}");
    }
    text.to_owned()
}
