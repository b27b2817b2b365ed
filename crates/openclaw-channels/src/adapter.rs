//! What a platform's folder provides: a [`Platform`] that describes it, and an [`Adapter`] that speaks its protocol. All that is
//! hard to get right (durability, repetitions, order, retries, splitting, who may talk) is the engine's.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use openclaw_core::{
    config::ChannelConfig,
    port::{WebhookAnswer, WebhookRequest},
};

use crate::{
    error::{ConnectError, Misconfigured, SendError},
    link::Link,
    markup,
    message::{Address, Outgoing, RemoteFile},
    net::Net,
};

/// A kind of chat platform.
pub trait Platform: Send + Sync {
    /// Its channel type, such as `telegram`.
    fn name(&self) -> &'static str;

    /// What a newcomer does at the platform before the questions make sense, in a few lines.
    fn introduction(&self) -> &'static str;

    /// The settings it reads beside the common ones, in the order a newcomer is asked for them.
    fn settings(&self) -> &'static [Setting];

    /// An adapter for this configuration. Does no I/O.
    ///
    /// # Errors
    /// What is missing or wrong in the configuration. Unknown names in `secrets` and `options` are found by the engine.
    fn open(&self, config: &ChannelConfig, net: &Net) -> Result<Arc<dyn Adapter>, Misconfigured>;
}

/// One setting of a platform.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Where it stands in the channel's section.
    pub key: Key,
    /// The question, for a newcomer.
    pub question: &'static str,
    /// Whether the channel works without.
    pub optional: bool,
}

impl Setting {
    /// One without which the channel does not work.
    #[must_use]
    pub const fn required(key: Key, question: &'static str) -> Self {
        Self { key, question, optional: false }
    }

    /// One that has a default.
    #[must_use]
    pub const fn optional(key: Key, question: &'static str) -> Self {
        Self { key, question, optional: true }
    }
}

/// Where a setting stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// `token`
    Token,
    /// `base_url`
    BaseUrl,
    /// `secrets.NAME`
    Secret(&'static str),
    /// `options.NAME`
    Option(&'static str),
}

impl std::fmt::Display for Key {
    /// As the configuration writes it below the channel.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Token => f.write_str("token"),
            Self::BaseUrl => f.write_str("base_url"),
            Self::Secret(name) => write!(f, "secrets.{name}"),
            Self::Option(name) => write!(f, "options.{name}"),
        }
    }
}

/// A connection to a chat platform as one bot. Its futures may be dropped at any await.
#[async_trait]
pub trait Adapter: Send + Sync {
    /// What the platform can do, and its bounds.
    fn abilities(&self) -> Abilities;

    /// Markdown in the platform's own form, for [`crate::Body::Rich`]. Never longer pieces than the engine asked for: it measures
    /// what this returns.
    fn render(&self, markdown: &str) -> String {
        markup::render(markdown, &markup::plain())
    }

    /// What commands begin with in what we say of them: something else where the platform keeps `/` to itself. Both are understood.
    fn command_mark(&self) -> char {
        '/'
    }

    /// Asks the platform who we are: the bot's name there. Needs no connection.
    async fn probe(&self) -> Result<String, ConnectError>;

    /// One connection, from its beginning to its end: it calls [`Link::connected`] when it stands, [`Link::alive`] with every sign of life,
    /// and hands over what comes in with [`Link::deliver`]. What the platform wants acknowledged (an offset, an envelope, a sync
    /// token) is acknowledged when the receipts say so, not before. `Ok`: the platform asked to connect anew at once.
    async fn connect(&self, link: &Link) -> Result<(), ConnectError>;

    /// Sends a message; the platform's id of it.
    async fn send(&self, message: Outgoing<'_>) -> Result<String, SendError>;

    /// Changes the text of a message that [`Self::send`] sent. The same text again is no error. Not asked without [`Abilities::edits`].
    async fn edit(&self, _to: &Address, _id: &str, _text: crate::Body<'_>) -> Result<(), SendError> {
        Err(SendError::rejected("messages can't be changed there"))
    }

    /// Shows that the assistant is at work there, for about [`Abilities::typing`].
    async fn typing(&self, _to: &Address) -> Result<(), SendError> {
        Ok(())
    }

    /// Fetches a file; at most `limit` bytes, more is [`SendError::Rejected`].
    async fn fetch(&self, _file: &RemoteFile, _limit: usize) -> Result<Bytes, SendError> {
        Err(SendError::rejected("there are no files there"))
    }

    /// After [`SendError::Unknown`] or a crash: asks the platform whether the message is there.
    async fn resolve(&self, _message: Outgoing<'_>) -> Result<Resolved, SendError> {
        Ok(Resolved::Unknowable)
    }

    /// A request that came to `/api/v1/channels/TYPE/webhook`. The adapter checks that the platform sent it.
    async fn webhook(&self, _link: &Link, _request: WebhookRequest) -> WebhookAnswer {
        WebhookAnswer::not_taken()
    }
}

/// Markdown in pieces, each of which is one message there.
pub(crate) fn pieces(adapter: &dyn Adapter, markdown: &str) -> Vec<String> {
    let abilities = adapter.abilities();
    markup::split(markdown, abilities.limit, &|piece| abilities.unit.length(&adapter.render(piece)))
}

/// Whether a message is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// It is, under this id.
    Sent(String),
    /// It is not; sending it again makes one of it.
    NotSent,
    /// The platform can't tell. The engine sends it again, with a line that says so: a person sees one too many, and none too few.
    Unknowable,
}

/// What a platform can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// Longest message, in `unit`s of its rendered form.
    pub limit: usize,
    /// What its length is counted in.
    pub unit: Unit,
    /// Time between two edits of an answer that is being written; `None`: messages can't be changed, and are sent when complete.
    pub edits: Option<Duration>,
    /// How long a typing notice lasts; `None`: there are none.
    pub typing: Option<Duration>,
    /// Longest time between two signs of life ([`Link::alive`]) of a sound connection. After that the channel is shown as
    /// disconnected; after three times that it is connected anew.
    pub silence: Duration,
    /// Largest file that can be sent, in bytes; 0: none can.
    pub file_bytes: usize,
}

/// What the length of a message is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Unicode scalar values.
    Chars,
    /// UTF-16 code units.
    Utf16,
    /// Bytes of UTF-8.
    Bytes,
}

impl Unit {
    /// The length of `text`.
    #[must_use]
    pub fn length(self, text: &str) -> usize {
        match self {
            Self::Chars => text.chars().count(),
            Self::Utf16 => text.encode_utf16().count(),
            Self::Bytes => text.len(),
        }
    }
}
