//! The HTML that Matrix permits in `formatted_body`.

use super::{
    doc::Table,
    inline::Style,
    rules::Rules,
    telegram::{anchor, escape},
};

/// What [`html`] returns.
#[derive(Clone, Copy, Debug)]
pub struct Html;

/// Rules for `org.matrix.custom.html`: only elements and attributes that the specification suggests clients to permit.
pub fn html() -> Html {
    Html
}

impl Rules for Html {
    fn text(&self, text: &str, out: &mut String) {
        escape(text, out);
    }

    fn style(&self, style: Style) -> [&'static str; 2] {
        match style {
            Style::Bold => ["<strong>", "</strong>"],
            Style::Italic => ["<em>", "</em>"],
            Style::Strike => ["<del>", "</del>"],
        }
    }

    fn code(&self, code: &str, out: &mut String) {
        out.push_str("<code>");
        escape(code, out);
        out.push_str("</code>");
    }

    fn link(&self, label: &str, target: &str, out: &mut String) {
        anchor(label, target, out);
    }

    fn schemes(&self) -> &'static [&'static str] {
        &["http", "https", "mailto", "tel", "matrix"]
    }

    fn line_break(&self) -> &'static str {
        "<br>"
    }

    fn paragraph(&self, text: String, opens_item: bool) -> String {
        if opens_item { text } else { format!("<p>{text}</p>") }
    }

    fn heading(&self, level: usize, text: String) -> String {
        format!("<h{level}>{text}</h{level}>")
    }

    fn code_block(&self, language: &str, code: &str) -> String {
        let mut out = "<pre><code".to_owned();
        if !language.is_empty() {
            out.push_str(" class=\"language-");
            escape(language, &mut out);
            out.push('"');
        }
        out.push('>');
        escape(code, &mut out);
        out.push_str("\n</code></pre>");
        out
    }

    fn table(&self, table: &Table) -> String {
        let row = |cells: &[String], name: &str| {
            let cells: String = cells.iter().map(|cell| format!("<{name}>{cell}</{name}>")).collect();
            format!("<tr>{cells}</tr>")
        };
        let rows: String = table.rows().iter().map(|cells| row(cells, "td")).collect();
        format!("<table><thead>{}</thead><tbody>{rows}</tbody></table>", row(table.head(), "th"))
    }

    fn rule(&self) -> &'static str {
        "<hr>"
    }

    fn has_elements(&self) -> bool {
        true
    }
}
