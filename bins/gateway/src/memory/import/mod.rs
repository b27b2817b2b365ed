//! Readers of what was said elsewhere: JSON Lines, the exports of ChatGPT and Claude, a workspace's Markdown. Each gives out
//! lines of the exchange format one by one; none holds a whole file.

mod archive;
mod chatgpt;
mod claude;
mod detect;
mod elements;
mod markdown;
mod pieces;
mod source;
#[cfg(test)]
mod tests;

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use openclaw_core::{ConversationId, MessageId, limits};
use openclaw_http::exchange::Line;

pub(crate) use self::source::open;

/// The path that means standard input, or output.
pub(crate) const STANDARD: &str = "-";
/// Largest line of JSON Lines, in bytes, its end not counted.
pub(crate) const LINE_BYTES: usize = limits::IMPORT_LINE_BYTES;
/// Largest single conversation of an export, in bytes of its JSON: as much of a file as is held at a time.
pub(crate) const CONVERSATION_BYTES: usize = 64 * 1024 * 1024;
/// Largest Markdown file, in bytes.
pub(crate) const MARKDOWN_BYTES: u64 = 8 * 1024 * 1024;
/// Most bytes that are unpacked of one file of an archive.
pub(crate) const UNPACKED_BYTES: u64 = 16 * 1024 * 1024 * 1024;

/// Why a file can't be read on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    #[error("can't read {path}")]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{place}: {what}")]
    Wrong { place: Place, what: String },
    #[error("{path} is in no format that can be imported: {what}")]
    Unknown { path: PathBuf, what: String },
}

impl ImportError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::Io { path, source }
    }
}

/// Where something stands: the file (and what of it, in an archive) and the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: String,
    pub(crate) line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A line of the exchange format with the place that it comes from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Item {
    pub(crate) line: Line,
    pub(crate) at: u64,
}

/// A foreign id as one of ours. Most are UUIDs and pass as they are; others keep what our alphabet has.
fn conversation_id(foreign: &str, prefix: &str) -> ConversationId {
    foreign.parse().unwrap_or_else(|_| {
        let kept: String = foreign
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
            .take(32)
            .collect();
        let text = format!("{prefix}_{kept}_{:08x}", crc(foreign));
        text.parse().unwrap_or_else(|_| ConversationId::generate())
    })
}

/// The same for a message; what has none that can be used is named by its place, which is the same each time.
fn message_id(foreign: Option<&str>, conversation: &ConversationId, at: usize) -> Option<MessageId> {
    let given = foreign.and_then(|foreign| foreign.parse().ok());
    given.or_else(|| format!("{conversation}.{at}").parse().ok())
}

/// Tells apart what the alphabet made equal.
fn crc(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// Every reader of foreign bytes, for the fuzzer: whatever they are, reading ends without a fault. Returns how many lines
/// were read.
#[doc(hidden)]
#[must_use]
pub fn fuzz(name: &str, bytes: &[u8]) -> usize {
    source::read_bytes(name, bytes).map_while(Result::ok).take(10_000).count()
}
