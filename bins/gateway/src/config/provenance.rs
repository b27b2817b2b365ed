//! Where each value came from.

use std::{collections::BTreeMap, fmt, path::PathBuf, sync::Arc};

use serde_json::Value;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nothing sets it.
    Default,
    /// A line of a file; column 0 means the line as a whole.
    File { path: Arc<PathBuf>, line: usize, column: usize },
    /// An environment variable.
    Env(String),
    /// A flag of the command line.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line, column: 0 } => write!(f, "{}:{line}", path.display()),
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// Origins by dotted path.
pub(crate) type Origins = BTreeMap<String, Origin>;

/// The origin of `path`, or of the nearest thing around it that has one.
pub(crate) fn origin_of<'o>(origins: &'o Origins, path: &str) -> &'o Origin {
    let mut path = path;
    loop {
        if let Some(origin) = origins.get(path) {
            return origin;
        }
        match path.rfind(['.', '[']) {
            Some(end) => path = &path[..end],
            None => return &Origin::Default,
        }
    }
}

/// The leaves of a tree by dotted path, in order. Empty sections and lists are leaves.
pub(crate) fn leaves(tree: &Value) -> Vec<(String, &Value)> {
    fn walk<'v>(value: &'v Value, path: &str, found: &mut Vec<(String, &'v Value)>) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                for (name, value) in map {
                    let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    walk(value, &path, found);
                }
            }
            leaf => found.push((path.to_owned(), leaf)),
        }
    }
    let mut found = Vec::new();
    walk(tree, "", &mut found);
    found
}

/// The value at a dotted path.
pub(crate) fn at<'v>(tree: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(tree, |here, name| here.get(name))
}

/// The effective configuration, one `key: value   # origin` a line, for people. `tree` must be redacted already.
pub(crate) fn show(tree: &Value, origins: &Origins) -> String {
    let rows: Vec<(String, &Origin)> = leaves(tree)
        .into_iter()
        .filter(|(path, _)| !path.is_empty())
        .map(|(path, value)| {
            let origin = match origins.get(&path) {
                Some(origin) => origin,
                None => &Origin::Default,
            };
            (format!("{path}: {value}"), origin)
        })
        .collect();
    let width = rows.iter().map(|(text, _)| text.chars().count()).max().unwrap_or(0).min(60);
    rows.into_iter().map(|(text, origin)| format!("{text:width$}  # {origin}\n")).collect()
}
