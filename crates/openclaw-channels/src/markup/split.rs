//! Splitting Markdown into pieces that a platform takes.

use std::collections::VecDeque;

use super::{
    cut,
    doc::{Body, Container, Leaf, shared},
    guard::guard,
    read::read,
    write::write,
};

/// Splits Markdown into pieces of Markdown whose `measure` is at most `limit`.
///
/// `measure` is asked about pieces: measure what the platform counts, for example the UTF-16 units of the rendered piece.
///
/// - Cuts come between blocks where that fills a piece by half, then between list items and lines, sentences, words,
///   characters. Links, images, code spans and emphasis are only cut when one alone is over the limit. A code block is
///   closed and opened again; a table's head is repeated; quotes and nesting go on.
/// - A heading, or a line that ends in a colon, is not left alone at the end of a piece.
/// - No text is lost. What fits is returned as it is, but for blank lines around it. Pieces are never blank; a text in which
///   there is nothing to see has none.
/// - **A piece with another behind it stays as it is when text is appended** (the last piece may change), so that an answer
///   can be posted while it streams. This holds where a longer piece never measures less. It does for plain text. An open
///   construct near a cut can break it: `[text](http://…` shrinks when its closing bracket comes, and a paragraph that
///   was cut can turn out to be the first row of a table.
/// - Where not even one character fits (`limit` 0), pieces of one character are over the limit.
pub fn split(markdown: &str, limit: usize, measure: &dyn Fn(&str) -> usize) -> Vec<String> {
    let mut leaves = read(markdown).leaves;
    if leaves.is_empty() {
        return Vec::new();
    }
    let whole = trim(markdown);
    // A text many times the limit is not measured as a whole: if it fits after all, its blocks are found to.
    if whole.len() / 16 <= limit && measure(whole) <= limit {
        return vec![whole.to_owned()];
    }
    if let Some(Leaf { path, body: Body::Text(text), .. }) = leaves.last_mut()
        && let Some(at) = unfinished(text)
    {
        let tail =
            Leaf { path: path.clone(), spaced: true, body: Body::Text(guard(&text[at + 1..]).into_owned()) };
        text.truncate(at);
        leaves.push(tail);
    }
    let mut splitter = Splitter { queue: leaves.into(), from: 0, before: Vec::new(), limit, measure };
    let mut pieces = Vec::new();
    while !splitter.queue.is_empty() {
        pieces.extend(splitter.piece());
    }
    pieces
}

/// Without blank lines before it and white space behind it; the first line's indentation may mean something.
fn trim(markdown: &str) -> &str {
    let text = markdown.trim_end();
    let blank = text.len() - text.trim_start().len();
    let start = text.get(..blank).and_then(|blank| blank.rfind(['\n', '\r'])).map_or(0, |at| at + 1);
    text.get(start..).unwrap_or(text)
}

/// Where the last line of a paragraph begins, if it is no more than what may become the marker of another block.
fn unfinished(text: &str) -> Option<usize> {
    let (at, line) = text.rmatch_indices('\n').next().map(|(at, _)| (at, text[at + 1..].trim()))?;
    let digits = line.trim_start_matches(|char: char| char.is_ascii_digit());
    let is_number = digits.len() < line.len() && matches!(digits, "" | "." | ")" | "\\." | "\\)");
    let is_mark = matches!(line, "*" | "+" | "\\*" | "\\+" | "`" | "``" | "~" | "~~");
    (is_number || is_mark).then_some(at)
}

struct Splitter<'a> {
    /// What is still to be sent, and how much of the first leaf already is.
    queue: VecDeque<Leaf>,
    from: usize,
    /// The path of the leaf that was sent last.
    before: Vec<Container>,
    limit: usize,
    measure: &'a dyn Fn(&str) -> usize,
}

/// A place in what is to be sent: behind so many whole leaves, and at a byte of the next.
type Place = (usize, usize);

impl Splitter<'_> {
    /// The next piece; none where there is nothing to see.
    fn piece(&mut self) -> Option<String> {
        let far = self.reach();
        let place = self.choose(far)?;
        let piece = self.text(place);
        self.advance(place);
        (!piece.trim().is_empty() && (self.measure)(&piece) > 0).then_some(piece)
    }

    /// The best place to cut; none if something had to be made simpler first.
    fn choose(&mut self, (whole, end): Place) -> Option<Place> {
        if whole == self.queue.len() {
            return Some((whole, 0));
        }
        if let Some(count) = self.between(whole) {
            return Some((count, 0));
        }
        if let Some(at) = self.inside(whole, end) {
            return Some((whole, at));
        }
        if whole > 0 {
            return Some((whole, 0));
        }
        match self.queue.front() {
            // Not even one character: it goes out over the limit, or nothing ever would.
            Some(Leaf { path, body: Body::Text(text), .. }) if path.is_empty() => {
                let char =
                    text.get(self.from..).and_then(|text| text.chars().next()).map_or(1, char::len_utf8);
                Some((0, self.from + char))
            }
            _ => {
                self.simplify();
                None
            }
        }
    }

    /// Makes the first leaf, of which nothing fits, less: without its containers, outermost first, then without its form.
    fn simplify(&mut self) {
        let Some(leaf) = self.queue.pop_front() else { return };
        let mut leaf = leaf.part(std::mem::take(&mut self.from), leaf.body.len());
        if !leaf.path.is_empty() {
            leaf.path.remove(0);
            self.queue.push_front(leaf);
            return;
        }
        for text in plain(leaf.body).into_iter().rev().filter(|text| !text.trim().is_empty()) {
            self.queue.push_front(Leaf {
                path: Vec::new(),
                spaced: true,
                body: Body::Text(guard(text.trim()).into_owned()),
            });
        }
    }

    fn text(&self, (whole, end): Place) -> String {
        let mut leaves: Vec<_> = (0..whole).filter_map(|index| self.part(index, usize::MAX)).collect();
        if end > self.start(whole) {
            leaves.extend(self.part(whole, end));
        }
        write(&self.before, &leaves)
    }

    fn part(&self, index: usize, end: usize) -> Option<std::borrow::Cow<'_, Leaf>> {
        let leaf = self.queue.get(index)?;
        let (from, length) = (self.start(index), leaf.body.len());
        if from == 0 && end >= length {
            return Some(std::borrow::Cow::Borrowed(leaf));
        }
        Some(std::borrow::Cow::Owned(leaf.part(from, end.min(length))))
    }

    fn start(&self, index: usize) -> usize {
        if index == 0 { self.from } else { 0 }
    }

    fn length(&self, index: usize) -> usize {
        self.queue.get(index).map_or(0, |leaf| leaf.body.len())
    }

    fn fits(&self, place: Place) -> bool {
        (self.measure)(&self.text(place)) <= self.limit
    }

    /// The furthest place that fits. Only about as much is measured as fits, a few times, however much there is.
    fn reach(&self) -> Place {
        let mut budget = self.limit.max(64);
        let over = loop {
            let place = self.at(budget);
            if !self.fits(place) {
                break place;
            }
            if place.0 == self.queue.len() {
                return place;
            }
            budget = budget.saturating_mul(2);
        };
        let (mut whole, mut beyond) = (0, over.0 + 1);
        while beyond - whole > 1 {
            let middle = usize::midpoint(whole, beyond);
            if self.fits((middle, 0)) { whole = middle } else { beyond = middle }
        }
        let mut end = self.start(whole);
        let mut beyond = if whole == over.0 { over.1 } else { self.length(whole) };
        while beyond.saturating_sub(end) > 1 {
            let middle = usize::midpoint(end, beyond);
            if self.fits((whole, self.floor(whole, middle))) { end = middle } else { beyond = middle }
        }
        (whole, self.floor(whole, end))
    }

    /// The place so many bytes on.
    fn at(&self, mut bytes: usize) -> Place {
        for index in 0..self.queue.len() {
            let rest = self.length(index) - self.start(index);
            if rest > bytes {
                return (index, self.floor(index, self.start(index) + bytes));
            }
            bytes -= rest;
        }
        (self.queue.len(), 0)
    }

    /// A place in a leaf where nothing breaks that cannot be put together again.
    fn floor(&self, index: usize, at: usize) -> usize {
        let from = self.start(index);
        match self.queue.get(index).map(|leaf| &leaf.body) {
            Some(body) => match source(body) {
                Some(text) => {
                    from + text.get(from..).map_or(0, |text| cut::floor(text, at.saturating_sub(from)))
                }
                None => at,
            },
            None => 0,
        }
    }

    /// The best cut between leaves, if one fills the piece enough.
    fn between(&self, whole: usize) -> Option<usize> {
        let places = || (1..=whole).rev().filter(|count| !self.clings(*count));
        let fills =
            |count: &usize, share: usize| (self.measure)(&self.text((*count, 0))) * share >= self.limit;
        let outer = places().find(|count| !self.joins_items(*count)).filter(|count| fills(count, 2));
        outer.or_else(|| places().next().filter(|count| fills(count, 4)))
    }

    /// Whether the leaf before a place announces what comes.
    fn clings(&self, count: usize) -> bool {
        match self.queue.get(count - 1).map(|leaf| &leaf.body) {
            Some(Body::Heading(..)) => true,
            Some(Body::Text(text)) => text.ends_with([':', '：']),
            _ => false,
        }
    }

    /// Whether a place is inside a list.
    fn joins_items(&self, count: usize) -> bool {
        let (Some(last), Some(next)) = (self.queue.get(count - 1), self.queue.get(count)) else {
            return false;
        };
        let open = shared(&last.path, &next.path);
        let list = |leaf: &Leaf| match leaf.path.get(open) {
            Some(Container::Item(item)) => Some(item.list),
            _ => None,
        };
        next.path[..open].iter().any(Container::is_item) || (list(last).is_some() && list(last) == list(next))
    }

    /// The best cut inside a leaf that fits up to `end`.
    fn inside(&self, index: usize, mut end: usize) -> Option<usize> {
        let from = self.start(index);
        let body = &self.queue.get(index)?.body;
        if let Body::Table(table) = body {
            let first = table.ends.partition_point(|end| *end <= from);
            let last = table.ends.partition_point(|other| *other <= end);
            let head = leaf_head(self.queue.get(index)?);
            // A head that is most of each piece is not repeated.
            let is_small = (self.measure)(&write(&[], &[head])) * 2 <= self.limit;
            return table.ends.get(last.checked_sub(1)?).copied().filter(|_| is_small && last > first);
        }
        for _ in 0..16 {
            if end <= from {
                return None;
            }
            let window = source(body).and_then(|text| text.get(from..))?;
            let places = match body {
                Body::Text(_) | Body::Heading(..) => cut::places(window, end - from, index == 0),
                _ => lines(window, end - from),
            };
            if let Some(place) = places.iter().find(|place| self.fits((index, from + **place))) {
                return Some(from + *place);
            }
            end = self.floor(index, from + (end - from) / 2);
        }
        None
    }

    /// Takes what was sent off the queue.
    fn advance(&mut self, (whole, end): Place) {
        let last = if end > self.start(whole) { whole } else { whole.saturating_sub(1) };
        if let Some(leaf) = self.queue.get(last) {
            self.before.clone_from(&leaf.path);
        }
        let start = self.start(whole);
        self.queue.drain(..whole);
        self.from = start.max(end);
        if self.from >= self.length(0) {
            self.queue.pop_front();
            self.from = 0;
        }
    }
}

/// A table without its rows.
fn leaf_head(leaf: &Leaf) -> Leaf {
    leaf.part(0, 0)
}

/// A block as paragraphs.
fn plain(body: Body) -> Vec<String> {
    let cells = |row: &Vec<String>| {
        row.iter().filter(|cell| !cell.is_empty()).cloned().collect::<Vec<_>>().join(" · ")
    };
    match body {
        Body::Text(text) | Body::Heading(_, text) => vec![text],
        Body::Html(text) => vec![escape(&text)],
        Body::Code(code) => vec![escape(&code.text)],
        Body::Table(table) => std::iter::once(&table.head).chain(&table.rows).map(cells).collect(),
        Body::Definition { label, target } => vec![escape(&format!("[{label}]: {target}"))],
        Body::Rule | Body::Nothing => Vec::new(),
    }
}

/// Text that is only text.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if !out.is_empty() {
            out.push('\n');
        }
        for char in line.chars() {
            if char.is_ascii_punctuation() {
                out.push('\\');
            }
            out.push(char);
        }
    }
    out
}

/// What can be cut at any byte.
fn source(body: &Body) -> Option<&str> {
    match body {
        Body::Text(text) | Body::Heading(_, text) | Body::Html(text) => Some(text),
        Body::Code(code) => Some(&code.text),
        _ => None,
    }
}

/// Where to cut code: behind a line, or in one that is too long.
fn lines(window: &str, max: usize) -> Vec<usize> {
    let line = window.get(..max).and_then(|text| text.rfind('\n')).map(|at| at + 1);
    line.filter(|at| at * 4 >= max).into_iter().chain([max]).chain(line).collect()
}
