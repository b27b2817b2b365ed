//! What every part of OpenClaw Gateway agrees on: ids, messages, runs and their events, errors, secrets,
//! configuration and the ports (traits) through which the crates meet.
//!
//! ```
//! use openclaw_core::{ConversationId, RunId};
//!
//! let conversation: ConversationId = "conv_abc123".parse()?;
//! let run = RunId::generate();
//! assert!(run.to_string().starts_with("msg_pending_"));
//! assert!(run.reply_id().as_str().starts_with("msg_resp_"));
//! # assert_eq!(conversation.as_str(), "conv_abc123");
//! # Ok::<(), openclaw_core::InvalidId>(())
//! ```
//!
//! This crate must never know about HTTP, files, vendors' wire formats or a runtime: it does no I/O, reads no
//! environment and holds no global state. A trait lives in [`port`] only when the crate that implements it and
//! the crate that uses it are different ones.

pub mod config;
mod conversation;
mod error;
mod event;
mod id;
pub mod limits;
mod memory;
mod message;
mod order;
mod permission;
pub mod port;
mod run;
mod secret;
mod timestamp;
mod tool;

pub use conversation::{
    ConversationFilter, ConversationPage, ConversationSummary, ConversationView, Erased, MessageWindow,
};
pub use error::{ErrorCode, Failure};
pub use event::{CallStage, EventId, InvalidEventId, RunEvent, RunEventKind};
pub use id::{ConversationId, InvalidId, Lsn, MessageId, RunId};
pub use memory::{ForeignMemory, ForeignMessage, ForeignNote, MemoryEntry, MemoryId, MemoryKind, NewMemory};
pub use message::{Attachment, AttachmentSource, ContentBlock, Message, Metadata, Role};
pub use order::{sort_by, sort_by_key};
pub use permission::{HostPattern, InvalidPermission, Permission, Permissions};
pub use run::{NewRun, Reply, RunOutcome, RunRecord, RunState, TokenUsage};
pub use secret::{REDACTED, Secret};
pub use timestamp::{InvalidTimestamp, Timestamp};
pub use tool::{SKILL_READ, ToolCall, ToolDefinition, ToolResult, skill_of};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
