//! Lines for people.

use std::fmt::Write as _;

use openclaw_core::port::{LogLevel, LogLine};
use serde_json::Value;

/// `15:30:00.123  WARN memory     message  key=value`, without control characters.
pub(super) fn line(line: &LogLine, colour: bool) -> String {
    let (name, paint) = match line.level {
        LogLevel::Trace => ("TRACE", "\x1b[2m"),
        LogLevel::Debug => ("DEBUG", "\x1b[2m"),
        LogLevel::Info => ("INFO", "\x1b[32m"),
        LogLevel::Warn => ("WARN", "\x1b[33m"),
        LogLevel::Error => ("ERROR", "\x1b[31m"),
    };
    let time = line.timestamp.to_string();
    let clock = time.get(11..time.len() - 1).unwrap_or(&time);
    let (on, off) = if colour { (paint, "\x1b[0m") } else { ("", "") };
    let mut text = format!("{clock:<12} {on}{name:>5}{off} {:<9} {}", line.component, plain(&line.message));
    for (name, value) in &line.fields {
        // Writing to a String can't fail.
        let _ = match value {
            Value::String(shown) => write!(text, "  {name}={}", plain(shown)),
            other => write!(text, "  {name}={other}"),
        };
    }
    text.push('\n');
    text
}

/// What came from outside must not steer the terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect()
}
