//! Blocks in their quotes and lists: as marks before lines, or as elements.

use super::{
    doc::{Body, Container, Item, Leaf, Marker, shared},
    render::Block,
    rules::Rules,
};

/// Quotes and lists as marks before lines.
pub(super) fn lines(blocks: &[Block<'_>], rules: &impl Rules) -> String {
    let mut lines = Lines { rules, out: String::new(), before: &[], quote: None };
    for block in blocks {
        lines.block(block);
    }
    lines.leave_quote(None);
    lines.out
}

struct Lines<'a, R> {
    rules: &'a R,
    out: String,
    /// The path of the last block.
    before: &'a [Container],
    /// The quote whose element is open.
    quote: Option<usize>,
}

impl<'a, R: Rules> Lines<'a, R> {
    fn block(&mut self, block: &Block<'a>) {
        let leaf = block.leaf;
        let open = shared(self.before, &leaf.path);
        self.before = &leaf.path;
        if block.text.is_empty() && !matches!(leaf.body, Body::Nothing) {
            return;
        }
        let is_drawn = matches!(leaf.body, Body::Code(_) | Body::Table(_));
        let element = self.rules.quote_element().filter(|_| !is_drawn);
        let quote = element.and_then(|_| leaf.path.iter().find_map(quote_id));
        self.leave_quote(quote);
        if !self.out.is_empty() {
            self.out.push('\n');
            if leaf.spaced {
                let prefix = self.prefix(&leaf.path[..open], is_drawn);
                self.out.push_str(prefix.trim_end());
                self.out.push('\n');
            }
        }
        let mut head = self.prefix(&leaf.path[..open], false);
        for at in open..leaf.path.len() {
            head.push_str(&self.mark(&leaf.path, at, block.continues));
        }
        if let (Some([start, _]), Some(id)) = (element, quote.filter(|_| self.quote.is_none())) {
            let at = leaf.path.iter().position(|container| quote_id(container) == Some(id)).unwrap_or(0);
            head.insert_str(self.width(leaf, at, open, block.continues), start);
            self.quote = Some(id);
        }
        let rest = self.prefix(&leaf.path, is_drawn);
        if is_drawn {
            // Its lines keep their own columns: only the marker of an item stands before it, on a line of its own.
            if leaf.path[open..].iter().any(Container::is_item) {
                self.out.push_str(head.trim_end());
                self.out.push('\n');
            }
            head.clone_from(&rest);
        }
        self.out.push_str(&head);
        for (index, line) in block.text.split('\n').enumerate() {
            if index > 0 {
                self.out.push('\n');
                self.out.push_str(&rest);
            }
            self.out.push_str(line);
        }
        self.out.truncate(self.out.trim_end_matches(' ').len());
    }

    /// Closes the element of the last quote unless that goes on.
    fn leave_quote(&mut self, next: Option<usize>) {
        if let (Some([_, end]), true) =
            (self.rules.quote_element(), self.quote.is_some() && self.quote != next)
        {
            self.out.push_str(end);
            self.quote = None;
        }
    }

    /// How long the marks before a container are.
    fn width(&self, leaf: &Leaf, at: usize, open: usize, continues: bool) -> usize {
        let kept = self.prefix(&leaf.path[..at.min(open)], false).len();
        kept + (open..at).map(|at| self.mark(&leaf.path, at, continues).len()).sum::<usize>()
    }

    /// What stands before each further line in these containers.
    fn prefix(&self, path: &[Container], is_drawn: bool) -> String {
        let mut prefix = String::new();
        for (at, container) in path.iter().enumerate() {
            match container {
                Container::Quote(_) => prefix.push_str(self.quote_mark(path, at, is_drawn)),
                Container::Item(_) if is_drawn => {}
                Container::Item(item) => {
                    prefix.push_str(&" ".repeat(self.item_mark(path, at, item).chars().count()));
                }
            }
        }
        prefix
    }

    /// What opens a container.
    fn mark(&self, path: &[Container], at: usize, continues: bool) -> String {
        match &path[at] {
            Container::Quote(_) => self.quote_mark(path, at, false).to_owned(),
            Container::Item(item) => {
                let mark = self.item_mark(path, at, item);
                // An item that begins with a list is there for what is in it.
                let is_silent =
                    (continues && at + 1 == path.len()) || path.get(at + 1).is_some_and(Container::is_item);
                if is_silent { " ".repeat(mark.chars().count()) } else { mark }
            }
        }
    }

    fn quote_mark(&self, path: &[Container], at: usize, is_drawn: bool) -> &'static str {
        let is_outer = !path[..at].iter().any(|container| quote_id(container).is_some());
        if self.rules.quote_element().is_some() && (is_outer || is_drawn) { "" } else { self.rules.quote() }
    }

    fn item_mark(&self, path: &[Container], at: usize, item: &Item) -> String {
        let depth = path[..at].iter().filter(|container| container.is_item()).count();
        let task = match item.task {
            Some(true) => "☑ ",
            Some(false) => "☐ ",
            None => "",
        };
        match item.marker {
            Marker::Number(number, after) => format!("{number}{after} {task}"),
            Marker::Bullet(_) if item.task.is_some() => task.to_owned(),
            Marker::Bullet(_) => self.rules.bullet(depth).to_owned(),
        }
    }
}

fn quote_id(container: &Container) -> Option<usize> {
    match container {
        Container::Quote(id) => Some(*id),
        Container::Item(_) => None,
    }
}

/// Quotes and lists as elements of HTML.
pub(super) fn elements(blocks: &[Block<'_>]) -> String {
    let mut out = String::new();
    let mut before: &[Container] = &[];
    for block in blocks {
        let path = &block.leaf.path;
        let open = shared(before, path);
        let same = same_list(before.get(open), path.get(open));
        close(&mut out, before, open, same);
        for (at, container) in path.iter().enumerate().skip(open) {
            match container {
                Container::Quote(_) => out.push_str("<blockquote>"),
                Container::Item(item) => start(&mut out, item, same && at == open),
            }
        }
        out.push_str(&block.text);
        before = path;
    }
    close(&mut out, before, 0, false);
    out
}

fn same_list(last: Option<&Container>, next: Option<&Container>) -> bool {
    matches!((last, next), (Some(Container::Item(last)), Some(Container::Item(next))) if last.list == next.list)
}

fn start(out: &mut String, item: &Item, same: bool) {
    match item.marker {
        _ if same => {}
        Marker::Bullet(_) => out.push_str("<ul>"),
        Marker::Number(1, _) => out.push_str("<ol>"),
        Marker::Number(number, _) => out.push_str(&format!("<ol start=\"{number}\">")),
    }
    out.push_str("<li>");
    out.push_str(match item.task {
        Some(true) => "☑ ",
        Some(false) => "☐ ",
        None => "",
    });
}

/// Closes what is open from a depth on; `same` keeps the list at that depth open.
fn close(out: &mut String, path: &[Container], from: usize, same: bool) {
    for (at, container) in path.iter().enumerate().skip(from).rev() {
        match container {
            Container::Quote(_) => out.push_str("</blockquote>"),
            Container::Item(_) if same && at == from => out.push_str("</li>"),
            Container::Item(Item { marker: Marker::Bullet(_), .. }) => out.push_str("</li></ul>"),
            Container::Item(_) => out.push_str("</li></ol>"),
        }
    }
}
