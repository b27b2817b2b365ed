//! Skills as a program that embeds this crate has them: real directories, real sandboxes.
#![cfg(test)]
#![cfg(target_os = "linux")]

mod calls;
mod chosen;
mod containers;
mod directory;
mod engines;
mod escape;
mod images;
mod logged;
mod mcp;
mod memory;
mod network;
mod places;
mod support;
mod user;
