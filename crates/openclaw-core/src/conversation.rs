//! Conversations as they are listed and read.

use crate::{ConversationId, Message, MessageId, Timestamp};

/// Which conversations to list, and which page of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConversationFilter {
    /// Only those begun on this channel.
    pub channel: Option<String>,
    /// Only those whose last message is at or after this.
    pub since: Option<Timestamp>,
    /// Only those whose last message is at or before this.
    pub until: Option<Timestamp>,
    /// At most this many.
    pub limit: usize,
    /// Skip this many first.
    pub offset: usize,
}

/// A page of conversations, latest activity first.
#[derive(Debug, Clone, PartialEq)]
pub struct ConversationPage {
    /// The page.
    pub conversations: Vec<ConversationSummary>,
    /// How many the filter matches in all.
    pub total: usize,
}

/// A conversation in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct ConversationSummary {
    /// Which one.
    pub id: ConversationId,
    /// Channel of its first message.
    pub channel: String,
    /// Time of its first message.
    pub created_at: Timestamp,
    /// Time of its last message.
    pub last_message_at: Timestamp,
    /// Messages in it, tool calls and results counted in.
    pub message_count: u64,
    /// What it is about, in a line.
    pub summary: String,
}

/// Which messages of a conversation to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MessageWindow {
    /// Only the latest so many of what remains; all when `None`.
    pub limit: Option<usize>,
    /// Only messages before this one.
    pub before: Option<MessageId>,
}

/// A conversation with its messages, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct ConversationView {
    /// The item as it is listed.
    pub summary: ConversationSummary,
    /// The messages of the window.
    pub messages: Vec<Message>,
}

/// What erasing a conversation removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Erased {
    /// Messages.
    pub messages: u64,
    /// Long-term memories that came from them alone.
    pub memories: u64,
}
