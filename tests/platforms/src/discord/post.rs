//! What people say, and what the bot said.

use bytes::Bytes;
use serde_json::{Value, json};

/// Somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The id.
    pub id: u64,
    /// The name.
    pub name: String,
    /// Whether it is another bot.
    pub bot: bool,
}

impl User {
    /// A person.
    #[must_use]
    pub fn new(id: u64, name: &str) -> Self {
        Self { id, name: name.to_owned(), bot: false }
    }

    /// The same, as a bot.
    #[must_use]
    pub fn bot(mut self) -> Self {
        self.bot = true;
        self
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "id": self.id.to_string(), "username": self.name.to_lowercase(), "global_name": self.name,
            "discriminator": "0", "avatar": null, "bot": self.bot, "public_flags": 0,
        })
    }
}

/// What somebody says. Mentions (`<@ID>`) are found in the text.
#[derive(Debug, Clone)]
pub struct Post {
    pub(super) channel: u64,
    pub(super) from: User,
    pub(super) text: String,
    pub(super) reply_to: Option<u64>,
    /// Whether who is replied to hears of it.
    pub(super) pings: bool,
    pub(super) files: Vec<(String, String, Bytes)>,
    /// Fields as Discord has them, over what was made here.
    pub(super) more: Value,
}

impl Post {
    /// A text.
    #[must_use]
    pub fn new(channel: u64, from: &User, text: &str) -> Self {
        Self {
            channel,
            from: from.clone(),
            text: text.to_owned(),
            reply_to: None,
            pings: true,
            files: Vec::new(),
            more: Value::Null,
        }
    }

    /// In reply to this message.
    #[must_use]
    pub fn reply_to(mut self, message: u64) -> Self {
        self.reply_to = Some(message);
        self
    }

    /// In reply, without a ping for who is replied to.
    #[must_use]
    pub fn quietly(mut self) -> Self {
        self.pings = false;
        self
    }

    /// With a file.
    #[must_use]
    pub fn file(mut self, name: &str, mime_type: &str, bytes: impl Into<Bytes>) -> Self {
        self.files.push((name.to_owned(), mime_type.to_owned(), bytes.into()));
        self
    }

    /// With these fields, as Discord has them.
    #[must_use]
    pub fn with(mut self, more: Value) -> Self {
        self.more = more;
        self
    }
}

/// A message of the bot, as it is now.
#[derive(Debug, Clone, Default)]
pub struct Sent {
    /// Its id.
    pub id: u64,
    /// The channel, direct chat or thread.
    pub channel: u64,
    /// The text as it is now.
    pub text: String,
    /// Every text it ever had, in order.
    pub history: Vec<String>,
    /// What it replies to.
    pub reply_to: Option<u64>,
    /// The nonce it was sent with.
    pub nonce: Option<String>,
    /// Its files: name and bytes.
    pub files: Vec<(String, Bytes)>,
    /// Who hears of it: ids, `everyone`.
    pub pinged: Vec<String>,
    /// Whether it answers an interaction.
    pub interaction: Option<u64>,
    /// Whether it was deleted.
    pub deleted: bool,
}
