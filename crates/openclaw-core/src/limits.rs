//! Bounds of the wire contract, each in one place.

use std::time::Duration;

/// Longest conversation id, in characters.
pub const CONVERSATION_ID_CHARS: usize = 64;
/// Longest message id, in characters.
pub const MESSAGE_ID_CHARS: usize = 128;
/// Longest text of one message, in bytes of UTF-8.
pub const MESSAGE_BYTES: usize = 256 * 1024;
/// Most attachments of one message.
pub const ATTACHMENTS: usize = 10;
/// All attachments of one message together, in decoded bytes.
pub const ATTACHMENT_BYTES: usize = 20 * 1024 * 1024;
/// Longest text of one message in the log, in bytes of UTF-8: what the tools of one step answered is one message. What is imported
/// may be as long, so that every export comes back.
pub const STORED_MESSAGE_BYTES: usize = 10 * 1024 * 1024;
/// Largest body of `POST /message`, in bytes.
pub const MESSAGE_BODY_BYTES: usize = 32 * 1024 * 1024;
/// Largest body of every other request, in bytes.
pub const BODY_BYTES: usize = 1024 * 1024;
/// Largest WebSocket frame, in bytes.
pub const FRAME_BYTES: usize = 1024 * 1024;
/// Time a client may wait for an answer, in milliseconds: least, when unsaid, most.
pub const TIMEOUT_MS: (u64, u64, u64) = (1, 30_000, 600_000);
/// How long a call waits for a person to allow it; after that it counts as denied.
pub const APPROVAL_TIME: Duration = Duration::from_secs(10 * 60);
/// Longest reason that a person gives for denying a call, in characters.
pub const APPROVAL_REASON_CHARS: usize = 1000;
/// How long an idempotency key is remembered, in seconds.
pub const IDEMPOTENCY_SECONDS: u64 = 24 * 60 * 60;
/// Longest idempotency key, in characters.
pub const IDEMPOTENCY_KEY_CHARS: usize = 255;
/// Conversations of one list: least, when unsaid, most.
pub const CONVERSATIONS_PAGE: (usize, usize, usize) = (1, 20, 100);
/// Search results: least, when unsaid, most.
pub const SEARCH_RESULTS: (usize, usize, usize) = (1, 10, 100);
/// Log lines: least, when unsaid, most.
pub const LOG_LINES: (usize, usize, usize) = (1, 50, 1000);
/// Longest content of a remembered entry, in bytes of UTF-8.
pub const MEMORY_BYTES: usize = 16 * 1024;
/// Most tags of a remembered entry.
pub const MEMORY_TAGS: usize = 16;
/// Longest tag, in bytes of UTF-8.
pub const MEMORY_TAG_BYTES: usize = 64;
/// Whether `tag` can be one of a remembered entry: not blank, at most [`MEMORY_TAG_BYTES`], without control characters.
#[must_use]
pub fn is_memory_tag(tag: &str) -> bool {
    !tag.trim().is_empty() && tag.len() <= MEMORY_TAG_BYTES && !tag.chars().any(char::is_control)
}
/// Most sources of a remembered entry.
pub const MEMORY_SOURCES: usize = 32;
/// Most lines of one import request, which are [`BODY_BYTES`] together at most.
pub const IMPORT_MESSAGES: usize = 1000;
/// Largest line of an import, in bytes; one above [`BODY_BYTES`] comes alone. It holds the longest message also when each of its
/// bytes is escaped as six.
pub const IMPORT_LINE_BYTES: usize = 64 * 1024 * 1024;
/// Messages of one export page: least, when unsaid, most.
pub const EXPORT_PAGE: (usize, usize, usize) = (1, 500, 1000);
/// Most text of one export page with more than one message, in bytes of UTF-8.
pub const EXPORT_BYTES: usize = 4 * 1024 * 1024;
/// Remembered entries of one list: least, when unsaid, most.
pub const ENTRIES_PAGE: (usize, usize, usize) = (1, 50, 200);
/// Past compactions of one list: least, when unsaid, most.
pub const HISTORY_PAGE: (usize, usize, usize) = (1, 20, 100);
