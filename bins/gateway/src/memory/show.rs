//! How things look on a terminal: columns that hold in every script, and lines that fit.

use std::io::IsTerminal as _;

use serde_json::Value;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::{
    exit::Stop,
    output::{deliver, harmless},
};

/// Widest line that is used even where there is more room: longer ones are hard to read.
const WIDEST: usize = 160;

/// Columns of the terminal; `None` when a program reads.
pub(crate) fn columns() -> Option<usize> {
    let stdout = std::io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(&stdout).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns >= 20).map(|columns| columns.min(WIDEST))
}

/// A text in a line: control characters gone, white space as single blanks, cut where `columns` end.
pub(crate) fn one_line(text: &str, columns: Option<usize>) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word.chars().filter(|c| !c.is_control()));
    }
    match columns {
        Some(columns) => cut(&line, columns),
        None => line,
    }
}

/// The text, or as much of it as fits with an ellipsis.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut used = 1;
    let mut kept = String::new();
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > columns {
            break;
        }
        kept.push(c);
    }
    kept.push('…');
    kept
}

/// The text in lines of at most `columns`, broken at blanks, and anywhere in scripts that have none.
pub(crate) fn wrap(text: &str, columns: usize, most_lines: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_inclusive(' ') {
        let width = word.trim_end().width();
        if used > 0 && used + width > columns && width <= columns {
            lines.push(String::new());
            used = 0;
        }
        for c in word.chars() {
            let width = c.width().unwrap_or(0);
            if used + width > columns {
                lines.push(String::new());
                used = 0;
            }
            if used == 0 && c == ' ' {
                continue;
            }
            used += width;
            if let Some(line) = lines.last_mut() {
                line.push(c);
            }
        }
    }
    if lines.len() > most_lines {
        lines.truncate(most_lines);
        if let Some(last) = lines.last_mut() {
            let shorter = format!("{} …", last.trim_end());
            *last = if shorter.width() <= columns { shorter } else { cut(&format!("{last} "), columns) };
        }
    }
    lines
}

/// The text, filled with blanks up to `columns`.
pub(crate) fn padded(text: &str, columns: usize) -> String {
    let missing = columns.saturating_sub(text.width());
    format!("{text}{}", " ".repeat(missing))
}

/// A value of an answer as text.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => harmless(text),
        other => other.to_string(),
    }
}

/// A time of an answer to the minute, in UTC as it stands.
pub(crate) fn minute(value: &Value) -> String {
    match value.as_str().and_then(|time| time.get(..16)) {
        Some(time) => harmless(&time.replacen('T', " ", 1)),
        None => text(value),
    }
}

/// Bytes as people read them.
pub(crate) fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{}.{} kB", bytes / 1_000, bytes % 1_000 / 100),
        1_000_000..1_000_000_000 => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
        _ => format!("{}.{} GB", bytes / 1_000_000_000, bytes % 1_000_000_000 / 100_000_000),
    }
}

/// A number with the thing that it counts.
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}

/// Prints an answer for programs.
pub(crate) fn json(value: &Value) -> Result<(), Stop> {
    deliver(&format!("{}\n", serde_json::to_string_pretty(value).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(cut("明天서울", 8), "明天서울");
        assert_eq!(cut("明天서울", 7), "明天서…");
        assert_eq!(cut("明天서울", 6), "明天…");
        assert_eq!(one_line("a\u{1b}[31m\n b\t c", None), "a[31m b c");
        assert_eq!(padded("天", 4), "天  ");
    }

    #[test]
    fn lines_break_at_blanks_and_between_ideographs() {
        assert_eq!(wrap("one two three", 8, 9), ["one two ", "three"]);
        assert_eq!(wrap("明天서울的天氣", 6, 9), ["明天서", "울的天", "氣"]);
        assert_eq!(wrap("one two three four", 8, 2), ["one two ", "three …"]);
        for columns in 2..12 {
            for line in wrap("alpha 明天서울的天氣 如何 beta-gamma", columns, 9) {
                assert!(line.trim_end().width() <= columns, "{line:?} in {columns}");
            }
        }
    }

    #[test]
    fn sizes_have_one_decimal() {
        let told: Vec<String> = [7, 1_234, 5_678_901, 9_876_543_210].map(bytes).into_iter().collect();
        assert_eq!(told, ["7 B", "1.2 kB", "5.6 MB", "9.8 GB"]);
    }
}
