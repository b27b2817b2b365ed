//! The Matrix adapter with the engine, against a real Synapse through a proxy that goes wrong. Without one, the tests say `SKIPPED:`.
#![cfg(test)]

#[path = "../common/world.rs"]
#[macro_use]
mod world;

mod answers;
mod burst;
mod faults;
#[path = "../common/host.rs"]
mod host;
mod kills;
mod rooms;
mod support;
mod talk;
mod tokens;
