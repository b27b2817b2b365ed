//! A line of ours: a list item with its comment.

use sha2::{Digest as _, Sha256};

use super::{
    comment::{self, Note},
    markup,
};

/// Characters of the successor's text that a struck line names.
const NAMED: usize = 80;

/// A line of ours, as it stands in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// What it says: one line, without markup.
    pub(super) text: String,
    /// A task: whether it is done.
    pub(super) task: Option<bool>,
    /// What took its place, in words; empty when that is gone. `None`: it stands.
    pub(super) struck: Option<String>,
    /// Reference, day, importance and sources.
    pub(super) note: Note,
}

/// The first `len` hexadecimal digits of the SHA-256 of the parts, each with its length before it.
pub(super) fn digest(len: usize, parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let mut out = String::with_capacity(64);
    for byte in hash.finalize() {
        out.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or_default());
        out.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or_default());
    }
    out.truncate(len);
    out
}

/// The reference of a new line: of its file, text and sources.
pub(super) fn reference(file: &str, text: &str, from: &[String]) -> String {
    let mut from: Vec<&str> = from.iter().map(String::as_str).collect();
    from.sort_unstable();
    let parts: Vec<&str> = [file, text].into_iter().chain(from).collect();
    digest(12, &parts)
}

impl Entry {
    /// The Markdown before the comment.
    fn visible(&self) -> String {
        let mut out = String::from("- ");
        match self.task {
            Some(true) => out.push_str("[x] "),
            Some(false) => out.push_str("[ ] "),
            None => {}
        }
        let text = markup::escape(&self.text);
        match &self.struck {
            None => out.push_str(&text),
            Some(by) => {
                out.push_str("~~");
                out.push_str(&text);
                out.push_str("~~");
                if !by.is_empty() {
                    out.push_str(" → ");
                    out.push_str(&markup::escape(by));
                }
            }
        }
        out
    }

    /// The line, without its end.
    pub(super) fn render(&self, file: &str) -> String {
        let visible = self.visible();
        let check = check(file, &visible, &self.note);
        format!("{visible} {}", comment::render(&self.note, &check))
    }

    /// Strikes the line for another.
    pub(super) fn strike(&mut self, by: &Self) {
        self.struck = Some(markup::one_line(&by.text, NAMED));
        self.note.by = Some(by.note.reference.clone());
    }
}

fn check(file: &str, visible: &str, note: &Note) -> String {
    digest(8, &[file, visible, &comment::fields(note)])
}

/// Reads a line as one of ours that nobody has touched: in the file it was written to, with its check right.
pub(super) fn parse(file: &str, line: &str) -> Option<Entry> {
    let at = comment::find(line)?;
    let (note, sealed) = line.get(at.clone()).filter(|_| at.end == line.len()).and_then(comment::parse)?;
    let visible = line.get(..at.start)?.strip_suffix(' ')?;
    if check(file, visible, &note) != sealed {
        return None;
    }
    let mut rest = visible.strip_prefix("- ")?;
    let mut task = None;
    for (mark, done) in [("[ ] ", false), ("[x] ", true)] {
        if let Some(after) = rest.strip_prefix(mark) {
            (task, rest) = (Some(done), after);
        }
    }
    let (text, struck) = match markup::struck(rest) {
        Some((text, "")) => (text, Some(String::new())),
        Some((text, by)) => (text, Some(markup::unescape(by.strip_prefix(" → ")?).into_owned())),
        None => (rest, None),
    };
    Some(Entry { text: markup::unescape(text).into_owned(), task, struck, note })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(text: &str) -> Entry {
        let from = vec!["msg_user_1".to_owned()];
        let note = Note {
            reference: reference("facts.md", text, &from),
            on: "2026-03-20".to_owned(),
            importance: 50,
            from,
            by: None,
        };
        Entry { text: text.to_owned(), task: None, struck: None, note }
    }

    #[test]
    fn any_touch_makes_it_the_persons() {
        let line = entry("I live in Taipei.").render("facts.md");
        assert!(parse("facts.md", &line).is_some());
        assert_eq!(parse("tasks.md", &line), None);
        for (from, to) in [
            ("Taipei", "Tainan"),
            ("- I", "* I"),
            ("- I", "- [x] I"),
            ("I live in Taipei.", "~~I live in Taipei.~~"),
            ("msg_user_1", "msg_user_2"),
            ("-->", "--> "),
            ("-->", "--> indeed"),
            ("importance=0.50", "importance=1.00"),
            (" <!--", "  <!--"),
        ] {
            let touched = line.replace(from, to);
            assert_ne!(touched, line);
            assert_eq!(parse("facts.md", &touched), None, "{touched}");
        }
    }

    #[test]
    fn a_struck_line_names_its_successor() {
        let (mut old, new) = (entry("I live in Taipei."), entry("I live in *Tokyo*."));
        old.strike(&new);
        let line = old.render("facts.md");
        assert!(line.starts_with(r"- ~~I live in Taipei.~~ → I live in \*Tokyo\*. <!-- oc1 "), "{line}");
        assert!(line.contains(&format!(" by={} ", new.note.reference)));
        assert_eq!(parse("facts.md", &line), Some(old.clone()));
        old.struck = Some(String::new());
        assert_eq!(parse("facts.md", &old.render("facts.md")), Some(old));
    }

    proptest! {
        #[test]
        fn lines_read_as_they_were_written(
            text in "\\PC{1,60}", by in proptest::option::of("\\PC{0,60}"), task in proptest::option::of(any::<bool>()),
        ) {
            let text = markup::one_line(&text, 400);
            prop_assume!(!text.is_empty());
            let mut entry = entry(&text);
            entry.struck = by.map(|by| markup::one_line(&by, 80));
            entry.task = task;
            prop_assert_eq!(parse("facts.md", &entry.render("facts.md")), Some(entry));
        }
    }
}
