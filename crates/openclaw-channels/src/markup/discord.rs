//! Discord's Markdown.

use super::{inline::Style, render::with_target, rules::Rules};

/// What [`discord`] returns.
#[derive(Clone, Copy, Debug)]
pub struct Discord;

/// Rules for the content of Discord messages.
///
/// `@everyone`, `@here` and the names of people stay as they are: whom a message may notify is what its `allowed_mentions`
/// says, which senders must set. Written-out mentions such as `<@1>` are shown as that text.
pub fn discord() -> Discord {
    Discord
}

impl Rules for Discord {
    fn text(&self, text: &str, out: &mut String) {
        for word in text.split_inclusive(char::is_whitespace) {
            // An address is a link as it stands; a backslash would be part of it.
            match word.find("https://").or_else(|| word.find("http://")) {
                Some(at) => {
                    escape(&word[..at], out);
                    out.push_str(&word[at..]);
                }
                None => escape(word, out),
            }
        }
    }

    fn style(&self, style: Style) -> [&'static str; 2] {
        match style {
            Style::Bold => ["**", "**"],
            Style::Italic => ["*", "*"],
            Style::Strike => ["~~", "~~"],
        }
    }

    fn code(&self, code: &str, out: &mut String) {
        let mark = if code.contains('`') { "``" } else { "`" };
        let pad = if code.starts_with('`') || code.ends_with('`') { " " } else { "" };
        out.push_str(&format!("{mark}{pad}{}{pad}{mark}", code.replace("``", "`\u{200b}`")));
    }

    fn link(&self, label: &str, target: &str, out: &mut String) {
        // Discord makes no link of a label that looks like another one.
        if label == target || label.contains("://") || !target.starts_with("http") {
            self.text(&with_target(label, target), out);
            return;
        }
        out.push('[');
        escape(label, out);
        out.push_str("](");
        out.push_str(&target.replace('(', "%28").replace(')', "%29"));
        out.push(')');
    }

    fn heading(&self, level: usize, text: String) -> String {
        format!("{} {text}", "#".repeat(level.min(3)))
    }

    fn code_block(&self, language: &str, code: &str) -> String {
        format!("```{language}\n{}\n```", code.replace("```", "`\u{200b}``"))
    }
}

/// Text that Discord reads as text. A mark that opens a block only does so where a line begins.
fn escape(text: &str, out: &mut String) {
    for char in text.chars() {
        let begins = out.is_empty() || out.ends_with('\n');
        let is_mark = match char {
            '\\' | '*' | '_' | '~' | '`' | '|' | '<' | '[' => true,
            '#' | '>' | '-' | '+' => begins,
            '.' | ')' => is_number(out),
            _ => false,
        };
        if is_mark {
            out.push('\\');
        }
        out.push(char);
    }
}

/// Whether the last line is a number so far.
fn is_number(out: &str) -> bool {
    let digits = out.len() - out.trim_end_matches(|char: char| char.is_ascii_digit()).len();
    (1..10).contains(&digits) && (digits == out.len() || out[..out.len() - digits].ends_with('\n'))
}
