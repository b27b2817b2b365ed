//! What people post, and what the bot sent.

use bytes::Bytes;
use serde_json::{Value, json};

/// Somebody on Telegram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The id.
    pub id: i64,
    /// The first name.
    pub name: String,
    /// The name behind the `@`; empty: none.
    pub username: String,
    /// Whether it is a bot.
    pub bot: bool,
}

impl User {
    /// A person without a user name.
    #[must_use]
    pub fn new(id: i64, name: &str) -> Self {
        Self { id, name: name.to_owned(), username: String::new(), bot: false }
    }

    /// The same as a bot.
    #[must_use]
    pub fn as_bot(mut self, username: &str) -> Self {
        self.bot = true;
        self.username = username.to_owned();
        self
    }

    pub(super) fn json(&self) -> Value {
        let mut user = json!({"id": self.id, "is_bot": self.bot, "first_name": self.name});
        if self.username.is_empty() {
            user["language_code"] = "en".into();
        } else {
            user["username"] = self.username.as_str().into();
        }
        user
    }
}

/// How a file is posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// As a picture: the server makes smaller ones of it, and forgets its name.
    Photo,
    /// As a file.
    Document,
    /// As a voice message, without a name.
    Voice,
    /// As music or another recording.
    Audio,
    /// As a moving picture.
    Video,
    /// As a sticker.
    Sticker,
}

impl Kind {
    pub(super) fn field(self) -> &'static str {
        match self {
            Self::Photo => "photo",
            Self::Document => "document",
            Self::Voice => "voice",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Sticker => "sticker",
        }
    }
}

/// A file that is posted.
#[derive(Debug, Clone)]
pub(super) struct Media {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) mime: String,
    pub(super) bytes: Bytes,
    pub(super) size: Option<u64>,
}

/// A message that somebody posts.
#[derive(Debug, Clone)]
pub struct Post {
    pub(super) chat: i64,
    pub(super) from: User,
    pub(super) text: String,
    pub(super) entities: Option<Value>,
    pub(super) thread: Option<i64>,
    pub(super) reply_to: Option<i64>,
    pub(super) media: Option<Media>,
    pub(super) album: Option<String>,
    pub(super) more: Value,
}

impl Post {
    /// Text.
    #[must_use]
    pub fn new(chat: i64, from: &User, text: &str) -> Self {
        Self {
            chat,
            from: from.clone(),
            text: text.to_owned(),
            entities: None,
            thread: None,
            reply_to: None,
            media: None,
            album: None,
            more: json!({}),
        }
    }

    /// In a topic.
    #[must_use]
    pub fn thread(mut self, topic: i64) -> Self {
        self.thread = Some(topic);
        self
    }

    /// As a reply to this message.
    #[must_use]
    pub fn reply_to(mut self, message: i64) -> Self {
        self.reply_to = Some(message);
        self
    }

    /// With these entities instead of those that the server finds (mentions, commands, addresses).
    #[must_use]
    pub fn entities(mut self, entities: Value) -> Self {
        self.entities = Some(entities);
        self
    }

    /// With a file; the text becomes its caption.
    #[must_use]
    pub fn file(mut self, kind: Kind, name: &str, mime: &str, bytes: impl Into<Bytes>) -> Self {
        let (name, mime, bytes) = (name.to_owned(), mime.to_owned(), bytes.into());
        self.media = Some(Media { kind, name, mime, bytes, size: None });
        self
    }

    /// The file is said to have this size, whatever it has.
    #[must_use]
    pub fn size(mut self, size: u64) -> Self {
        if let Some(media) = &mut self.media {
            media.size = Some(size);
        }
        self
    }

    /// As a part of an album.
    #[must_use]
    pub fn album(mut self, id: &str) -> Self {
        self.album = Some(id.to_owned());
        self
    }

    /// With another field of the Bot API's `Message`.
    #[must_use]
    pub fn field(mut self, name: &str, value: Value) -> Self {
        self.more[name] = value;
        self
    }
}

/// A message of the bot, as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// Where.
    pub chat: i64,
    /// Its id there.
    pub id: i64,
    /// The topic.
    pub thread: Option<i64>,
    /// What it replies to.
    pub reply_to: Option<i64>,
    /// The text, or caption, as people read it.
    pub text: String,
    /// Bold, links, and so on.
    pub entities: Vec<Value>,
    /// The text as it was sent.
    pub source: String,
    /// How `source` was to be read; empty: as it is.
    pub parse_mode: String,
    /// The file, with its name and media type.
    pub file: Option<(String, String, Bytes)>,
    /// The texts before, oldest first.
    pub history: Vec<String>,
    /// Whether the bot took it back.
    pub deleted: bool,
}

/// What Telegram itself marks in a text: mentions, commands and addresses, with offsets in UTF-16 code units.
pub(super) fn found(text: &str) -> Vec<Value> {
    let mut entities = Vec::new();
    let mut units = 0;
    let mut before = ' ';
    let mut skip = 0;
    for (at, character) in text.char_indices() {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        if at >= skip && !word(before) {
            let rest = &text[at..];
            let name = |text: &str| {
                text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len())
            };
            let length = match character {
                '@' => 1 + name(&rest[1..]),
                '/' if !matches!(before, '/' | '<' | '>') => {
                    let command = 1 + name(&rest[1..]);
                    match rest[command..].strip_prefix('@').filter(|_| command > 1) {
                        Some(bot) => command + 1 + name(bot),
                        None => command,
                    }
                }
                'h' if rest.starts_with("https://") || rest.starts_with("http://") => {
                    rest.find(char::is_whitespace).unwrap_or(rest.len())
                }
                _ => 0,
            };
            let kind = match character {
                '@' if length > 2 => "mention",
                '/' if length > 1 => "bot_command",
                'h' if length > 0 => "url",
                _ => "",
            };
            if !kind.is_empty() {
                let size = rest[..length].encode_utf16().count();
                entities.push(json!({"type": kind, "offset": units, "length": size}));
                skip = at + length;
            }
        }
        units += character.len_utf16();
        before = character;
    }
    entities
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mentions_and_commands_are_found_in_utf_16() {
        let found = found("/start@a_bot 😀 @bob, mail a@b.c 1/2 https://x.org/@y!");
        let shown: Vec<_> = found
            .iter()
            .map(|entity| {
                (
                    entity["type"].as_str().unwrap(),
                    entity["offset"].as_u64().unwrap(),
                    entity["length"].as_u64().unwrap(),
                )
            })
            .collect();
        assert_eq!(shown, [("bot_command", 0, 12), ("mention", 16, 4), ("url", 37, 17)]);
    }
}
