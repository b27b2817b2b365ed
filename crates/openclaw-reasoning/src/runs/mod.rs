//! Runs: their queue per conversation, their events, and what is kept of them.

mod approvals;
pub(crate) mod limits;
mod log;
#[cfg(test)]
mod log_tests;
mod queue;
mod registry;
mod replay;

pub(crate) use approvals::{Approvals, Word};
pub(crate) use log::EventLog;
pub(crate) use queue::{Place, Queue, Refused};
pub(crate) use registry::{Live, Registry};
pub(crate) use replay::{last_event, replay, step_event};
