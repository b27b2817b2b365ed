//! Bounds of skills, each in one place. What users may set is in [`openclaw_core::config::SkillLimits`].

use std::time::Duration;

/// Longest wall-clock time of a call.
pub(crate) const CALL_TIME: Duration = Duration::from_secs(300);
/// Longest wait for a free place before a call begins.
pub(crate) const WAIT_TIME: Duration = Duration::from_secs(60);
/// Calls that may wait for a place; more are refused at once.
pub(crate) const WAITING: usize = 256;
/// Arguments of a call, in bytes of JSON.
pub(crate) const ARGUMENT_BYTES: usize = 1024 * 1024;
/// What a skill may write on standard output; past it the skill is ended and its result cut.
pub(crate) const OUTPUT_BYTES: usize = 1024 * 1024;
/// What is kept of standard error: its end.
pub(crate) const COMPLAINT_BYTES: usize = 4 * 1024;
/// What a skill may write on standard error before it is ended.
pub(crate) const NOISE_BYTES: usize = 8 * 1024 * 1024;
/// Largest file a skill may write.
pub(crate) const FILE_BYTES: u64 = 64 * 1024 * 1024;
/// Files open at the same time in each of a skill's processes.
pub(crate) const OPEN_FILES: u64 = 512;
/// How long a prepared sandbox waits for a call.
pub(crate) const WARM_TIME: Duration = Duration::from_secs(5 * 60);
/// How long an MCP server waits for the next call of its conversation.
pub(crate) const SESSION_TIME: Duration = Duration::from_secs(5 * 60);
/// Longest life of an MCP server, whatever is asked of it.
pub(crate) const SESSION_LIFE: Duration = Duration::from_secs(60 * 60);
/// How long an MCP server may take to answer its first questions.
pub(crate) const SESSION_START: Duration = Duration::from_secs(30);
/// Tools of one MCP server that are offered.
pub(crate) const SESSION_TOOLS: usize = 64;
/// Names and parameters of all tools of one MCP server, in bytes of JSON: each prompt carries them.
pub(crate) const OFFER_BYTES: usize = 256 * 1024;
/// Longest name of a tool, in characters, as MCP has it.
pub(crate) const TOOL_NAME_CHARS: usize = 128;
/// Longest description of a tool, in bytes.
pub(crate) const DESCRIPTION_BYTES: usize = 2048;
/// Largest file of a skill that is shown to a model, in bytes.
pub(crate) const READ_BYTES: usize = 64 * 1024;
/// How long the folders that a skill was granted may take to answer.
pub(crate) const GRANT_TIME: Duration = Duration::from_secs(10);
/// How long somebody who wants to change the skills directory waits for another who does.
pub(crate) const LOCK_TIME: Duration = Duration::from_secs(30);
/// How long what is offered to models waits until a sandbox engine is chosen.
pub(crate) const CHOICE_TIME: Duration = Duration::from_secs(10);
/// How often the skills directory is looked at.
pub(crate) const LOOK: Duration = Duration::from_secs(1);
