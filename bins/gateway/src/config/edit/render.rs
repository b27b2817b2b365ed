//! Values as YAML.

use std::fmt::Write as _;

use serde_json::Value;

use crate::config::yaml::{Style, plain};

/// A key, quoted if it has to be.
pub(super) fn key(name: &str) -> String {
    if is_plain(name) { name.to_owned() } else { double_quoted(name) }
}

/// A value on one line.
pub(super) fn flow(value: &Value) -> String {
    match value {
        Value::String(content) => text(content, Style::Plain),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let entries: Vec<_> =
                map.iter().map(|(name, value)| format!("{}: {}", key(name), flow(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        scalar => scalar.to_string(),
    }
}

/// `name: value` as lines with this indentation.
pub(super) fn block_entry(name: &str, value: &Value, indentation: usize, newline: &str) -> String {
    let mut lines = String::new();
    block(&mut lines, name, value, indentation, newline);
    lines
}

fn block(lines: &mut String, name: &str, value: &Value, indentation: usize, newline: &str) {
    // Writing to a String can't fail.
    let _ = write!(lines, "{:indentation$}{}:", "", key(name));
    match value {
        Value::Object(map) if !map.is_empty() => {
            lines.push_str(newline);
            for (name, value) in map {
                block(lines, name, value, indentation + 2, newline);
            }
        }
        value => {
            let _ = write!(lines, " {}{newline}", flow(value));
        }
    }
}

/// A text in the wanted style, if it can be written in it.
pub(super) fn text(content: &str, style: Style) -> String {
    match style {
        Style::Plain if is_plain(content) => content.to_owned(),
        Style::Single if content.chars().all(|c| !c.is_control() && c != '\u{feff}') => {
            format!("'{}'", content.replace('\'', "''"))
        }
        _ => double_quoted(content),
    }
}

/// Whether a text means itself without quotes, in block and in flow.
fn is_plain(content: &str) -> bool {
    let mut bytes = content.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'/')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/'))
        && plain(content).is_string()
        // YAML 1.1 readers take these for booleans.
        && !matches!(content.to_ascii_lowercase().as_str(), "y" | "n" | "yes" | "no" | "on" | "off")
}

fn double_quoted(content: &str) -> String {
    let mut quoted = String::with_capacity(content.len() + 2);
    quoted.push('"');
    for c in content.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control()
                || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') =>
            {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
