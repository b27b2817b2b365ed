//! Bounds of the engine, each in one place.

use std::time::Duration;

/// Most events that wait in one chat; more are refused, visibly.
pub(crate) const CHAT_QUEUE: usize = 64;
/// Most events that wait, over all chats of a channel. Beyond that the platform has to wait.
pub(crate) const EVENTS: usize = 4096;
/// How long the worker of a quiet chat stays.
pub(crate) const CHAT_IDLE: Duration = Duration::from_secs(60);
/// Most answers of one chat that are on their way; further messages are refused, visibly.
pub(crate) const OPEN_ANSWERS: usize = 256;
/// How long a message waits for the agent to have room before it is refused, visibly.
pub(crate) const OVERLOADED: Duration = Duration::from_secs(60);
/// Longest quotation of the message that is replied to, in characters.
pub(crate) const QUOTE_CHARS: usize = 500;
/// Attempts to fetch a file.
pub(crate) const FETCHES: usize = 3;
/// Longest a file may take.
pub(crate) const FETCH: Duration = Duration::from_secs(60);
/// Most messages of one answer; a longer one comes as a file, where there are files.
pub(crate) const PARTS: usize = 8;
/// Most messages of one answer where there are no files; the rest is left out, visibly.
pub(crate) const PARTS_AT_MOST: usize = 64;
/// Attempts to say something that is not kept: a command's answer, a polite line.
pub(crate) const NOTICES: u32 = 4;
/// Longest wait between two attempts to send an answer.
pub(crate) const SEND_PAUSE: Duration = Duration::from_secs(60);
/// How long a stranger is not greeted again.
pub(crate) const GREETING: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a pairing code is good.
pub(crate) const CODE_TIME: Duration = Duration::from_secs(10 * 60);
/// Wrong codes after which the code is void.
pub(crate) const CODE_TRIES: u32 = 5;
/// Longest pause between two attempts to look for what was missed.
pub(crate) const LOOK_PAUSE: Duration = Duration::from_secs(600);
/// Longest pause between two attempts to connect.
pub(crate) const CONNECT_PAUSE: Duration = Duration::from_secs(60);
/// A connection that stood so long was a good one: the next pause is a short one again.
pub(crate) const GOOD_CONNECTION: Duration = Duration::from_secs(30);
/// How long a channel's tasks may take to end.
pub(crate) const END: Duration = Duration::from_secs(3);
