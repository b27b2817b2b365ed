//! Markdown in the words of a platform.

use std::collections::HashSet;

use super::{
    doc::{Body, CONTINUED, Container, Doc, Leaf, Table, language, shared},
    inline::{Inline, Style, flat, inline},
    layout,
    read::read,
    rules::Rules,
};

/// Renders Markdown as the rules say. Whatever the text, it renders.
pub fn render(markdown: &str, rules: &impl Rules) -> String {
    let doc = read(markdown);
    let blocks = blocks(&doc, rules);
    if rules.has_elements() { layout::elements(&blocks) } else { layout::lines(&blocks, rules) }
}

/// A leaf, rendered.
pub(super) struct Block<'a> {
    pub(super) leaf: &'a Leaf,
    pub(super) text: String,
    /// Whether it goes on with an item of an earlier piece.
    pub(super) continues: bool,
}

fn blocks<'a>(doc: &'a Doc, rules: &impl Rules) -> Vec<Block<'a>> {
    let mut used = HashSet::new();
    let mut read = |source: &str| {
        inline(source, &doc.targets, &mut |label| {
            used.insert(label.to_owned());
        })
    };
    let mut blocks = Vec::with_capacity(doc.leaves.len());
    for leaf in &doc.leaves {
        let mut continues = false;
        let text = match &leaf.body {
            Body::Text(source) => {
                let source = source.strip_prefix(CONTINUED.trim_end()).map_or(&**source, |rest| {
                    continues = true;
                    rest.trim_start()
                });
                rules.paragraph(spans(&read(source), rules, None), opens_item(leaf, blocks.last()))
            }
            Body::Heading(level, source) => {
                let text = spans(&read(source), rules, rules.heading_style());
                rules.heading(*level, text)
            }
            Body::Code(code) => rules.code_block(language(&code.info), code.text.trim_end_matches('\n')),
            Body::Html(text) => rules.paragraph(escaped(text, rules), false),
            Body::Table(table) => {
                let mut cell = |source: &String| {
                    let marks = read(source);
                    if rules.has_elements() { spans(&marks, rules, None) } else { shown(&marks) }
                };
                let head = table.head.iter().map(&mut cell).collect();
                let rows = table.rows.iter().map(|row| row.iter().map(&mut cell).collect()).collect();
                rules.table(&Table::new(table.aligns.clone(), head, rows))
            }
            Body::Rule => rules.rule().to_owned(),
            // Known when all is read.
            Body::Definition { .. } | Body::Nothing => String::new(),
        };
        blocks.push(Block { leaf, text, continues });
    }
    blocks.retain_mut(|block| match &block.leaf.body {
        Body::Definition { label, target } => {
            block.text = rules.paragraph(escaped(&format!("[{label}]: {target}"), rules), false);
            !used.contains(&super::doc::normal(label))
        }
        _ => true,
    });
    blocks
}

/// Whether a leaf is the first of a list item.
fn opens_item(leaf: &Leaf, last: Option<&Block<'_>>) -> bool {
    let is_shared = last.is_some_and(|last| shared(&last.leaf.path, &leaf.path) == leaf.path.len());
    leaf.path.last().is_some_and(Container::is_item) && !is_shared
}

/// Text that is only text, line by line.
fn escaped(text: &str, rules: &impl Rules) -> String {
    let mut marks = Vec::new();
    for line in text.split('\n') {
        if !marks.is_empty() {
            marks.push(Inline::Break);
        }
        marks.push(Inline::Text(line.to_owned()));
    }
    spans(&marks, rules, None)
}

/// A cell as characters: links keep their targets, emphasis goes.
fn shown(marks: &[Inline]) -> String {
    let plain = spans(marks, &super::plain(), None);
    plain.replace('\n', " ")
}

/// The marks of one paragraph in the words of the rules; `around` is a style all of it has.
fn spans(marks: &[Inline], rules: &impl Rules, around: Option<Style>) -> String {
    let mut spans = Spans { out: String::new(), rules, open: Vec::new(), counts: [0; 3], closed: false };
    spans.mark_all(marks, around);
    spans.out
}

struct Spans<'a, R> {
    out: String,
    rules: &'a R,
    /// The styles that are open, outermost first, each once, and where what they style begins.
    open: Vec<(Style, usize)>,
    counts: [usize; 3],
    /// Whether the last thing written is a closing mark.
    closed: bool,
}

impl<R: Rules> Spans<'_, R> {
    fn mark_all(&mut self, marks: &[Inline], around: Option<Style>) {
        if let Some(style) = around {
            self.open(style);
        }
        for mark in marks {
            self.mark(mark);
        }
        while let Some((style, start)) = self.open.pop() {
            self.write_close(style, start);
        }
    }

    fn mark(&mut self, mark: &Inline) {
        match mark {
            Inline::Open(style) => self.open(*style),
            Inline::Close(style) => self.close(*style),
            Inline::Text(text) => {
                self.glue(text.chars().next().is_some_and(char::is_alphanumeric));
                self.rules.text(text, &mut self.out);
            }
            Inline::Break => self.apart(self.rules.style_ends_with_line(), |spans| {
                spans.out.push_str(spans.rules.line_break());
                spans.closed = false;
            }),
            Inline::Code(code) => self.apart(self.rules.style_ends_at_code(), |spans| {
                spans.glue(false);
                spans.rules.code(code, &mut spans.out);
            }),
            Inline::Link { label, target } => self.link(label, target),
        }
    }

    fn link(&mut self, label: &[Inline], target: &str) {
        let plain = flat(label);
        let plain = plain.trim();
        let allowed = self.rules.schemes().iter().any(|scheme| is_scheme(target, scheme));
        self.glue(true);
        if allowed {
            let plain = if plain.is_empty() { target } else { plain };
            self.rules.link(plain, &clean(target), &mut self.out);
        } else {
            self.rules.text(&with_target(plain, target), &mut self.out);
        }
    }

    /// Writes something that no style may reach over.
    fn apart(&mut self, apart: bool, write: impl FnOnce(&mut Self)) {
        let open = if apart { std::mem::take(&mut self.open) } else { Vec::new() };
        for (style, start) in open.iter().rev() {
            self.write_close(*style, *start);
        }
        write(self);
        for (style, _) in open {
            self.write_open(style);
        }
    }

    fn open(&mut self, style: Style) {
        let count = &mut self.counts[style as usize];
        *count += 1;
        if *count == 1 {
            self.write_open(style);
        }
    }

    fn close(&mut self, style: Style) {
        let count = &mut self.counts[style as usize];
        *count = count.saturating_sub(1);
        if *count == 0
            && let Some((style, start)) = self.open.pop_if(|(last, _)| *last == style)
        {
            self.write_close(style, start);
        }
    }

    fn write_open(&mut self, style: Style) {
        let after_word = self.out.chars().next_back().is_some_and(char::is_alphanumeric);
        if after_word && !self.rules.style_in_words() && !self.closed {
            self.out.push_str(GLUE);
        }
        self.glue(true);
        self.out.push_str(self.rules.style(style)[0]);
        self.open.push((style, self.out.len()));
    }

    fn write_close(&mut self, style: Style, start: usize) {
        let [open, close] = self.rules.style(style);
        if self.out.len() == start {
            // Marks around nothing would be seen.
            self.out.truncate(start - open.len());
        } else {
            self.out.push_str(close);
            self.closed = true;
        }
    }

    /// Keeps a closing mark and what follows apart, where they would be read as something else.
    fn glue(&mut self, needed: bool) {
        if std::mem::take(&mut self.closed) && needed && !self.rules.style_in_words() {
            self.out.push_str(GLUE);
        }
    }
}

/// Not seen, and no letter.
const GLUE: &str = "\u{200b}";

/// A link in words.
pub(super) fn with_target(label: &str, target: &str) -> String {
    let bare = target.strip_prefix("mailto:").or_else(|| target.strip_prefix("tel:")).unwrap_or(target);
    if label.is_empty() || label == target || label == bare {
        return bare.to_owned();
    }
    if bare.is_empty() { label.to_owned() } else { format!("{label} ({bare})") }
}

fn is_scheme(target: &str, scheme: &str) -> bool {
    target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        && target[scheme.len()..].starts_with(':')
        && target.len() > scheme.len() + 1
}

/// A target that no character of ends early.
fn clean(target: &str) -> String {
    let mut out = String::with_capacity(target.len());
    for char in target.chars() {
        if char.is_whitespace() || char.is_control() || "<>\"`|\\".contains(char) {
            let mut bytes = [0; 4];
            for byte in char.encode_utf8(&mut bytes).bytes() {
                out.push_str(&format!("%{byte:02X}"));
            }
        } else {
            out.push(char);
        }
    }
    out
}
