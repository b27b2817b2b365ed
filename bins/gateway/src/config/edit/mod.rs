//! Applying a merge patch to a YAML text while touching only the bytes it is about, so that comments, order, quoting and
//! placeholders stay as their author wrote them.
//!
//! Every edit is proven before it is returned: the new text must read as exactly the merged tree. A layout this editor
//! can't keep is refused instead of rewritten.

mod lines;
mod render;
mod sequence;

use serde_json::{Map, Value};

use self::lines::{Text, after_colon};
use super::yaml::{Entry, Node, NodeKind, Style, SyntaxError, parse, root_json};

/// Why a text was not edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EditError {
    #[error("line {}: {}", .0.place.line, .0.message)]
    Syntax(SyntaxError),
    #[error("`{0}` is written in a way that can't be edited without rewriting the file; change it by hand")]
    Layout(String),
}

impl From<SyntaxError> for EditError {
    fn from(error: SyntaxError) -> Self {
        Self::Syntax(error)
    }
}

/// The tree `target` with the merge patch applied (RFC 7396).
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    if let Value::Object(target) = target {
        for (name, value) in patch {
            if value.is_null() {
                target.remove(name);
            } else {
                merge(target.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
    }
}

/// The text with the merge patch applied. `patch` must be an object.
pub(crate) fn apply(text: &str, patch: &Value) -> Result<String, EditError> {
    let mut expected = root_json(parse(text)?.as_ref());
    merge(&mut expected, patch);
    let mut edited = text.to_owned();
    if let Value::Object(patch) = patch {
        walk(&mut edited, &mut Vec::new(), patch)?;
    }
    let got = parse(&edited).map(|root| root_json(root.as_ref()));
    if got.as_ref() == Ok(&expected) {
        Ok(edited)
    } else {
        let first = patch.as_object().and_then(|patch| patch.keys().next()).cloned();
        Err(EditError::Layout(first.unwrap_or_default()))
    }
}

fn walk(text: &mut String, path: &mut Vec<String>, patch: &Map<String, Value>) -> Result<(), EditError> {
    for (name, value) in patch {
        path.push(name.clone());
        let root = parse(text)?;
        let here = root.as_ref().and_then(|root| find(root, path));
        match value {
            Value::Null if here.is_some() => *text = remove(text, root.as_ref(), path)?,
            Value::Null => {}
            Value::Object(below) => {
                let mapping = here.is_some_and(|entry| matches!(entry.value.kind, NodeKind::Mapping { .. }));
                if mapping {
                    walk(text, path, below)?;
                } else {
                    // Nulls in a patch mean nothing where there is nothing to remove.
                    let mut fresh = Value::Null;
                    merge(&mut fresh, value);
                    *text = set(text, root.as_ref(), path, &fresh)?;
                }
            }
            value => *text = set(text, root.as_ref(), path, value)?,
        }
        path.pop();
    }
    Ok(())
}

fn find<'n>(root: &'n Node, path: &[String]) -> Option<&'n Entry> {
    let (last, parents) = path.split_last()?;
    let parent = parents.iter().try_fold(root, |node, name| Some(&node.entry(name)?.value))?;
    parent.entry(last)
}

fn layout(path: &[String]) -> EditError {
    EditError::Layout(path.join("."))
}

fn remove(text: &str, root: Option<&Node>, path: &[String]) -> Result<String, EditError> {
    let (last, parents) = path.split_last().ok_or_else(|| layout(path))?;
    let parent = match parents {
        [] => root,
        parents => root.and_then(|root| find(root, parents)).map(|entry| &entry.value),
    };
    let Some(Node { kind: NodeKind::Mapping { entries, flow }, span, .. }) = parent else {
        return Err(layout(path));
    };
    let index = entries.iter().position(|entry| entry.key == *last).ok_or_else(|| layout(path))?;
    let mut edit = Text::new(text);
    let end = edit.entry_end(&entries[index]);
    if *flow {
        match (entries.get(index + 1), index.checked_sub(1)) {
            (Some(next), _) => edit.replace(entries[index].key_span.start..next.key_span.start, ""),
            (None, Some(before)) => edit.replace(edit.entry_end(&entries[before])..end, ""),
            (None, None) => edit.replace(span.start + 1..end, ""),
        }
        return Ok(edit.finish());
    }
    let lines = edit.own_lines(entries[index].key_span.start, end).ok_or_else(|| layout(path))?;
    edit.replace(lines, "");
    if entries.len() == 1
        && let Some(around) = root.and_then(|root| find(root, parents))
    {
        let colon = after_colon(text, around.key_span.end).ok_or_else(|| layout(path))?;
        edit.replace(colon..colon, " {}");
    }
    Ok(edit.finish())
}

/// Sets the value at `path`. Everything around it is a mapping or is not there yet.
fn set(text: &str, root: Option<&Node>, path: &[String], value: &Value) -> Result<String, EditError> {
    let Some(root) = root.filter(|root| !root.is_null()) else {
        let mut edit = Text::new(text);
        let block = render::block_entry(&path[0], &nest(&path[1..], value), 0, edit.newline());
        edit.insert_line(text.len(), &block);
        return Ok(edit.finish());
    };
    let mut parent = root;
    for (depth, name) in path.iter().enumerate() {
        let NodeKind::Mapping { entries, flow } = &parent.kind else { return Err(layout(path)) };
        let Some(entry) = parent.entry(name) else {
            return add(text, parent, entries, *flow, name, &nest(&path[depth + 1..], value))
                .ok_or_else(|| layout(path));
        };
        if depth + 1 == path.len() {
            return replace(text, parent, entry, *flow, value).ok_or_else(|| layout(path));
        }
        parent = &entry.value;
    }
    Err(layout(path))
}

fn nest(path: &[String], value: &Value) -> Value {
    path.iter()
        .rev()
        .fold(value.clone(), |inner, name| Value::Object(Map::from_iter([(name.clone(), inner)])))
}

fn add(
    text: &str,
    parent: &Node,
    entries: &[Entry],
    flow: bool,
    name: &str,
    value: &Value,
) -> Option<String> {
    let mut edit = Text::new(text);
    let Some(last) = entries.last().filter(|_| !flow) else {
        let separator = if entries.is_empty() { "" } else { ", " };
        let entry = format!("{}: {}{separator}", render::key(name), render::flow(value));
        edit.replace(parent.span.start + 1..parent.span.start + 1, &entry);
        return Some(edit.finish());
    };
    let indentation = edit.indentation_of(entries.first()?.key_span.start)?;
    let block = render::block_entry(name, value, indentation, edit.newline());
    let at = edit.line_end(edit.entry_end(last));
    edit.insert_line(at, &block);
    Some(edit.finish())
}

fn replace(text: &str, parent: &Node, entry: &Entry, in_flow: bool, value: &Value) -> Option<String> {
    let mut edit = Text::new(text);
    let colon = after_colon(text, entry.key_span.end)?;
    if in_flow {
        if entry.value.span.is_empty() {
            edit.replace(colon..colon, &format!(" {}", render::flow(value)));
        } else {
            edit.replace(entry.value.span.clone(), &styled(&entry.value, value));
        }
        return Some(edit.finish());
    }
    if let (NodeKind::Sequence { items, flow: false }, Value::Array(new)) = (&entry.value.kind, value)
        && let Some(edited) = sequence::replace(text, &entry.value, items, new)
    {
        return Some(edited);
    }
    let block_value = match &entry.value.kind {
        NodeKind::Sequence { flow, .. } | NodeKind::Mapping { flow, .. } => !flow,
        NodeKind::Scalar { style, .. } => *style == Style::Block,
    };
    let as_lines = value.as_object().is_some_and(|map| !map.is_empty());
    if block_value {
        // The value's lines go; a comment behind the key stays. A block scalar's header stands behind the key.
        let start = edit.line_end(colon);
        let end = edit.line_end(edit.entry_end(entry));
        edit.replace(start..end.max(start), "");
        let header = text[colon..start]
            .find(['|', '>'])
            .filter(|_| matches!(entry.value.kind, NodeKind::Scalar { .. }));
        if let Some(header) = header {
            let header = colon + header;
            let length = text[header..].find(|c: char| c.is_whitespace()).unwrap_or(text.len() - header);
            edit.replace(header..header + length, "");
        }
    } else if as_lines && !entry.value.span.is_empty() {
        edit.replace(colon..entry.value.span.end, "");
    }
    if as_lines {
        let indentation = edit.indentation_of(match &parent.kind {
            NodeKind::Mapping { entries, .. } => entries.first()?.key_span.start,
            _ => return None,
        })?;
        let mut block = String::new();
        for (name, value) in value.as_object()? {
            block.push_str(&render::block_entry(name, value, indentation + 2, edit.newline()));
        }
        let behind = if block_value { colon } else { edit.entry_end(entry).max(colon) };
        edit.insert_line(edit.line_end(behind), &block);
    } else if block_value || entry.value.span.is_empty() {
        edit.replace(colon..colon, &format!(" {}", render::flow(value)));
    } else {
        edit.replace(entry.value.span.clone(), &styled(&entry.value, value));
    }
    Some(edit.finish())
}

/// The new value in the quotes of the old one.
fn styled(old: &Node, new: &Value) -> String {
    match (&old.kind, new) {
        (NodeKind::Scalar { style, .. }, Value::String(text)) => render::text(text, *style),
        _ => render::flow(new),
    }
}

#[cfg(test)]
mod tests;
