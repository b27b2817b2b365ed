//! The Discord adapter with the engine, against the small Discord that discord.py takes for the real one. Time is Tokio's, and paused:
//! what takes an hour takes a moment.
#![cfg(test)]

#[path = "../common/world.rs"]
#[macro_use]
mod world;

mod commands;
mod directs;
mod faults;
mod gaps;
#[path = "../common/host.rs"]
mod host;
mod refusals;
mod servers;
mod sessions;
mod support;
mod talk;
