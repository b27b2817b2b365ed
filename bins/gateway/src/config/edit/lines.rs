//! A text under edit, and where its lines begin and end.

use std::ops::Range;

use crate::config::yaml::Entry;

/// Collects replacements against the original text and makes them all at once.
pub(super) struct Text<'t> {
    text: &'t str,
    edits: Vec<(Range<usize>, String)>,
}

impl<'t> Text<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, edits: Vec::new() }
    }

    /// The text's line break.
    pub(super) fn newline(&self) -> &'static str {
        if self.text.contains("\r\n") { "\r\n" } else { "\n" }
    }

    pub(super) fn replace(&mut self, range: Range<usize>, with: &str) {
        self.edits.push((range, with.to_owned()));
    }

    /// Inserts whole lines (each with its line break) at `at`, which is the start of a line or the end of the text.
    pub(super) fn insert_line(&mut self, at: usize, lines: &str) {
        let complete = at == 0 || self.text[..at].ends_with('\n');
        let with = if complete { lines.to_owned() } else { format!("{}{lines}", self.newline()) };
        self.replace(at..at, &with);
    }

    /// Start of the line that `at` is in.
    pub(super) fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |newline| newline + 1)
    }

    /// Start of the line after the one that `at` is in.
    pub(super) fn line_end(&self, at: usize) -> usize {
        self.text[at..].find('\n').map_or(self.text.len(), |newline| at + newline + 1)
    }

    /// Spaces before `at` on its line, when there is nothing else before it.
    pub(super) fn indentation_of(&self, at: usize) -> Option<usize> {
        let before = &self.text[self.line_start(at)..at];
        before.bytes().all(|byte| byte == b' ').then_some(before.len())
    }

    /// The whole lines from `start` to `end`, when nothing else stands before `start` on its line.
    pub(super) fn own_lines(&self, start: usize, end: usize) -> Option<Range<usize>> {
        self.indentation_of(start)?;
        Some(self.line_start(start)..self.line_end(end))
    }

    /// End of an entry, its colon counted in.
    pub(super) fn entry_end(&self, entry: &Entry) -> usize {
        let colon = after_colon(self.text, entry.key_span.end).unwrap_or(entry.key_span.end);
        entry.value.span.end.max(colon)
    }

    pub(super) fn finish(mut self) -> String {
        // Stable: insertions at one place keep their order.
        openclaw_core::sort_by_key(&mut self.edits, |(range, _)| (range.start, range.end));
        let mut edited = String::with_capacity(self.text.len() + 64);
        let mut at = 0;
        for (range, with) in &self.edits {
            edited.push_str(self.text.get(at..range.start).unwrap_or_default());
            edited.push_str(with);
            at = at.max(range.end);
        }
        edited.push_str(self.text.get(at..).unwrap_or_default());
        edited
    }
}

/// The place behind the colon that follows a key's end.
pub(super) fn after_colon(text: &str, key_end: usize) -> Option<usize> {
    let rest = &text[key_end..];
    let spaces = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    rest[spaces..].starts_with(':').then_some(key_end + spaces + 1)
}
