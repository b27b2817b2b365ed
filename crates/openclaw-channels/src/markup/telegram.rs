//! The HTML of Telegram's Bot API.

use super::{inline::Style, rules::Rules};

/// What [`telegram_html`] returns.
#[derive(Clone, Copy, Debug)]
pub struct TelegramHtml;

/// Rules for `parse_mode: HTML` of the Bot API: elements are balanced, and none stands in code or in another of its kind.
pub fn telegram_html() -> TelegramHtml {
    TelegramHtml
}

impl Rules for TelegramHtml {
    fn text(&self, text: &str, out: &mut String) {
        escape(text, out);
    }

    fn style(&self, style: Style) -> [&'static str; 2] {
        match style {
            Style::Bold => ["<b>", "</b>"],
            Style::Italic => ["<i>", "</i>"],
            Style::Strike => ["<s>", "</s>"],
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
        &["http", "https", "mailto", "tel", "tg"]
    }

    fn style_ends_at_code(&self) -> bool {
        true
    }

    fn heading_style(&self) -> Option<Style> {
        Some(Style::Bold)
    }

    fn code_block(&self, language: &str, code: &str) -> String {
        let mut out = "<pre>".to_owned();
        if !language.is_empty() {
            out.push_str("<code class=\"language-");
            escape(language, &mut out);
            out.push_str("\">");
        }
        escape(code, &mut out);
        out.push_str(if language.is_empty() { "</pre>" } else { "</code></pre>" });
        out
    }

    fn bullet(&self, depth: usize) -> &'static str {
        bullet(depth)
    }

    fn quote(&self) -> &'static str {
        "&gt; "
    }

    fn quote_element(&self) -> Option<[&'static str; 2]> {
        Some(["<blockquote>", "</blockquote>"])
    }
}

/// Text in HTML, also inside an attribute.
pub(super) fn escape(text: &str, out: &mut String) {
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            char => out.push(char),
        }
    }
}

/// A link in HTML.
pub(super) fn anchor(label: &str, target: &str, out: &mut String) {
    out.push_str("<a href=\"");
    escape(target, out);
    out.push_str("\">");
    escape(label, out);
    out.push_str("</a>");
}

/// Bullets that differ by depth where no element draws them.
pub(super) fn bullet(depth: usize) -> &'static str {
    match depth {
        0 => "• ",
        1 => "◦ ",
        _ => "▪ ",
    }
}
