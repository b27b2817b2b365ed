//! Texts longer than a message can be, in pieces.

use openclaw_core::{ConversationId, ForeignMessage, MessageId, Role, Timestamp, limits};
use openclaw_http::exchange::Line;

use super::Item;

/// A message of any length, in as many as it takes: the first keeps the id, the others count on from it.
pub(super) struct Spoken<'a> {
    pub(super) conversation: &'a ConversationId,
    pub(super) channel: &'static str,
    pub(super) role: Role,
    pub(super) text: &'a str,
    pub(super) timestamp: Timestamp,
    pub(super) id: Option<MessageId>,
    pub(super) at: u64,
}

impl Spoken<'_> {
    pub(super) fn push_to(self, items: &mut impl Extend<Item>) {
        let count = |part: usize, id: &MessageId| match part {
            0 => Some(id.clone()),
            part => format!("{id}.part{}", part + 1).parse().ok(),
        };
        items.extend(split(self.text, limits::STORED_MESSAGE_BYTES).enumerate().map(|(part, text)| Item {
            line: Line::Message(ForeignMessage {
                conversation: self.conversation.clone(),
                channel: self.channel.to_owned(),
                role: self.role,
                content: text.to_owned(),
                timestamp: self.timestamp,
                id: self.id.as_ref().and_then(|id| count(part, id)),
            }),
            at: self.at,
        }));
    }
}

/// Pieces of at most `most` bytes (at least four), cut at the end of a line where one is near.
pub(super) fn split(text: &str, most: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = rest.len();
        if end > most {
            end = rest.floor_char_boundary(most);
            if let Some(line) = rest[..end].rfind('\n').filter(|line| *line > most / 2) {
                end = line + 1;
            }
        }
        let (piece, left) = rest.split_at(end);
        rest = left;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_whole_characters_and_make_the_text_again() {
        for text in ["", "short", "明天서울的天氣如何明天서울的天氣", "one line\nand another\nand more"]
        {
            for most in 4..20 {
                let pieces: Vec<_> = split(text, most).collect();
                assert!(pieces.iter().all(|piece| piece.len() <= most && !piece.is_empty()), "{pieces:?}");
                assert_eq!(pieces.concat(), text);
            }
        }
        assert_eq!(split("one line\nand more", 12).next(), Some("one line\n"));
    }
}
