//! The Telegram adapter with the engine, against the small Bot API server that aiogram takes for Telegram. Time is Tokio's, and
//! paused: what takes an hour takes a moment.
#![cfg(test)]

#[path = "../common/world.rs"]
#[macro_use]
mod world;

mod faults;
mod groups;
#[path = "../common/host.rs"]
mod host;
mod looks;
mod refusals;
mod support;
mod talk;
