//! A Markdown file, byte for byte: our lines, lines of ours that a person changed, and everything else.

use super::{
    comment,
    line::{self, Entry},
    markup, passages,
};

const BOM: &[u8] = b"\xef\xbb\xbf";

/// A file's lines.
#[derive(Debug, Clone, Default)]
pub(super) struct Document {
    pub(super) lines: Vec<Line>,
    /// How its lines end.
    crlf: bool,
}

/// A line with its end.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// Its bytes, end included.
    raw: Vec<u8>,
    pub(super) kind: Kind,
}

/// Whose a line is.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// Ours, as we wrote it.
    Ours(Box<Entry>),
    /// Ours once; a person changed it, and it is theirs.
    Edited {
        /// Our reference of it.
        reference: Option<String>,
        /// What it cites.
        from: Vec<String>,
        text: String,
    },
    /// A person's. The text only of list items and paragraphs of one line.
    Theirs(Option<String>),
}

impl Document {
    /// Reads a file of this name.
    pub(super) fn parse(file: &str, bytes: &[u8]) -> Self {
        let mut lines = Vec::new();
        for raw in bytes.split_inclusive(|byte| *byte == b'\n') {
            let kind = kind(file, content(raw, lines.is_empty()));
            lines.push(Line { raw: raw.to_vec(), kind });
        }
        let crlf = lines.first().is_some_and(|line| line.raw.ends_with(b"\r\n"));
        Self { lines, crlf }
    }

    pub(super) fn render(&self) -> Vec<u8> {
        self.lines.iter().flat_map(|line| line.raw.iter().copied()).collect()
    }

    /// Lines of ours.
    pub(super) fn ours(&self) -> impl Iterator<Item = &Entry> {
        self.lines.iter().filter_map(|line| match &line.kind {
            Kind::Ours(entry) => Some(&**entry),
            _ => None,
        })
    }

    /// Writes a line of ours anew. Its end stays as it is.
    pub(super) fn rewrite(&mut self, file: &str, index: usize, change: impl FnOnce(&mut Entry)) {
        let Some(line) = self.lines.get_mut(index) else { return };
        let Kind::Ours(entry) = &mut line.kind else { return };
        change(entry);
        let keep = line.raw.len() - trim_end(&line.raw).len();
        let end = line.raw.split_off(line.raw.len() - keep);
        let bom = line.raw.starts_with(BOM);
        line.raw = if bom { BOM.to_vec() } else { Vec::new() };
        line.raw.extend_from_slice(entry.render(file).as_bytes());
        line.raw.extend_from_slice(&end);
    }

    /// Puts a line of ours behind the last one, or at the end. Returns where.
    pub(super) fn add(&mut self, file: &str, entry: Entry) -> usize {
        let at = self.place();
        let mut raw = entry.render(file).into_bytes();
        raw.extend_from_slice(self.end());
        self.insert(at, Line { raw, kind: Kind::Ours(Box::new(entry)) });
        at
    }

    /// Begins an empty file.
    pub(super) fn begin(&mut self, title: &str) {
        for raw in [format!("# {title}\n").into_bytes(), b"\n".to_vec()] {
            self.lines.push(Line { raw, kind: Kind::Theirs(None) });
        }
    }

    fn end(&self) -> &'static [u8] {
        if self.crlf { b"\r\n" } else { b"\n" }
    }

    fn insert(&mut self, at: usize, line: Line) {
        let end = self.end();
        if let Some(before) = at.checked_sub(1).and_then(|before| self.lines.get_mut(before))
            && !before.raw.ends_with(b"\n")
        {
            before.raw.extend_from_slice(end);
        }
        self.lines.insert(at, line);
    }

    /// Where the next line of ours goes: behind the last one and what a person hung under it; else at the end, but never into a
    /// block of code or a comment that is not closed.
    fn place(&self) -> usize {
        let last = self.lines.iter().rposition(|line| matches!(line.kind, Kind::Ours(_)));
        let Some(last) = last else { return self.open_block().unwrap_or(self.lines.len()) };
        let (mut at, mut parted) = (last + 1, false);
        for (index, line) in self.lines.iter().enumerate().skip(at) {
            let text = content(&line.raw, false).unwrap_or(" x");
            if text.trim().is_empty() {
                parted = true;
                continue;
            }
            let goes_on = !parted && passages::is_plain(text);
            if !goes_on && !text.starts_with([' ', '\t']) {
                break;
            }
            at = index + 1;
        }
        at
    }

    /// Where a block of code or a comment begins that the file's end is inside of.
    fn open_block(&self) -> Option<usize> {
        let mut open: Option<(usize, &str)> = None;
        for (index, line) in self.lines.iter().enumerate() {
            let text = content(&line.raw, index == 0).unwrap_or_default().trim();
            match open {
                Some((_, "-->")) => open = open.filter(|_| !text.contains("-->")),
                Some((_, close)) => open = open.filter(|_| !text.starts_with(close)),
                None if text.starts_with("```") => open = Some((index, "```")),
                None if text.starts_with("~~~") => open = Some((index, "~~~")),
                None => {
                    let opens = text.rfind("<!--").is_some_and(|at| !text[at..].contains("-->"));
                    open = opens.then_some((index, "-->"));
                }
            }
        }
        open.map(|(index, _)| index)
    }

    /// Whether nothing is left but white space and a title of ours.
    pub(super) fn is_bare(&self, is_title: impl Fn(&str) -> bool) -> bool {
        self.lines.iter().enumerate().all(|(index, line)| {
            content(&line.raw, index == 0)
                .is_some_and(|text| text.trim().is_empty() || text.strip_prefix("# ").is_some_and(&is_title))
        })
    }

    /// Takes lines out. What they were the end of keeps its own end.
    pub(super) fn remove(&mut self, mut gone: impl FnMut(usize) -> bool) {
        let mut index = 0;
        let bom = self.lines.first().is_some_and(|line| line.raw.starts_with(BOM));
        self.lines.retain(|_| {
            index += 1;
            !gone(index - 1)
        });
        if let Some(first) = self.lines.first_mut().filter(|first| bom && !first.raw.starts_with(BOM)) {
            first.raw.splice(..0, BOM.iter().copied());
        }
    }

    /// Replaces a line that is no longer ours.
    pub(super) fn put(&mut self, file: &str, index: usize, text: &str) {
        let Some(line) = self.lines.get_mut(index) else { return };
        let keep = line.raw.len() - trim_end(&line.raw).len();
        let end = line.raw.split_off(line.raw.len() - keep);
        let bom = line.raw.starts_with(BOM);
        line.raw = if bom { BOM.to_vec() } else { Vec::new() };
        line.raw.extend_from_slice(text.as_bytes());
        line.raw.extend_from_slice(&end);
        line.kind = kind(file, Some(text));
    }

    /// A line's text without its end; `None` when it is not UTF-8.
    pub(super) fn text(&self, index: usize) -> Option<&str> {
        content(&self.lines.get(index)?.raw, index == 0)
    }
}

fn trim_end(raw: &[u8]) -> &[u8] {
    let raw = raw.strip_suffix(b"\n").unwrap_or(raw);
    raw.strip_suffix(b"\r").unwrap_or(raw)
}

fn content(raw: &[u8], first: bool) -> Option<&str> {
    let raw = trim_end(raw);
    let raw = if first { raw.strip_prefix(BOM).unwrap_or(raw) } else { raw };
    std::str::from_utf8(raw).ok()
}

fn kind(file: &str, text: Option<&str>) -> Kind {
    let Some(text) = text else { return Kind::Theirs(None) };
    if let Some(entry) = line::parse(file, text) {
        return Kind::Ours(Box::new(entry));
    }
    let bare = |text: &str| {
        let text = text.trim();
        let text = passages::item(text).unwrap_or(text);
        markup::unescape(text.trim().trim_matches('~')).into_owned()
    };
    let Some(at) = comment::find(text) else {
        let text = bare(text);
        return Kind::Theirs((!text.is_empty()).then_some(text));
    };
    let found = comment::loose(&text[at.clone()]);
    Kind::Edited {
        reference: found.reference.map(str::to_owned),
        from: found.from,
        text: bare(&format!("{}{}", &text[..at.start], &text[at.end..])),
    }
}
