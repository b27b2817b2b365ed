//! Bounds of the queue and of a run, each in one place.

use std::time::Duration;

use openclaw_core::limits::STORED_MESSAGE_BYTES;

/// Most runs under way at one time. They mostly wait for a vendor; a model inside the process takes one at a time by itself.
pub(crate) const RUNNING: usize = 256;
/// Most runs that wait, over all conversations.
pub(crate) const WAITING: usize = 1024;
/// Most runs that wait in one conversation.
pub(crate) const WAITING_PER_CONVERSATION: usize = 64;
/// Most bytes of messages (text and attachments) that wait or are being answered.
pub(crate) const HELD_BYTES: usize = 256 * 1024 * 1024;
/// Longest text of one answer, in bytes.
pub(crate) const ANSWER_BYTES: usize = 1024 * 1024;
/// Most events of one run.
pub(crate) const EVENTS: usize = 128 * 1024;
/// Longest a run may take, from its first step to its end.
pub(crate) const RUN_TIME: Duration = Duration::from_secs(60 * 60);
/// Ended runs whose events stay in memory, for readers that come late.
pub(crate) const KEPT_RUNS: usize = 256;
/// How long they stay at most.
pub(crate) const KEPT_TIME: Duration = Duration::from_secs(60);
/// Bytes they hold together at most.
pub(crate) const KEPT_BYTES: usize = 1024 * 1024;
/// How long a run waits for a provider when there is none, before it fails.
pub(crate) const PROVIDER_WAIT: Duration = Duration::from_secs(60);
/// How long runs that were told to stop have to do so when the deadline of a drain has passed.
pub(crate) const STOP_TIME: Duration = Duration::from_secs(5);
/// Largest piece in which a text is told again from the record, in bytes.
pub(crate) const REPLAY_PIECE: usize = 16 * 1024;
/// Most tool calls of one step that run at one time; the others follow as these end.
pub(crate) const PARALLEL_CALLS: usize = 8;
/// Most tool calls of one step.
pub(crate) const CALLS_PER_STEP: usize = 64;
/// Longest a tool may work on a call. Whoever has the tool sees to it, and counts from when the work begins.
pub(crate) const TOOL_TIME: Duration = Duration::from_secs(300);
/// Longest a call is waited for, with what it waits for its turn: after that, whoever has the tool hangs.
pub(crate) const CALL_TIME: Duration = Duration::from_secs(900);
/// The same call in so many steps in a row gets a run nowhere.
pub(crate) const SAME_CALLS: usize = 3;
/// Longest tool result, in bytes; the rest is cut off and the model is told.
pub(crate) const TOOL_RESULT_BYTES: usize = 128 * 1024;
/// Longest note of what was cut off a tool result, its line break included.
const CUT_NOTE_BYTES: usize = 64;

// What a run writes down as one message must be small enough to be imported again.
const _: () = assert!(ANSWER_BYTES <= STORED_MESSAGE_BYTES);
const _: () = assert!(CALLS_PER_STEP * (TOOL_RESULT_BYTES + CUT_NOTE_BYTES) <= STORED_MESSAGE_BYTES);
