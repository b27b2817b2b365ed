//! Leaves as Markdown again.

use std::borrow::Borrow;

use pulldown_cmark::Alignment;

use super::{
    doc::{Body, CONTINUED, Code, Container, Item, Leaf, Marker, Table, shared},
    guard::guard,
};

/// The Markdown of leaves that follow a leaf with the path `before`, in an earlier piece.
pub(super) fn write<L: Borrow<Leaf>>(before: &[Container], leaves: &[L]) -> String {
    let mut out = String::new();
    for (index, leaf) in leaves.iter().enumerate() {
        let leaf = leaf.borrow();
        let previous = index.checked_sub(1).and_then(|index| leaves.get(index)).map(Borrow::borrow);
        let open = previous.map_or(0, |previous: &Leaf| shared(&previous.path, &leaf.path));
        if let Some(previous) = previous {
            out.push('\n');
            if !is_tight(previous, leaf, open) {
                out.push_str(continuation(&leaf.path[..open]).trim_end());
                out.push('\n');
            }
        }
        // Items that an earlier piece began.
        let continued = if index == 0 { shared(before, &leaf.path) } else { 0 };
        lines(&mut out, leaf, open, continued);
    }
    out
}

/// Whether a leaf may follow another without a blank line between them, and does in the source.
fn is_tight(previous: &Leaf, leaf: &Leaf, open: usize) -> bool {
    if leaf.spaced || matches!(previous.body, Body::Html(_) | Body::Table(_) | Body::Definition { .. }) {
        return false;
    }
    let is_text = matches!(previous.body, Body::Text(_));
    let opens = leaf.path.get(open);
    let closes = previous.path.get(open);
    match (closes, opens) {
        (Some(Container::Item(last)), Some(Container::Item(next))) if last.list == next.list => true,
        (None, Some(Container::Item(next))) => {
            let interrupts = !matches!(next.marker, Marker::Number(number, _) if number != 1);
            !is_text || (interrupts && !matches!(leaf.body, Body::Nothing))
        }
        (None, None) => !is_text || matches!(leaf.body, Body::Code(_) | Body::Heading(..) | Body::Rule),
        _ => false,
    }
}

fn lines(out: &mut String, leaf: &Leaf, open: usize, continued: usize) {
    let mut rest = continuation(&leaf.path);
    out.push_str(&continuation(&leaf.path[..open]));
    for container in &leaf.path[open..] {
        out.push_str(&marker(container));
    }
    let innermost = leaf.path.last().filter(|container| container.is_item());
    let mut body = body(&leaf.body);
    if innermost.is_some() && continued == leaf.path.len() {
        body = match leaf.body {
            Body::Text(_) => format!("{CONTINUED}{body}"),
            Body::Code(_) | Body::Heading(..) | Body::Rule => format!("{CONTINUED}\n{body}"),
            _ => format!("{CONTINUED}\n\n{body}"),
        };
    }
    for (index, line) in body.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
            if line.is_empty() {
                rest.truncate(rest.trim_end().len());
                out.push_str(&rest);
                rest = continuation(&leaf.path);
                continue;
            }
            out.push_str(&rest);
        }
        out.push_str(line);
    }
    out.truncate(out.trim_end_matches([' ', '\t']).len());
}

fn body(body: &Body) -> String {
    match body {
        Body::Text(text) => guard(text).into_owned(),
        Body::Heading(level, text) => heading(*level, text),
        Body::Code(code) => fenced(code),
        Body::Html(text) => text.clone(),
        Body::Table(table) => rows(table),
        Body::Rule => "___".to_owned(),
        Body::Definition { label, target } => {
            format!("[{label}]: <{}>", target.replace('<', "%3C").replace('>', "%3E"))
        }
        Body::Nothing => String::new(),
    }
}

fn heading(level: usize, text: &str) -> String {
    let open = text.trim_end_matches('#');
    // Hashes at its end would close it.
    let text = if open.len() < text.len() && (open.is_empty() || open.ends_with([' ', '\t'])) {
        format!("{open}\\{}", &text[open.len()..])
    } else {
        text.to_owned()
    };
    format!("{} {text}", "#".repeat(level))
}

/// The fence of the source, unless its code, cut, could close it.
fn fenced(code: &Code) -> String {
    let mark = code.fence.chars().next().unwrap_or('`');
    let longest = code.text.split('\n').map(|line| {
        let line = line.trim_start();
        line.len() - line.trim_start_matches(mark).len()
    });
    let longest = longest.max().unwrap_or(0);
    let length = if code.fence.len() > longest && code.fence.len() <= 16 {
        code.fence.len()
    } else {
        (longest + 1).max(3)
    };
    let fence = mark.to_string().repeat(length);
    let end = if code.text.ends_with('\n') { "" } else { "\n" };
    format!("{fence}{}\n{}{end}{fence}", code.info, code.text)
}

fn rows(table: &Table) -> String {
    let mut out = String::new();
    row(&mut out, &table.head);
    out.push_str("\n|");
    for align in &table.aligns {
        out.push_str(match align {
            Alignment::None => " --- |",
            Alignment::Left => " :-- |",
            Alignment::Center => " :-: |",
            Alignment::Right => " --: |",
        });
    }
    for cells in &table.rows {
        out.push('\n');
        row(&mut out, cells);
    }
    out
}

fn row(out: &mut String, cells: &[String]) {
    out.push('|');
    for cell in cells {
        out.push(' ');
        out.push_str(cell);
        out.push_str(" |");
    }
}

/// What opens a container.
fn marker(container: &Container) -> String {
    match container {
        Container::Quote(_) => "> ".to_owned(),
        Container::Item(item) => {
            let task = match item.task {
                Some(true) => "[x] ",
                Some(false) => "[ ] ",
                None => "",
            };
            format!("{}{task}", item_marker(item))
        }
    }
}

fn item_marker(item: &Item) -> String {
    match item.marker {
        Marker::Bullet(bullet) => format!("{bullet} "),
        Marker::Number(number, after) => format!("{number}{after} "),
    }
}

/// What stands before each further line in containers.
fn continuation(path: &[Container]) -> String {
    let mut prefix = String::new();
    for container in path {
        match container {
            Container::Quote(_) => prefix.push_str("> "),
            Container::Item(item) => prefix.push_str(&" ".repeat(item_marker(item).len())),
        }
    }
    prefix
}
