//! `parse_mode=HTML` as the Bot API reads it: which tags there are, what it refuses, and in which words.
//!
//! Facts from the parser of TDLib, `td/telegram/MessageEntity.cpp`.

use serde_json::{Value, json};

/// Tags, and the kind of entity that each makes.
const TAGS: &[(&str, &str)] = &[
    ("a", "text_link"),
    ("b", "bold"),
    ("strong", "bold"),
    ("i", "italic"),
    ("em", "italic"),
    ("s", "strikethrough"),
    ("strike", "strikethrough"),
    ("del", "strikethrough"),
    ("u", "underline"),
    ("ins", "underline"),
    ("tg-spoiler", "spoiler"),
    ("span", "spoiler"),
    ("tg-emoji", "custom_emoji"),
    ("pre", "pre"),
    ("code", "code"),
    ("blockquote", "blockquote"),
];

/// A tag that is open.
struct Open {
    tag: &'static str,
    kind: &'static str,
    argument: String,
    /// Where its text begins, in UTF-16 code units and in bytes of the result.
    units: usize,
    bytes: usize,
}

/// The text without its tags, and the entities they make.
pub(super) fn parse(source: &str) -> Result<(String, Vec<Value>), String> {
    let mut reader = Reader { source, at: 0, text: String::new(), units: 0 };
    let mut open: Vec<Open> = Vec::new();
    let mut entities = Vec::new();
    while let Some(next) = reader.peek() {
        let begin = reader.at;
        match next {
            '&' => {
                let character = reader.reference().unwrap_or_else(|| reader.step());
                reader.push(character);
            }
            '<' if source[begin..].starts_with("</") => {
                reader.at += 2;
                let Some(last) = open.pop() else {
                    return Err(format!("Unexpected end tag at byte offset {begin}"));
                };
                let name = reader.name().to_lowercase();
                reader.spaces();
                if reader.peek() != Some('>') {
                    return Err(format!("Unclosed end tag at byte offset {begin}"));
                }
                reader.at += 1;
                if !name.is_empty() && name != last.tag {
                    let tag = last.tag;
                    return Err(format!(
                        "Unmatched end tag at byte offset {begin}, expected \"</{tag}>\", found \"</{name}>\""
                    ));
                }
                if reader.units > last.units {
                    close(&last, &reader, &mut entities);
                }
            }
            '<' => {
                reader.at += 1;
                open.push(start(&mut reader, begin)?);
            }
            _ => {
                let character = reader.step();
                reader.push(character);
            }
        }
    }
    if let Some(last) = open.last() {
        return Err(format!("Can't find end tag corresponding to start tag \"{}\"", last.tag));
    }
    entities.sort_by_key(|entity| (entity["offset"].as_u64(), std::cmp::Reverse(entity["length"].as_u64())));
    Ok((reader.text, entities))
}

/// A start tag, read up to its `>`.
fn start(reader: &mut Reader<'_>, begin: usize) -> Result<Open, String> {
    let unclosed = || format!("Unclosed start tag at byte offset {begin}");
    let name = reader.name().to_lowercase();
    if reader.peek().is_none() {
        return Err(unclosed());
    }
    let Some(&(tag, kind)) = TAGS.iter().find(|(tag, _)| *tag == name) else {
        return Err(format!("Unsupported start tag \"{name}\" at byte offset {begin}"));
    };
    let mut argument = String::new();
    loop {
        reader.spaces();
        if reader.peek().ok_or_else(unclosed)? == '>' {
            reader.at += 1;
            break;
        }
        let attribute = reader.while_not(|c| c.is_ascii_whitespace() || c == '=' || c == '>').to_owned();
        reader.spaces();
        if attribute == "expandable" && tag == "blockquote" && reader.peek() != Some('=') {
            continue;
        }
        if attribute.is_empty() {
            return Err(format!("Empty attribute name in the tag \"{tag}\" at byte offset {begin}"));
        }
        if reader.peek() != Some('=') {
            return Err(format!(
                "Expected equal sign in declaration of an attribute of the tag \"{tag}\" at byte offset {begin}"
            ));
        }
        reader.at += 1;
        reader.spaces();
        let value = reader.value().ok_or_else(unclosed)??;
        match (tag, attribute.as_str()) {
            ("a", "href") | ("tg-emoji", "emoji-id") => argument = value,
            ("code", "class") => argument = value.strip_prefix("language-").unwrap_or_default().to_owned(),
            ("span", "class") => argument = value,
            _ => {}
        }
    }
    if tag == "span" && argument != "tg-spoiler" {
        return Err(format!("Tag \"span\" must have class \"tg-spoiler\" at byte offset {begin}"));
    }
    Ok(Open { tag, kind, argument, units: reader.units, bytes: reader.text.len() })
}

/// The entity of a tag that ends here.
fn close(open: &Open, reader: &Reader<'_>, entities: &mut Vec<Value>) {
    let (offset, length) = (open.units, reader.units - open.units);
    let mut entity = json!({"type": open.kind, "offset": offset, "length": length});
    match open.tag {
        "a" => {
            let inside = &reader.text[open.bytes..];
            let url = if open.argument.is_empty() { inside } else { &open.argument };
            match checked(url) {
                Some(url) => entity["url"] = url.into(),
                // What is no address is no link, and no error.
                None => return,
            }
        }
        "tg-emoji" => entity["custom_emoji_id"] = open.argument.as_str().into(),
        "code" if !open.argument.is_empty() => entity["language"] = open.argument.as_str().into(),
        "pre" => {
            let same = |last: &&mut Value| {
                last["type"] == "code" && last["offset"] == offset && last["length"] == length
            };
            if let Some(code) = entities.last_mut().filter(same) {
                code["type"] = "pre".into();
                return;
            }
        }
        _ => {}
    }
    entities.push(entity);
}

/// An address as the server keeps it: with a scheme and a path.
fn checked(url: &str) -> Option<String> {
    let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let (scheme, rest) = url.split_once("://")?;
    match scheme {
        "tg" | "ton" | "tonsite" => Some(url.clone()),
        "http" | "https" => {
            let host = rest.split(['/', '?', '#']).next()?;
            let known = host.contains('.') && !host.contains(char::is_whitespace);
            known.then(|| if host.len() == rest.len() { format!("{url}/") } else { url.clone() })
        }
        _ => None,
    }
}

struct Reader<'a> {
    source: &'a str,
    at: usize,
    text: String,
    units: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<char> {
        self.source[self.at..].chars().next()
    }

    fn step(&mut self) -> char {
        let next = self.peek().unwrap_or_default();
        self.at += next.len_utf8();
        next
    }

    fn push(&mut self, character: char) {
        self.text.push(character);
        self.units += character.len_utf16();
    }

    fn while_not(&mut self, end: impl Fn(char) -> bool) -> &'a str {
        let rest = &self.source[self.at..];
        let length = rest.find(end).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn name(&mut self) -> &'a str {
        self.while_not(|c| c.is_ascii_whitespace() || c == '>')
    }

    fn spaces(&mut self) {
        self.while_not(|c| !c.is_ascii_whitespace());
    }

    /// An attribute's value; `None` when the text ends in it.
    fn value(&mut self) -> Option<Result<String, String>> {
        let begin = self.at;
        let quote = self.peek()?;
        if quote != '"' && quote != '\'' {
            let token =
                self.while_not(|c| !(c.is_ascii_alphanumeric() || c == '.' || c == '-')).to_lowercase();
            let end = self.peek()?;
            let ends = end.is_ascii_whitespace() || end == '>';
            let wrong = || format!("Unexpected end of name token at byte offset {begin}");
            return Some(if ends { Ok(token) } else { Err(wrong()) });
        }
        self.at += 1;
        let mut value = String::new();
        loop {
            match self.peek()? {
                end if end == quote => break,
                '&' => value.push(self.reference().unwrap_or_else(|| self.step())),
                _ => value.push(self.step()),
            }
        }
        self.at += 1;
        self.peek()?;
        Some(Ok(value))
    }

    /// A character reference, when here is one. The semicolon may be missing.
    fn reference(&mut self) -> Option<char> {
        let rest = &self.source[self.at + 1..];
        let (digits, radix) = match rest.strip_prefix('#') {
            Some(hex) if hex.starts_with('x') => (&hex[1..], 16),
            Some(decimal) => (decimal, 10),
            None => ("", 0),
        };
        let (character, length) = if radix > 0 {
            let length = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
            let code = u32::from_str_radix(&digits[..length], radix).ok().filter(|code| *code != 0)?;
            (char::from_u32(code)?, rest.len() - digits.len() + length)
        } else {
            let length = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
            let named = match &rest[..length] {
                "lt" => '<',
                "gt" => '>',
                "amp" => '&',
                "quot" => '"',
                _ => return None,
            };
            (named, length)
        };
        self.at += 1 + length;
        if self.peek() == Some(';') {
            self.at += 1;
        }
        Some(character)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_become_entities_in_utf_16() {
        let (text, entities) = parse(
            "😀 <b>bold <i>both</i></b> &lt;x&gt; &copy; <a href=\"https://x.org/?a=1&amp;b\">l</a>\
             <pre><code class=\"language-rust\">fn</code></pre><b></b>",
        )
        .unwrap();
        assert_eq!(text, "😀 bold both <x> &copy; lfn");
        let expected = json!([
            {"type": "bold", "offset": 3, "length": 9},
            {"type": "italic", "offset": 8, "length": 4},
            {"type": "text_link", "offset": 24, "length": 1, "url": "https://x.org/?a=1&b"},
            {"type": "pre", "offset": 25, "length": 2, "language": "rust"},
        ]);
        assert_eq!(Value::Array(entities), expected);
    }

    #[test]
    fn what_is_wrong_is_said_in_its_words() {
        for (source, said) in [
            ("🏟 🏟&lt;<abacaba", "Unclosed start tag at byte offset 13"),
            ("🏟 🏟&lt;<abac aba>", "Unsupported start tag \"abac\" at byte offset 13"),
            ("<b>x", "Can't find end tag corresponding to start tag \"b\""),
            ("x</b>", "Unexpected end tag at byte offset 1"),
            ("<b>x</i>", "Unmatched end tag at byte offset 4, expected \"</b>\", found \"</i>\""),
            ("<b>x</b", "Unclosed end tag at byte offset 4"),
            ("<a =x>y</a>", "Empty attribute name in the tag \"a\" at byte offset 0"),
            ("<a href=\"x>y</a>", "Unclosed start tag at byte offset 0"),
            ("<span class=\"x\">y</span>", "Tag \"span\" must have class \"tg-spoiler\" at byte offset 0"),
            ("1 < 2", "Unsupported start tag \"\" at byte offset 2"),
        ] {
            assert_eq!(parse(source).unwrap_err(), said, "{source}");
        }
    }
}
