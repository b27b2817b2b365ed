//! Calls of skills that a person has to allow, asked one after another.

use std::collections::VecDeque;

use serde_json::Value;

use crate::output::harmless;

/// Most characters of the arguments that are shown; how many more there are is told.
const SHOWN: usize = 2000;

/// What is to be asked, in order; the first is asked now.
#[derive(Debug, Default)]
pub(super) struct Questions(VecDeque<Question>);

#[derive(Debug)]
struct Question {
    call_id: String,
    text: String,
}

/// What a typed line says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Yes,
    No,
    Neither,
}

impl Questions {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The question at hand.
    pub(super) fn text(&self) -> Option<&str> {
        self.0.front().map(|question| question.text.as_str())
    }

    /// Takes in a call that waits; whether it is the one to ask about now.
    pub(super) fn add(&mut self, event: &Value) -> bool {
        let call_id = event["call_id"].as_str().unwrap_or_default().to_owned();
        self.0.push_back(Question { call_id, text: question(event) });
        self.0.len() == 1
    }

    /// A call waits no more; whether it was the one asked about now.
    pub(super) fn settle(&mut self, call_id: &str) -> bool {
        let is_asked = self.0.front().is_some_and(|question| question.call_id == call_id);
        self.0.retain(|question| question.call_id != call_id);
        is_asked
    }

    /// The call of the question at hand, which is answered.
    pub(super) fn answered(&mut self) -> Option<String> {
        self.0.pop_front().map(|question| question.call_id)
    }
}

impl Answer {
    /// Only a clear yes is one; an empty line is a no, as the question says.
    pub(crate) fn of(line: &str) -> Self {
        match line.trim().to_lowercase().as_str() {
            "y" | "yes" => Self::Yes,
            "" | "n" | "no" => Self::No,
            _ => Self::Neither,
        }
    }
}

/// A call in words, on one line.
pub(super) fn described(event: &Value) -> String {
    let arguments = event["arguments"].to_string();
    let shown: String = arguments.chars().take(SHOWN).collect();
    let more = match arguments.chars().count().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!("… ({more} more characters)"),
    };
    visible(&format!("{} {shown}{more}", event["tool"].as_str().unwrap_or("a skill")))
}

fn question(event: &Value) -> String {
    let reason = visible(event["reason"].as_str().unwrap_or_default());
    format!("Allow {}?\n{reason} [y/N]", described(event))
}

/// What a terminal would not show, or would show in another place, is written out: a person decides by what they see.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in harmless(text).chars() {
        match c {
            '\u{ad}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}' => {
                shown.extend(c.escape_unicode());
            }
            '\n' => shown.push(' '),
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(call_id: &str, arguments: &Value) -> Value {
        json!({"type": "skill_call", "call_id": call_id, "skill": "files", "tool": "files.write",
            "arguments": arguments, "status": "awaiting_approval", "reason": "It changes\nfiles."})
    }

    #[test]
    fn one_question_at_a_time() {
        let mut questions = Questions::default();
        assert!(questions.add(&event("1", &json!({"path": "a"}))));
        assert!(!questions.add(&event("2", &json!({}))));
        assert!(!questions.add(&event("3", &json!({}))));
        assert_eq!(questions.text(), Some("Allow files.write {\"path\":\"a\"}?\nIt changes files. [y/N]"));
        assert!(!questions.settle("2"), "somebody else decided");
        assert_eq!(questions.answered().as_deref(), Some("1"));
        assert!(questions.settle("3") && questions.is_empty());
        assert_eq!(questions.answered(), None);
    }

    #[test]
    fn only_a_clear_yes_is_one() {
        for (line, answer) in [
            ("y", Answer::Yes),
            (" YES ", Answer::Yes),
            ("", Answer::No),
            ("n", Answer::No),
            ("No", Answer::No),
            ("yes please delete it", Answer::Neither),
            ("how?", Answer::Neither),
        ] {
            assert_eq!(Answer::of(line), answer, "{line}");
        }
    }

    #[test]
    fn nothing_is_hidden_in_a_question() {
        let shown =
            described(&event("1", &json!({"path": "a\u{202e}txt.exe\u{1b}[2K", "body": "x".repeat(3000)})));
        assert!(shown.contains("a\\u{202e}txt.exe") && !shown.contains('\u{1b}'), "{shown}");
        assert!(shown.ends_with(" more characters)") && shown.chars().count() < 2100, "{shown}");
    }
}
