//! What a platform's markup looks like.

use super::{doc::Table, inline::Style, render::with_target};

/// The markup of a platform. As provided it is none at all: implement what the platform has.
///
/// Text passed to [`Rules::text`] and [`Rules::code`] is what people shall see; escaping it is the rules' work.
pub trait Rules {
    /// Writes text.
    fn text(&self, text: &str, out: &mut String) {
        out.push_str(text);
    }

    /// What stands before and behind emphasised text.
    fn style(&self, _style: Style) -> [&'static str; 2] {
        ["", ""]
    }

    /// Writes code inside a line.
    fn code(&self, code: &str, out: &mut String) {
        out.push_str(code);
    }

    /// Writes a link whose target has one of [`Rules::schemes`].
    fn link(&self, label: &str, target: &str, out: &mut String) {
        self.text(&with_target(label, target), out);
    }

    /// The schemes of targets that become links; others are shown as text.
    fn schemes(&self) -> &'static [&'static str] {
        &["http", "https", "mailto", "tel"]
    }

    /// A line break in a paragraph.
    fn line_break(&self) -> &'static str {
        "\n"
    }

    /// Whether emphasis may begin and end inside a word, and right beside other emphasis.
    fn style_in_words(&self) -> bool {
        true
    }

    /// Whether emphasis has to end with the line.
    fn style_ends_with_line(&self) -> bool {
        false
    }

    /// Whether emphasis has to end where code begins.
    fn style_ends_at_code(&self) -> bool {
        false
    }

    /// A paragraph of rendered text; `opens_item` says that it is the first in a list item.
    fn paragraph(&self, text: String, _opens_item: bool) -> String {
        text
    }

    /// A style that headings have.
    fn heading_style(&self) -> Option<Style> {
        None
    }

    /// A heading of rendered text; the level is 1 to 6.
    fn heading(&self, _level: usize, text: String) -> String {
        text
    }

    /// A block of code; the language may be empty.
    fn code_block(&self, _language: &str, code: &str) -> String {
        code.to_owned()
    }

    /// A table of cells: plain text, or rendered where [`Rules::has_elements`].
    fn table(&self, table: &Table) -> String {
        self.code_block("", &table.aligned())
    }

    /// A line between parts.
    fn rule(&self) -> &'static str {
        "———"
    }

    /// What stands before an item at a depth (0 is outermost) that has no number.
    fn bullet(&self, _depth: usize) -> &'static str {
        "- "
    }

    /// What stands before each line of a quote.
    fn quote(&self) -> &'static str {
        "> "
    }

    /// What stands around a quote, where that is not a mark before each line; quotes in it have marks.
    fn quote_element(&self) -> Option<[&'static str; 2]> {
        None
    }

    /// Whether quotes and lists are nested elements, as in HTML, and not marks before lines.
    fn has_elements(&self) -> bool {
        false
    }
}
