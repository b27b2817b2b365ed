//! What of a record can be found by searching: its documents. Every search, whether it scans the log or asks an index, sees
//! the records through this.

use std::borrow::Cow;

use openclaw_core::{ContentBlock, Role, RunId};

use super::{ConvKey, OutcomeRecord, Record, into_messages};

/// One text of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Document<'a> {
    /// Which of the record's documents: 0, and for steps the number of the message within the record.
    pub(crate) part: u32,
    /// What is searched. Of a remembered entry, its tags as well.
    pub(crate) text: Cow<'a, str>,
    /// Who said it; `None` for a remembered entry.
    pub(crate) role: Option<Role>,
    /// When, Unix milliseconds.
    pub(crate) at_ms: i64,
    /// Where it belongs.
    pub(crate) home: Home<'a>,
}

/// What a document belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Home<'a> {
    /// This conversation.
    Conversation(&'a ConvKey),
    /// The conversation of this run, which [`Core::locate`](crate::store::Core::locate) tells.
    Run(RunId),
    /// No conversation: remembered for its own sake.
    Nowhere,
}

/// Tells of each document of a record, in order. Bookkeeping has none.
pub(crate) fn documents<'a>(record: &'a Record<'_>, tell: &mut dyn FnMut(Document<'a>)) {
    let (_, at_ms) = record.times();
    match record {
        Record::Accepted(record) => tell(Document {
            part: 0,
            text: Cow::Borrowed(record.text),
            role: Some(Role::User),
            at_ms,
            home: Home::Conversation(&record.conversation),
        }),
        Record::Steps(record) => {
            // A record that makes no sense has nothing to find.
            let messages = into_messages(record.blocks().unwrap_or_default());
            for (part, (role, content)) in (0..).zip(messages) {
                let home = Home::Run(record.run);
                tell(Document { part, text: Cow::Owned(text_of(&content)), role: Some(role), at_ms, home });
            }
        }
        Record::Ended(record) => {
            if let OutcomeRecord::Completed { content, .. } = record.outcome {
                tell(Document {
                    part: 0,
                    text: Cow::Borrowed(content),
                    role: Some(Role::Assistant),
                    at_ms,
                    home: Home::Run(record.run),
                });
            }
        }
        Record::Imported(record) => tell(Document {
            part: 0,
            text: Cow::Borrowed(record.content),
            role: Some(record.role),
            at_ms,
            home: Home::Conversation(&record.conversation),
        }),
        Record::Remembered(record) => {
            let text = if record.tags.is_empty() {
                Cow::Borrowed(record.content)
            } else {
                Cow::Owned(format!("{}\n{}", record.content, record.tags.join(" ")))
            };
            let home = record.conversation.as_ref().map_or(Home::Nowhere, Home::Conversation);
            tell(Document { part: 0, text, role: None, at_ms, home });
        }
        Record::Forgotten(_) | Record::Changed(_) | Record::Note(_) | Record::Mark(_) => {}
    }
}

/// What is searched of a message: its text, and what tools answered.
pub(crate) fn text_of(content: &[ContentBlock]) -> String {
    let mut text = String::new();
    for block in content {
        let part = match block {
            ContentBlock::Text(part) => part,
            ContentBlock::ToolResult(result) => &result.content,
            ContentBlock::ToolCall(_) => continue,
        };
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(part);
    }
    text
}

#[cfg(test)]
mod tests {
    use openclaw_core::{MemoryId, MemoryKind, Reply, RunOutcome, TokenUsage, ToolCall, ToolResult};

    use super::*;
    use crate::record::{RememberedRecord, encode_ended, encode_remembered, encode_steps};

    fn found(payload: &[u8]) -> Vec<(u32, String, Option<Role>)> {
        let record = Record::decode(payload).unwrap();
        let mut found = Vec::new();
        documents(&record, &mut |document| found.push((document.part, document.text.into(), document.role)));
        found
    }

    #[test]
    fn steps_and_replies_and_entries_are_found() {
        let run = RunId::generate();
        let steps = [
            ContentBlock::Text("let me see".to_owned()),
            ContentBlock::ToolCall(ToolCall {
                id: "1".to_owned(),
                name: "weather".to_owned(),
                arguments: serde_json::Value::Null,
            }),
            ContentBlock::ToolResult(ToolResult {
                call_id: "1".to_owned(),
                name: "weather".to_owned(),
                content: "晴".to_owned(),
                is_error: false,
            }),
        ];
        let expected =
            [(0, "let me see".to_owned(), Some(Role::Assistant)), (1, "晴".to_owned(), Some(Role::Tool))];
        assert_eq!(found(&encode_steps(run, 5, &steps)), expected);
        let reply = Reply {
            content: "sunny".to_owned(),
            skills_used: Vec::new(),
            usage: TokenUsage { input: 1, output: 1 },
            latency_ms: 1,
            model: String::new(),
        };
        let ended = encode_ended(run, 5, &RunOutcome::Completed(reply));
        assert_eq!(found(&ended), [(0, "sunny".to_owned(), Some(Role::Assistant))]);
        assert_eq!(found(&encode_ended(run, 5, &RunOutcome::Cancelled)), []);
        let entry = encode_remembered(&RememberedRecord {
            id: MemoryId::generate(),
            kind: MemoryKind::Fact,
            importance: 0.5,
            expires_ms: None,
            conversation: None,
            supersedes: None,
            tags: vec!["home", "집"],
            sources: Vec::new(),
            content: "lives in 서울",
        });
        assert_eq!(found(&entry), [(0, "lives in 서울\nhome 집".to_owned(), None)]);
    }
}
