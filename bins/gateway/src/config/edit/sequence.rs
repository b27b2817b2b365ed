//! Lists written with a dash per line: items that stay keep their line and its comment.

use serde_json::Value;

use super::{lines::Text, render};
use crate::config::yaml::Node;

/// The text with the list's items replaced. `None`: the list is laid out otherwise, or would be empty.
pub(super) fn replace(text: &str, list: &Node, items: &[Node], new: &[Value]) -> Option<String> {
    if new.is_empty() || items.is_empty() {
        return None;
    }
    let old: Vec<Value> = items.iter().map(Node::to_json).collect();
    let mut edit = Text::new(text);
    let indentation = dash(&edit, text, list, &items[0])?;
    let head = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let tail =
        old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(old, new)| old == new).count();

    for item in &items[head..items.len() - tail] {
        if dash(&edit, text, list, item)? != indentation {
            return None;
        }
        let lines = edit.line_start(item.span.start)..edit.line_end(item.span.end);
        edit.replace(lines, "");
    }
    let at = match head.checked_sub(1) {
        Some(before) => edit.line_end(items[before].span.end),
        None => edit.line_start(items[0].span.start),
    };
    let newline = edit.newline();
    let lines: String = new[head..new.len() - tail]
        .iter()
        .map(|value| format!("{:indentation$}- {}{newline}", "", render::flow(value)))
        .collect();
    if !lines.is_empty() {
        edit.insert_line(at, &lines);
    }
    Some(edit.finish())
}

/// Indentation of an item's dash, when the item has its line for itself.
fn dash(edit: &Text<'_>, text: &str, list: &Node, item: &Node) -> Option<usize> {
    let start = edit.line_start(item.span.start);
    if item.span.is_empty() || start + 1 < edit.line_start(list.span.start) {
        return None;
    }
    let before = &text[start..item.span.start];
    let indentation = before.len() - before.trim_start_matches(' ').len();
    (before.trim() == "-").then_some(indentation)
}
