//! The text of one paragraph, heading or cell as a flat list of marks.

use std::collections::HashMap;

use pulldown_cmark::{BrokenLink, CowStr, Event, Parser, Tag, TagEnd};

use super::{
    doc::{OPTIONS, normal},
    guard::guard,
};

/// What emphasis means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `**bold**`
    Bold,
    /// `*italic*`
    Italic,
    /// `~~struck~~`
    Strike,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Inline {
    Text(String),
    Code(String),
    Break,
    Open(Style),
    Close(Style),
    /// A link or image. What is in its label is flat too: a link holds no link.
    Link {
        label: Vec<Inline>,
        target: String,
    },
}

/// Reads it; `used` is told each definition that a link refers to.
pub(super) fn inline(
    source: &str,
    targets: &HashMap<String, String>,
    used: &mut dyn FnMut(&str),
) -> Vec<Inline> {
    let text = guard(source);
    let mut resolve = |link: BrokenLink<'_>| {
        let target = targets.get(&normal(&link.reference))?;
        Some((CowStr::from(target.clone()), CowStr::from("")))
    };
    let resolve = if targets.is_empty() { None } else { Some(&mut resolve) };
    let mut marks = Marks::default();
    for event in Parser::new_with_broken_link_callback(&text, OPTIONS, resolve) {
        marks.event(event, used);
    }
    marks.top
}

#[derive(Default)]
struct Marks {
    top: Vec<Inline>,
    /// The link being read, and how many there are in each other.
    label: Vec<Inline>,
    target: String,
    depth: usize,
}

impl Marks {
    fn event(&mut self, event: Event<'_>, used: &mut dyn FnMut(&str)) {
        match event {
            Event::Text(text) | Event::InlineHtml(text) | Event::Html(text) => self.text(&text),
            Event::Code(code) => self.push(Inline::Code(code.into_string())),
            Event::SoftBreak | Event::HardBreak => self.push(Inline::Break),
            Event::Start(Tag::Emphasis) => self.push(Inline::Open(Style::Italic)),
            Event::Start(Tag::Strong) => self.push(Inline::Open(Style::Bold)),
            Event::Start(Tag::Strikethrough) => self.push(Inline::Open(Style::Strike)),
            Event::End(TagEnd::Emphasis) => self.push(Inline::Close(Style::Italic)),
            Event::End(TagEnd::Strong) => self.push(Inline::Close(Style::Bold)),
            Event::End(TagEnd::Strikethrough) => self.push(Inline::Close(Style::Strike)),
            Event::Start(Tag::Link { dest_url, id, link_type, .. }) => {
                let mail = matches!(link_type, pulldown_cmark::LinkType::Email);
                self.open(if mail { format!("mailto:{dest_url}") } else { dest_url.into_string() });
                used(&normal(&id));
            }
            Event::Start(Tag::Image { dest_url, id, .. }) => {
                self.open(dest_url.into_string());
                used(&normal(&id));
            }
            Event::End(TagEnd::Link | TagEnd::Image) => self.close(),
            _ => {}
        }
    }

    fn push(&mut self, mark: Inline) {
        if self.depth > 0 { self.label.push(mark) } else { self.top.push(mark) }
    }

    fn text(&mut self, text: &str) {
        let marks = if self.depth > 0 { &mut self.label } else { &mut self.top };
        match marks.last_mut() {
            Some(Inline::Text(last)) => last.push_str(text),
            _ => marks.push(Inline::Text(text.to_owned())),
        }
    }

    fn open(&mut self, target: String) {
        self.depth += 1;
        // An image in a link is its alternative text.
        if self.depth == 1 {
            self.target = target;
        }
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        if self.depth == 0 {
            let label = std::mem::take(&mut self.label);
            self.top.push(Inline::Link { label, target: std::mem::take(&mut self.target) });
        }
    }
}

/// Only the text.
pub(super) fn flat(marks: &[Inline]) -> String {
    let mut out = String::new();
    for mark in marks {
        match mark {
            Inline::Text(text) | Inline::Code(text) => out.push_str(text),
            Inline::Break => out.push(' '),
            Inline::Link { label, .. } => out.push_str(&flat(label)),
            Inline::Open(_) | Inline::Close(_) => {}
        }
    }
    out
}
