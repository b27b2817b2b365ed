//! Reading Markdown into a [`Doc`].

use std::ops::Range;

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

use super::{
    doc::{Body, Code, Container, Doc, Item, Leaf, Marker, OPTIONS, Table, normal, shared},
    guard::{guard, tame},
};

/// Quotes and items deeper than this are shown at this depth: every line carries its prefix, and nobody reads deeper.
const MAX_DEPTH: usize = 12;

pub(super) fn read(markdown: &str) -> Doc {
    let source = tame(markdown);
    let mut events = Parser::new_ext(&source, OPTIONS).into_offset_iter();
    let mut definitions: Vec<_> = events
        .reference_definitions()
        .iter()
        .map(|(label, definition)| (definition.span.clone(), label.to_owned(), definition.dest.to_string()))
        .collect();
    openclaw_core::sort_by_key(&mut definitions, |(span, ..)| std::cmp::Reverse(span.start));
    let targets = definitions.iter().map(|(_, label, target)| (normal(label), target.clone())).collect();
    let mut reader = Reader::new(&source, definitions);
    for (event, range) in events.by_ref() {
        reader.event(event, range);
    }
    Doc { leaves: reader.end(), targets }
}

struct Reader<'a> {
    source: &'a str,
    leaves: Vec<Leaf>,
    /// Definitions still to come, the next one last.
    definitions: Vec<(Range<usize>, String, String)>,
    path: Vec<Container>,
    /// Containers open beyond [`MAX_DEPTH`].
    beyond: usize,
    /// The open lists: their ids, the next number, and what follows it.
    lists: Vec<(usize, Option<u64>)>,
    /// How many leaves there were when each open item began.
    items: Vec<usize>,
    ids: usize,
    /// The text of a tight item: no event marks it as a paragraph.
    tight_text: Option<Range<usize>>,
    /// Whether inline events are part of a block that has events of its own.
    inside: bool,
    code: String,
    aligns: Vec<pulldown_cmark::Alignment>,
    rows: Vec<Vec<String>>,
    /// Where the last leaf ended.
    last: usize,
}

impl<'a> Reader<'a> {
    fn new(source: &'a str, definitions: Vec<(Range<usize>, String, String)>) -> Self {
        Self {
            source,
            leaves: Vec::new(),
            definitions,
            path: Vec::new(),
            beyond: 0,
            lists: Vec::new(),
            items: Vec::new(),
            ids: 0,
            tight_text: None,
            inside: false,
            code: String::new(),
            aligns: Vec::new(),
            rows: Vec::new(),
            last: 0,
        }
    }

    fn event(&mut self, event: Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(tag) => self.start(tag, range),
            Event::End(tag) => self.finish(tag, range),
            Event::Text(text) if self.inside => self.code.push_str(&text),
            Event::Html(text) => self.code.push_str(&text),
            Event::TaskListMarker(done) => {
                if let Some(Container::Item(item)) = self.path.last_mut() {
                    item.task = Some(done);
                }
            }
            Event::Rule => {
                self.flush();
                self.push(Body::Rule, range);
            }
            _ => self.inline(range),
        }
    }

    fn start(&mut self, tag: Tag<'_>, range: Range<usize>) {
        match tag {
            Tag::Emphasis | Tag::Strong | Tag::Strikethrough | Tag::Link { .. } | Tag::Image { .. } => {
                return self.inline(range);
            }
            _ => self.flush(),
        }
        self.inside = !matches!(tag, Tag::BlockQuote(_) | Tag::List(_) | Tag::Item);
        self.code.clear();
        match tag {
            Tag::BlockQuote(_) => {
                let id = self.id();
                self.enter(Container::Quote(id));
            }
            Tag::List(start) => {
                let id = self.id();
                self.lists.push((id, start));
            }
            Tag::Item => self.item(range.start),
            Tag::Table(aligns) => {
                self.aligns = aligns;
                self.rows.clear();
            }
            Tag::TableHead | Tag::TableRow => self.rows.push(Vec::new()),
            Tag::TableCell => {
                if let (Some(row), Some(cell)) = (self.rows.last_mut(), self.source.get(range)) {
                    row.push(cell.trim().to_owned());
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self, tag: TagEnd, range: Range<usize>) {
        match tag {
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough | TagEnd::Link | TagEnd::Image => {
                return self.inline(range);
            }
            TagEnd::TableRow => return self.trim_row(),
            TagEnd::TableHead | TagEnd::TableCell => return,
            _ => self.flush(),
        }
        self.inside = false;
        match tag {
            TagEnd::Paragraph => self.text(range),
            TagEnd::Heading(level) => {
                let body = self.heading(level as usize, range.clone());
                self.push(body, range);
            }
            TagEnd::CodeBlock => {
                let (fence, info) = self.fence(range.start);
                let mut text = std::mem::take(&mut self.code);
                let last = text.rfind('\n').map_or(0, |at| at + 1);
                if range.end == self.source.len() && text[last..].chars().all(|char| fence.starts_with(char))
                {
                    // The closing fence has begun to arrive.
                    text.truncate(last);
                }
                self.push(Body::Code(Code { fence, info, text }), range);
            }
            TagEnd::HtmlBlock => {
                let text = std::mem::take(&mut self.code);
                self.push(Body::Html(text.trim_end().to_owned()), range);
            }
            TagEnd::Table => {
                let mut rows = std::mem::take(&mut self.rows).into_iter();
                let head = rows.next().unwrap_or_default();
                let table = Table::new(std::mem::take(&mut self.aligns), head, rows.collect());
                self.push(Body::Table(table), range);
            }
            TagEnd::BlockQuote(_) => self.leave(),
            TagEnd::Item => {
                if self.items.pop() == Some(self.leaves.len()) && self.beyond == 0 {
                    self.push(Body::Nothing, range);
                }
                self.leave();
            }
            TagEnd::List(_) => {
                self.lists.pop();
            }
            _ => {}
        }
    }

    /// Cells that a row is short of are not written down: rows of one letter under a thousand columns would be pages.
    fn trim_row(&mut self) {
        if let Some(row) = self.rows.last_mut() {
            let cells = row.iter().rposition(|cell| !cell.is_empty()).map_or(1, |last| last + 1);
            row.truncate(cells);
        }
    }

    fn inline(&mut self, range: Range<usize>) {
        if self.inside {
            return;
        }
        let open = self.tight_text.get_or_insert_with(|| {
            // An escaped character's range begins behind the backslash.
            let escaped = self.source.get(..range.start).is_some_and(|before| before.ends_with('\\'));
            range.start - usize::from(escaped)..range.end
        });
        open.end = open.end.max(range.end);
    }

    fn flush(&mut self) {
        if let Some(range) = self.tight_text.take() {
            self.text(range);
        }
    }

    fn text(&mut self, range: Range<usize>) {
        let text = self.lines(range.clone());
        self.push(Body::Text(guard(&text).into_owned()), range);
    }

    fn push(&mut self, body: Body, range: Range<usize>) {
        while self.definitions.last().is_some_and(|(span, ..)| span.start < range.start) {
            self.define(&self.path.clone());
        }
        let is_empty = match &body {
            Body::Text(text) | Body::Heading(_, text) | Body::Html(text) => text.trim().is_empty(),
            Body::Code(code) => code.text.trim().is_empty(),
            Body::Table(table) => table.head.iter().chain(table.rows.iter().flatten()).all(String::is_empty),
            Body::Rule | Body::Definition { .. } | Body::Nothing => false,
        };
        if is_empty {
            return;
        }
        let between = self.source.get(self.last..range.start).unwrap_or("");
        let spaced = between.bytes().filter(|byte| *byte == b'\n').nth(1).is_some();
        let text = self.source.get(range.clone()).unwrap_or("");
        self.last = self.last.max(range.start + text.trim_end().len());
        self.leaves.push(Leaf { path: self.path.clone(), spaced, body });
    }

    fn define(&mut self, next: &[Container]) {
        if let Some((span, label, target)) = self.definitions.pop() {
            let before = self.leaves.last().map_or(&[][..], |leaf| &leaf.path);
            let path = before[..shared(before, next)].to_vec();
            self.last = self.last.max(span.end);
            self.leaves.push(Leaf { path, spaced: true, body: Body::Definition { label, target } });
        }
    }

    fn end(mut self) -> Vec<Leaf> {
        self.flush();
        while !self.definitions.is_empty() {
            self.define(&[]);
        }
        self.leaves
    }

    fn id(&mut self) -> usize {
        self.ids += 1;
        self.ids
    }

    fn item(&mut self, at: usize) {
        let id = self.id();
        let source = self.source.get(at..).unwrap_or("");
        let marker = source.trim_start_matches(|char: char| char.is_ascii_digit()).chars().next();
        let (list, marker) = match self.lists.last_mut() {
            Some((list, Some(number))) => {
                let marker = Marker::Number(*number, marker.filter(|char| *char == ')').unwrap_or('.'));
                *number = number.saturating_add(1);
                (*list, marker)
            }
            Some((list, None)) => {
                (*list, Marker::Bullet(marker.filter(|char| "*+".contains(*char)).unwrap_or('-')))
            }
            None => (0, Marker::Bullet('-')),
        };
        self.items.push(self.leaves.len());
        self.enter(Container::Item(Item { id, list, marker, task: None }));
    }

    fn enter(&mut self, container: Container) {
        if self.path.len() < MAX_DEPTH && self.beyond == 0 {
            self.path.push(container);
        } else {
            self.beyond += 1;
        }
    }

    fn leave(&mut self) {
        if self.beyond > 0 {
            self.beyond -= 1;
        } else {
            self.path.pop();
        }
    }

    /// The lines of a paragraph without what containers put before them.
    fn lines(&self, range: Range<usize>) -> String {
        let mut text = String::with_capacity(range.len());
        for (index, line) in
            self.source.get(range).unwrap_or("").trim_end_matches(BLANK).split('\n').enumerate()
        {
            if index > 0 {
                text.push('\n');
            }
            let line = if index > 0 { self.strip(line) } else { line };
            text.push_str(line.trim_start_matches([' ', '\t']));
        }
        text
    }

    fn strip<'l>(&self, mut line: &'l str) -> &'l str {
        let mut room = 3;
        for container in &self.path {
            if container.is_item() {
                // As wide as markers come; what is left of it belongs to the text.
                room += 5;
                continue;
            }
            let content = line.trim_start_matches([' ', '\t']);
            let Some(content_line) = content.strip_prefix('>').filter(|_| line.len() - content.len() <= room)
            else {
                break;
            };
            line = content_line;
            room = 4;
        }
        line
    }

    fn heading(&self, level: usize, range: Range<usize>) -> Body {
        let text = self.source.get(range.clone()).unwrap_or("").trim_end();
        if let Some(at) = text.rfind('\n') {
            let lines = self.lines(range.start..range.start + at);
            if self.strip(&text[at + 1..]).trim().len() < 3 {
                // A list is about to begin: nobody underlines a heading with one dash.
                return Body::Text(guard(&lines).into_owned());
            }
            let lines = lines.split('\n').map(|line| line.trim_end().trim_end_matches('\\'));
            return Body::Heading(level, lines.collect::<Vec<_>>().join(" "));
        }
        let text = text.trim_start_matches('#').trim();
        let open = text.trim_end_matches('#');
        let is_closed = open.is_empty() || open.ends_with([' ', '\t']);
        Body::Heading(level, if is_closed { open.trim() } else { text }.to_owned())
    }

    fn fence(&self, at: usize) -> (String, String) {
        let source = self.source.get(at..).unwrap_or("");
        let mark = source.chars().next().filter(|char| "`~".contains(*char));
        let Some(mark) = mark else { return ("```".to_owned(), String::new()) };
        let rest = source.trim_start_matches(mark);
        let info = rest.split('\n').next().unwrap_or("").trim();
        (source[..source.len() - rest.len()].to_owned(), info.to_owned())
    }
}

const BLANK: [char; 3] = [' ', '\t', '\n'];
