//! One YAML document as a tree that remembers where everything stands in the text, so that errors can name a line and an
//! edit can touch only the bytes it is about.
//!
//! The dialect is YAML 1.2's core schema without anchors, aliases and tags: a configuration needs none of them, and an
//! edit could not keep them truthful.

use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};
use serde_json::{Map, Number, Value};

/// Deepest nesting that is read.
const MAX_DEPTH: usize = 32;

/// A place in a text, both counted from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// Why a text is not a document of this dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) place: Place,
    pub(crate) message: String,
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) kind: NodeKind,
    /// Bytes of the value itself: of a block collection from its first key or dash to the end of its last value; empty
    /// for a value that is not written.
    pub(crate) span: Range<usize>,
    pub(crate) place: Place,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum NodeKind {
    Scalar { text: String, style: Style },
    Sequence { items: Vec<Node>, flow: bool },
    Mapping { entries: Vec<Entry>, flow: bool },
}

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Single,
    Double,
    Block,
}

/// One `key: value`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Range<usize>,
    pub(crate) place: Place,
    pub(crate) value: Node,
}

impl Node {
    /// The entry of a mapping.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.kind {
            NodeKind::Mapping { entries, .. } => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// Whether this is `null`, written or not.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.kind, NodeKind::Scalar { text, style: Style::Plain } if is_null(text))
    }

    /// The tree as JSON, scalars typed by the core schema.
    pub(crate) fn to_json(&self) -> Value {
        match &self.kind {
            NodeKind::Scalar { text, style: Style::Plain } => plain(text),
            NodeKind::Scalar { text, .. } => Value::String(text.clone()),
            NodeKind::Sequence { items, .. } => items.iter().map(Self::to_json).collect(),
            NodeKind::Mapping { entries, .. } => Value::Object(
                entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect(),
            ),
        }
    }
}

/// The tree of a whole document as JSON; a document that says nothing is an empty mapping.
pub(crate) fn root_json(root: Option<&Node>) -> Value {
    match root {
        Some(node) if !node.is_null() => node.to_json(),
        _ => Value::Object(Map::new()),
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// What an unquoted scalar means in YAML 1.2's core schema.
pub(crate) fn plain(text: &str) -> Value {
    match text {
        _ if is_null(text) => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number),
    }
}

fn number(text: &str) -> Option<Number> {
    if let Some(hex) = text.strip_prefix("0x") {
        return u64::from_str_radix(hex, 16).ok().map(Number::from);
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return u64::from_str_radix(octal, 8).ok().map(Number::from);
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    // `1_000`, `inf`, `nan` and bare dots are words here, whatever Rust's own parser makes of them.
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        || !unsigned.bytes().any(|byte| byte.is_ascii_digit())
        || !unsigned
            .bytes()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'))
    {
        return None;
    }
    let text = text.strip_prefix('+').unwrap_or(text);
    if let Ok(whole) = text.parse::<u64>() {
        return Some(whole.into());
    }
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    text.parse::<f64>().ok().and_then(Number::from_f64)
}

/// Reads one document. `None`: the text holds nothing but comments.
pub(crate) fn parse(text: &str) -> Result<Option<Node>, SyntaxError> {
    let mut builder = Builder { text, offsets: offsets(text), parser: Parser::new_from_str(text) };
    let mut root = None;
    let mut documents = 0usize;
    while let Some((event, span)) = builder.next()? {
        match event {
            Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
            Event::DocumentStart(_) => {
                documents += 1;
                if documents > 1 {
                    return Err(builder.error(span, "a second document starts here; only one is allowed"));
                }
            }
            Event::StreamEnd => break,
            first => root = Some(builder.node(first, span, 0)?),
        }
    }
    Ok(root)
}

/// Byte offset of every character, or nothing when they are the same.
fn offsets(text: &str) -> Option<Vec<usize>> {
    if text.is_ascii() {
        return None;
    }
    Some(text.char_indices().map(|(offset, _)| offset).chain([text.len()]).collect())
}

struct Builder<'t> {
    text: &'t str,
    offsets: Option<Vec<usize>>,
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
}

impl<'t> Builder<'t> {
    fn next(&mut self) -> Result<Option<(Event<'t>, Span)>, SyntaxError> {
        self.parser.next_event().transpose().map_err(|error| syntax(self.text, &error))
    }

    fn required(&mut self) -> Result<(Event<'t>, Span), SyntaxError> {
        let end = Place { line: self.text.lines().count().max(1), column: 1 };
        self.next()?.ok_or(SyntaxError { place: end, message: "the text ends too early".to_owned() })
    }

    fn byte(&self, index: usize) -> usize {
        let index =
            self.offsets.as_ref().map_or(index, |all| all.get(index).copied().unwrap_or(self.text.len()));
        index.min(self.text.len())
    }

    fn place(&self, span: Span) -> Place {
        Place { line: span.start.line().max(1), column: span.start.col() + 1 }
    }

    fn error(&self, span: Span, message: &str) -> SyntaxError {
        SyntaxError { place: self.place(span), message: message.to_owned() }
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, SyntaxError> {
        if depth > MAX_DEPTH {
            return Err(self.error(span, "nested too deeply"));
        }
        let place = self.place(span);
        let start = self.byte(span.start.index());
        match event {
            Event::Scalar(value, style, anchor, tag) => {
                self.refuse_anchor_and_tag(span, anchor, tag.is_some())?;
                let style = match style {
                    ScalarStyle::Plain => Style::Plain,
                    ScalarStyle::SingleQuoted => Style::Single,
                    ScalarStyle::DoubleQuoted => Style::Double,
                    ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
                };
                // The parser's end of these may lie behind a comment that follows.
                let end = match style {
                    Style::Plain => self.byte(span.end.index()),
                    Style::Block => block_end(self.text, start, span.start.col()),
                    Style::Single | Style::Double => quoted_end(self.text, start),
                };
                let text = value.into_owned();
                Ok(Node { kind: NodeKind::Scalar { text, style }, span: start..end.max(start), place })
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_anchor_and_tag(span, anchor, tag.is_some())?;
                let flow = self.text.as_bytes().get(start) == Some(&b'[');
                let mut items: Vec<Node> = Vec::new();
                let end = loop {
                    match self.required()? {
                        (Event::SequenceEnd, span) if flow => break self.byte(span.start.index()) + 1,
                        (Event::SequenceEnd, _) => break items.last().map_or(start, |item| item.span.end),
                        (event, span) => items.push(self.node(event, span, depth + 1)?),
                    }
                };
                let kind = NodeKind::Sequence { items, flow };
                Ok(Node { kind, span: start..end.max(start).min(self.text.len()), place })
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_anchor_and_tag(span, anchor, tag.is_some())?;
                self.mapping(start, place, depth)
            }
            Event::Alias(_) => {
                Err(self.error(span, "aliases (`*name`) are not supported; write the value out"))
            }
            _ => Err(self.error(span, "a value is expected here")),
        }
    }

    fn mapping(&mut self, start: usize, place: Place, depth: usize) -> Result<Node, SyntaxError> {
        let flow = self.text.as_bytes().get(start) == Some(&b'{');
        let mut entries: Vec<Entry> = Vec::new();
        let end = loop {
            match self.required()? {
                (Event::MappingEnd, span) if flow => break self.byte(span.start.index()) + 1,
                (Event::MappingEnd, _) => {
                    break entries.last().map_or(start, |entry| entry.value.span.end.max(entry.key_span.end));
                }
                (event, span) => {
                    let key_node = self.node(event, span, depth + 1)?;
                    let NodeKind::Scalar { text: key, .. } = key_node.kind else {
                        return Err(self.error(span, "a key must be a word, not a list or a mapping"));
                    };
                    if let Some(first) = entries.iter().find(|entry| entry.key == key) {
                        let message = format!(
                            "`{key}` is given twice (first on line {}); remove one",
                            first.place.line
                        );
                        return Err(SyntaxError { place: key_node.place, message });
                    }
                    let (event, span) = self.required()?;
                    let value = self.node(event, span, depth + 1)?;
                    entries.push(Entry { key, key_span: key_node.span, place: key_node.place, value });
                }
            }
        };
        let kind = NodeKind::Mapping { entries, flow };
        Ok(Node { kind, span: start..end.max(start).min(self.text.len()), place })
    }

    fn refuse_anchor_and_tag(&self, span: Span, anchor: usize, tag: bool) -> Result<(), SyntaxError> {
        if anchor != 0 {
            return Err(
                self.error(span, "anchors (`&name`) are not supported; write the value out where it is used")
            );
        }
        if tag {
            return Err(self.error(span, "tags (`!name`) are not supported; quote the value if it is text"));
        }
        Ok(())
    }
}

/// End of the quoted scalar that starts at `start`, behind its closing quote.
fn quoted_end(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let Some(&quote) = bytes.get(start) else { return start };
    let mut at = start + 1;
    while let Some(&byte) = bytes.get(at) {
        if byte == b'\\' && quote == b'"' {
            at += 2;
        } else if byte == quote {
            if quote == b'\'' && bytes.get(at + 1) == Some(&b'\'') {
                at += 2;
            } else {
                return at + 1;
            }
        } else {
            at += 1;
        }
    }
    bytes.len()
}

/// End of the block scalar whose first content starts at `start`, in column `column`, without its last line break.
fn block_end(text: &str, start: usize, column: usize) -> usize {
    let mut end = start;
    let mut at = text.get(..start).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
    for line in text[at..].split_inclusive('\n') {
        let content = line.trim_end();
        let indentation = line.len() - line.trim_start_matches(' ').len();
        if !content.is_empty() {
            if indentation < column {
                break;
            }
            end = at + content.len();
        }
        at += line.len();
    }
    end.max(start)
}

/// The parser's error in the words of somebody who edits a configuration.
fn syntax(text: &str, error: &ScanError) -> SyntaxError {
    let mark = error.marker();
    let place = Place { line: mark.line().max(1), column: mark.col() + 1 };
    let line = text.lines().nth(place.line - 1).unwrap_or_default();
    let indentation = &line[..line.len() - line.trim_start().len()];
    let info = error.info();
    let message = if indentation.contains('\t') {
        "a tab is used to indent; YAML allows only spaces".to_owned()
    } else if info.contains("mapping values are not allowed") {
        "a `:` is not allowed here; check the indentation, or put quotes around a value that contains `: `"
            .to_owned()
    } else if info.contains("unexpected character") || info.contains("unknown anchor") {
        format!("{info}; put quotes around the value")
    } else if info.contains("quoted scalar") {
        "the closing quote is missing".to_owned()
    } else {
        info.to_owned()
    };
    SyntaxError { place, message }
}

#[cfg(test)]
mod tests;
