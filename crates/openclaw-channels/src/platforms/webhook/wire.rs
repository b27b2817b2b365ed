//! The JSON in and out.

use openclaw_core::Timestamp;
use serde::{Deserialize, Serialize};

use crate::message::{Address, Change, Event, Inbound, RemoteFile, Sender};

/// What is posted to us.
#[derive(Debug, Deserialize)]
pub(super) struct Posted {
    #[serde(rename = "type", default)]
    kind: Kind,
    id: String,
    chat: String,
    #[serde(default)]
    thread: Option<String>,
    user: User,
    #[serde(default)]
    text: String,
    /// Whether only the user and the assistant are there.
    #[serde(default = "yes")]
    direct: bool,
    /// Elsewhere: whether the assistant is meant.
    #[serde(default)]
    mention: bool,
    #[serde(default)]
    attachments: Vec<File>,
    #[serde(default)]
    sent_at: Option<Timestamp>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Message,
    Edit,
    Delete,
}

#[derive(Debug, Deserialize)]
struct User {
    id: String,
    #[serde(default)]
    name: String,
}

#[derive(Debug, Deserialize)]
struct File {
    name: String,
    mime_type: String,
    /// Base64.
    data: String,
}

fn yes() -> bool {
    true
}

impl Posted {
    /// The field that must not be empty and is.
    pub(super) fn empty(&self) -> Option<&'static str> {
        [("id", &self.id), ("chat", &self.chat), ("user.id", &self.user.id)]
            .into_iter()
            .find(|(_, value)| value.is_empty())
            .map(|(name, _)| name)
    }

    pub(super) fn into_event(self, delivery: &str) -> Event {
        let address = Address::chat(self.chat).in_thread(self.thread);
        let sender = Sender { id: self.user.id, name: self.user.name, is_bot: false };
        let change = |text| Change {
            id: self.id.clone(),
            version: delivery.to_owned(),
            address: address.clone(),
            sender: sender.clone(),
            text,
            at: self.sent_at,
        };
        match self.kind {
            Kind::Edit => Event::Edited(change(self.text)),
            Kind::Delete => Event::Deleted(change(String::new())),
            Kind::Message => Event::Message(Inbound {
                addressed: self.direct || self.mention,
                id: self.id,
                address,
                direct: self.direct,
                sender,
                text: self.text,
                files: self.attachments.into_iter().map(File::into_remote).collect(),
                quoted: None,
                sent_at: self.sent_at,
            }),
        }
    }
}

impl File {
    /// The bytes came along: they are what finds the file again.
    fn into_remote(self) -> RemoteFile {
        RemoteFile {
            name: self.name,
            mime_type: self.mime_type,
            size: Some(self.data.len() as u64 / 4 * 3),
            handle: self.data,
        }
    }
}

/// What we post.
#[derive(Debug, Serialize)]
pub(super) struct Post<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    /// The message: the same when it is posted again.
    pub(super) id: &'a str,
    pub(super) chat: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) thread: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reply_to: Option<&'a str>,
    /// Markdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<OutgoingFile<'a>>,
}

#[derive(Debug, Serialize)]
pub(super) struct OutgoingFile<'a> {
    pub(super) name: &'a str,
    pub(super) mime_type: &'a str,
    /// Base64.
    pub(super) data: String,
}

/// What a receiver may answer.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Posting {
    #[serde(default)]
    pub(super) id: Option<String>,
}
