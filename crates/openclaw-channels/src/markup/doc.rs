//! Markdown as a flat list of leaves (paragraphs, code blocks, tables …), each with the quotes and list items around it.

use std::collections::HashMap;

use pulldown_cmark::{Alignment, Options};

use super::table::aligned;

/// What of Markdown is read beyond CommonMark.
pub(super) const OPTIONS: Options =
    Options::ENABLE_TABLES.union(Options::ENABLE_STRIKETHROUGH).union(Options::ENABLE_TASKLISTS);

/// What opens a paragraph that goes on with a list item of an earlier piece: the item's marker is not drawn again.
/// The space lets emphasis open after it.
pub(super) const CONTINUED: &str = "\u{200b} ";

/// A text, read.
pub(super) struct Doc {
    pub(super) leaves: Vec<Leaf>,
    /// Link reference definitions: normalised label to target.
    pub(super) targets: HashMap<String, String>,
}

/// A block without blocks in it.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    /// The quotes and list items it stands in, outermost first.
    pub(super) path: Vec<Container>,
    /// Whether a blank line stands between it and the leaf before.
    pub(super) spaced: bool,
    pub(super) body: Body,
}

/// Sources are without the prefixes of containers; those of paragraphs read as one paragraph anywhere.
#[derive(Clone, Debug)]
pub(super) enum Body {
    Text(String),
    Heading(usize, String),
    Code(Code),
    Html(String),
    Table(Table),
    Rule,
    /// A link reference definition.
    Definition {
        label: String,
        target: String,
    },
    /// An item with nothing in it.
    Nothing,
}

#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) fence: String,
    pub(super) info: String,
    pub(super) text: String,
}

/// A table of cells: their sources, or their renderings.
#[derive(Clone, Debug)]
pub struct Table {
    /// One a column.
    pub(super) aligns: Vec<Alignment>,
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    /// Where each row ends, in bytes of cells from the first row on.
    pub(super) ends: Vec<usize>,
}

#[derive(Clone, Debug)]
pub(super) enum Container {
    Quote(usize),
    Item(Item),
}

#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) id: usize,
    pub(super) list: usize,
    pub(super) marker: Marker,
    /// Whether it is a task, and done.
    pub(super) task: Option<bool>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Marker {
    Bullet(char),
    /// The number and what follows it.
    Number(u64, char),
}

impl Container {
    pub(super) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Quote(a), Self::Quote(b)) => a == b,
            (Self::Item(a), Self::Item(b)) => a.id == b.id,
            _ => false,
        }
    }

    pub(super) fn is_item(&self) -> bool {
        matches!(self, Self::Item(_))
    }
}

/// How many containers two paths share.
pub(super) fn shared(a: &[Container], b: &[Container]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a.is(b)).count()
}

/// Labels match whatever their case and white space.
pub(super) fn normal(label: &str) -> String {
    label.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

impl Table {
    /// The cells of its first row.
    pub fn head(&self) -> &[String] {
        &self.head
    }

    /// The cells of its other rows.
    pub fn rows(&self) -> &[Vec<String>] {
        &self.rows
    }

    /// It as characters, in columns as wide as they are seen.
    pub fn aligned(&self) -> String {
        aligned(self)
    }

    pub(super) fn new(aligns: Vec<Alignment>, head: Vec<String>, rows: Vec<Vec<String>>) -> Self {
        let mut end = 0;
        let ends = rows
            .iter()
            .map(|row| {
                end += row.iter().map(|cell| cell.len() + 3).sum::<usize>();
                end
            })
            .collect();
        Self { aligns, head, rows, ends }
    }
}

impl Body {
    /// How much there is of it, in bytes; the unit of [`Leaf::part`].
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Text(text) | Self::Heading(_, text) | Self::Html(text) => text.len(),
            Self::Code(code) => code.text.len(),
            Self::Table(table) => table.ends.last().copied().unwrap_or(1),
            Self::Definition { label, target } => label.len() + target.len(),
            Self::Rule | Self::Nothing => 1,
        }
    }
}

impl Leaf {
    /// A part of it; all of it where it cannot be parted.
    pub(super) fn part(&self, from: usize, to: usize) -> Self {
        let whole = from == 0 && to >= self.body.len();
        let body = match &self.body {
            body if whole => body.clone(),
            Body::Text(text) => Body::Text(fragment(text, from, to)),
            Body::Heading(level, text) => {
                Body::Heading(*level, text.get(from..to).unwrap_or("").trim().to_owned())
            }
            Body::Code(code) => Body::Code(Code {
                fence: code.fence.clone(),
                info: language(&code.info).to_owned(),
                text: code.text.get(from..to).unwrap_or("").to_owned(),
            }),
            Body::Html(text) => Body::Code(Code {
                fence: "```".to_owned(),
                info: "html".to_owned(),
                text: text.get(from..to).unwrap_or("").to_owned(),
            }),
            Body::Table(table) => {
                let first = table.ends.partition_point(|end| *end <= from);
                let last = table.ends.partition_point(|end| *end <= to).max(first);
                let rows = table.rows.get(first..last).unwrap_or(&[]).to_vec();
                Body::Table(Table::new(table.aligns.clone(), table.head.clone(), rows))
            }
            body => body.clone(),
        };
        Self { path: self.path.clone(), spaced: self.spaced, body }
    }
}

/// A part of a paragraph. A hard break at its end would be a visible backslash.
fn fragment(text: &str, from: usize, to: usize) -> String {
    let part = text.get(from..to).unwrap_or("");
    let trimmed = part.trim_end_matches([' ', '\t', '\n']);
    let at_line_end = text.get(from + trimmed.len()..).is_some_and(|rest| rest.starts_with('\n'));
    let backslashes = trimmed.len() - trimmed.trim_end_matches('\\').len();
    let trimmed = if at_line_end && backslashes % 2 == 1 { &trimmed[..trimmed.len() - 1] } else { trimmed };
    trimmed.trim_start_matches([' ', '\t', '\n']).to_owned()
}

/// The language in a fence's info string; the rest of it is not repeated.
pub(super) fn language(info: &str) -> &str {
    let word = info.split([' ', '\t', ',', '{']).next().unwrap_or("");
    if word.len() <= 40 { word } else { "" }
}
