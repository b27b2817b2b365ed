//! Prints the OpenAPI document as YAML: `cargo run -p openclaw-http --features openapi --example openapi`; with the argument
//! `json` as JSON.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
};

use serde_json::Value;

fn main() -> io::Result<()> {
    let document = openclaw_http::openapi::document();
    if std::env::args().nth(1).is_some_and(|format| format == "json") {
        return writeln!(io::stdout(), "{document:#}");
    }
    let mut yaml = "# Made from the Rust types by `cargo xtask codegen`; do not edit.\n".to_owned();
    write_value(&mut yaml, &document, 0);
    io::stdout().write_all(yaml.as_bytes())
}

/// Block style for what has members; everything else as JSON, which YAML 1.2 contains.
fn write_value(yaml: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                push(yaml, indent, &format!("{}:", scalar(&Value::from(key.as_str()))));
                write_nested(yaml, value, indent);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                push(yaml, indent, "-");
                write_nested(yaml, item, indent);
            }
        }
        other => push(yaml, indent, &format!("{}\n", scalar(other))),
    }
}

fn write_nested(yaml: &mut String, value: &Value, indent: usize) {
    let is_block = match value {
        Value::Object(fields) => !fields.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if is_block {
        yaml.push('\n');
        write_value(yaml, value, indent + 1);
    } else {
        // Writing to a String can't fail.
        let _ = writeln!(yaml, " {}", scalar(value));
    }
}

fn push(yaml: &mut String, indent: usize, text: &str) {
    yaml.push_str(&"  ".repeat(indent));
    yaml.push_str(text);
}

/// Words that can't be mistaken for anything else stay bare.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) if is_bare(text) => text.clone(),
        other => other.to_string(),
    }
}

fn is_bare(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'/' | b'$' | b'-');
    let reserved = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    text.bytes().next().is_some_and(|first| first.is_ascii_alphabetic() || matches!(first, b'$' | b'/'))
        && text.bytes().all(word)
        && !reserved.contains(&text.to_ascii_lowercase().as_str())
}
