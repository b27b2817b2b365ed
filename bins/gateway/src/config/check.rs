//! One layer (file, environment or flags) held against the table of keys: every mistake at once, and the values that are
//! left, typed.

use std::{net::IpAddr, path::PathBuf, sync::Arc};

use serde_json::{Map, Value};

use super::{
    placeholder,
    problem::Problem,
    provenance::{Origin, Origins},
    schema::{Kind, ROOT},
    yaml::{Node, NodeKind, Place, Style, plain},
};

/// What a layer says.
#[derive(Default)]
pub(crate) struct Layer {
    /// Typed values, placeholders resolved. Holds secrets: never show it.
    pub(crate) values: Map<String, Value>,
    /// Where each came from.
    pub(crate) origins: Origins,
    /// Mistakes.
    pub(crate) problems: Vec<Problem>,
}

/// Reads a file's tree.
pub(crate) fn file(
    root: Option<&Node>,
    path: &Arc<PathBuf>,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Layer {
    let mut reader = FileReader { path, lookup, layer: Layer::default() };
    if let Some(root) = root
        && let Some(Value::Object(values)) = reader.section(root, Kind::Section(ROOT), "")
    {
        reader.layer.values = values;
    }
    reader.layer
}

struct FileReader<'r> {
    path: &'r Arc<PathBuf>,
    lookup: &'r dyn Fn(&str) -> Option<String>,
    layer: Layer,
}

impl FileReader<'_> {
    fn origin(&self, place: Place) -> Origin {
        Origin::File { path: Arc::clone(self.path), line: place.line, column: 0 }
    }

    fn problem(&mut self, place: Place, key: &str, reason: impl Into<String>) {
        let origin = Origin::File { path: Arc::clone(self.path), line: place.line, column: place.column };
        self.layer.problems.push(Problem { origin, key: key.to_owned(), reason: reason.into() });
    }

    fn section(&mut self, node: &Node, kind: Kind, path: &str) -> Option<Value> {
        if node.is_null() {
            // `providers:` with every line below it commented out says nothing.
            return None;
        }
        let NodeKind::Mapping { entries, .. } = &node.kind else {
            let what = if path.is_empty() {
                format!("the file must be {}", kind.allowed())
            } else {
                format!("must be {}", kind.allowed())
            };
            self.problem(node.place, path, what);
            return None;
        };
        let mut values = Map::new();
        for entry in entries {
            let key = if path.is_empty() { entry.key.clone() } else { format!("{path}.{}", entry.key) };
            match kind.child(&entry.key) {
                Err(unknown) => self.problem(entry.place, &key, unknown.explain(&entry.key)),
                Ok(expected) => {
                    self.layer.origins.insert(key.clone(), self.origin(entry.place));
                    if let Some(value) = self.value(&entry.value, expected.kind, &key) {
                        values.insert(entry.key.clone(), value);
                    }
                }
            }
        }
        Some(Value::Object(values))
    }

    fn value(&mut self, node: &Node, kind: Kind, key: &str) -> Option<Value> {
        if kind.is_section() {
            return self.section(node, kind, key);
        }
        if node.is_null() {
            // A key without a value leaves the default in place, as RFC 7396's null does.
            return None;
        }
        match (&node.kind, kind) {
            (NodeKind::Sequence { items, .. }, Kind::List) => {
                let mut texts = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    let key = format!("{key}[{index}]");
                    self.layer.origins.insert(key.clone(), self.origin(item.place));
                    texts.push(self.scalar(item, Kind::Text, &key)?);
                }
                Some(Value::Array(texts))
            }
            (NodeKind::Scalar { .. }, Kind::List) => {
                self.problem(node.place, key, format!("must be {}", kind.allowed()));
                None
            }
            _ => self.scalar(node, kind, key),
        }
    }

    fn scalar(&mut self, node: &Node, kind: Kind, key: &str) -> Option<Value> {
        let NodeKind::Scalar { text, style } = &node.kind else {
            self.problem(node.place, key, format!("must be {}", kind.allowed()));
            return None;
        };
        if node.is_null() {
            self.problem(node.place, key, format!("must be {}; it is empty", kind.allowed()));
            return None;
        }
        let resolved = match placeholder::resolve(text, self.lookup) {
            Ok(resolved) => resolved,
            Err(error) => {
                self.problem(node.place, key, error.to_string());
                return None;
            }
        };
        // What came out of a placeholder may be of any type; otherwise quotes make a text.
        let quoted = *style != Style::Plain && resolved == *text;
        match typed(&resolved, quoted, kind) {
            Some(value) => Some(value),
            None => {
                // The value itself is quoted only where it can't be a secret.
                let shown = if resolved == *text { format!("; it is `{text}`") } else { String::new() };
                self.problem(node.place, key, format!("must be {}{shown}", kind.allowed()));
                None
            }
        }
    }
}

/// `text` as a value of `kind`, if it is one.
pub(crate) fn typed(text: &str, quoted: bool, kind: Kind) -> Option<Value> {
    let value = if quoted { Value::String(text.to_owned()) } else { plain(text) };
    match kind {
        Kind::Text | Kind::Secret => Some(Value::String(text.to_owned())),
        Kind::Bool => value.is_boolean().then_some(value),
        Kind::Int(low, high) => {
            let fits = value.as_i64().is_some_and(|number| (low..=high).contains(&number));
            fits.then_some(value)
        }
        Kind::Float(low, high) => {
            let number = value.as_f64()?;
            (low..=high).contains(&number).then(|| number.into())
        }
        Kind::Ip => text.parse::<IpAddr>().ok().map(|_| Value::String(text.to_owned())),
        Kind::Choice(words) => words.contains(&text).then(|| Value::String(text.to_owned())),
        Kind::List | Kind::Section(_) | Kind::Named(..) | Kind::Secrets | Kind::Texts | Kind::Lists => None,
    }
}
