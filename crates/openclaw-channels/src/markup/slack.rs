//! Slack's mrkdwn.

use super::{inline::Style, rules::Rules, telegram::bullet};

/// What [`slack_mrkdwn`] returns.
#[derive(Clone, Copy, Debug)]
pub struct SlackMrkdwn;

/// Rules for mrkdwn text objects and the `text` of messages.
///
/// mrkdwn has no escape for its own marks: one that text has is followed by a zero-width space, and so is emphasis that
/// begins or ends inside a word, where Slack would not see it.
pub fn slack_mrkdwn() -> SlackMrkdwn {
    SlackMrkdwn
}

impl Rules for SlackMrkdwn {
    fn text(&self, text: &str, out: &mut String) {
        let mut before = out.chars().next_back();
        let mut chars = text.chars().peekable();
        while let Some(char) = chars.next() {
            let in_word = before.is_some_and(char::is_alphanumeric);
            let opens = chars.peek().is_none_or(|next| !next.is_whitespace());
            entity(char, out);
            if "*_~`".contains(char) && opens && !in_word {
                out.push('\u{200b}');
            }
            before = Some(char);
        }
    }

    fn style(&self, style: Style) -> [&'static str; 2] {
        match style {
            Style::Bold => ["*", "*"],
            Style::Italic => ["_", "_"],
            Style::Strike => ["~", "~"],
        }
    }

    fn code(&self, code: &str, out: &mut String) {
        // A backtick cannot stand in code.
        if code.contains('`') || code.trim().is_empty() {
            self.text(code, out);
            return;
        }
        out.push('`');
        code.chars().for_each(|char| entity(char, out));
        out.push('`');
    }

    fn link(&self, label: &str, target: &str, out: &mut String) {
        out.push('<');
        target.chars().for_each(|char| entity(char, out));
        if label != target && target.strip_prefix("mailto:") != Some(label) {
            out.push('|');
            label.chars().for_each(|char| entity(char, out));
        }
        out.push('>');
    }

    fn style_in_words(&self) -> bool {
        false
    }

    fn style_ends_with_line(&self) -> bool {
        true
    }

    fn heading_style(&self) -> Option<Style> {
        Some(Style::Bold)
    }

    fn code_block(&self, _language: &str, code: &str) -> String {
        let mut out = "```\n".to_owned();
        code.replace("```", "`\u{200b}``").chars().for_each(|char| entity(char, &mut out));
        out.push_str("\n```");
        out
    }

    fn bullet(&self, depth: usize) -> &'static str {
        bullet(depth)
    }
}

fn entity(char: char, out: &mut String) {
    match char {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        char => out.push(char),
    }
}
