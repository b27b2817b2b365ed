//! YAML as front matters use it, read into JSON within hard bounds.
//!
//! Anchors, aliases and tags are refused: no skill needs them, and without them a short text can't stand for a huge value. A key
//! that is given twice is refused, too: which of two `permissions` was meant is not for a reader to guess.

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};
use serde_json::{Map, Number, Value};

/// Deepest nesting.
const DEPTH: usize = 32;
/// Most values, keys counted in.
const NODES: usize = 8 * 1024;

/// `key: value` at the top level.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    pub(super) key: String,
    /// From 1, in the text that was read.
    pub(super) line: usize,
    pub(super) value: Value,
    /// A scalar as it is written, so that `version: 1.10` is not 1.1.
    pub(super) text: Option<String>,
}

/// Why a text can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unreadable {
    /// From 1, in the text that was read.
    pub(super) line: usize,
    pub(super) message: String,
    /// Whether it is no YAML at all; otherwise it is YAML that is refused here.
    pub(super) is_syntax: bool,
}

/// Reads one document that is a mapping; an empty one has no fields.
pub(super) fn read(text: &str) -> Result<Vec<Field>, Unreadable> {
    let mut reader =
        Reader { parser: Parser::new_from_str(text), nodes: 0, lines: text.lines().count().max(1) };
    let mut fields = None;
    while let Some((event, span)) = reader.next()? {
        match event {
            Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
            Event::StreamEnd => break,
            _ if fields.is_some() => return Err(refused(span, "a second document begins here; remove it")),
            Event::MappingStart(anchor, tag) => {
                plain(span, anchor, tag.is_some())?;
                fields = Some(reader.fields()?);
            }
            Event::Scalar(text, ScalarStyle::Plain, 0, None) if text.is_empty() => fields = Some(Vec::new()),
            _ => return Err(refused(span, "fields are expected here, such as `name: weather`")),
        }
    }
    Ok(fields.unwrap_or_default())
}

struct Reader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    nodes: usize,
    lines: usize,
}

impl<'t> Reader<'t> {
    fn next(&mut self) -> Result<Option<(Event<'t>, Span)>, Unreadable> {
        self.parser.next_event().transpose().map_err(|error| self.syntax(&error))
    }

    fn required(&mut self) -> Result<(Event<'t>, Span), Unreadable> {
        let end =
            Unreadable { line: self.lines, message: "the text ends too early".to_owned(), is_syntax: true };
        self.next()?.ok_or(end)
    }

    /// The entries of the mapping that has just begun.
    fn fields(&mut self) -> Result<Vec<Field>, Unreadable> {
        let mut fields: Vec<Field> = Vec::new();
        loop {
            let (event, span) = self.required()?;
            if event == Event::MappingEnd {
                return Ok(fields);
            }
            let key = self.key(event, span)?;
            if let Some(first) = fields.iter().find(|field| field.key == key) {
                return Err(refused(span, twice(&key, first.line)));
            }
            let (event, value_span) = self.required()?;
            let text = match &event {
                Event::Scalar(text, ..) => Some(text.clone().into_owned()),
                _ => None,
            };
            let value = self.value(event, value_span, 1)?;
            fields.push(Field { key, line: line(span), value, text });
        }
    }

    fn key(&mut self, event: Event<'t>, span: Span) -> Result<String, Unreadable> {
        self.count(span)?;
        match event {
            Event::Scalar(text, _, anchor, tag) => {
                plain(span, anchor, tag.is_some())?;
                Ok(text.into_owned())
            }
            _ => Err(refused(span, "a key must be a word, not a list or a mapping")),
        }
    }

    fn value(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Value, Unreadable> {
        self.count(span)?;
        if depth > DEPTH {
            return Err(refused(span, format!("nested more than {DEPTH} deep")));
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                plain(span, anchor, tag.is_some())?;
                Ok(match style {
                    ScalarStyle::Plain => scalar(&text),
                    _ => Value::String(text.into_owned()),
                })
            }
            Event::SequenceStart(anchor, tag) => {
                plain(span, anchor, tag.is_some())?;
                let mut items = Vec::new();
                loop {
                    match self.required()? {
                        (Event::SequenceEnd, _) => return Ok(Value::Array(items)),
                        (event, span) => items.push(self.value(event, span, depth + 1)?),
                    }
                }
            }
            Event::MappingStart(anchor, tag) => {
                plain(span, anchor, tag.is_some())?;
                let mut entries = Map::new();
                loop {
                    let (event, span) = self.required()?;
                    if event == Event::MappingEnd {
                        return Ok(Value::Object(entries));
                    }
                    let key = self.key(event, span)?;
                    let (event, value_span) = self.required()?;
                    let value = self.value(event, value_span, depth + 1)?;
                    if entries.contains_key(&key) {
                        return Err(refused(
                            span,
                            format!("`{key}` is given twice in one mapping; remove one"),
                        ));
                    }
                    entries.insert(key, value);
                }
            }
            Event::Alias(_) => Err(refused(span, "aliases (`*name`) are not read; write the value out")),
            _ => Err(refused(span, "a value is expected here")),
        }
    }

    fn count(&mut self, span: Span) -> Result<(), Unreadable> {
        self.nodes += 1;
        if self.nodes > NODES {
            return Err(refused(span, format!("it has more than {NODES} values")));
        }
        Ok(())
    }

    /// The parser's error in the words of somebody who writes a skill.
    fn syntax(&self, error: &ScanError) -> Unreadable {
        let info = error.info();
        let message = if info.contains("mapping values are not allowed") {
            "a `:` is not allowed here; put quotes around a text that contains `: `, or check the indentation"
                .to_owned()
        } else if info.contains("unexpected character") || info.contains("unknown anchor") {
            format!("{info}; put quotes around the text")
        } else if info.contains("quoted scalar") {
            "the closing quote is missing".to_owned()
        } else if info.contains("tab") {
            "a tab is used to indent; use spaces".to_owned()
        } else {
            info.to_owned()
        };
        Unreadable { line: error.marker().line().clamp(1, self.lines), message, is_syntax: true }
    }
}

fn line(span: Span) -> usize {
    span.start.line().max(1)
}

fn refused(span: Span, message: impl Into<String>) -> Unreadable {
    Unreadable { line: line(span), message: message.into(), is_syntax: false }
}

/// What is said of a field that is there again.
pub(super) fn twice(key: &str, first: usize) -> String {
    format!("`{key}` is given twice (first on line {first}); remove one")
}

fn plain(span: Span, anchor: usize, tag: bool) -> Result<(), Unreadable> {
    if anchor != 0 {
        return Err(refused(span, "anchors (`&name`) are not read; write the value out where it is used"));
    }
    if tag {
        return Err(refused(span, "tags (`!name`) are not read; put quotes around a text"));
    }
    Ok(())
}

/// What an unquoted scalar means in YAML 1.2's core schema.
pub(super) fn scalar(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number),
    }
}

fn number(text: &str) -> Option<Number> {
    let text = text.strip_prefix('+').unwrap_or(text);
    // `inf`, `nan` and bare dots are words here, whatever Rust's own parser makes of them.
    let is_decimal = text.bytes().any(|byte| byte.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte))
        && !text.starts_with(['e', 'E', '+']);
    if !is_decimal {
        return None;
    }
    let whole = text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from));
    whole.ok().or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(text: &str) -> Value {
        Value::Object(read(text).unwrap().into_iter().map(|field| (field.key, field.value)).collect())
    }

    #[test]
    fn reads_what_front_matters_are_made_of() {
        let text = "name: weather\nversion: 1.10\nlist:\n- a\n- b: 1\nflow: {\"a\": [1, -2.5, true,],}\nfold: >\n  one\n  two\n\
                    empty:\nquoted: \"1\"\n";
        let expected = json!({
            "name": "weather", "version": 1.1, "list": ["a", {"b": 1}], "flow": {"a": [1, -2.5, true]},
            "fold": "one two\n", "empty": null, "quoted": "1",
        });
        assert_eq!(value(text), expected);
        let fields = read(text).unwrap();
        assert_eq!((fields[1].line, fields[1].text.as_deref()), (2, Some("1.10")));
        assert_eq!(read("# nothing\n").unwrap(), []);
    }

    #[test]
    fn words_that_look_like_numbers_stay_words() {
        for word in ["1password", "inf", "NaN", ".", "1.2.3", "e5", "-", "0x10", "2026-01-01"] {
            assert_eq!(scalar(word), json!(word), "{word}");
        }
        assert_eq!(scalar("+7"), json!(7));
        assert_eq!(scalar("18446744073709551615"), json!(u64::MAX));
        assert_eq!(scalar("1e3"), json!(1000.0));
    }

    #[test]
    fn refuses_what_can_grow_or_mean_two_things() {
        for (text, line, part) in [
            ("a: &x [1]\nb: *x\n", 1, "anchors"),
            ("b: 1\na: !!binary aGk=\n", 2, "tags"),
            ("a: 1\nb: 2\na: 3\n", 3, "`a` is given twice (first on line 1)"),
            ("m:\n  a: 1\n  a: 2\n", 3, "twice"),
            ("? [a]\n: 1\n", 1, "a key must be a word"),
            ("a: 1\n---\nb: 2\n", 3, "second document"),
            ("- a\n", 1, "fields are expected"),
            ("just text\n", 1, "fields are expected"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.message.contains(part) && error.line == line, "{text}: {error:?}");
        }
        let deep = format!("a: {}{}\n", "[".repeat(40), "]".repeat(40));
        assert!(read(&deep).unwrap_err().message.contains("deep"));
        let many = format!("a: [{}]\n", "1,".repeat(NODES));
        assert!(read(&many).unwrap_err().message.contains("values"));
    }

    #[test]
    fn says_how_to_mend_what_is_no_yaml() {
        for (text, part) in [
            ("a: b: c\n", "put quotes"),
            ("a: \"b\n", "closing quote"),
            ("a: `b`\n", "quotes"),
            ("a: *b\n", "quotes"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.is_syntax && error.message.contains(part), "{text}: {error:?}");
        }
    }
}
