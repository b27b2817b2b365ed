//! The Slack adapter with the engine, against the small Slack server that slack_bolt takes for Slack. Time is Tokio's, and paused.
#![cfg(test)]

#[path = "../common/world.rs"]
#[macro_use]
mod world;

mod away;
mod faults;
#[path = "../common/host.rs"]
mod host;
mod sockets;
mod support;
mod talk;
