//! What goes in and out of a platform, in words that are no platform's.

use std::fmt;

use bytes::Bytes;
use openclaw_core::Timestamp;
use serde::{Deserialize, Serialize};

/// Where something is said: a chat, group, channel or room, and the thread in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Address {
    /// The platform's id of the chat.
    pub chat: String,
    /// The platform's id of the thread; `None`: the chat itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<String>,
}

impl Address {
    /// A chat.
    #[must_use]
    pub fn chat(chat: impl Into<String>) -> Self {
        Self { chat: chat.into(), thread: None }
    }

    /// The same chat's thread.
    #[must_use]
    pub fn in_thread(mut self, thread: Option<String>) -> Self {
        self.thread = thread;
        self
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.chat)?;
        self.thread.as_ref().map_or(Ok(()), |thread| write!(f, "/{thread}"))
    }
}

/// What a platform tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Somebody wrote.
    Message(Inbound),
    /// Somebody changed what they had written.
    Edited(Change),
    /// Somebody took back what they had written; the text is empty.
    Deleted(Change),
}

impl Event {
    /// Where it happened.
    #[must_use]
    pub fn address(&self) -> &Address {
        match self {
            Self::Message(message) => &message.address,
            Self::Edited(change) | Self::Deleted(change) => &change.address,
        }
    }
}

/// A message from the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inbound {
    /// The platform's id of it, unique in its chat for ever: what repetitions are known by, and what a reply refers to.
    pub id: String,
    /// Where.
    pub address: Address,
    /// Whether only the sender and the assistant are there.
    pub direct: bool,
    /// Whether it is for the assistant: in a direct chat always, elsewhere when it mentions it or replies to it.
    pub addressed: bool,
    /// Who wrote.
    pub sender: Sender,
    /// The text, with the mention of the assistant taken out.
    pub text: String,
    /// Files that came with it, not fetched yet.
    pub files: Vec<RemoteFile>,
    /// The text that it replies to, when that is not the assistant's own last one.
    pub quoted: Option<String>,
    /// When it was written, by the platform's clock.
    pub sent_at: Option<Timestamp>,
}

/// Who wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sender {
    /// The platform's id, which never changes: what `allowed_users` is compared with.
    pub id: String,
    /// The name that people read.
    pub name: String,
    /// Whether it is a bot, or the assistant itself. Those are not answered.
    pub is_bot: bool,
}

/// A change of an earlier message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Id of the message that was changed.
    pub id: String,
    /// What tells this change from others of the same message, such as its time: repetitions are known by it.
    pub version: String,
    /// Where.
    pub address: Address,
    /// Who; empty when the platform does not say.
    pub sender: Sender,
    /// The text as it is now.
    pub text: String,
    /// When, by the platform's clock.
    pub at: Option<Timestamp>,
}

/// A file on the platform's side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteFile {
    /// Its name.
    pub name: String,
    /// Its media type.
    pub mime_type: String,
    /// Its size in bytes, when the platform says.
    pub size: Option<u64>,
    /// How the adapter finds it again.
    pub handle: String,
}

/// A file to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutFile {
    /// Its name.
    pub name: String,
    /// Its media type.
    pub mime_type: String,
    /// The bytes.
    pub bytes: Bytes,
}

/// A message to be sent.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// Where to.
    pub to: &'a Address,
    /// What.
    pub body: Body<'a>,
    /// Id of the message it answers.
    pub reply_to: Option<&'a str>,
    /// Names this message among all: at most 25 of `A-Z a-z 0-9 _ -`, the same when it is tried again. Give it to the platform if
    /// it takes one (Discord's nonce, Matrix's transaction id, …), so that the same message is never there twice.
    pub key: &'a str,
}

/// The content of a message to be sent.
#[derive(Debug, Clone, Copy)]
pub enum Body<'a> {
    /// Text as [`crate::Adapter::render`] made it.
    Rich(&'a str),
    /// Text as it is, every character meaning itself.
    Plain(&'a str),
    /// A file.
    File(&'a OutFile),
}
