//! What a file holds, told by how it begins.

use std::io::{self, BufRead};

use serde::{Deserialize, de::IgnoredAny};

/// How a file begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Begins {
    Nothing,
    /// With an array.
    Array,
    /// With a line of JSON Lines, sound or not.
    Line,
    /// With a conversation that stands alone, or an object on several lines.
    Object,
    Other,
}

/// Looks at the beginning without taking it, but for the mark of UTF-8.
pub(super) fn begins(reader: &mut dyn BufRead) -> io::Result<Begins> {
    if reader.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
        reader.consume(3);
    }
    // What the first read gives is enough: what tells the formats apart stands at the beginning.
    let head = reader.fill_buf()?.trim_ascii_start();
    Ok(match head.first() {
        None => Begins::Nothing,
        Some(b'[') => Begins::Array,
        Some(b'{') => object(head),
        Some(_) => Begins::Other,
    })
}

fn object(head: &[u8]) -> Begins {
    let mut lines = head.splitn(2, |byte| *byte == b'\n');
    let line = lines.next().unwrap_or_default();
    let ends = lines.next().is_some();
    let named = |name: &[u8]| line.windows(name.len()).any(|part| part == name);
    let conversation = match serde_json::from_slice::<Keys>(line) {
        Ok(keys) => keys.mapping.is_some() || keys.chat_messages.is_some(),
        // A line that goes on beyond what was read.
        Err(_) if !ends => named(b"\"mapping\"") || named(b"\"chat_messages\""),
        // An object that goes on in the next line; one that ends here is a broken line.
        Err(_) => !line.trim_ascii_end().ends_with(b"}"),
    };
    if conversation { Begins::Object } else { Begins::Line }
}

/// What tells a conversation from a message.
#[derive(Deserialize)]
struct Keys {
    #[serde(default)]
    mapping: Option<IgnoredAny>,
    #[serde(default)]
    chat_messages: Option<IgnoredAny>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_beginning() {
        for (text, expected) in [
            ("", Begins::Nothing),
            (" \n\n", Begins::Nothing),
            ("\u{feff} [{", Begins::Array),
            ("{\"role\":\"user\"}\n{\"role\"", Begins::Line),
            ("{\"role\":\"user\",\"content\":\"the \\\"mapping\\\" of\"}\n", Begins::Line),
            ("{\"role\":}\n{\"role\":1}", Begins::Line),
            ("{\"mapping\":{}}", Begins::Object),
            ("{\"title\":\"t\",\"mapping\":{\"a\":{\"mess", Begins::Object),
            ("{\n  \"uuid\": 1", Begins::Object),
            ("# Notes", Begins::Other),
        ] {
            assert_eq!(begins(&mut text.as_bytes()).unwrap(), expected, "{text}");
        }
    }
}
