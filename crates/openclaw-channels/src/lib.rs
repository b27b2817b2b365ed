//! Channels: the chat platforms through which people reach the assistant.
//!
//! A platform is a folder with an [`Adapter`] that speaks its protocol. The engine does for all of them what is hard: a message is
//! in the log before the platform hears that we have it, comes twice and is answered once; an answer is sent until the
//! platform has it, also by the next process; a connection that is dead is seen and said; strangers are not served.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use openclaw_channels::{command, platforms, Command};
//!
//! assert_eq!(command("/new@my_bot"), Some(Command::New));
//! assert!(platforms().all(|platform| !platform.introduction().is_empty()));
//! # });
//! ```
//!
//! This crate must never know about the gateway's HTTP interface, the log's files or models: a message that comes in is submitted
//! to [`openclaw_core::port::AgentPort`], and what becomes of it is read from there.

mod access;
mod adapter;
mod channels;
mod commands;
mod error;
mod health;
mod inbound;
mod journal;
mod limits;
mod link;
pub mod markup;
mod message;
pub mod net;
mod notice;
mod open;
mod outbox;
mod pause;
mod platforms;
mod rate;
mod supervisor;
mod sync;

pub use adapter::{Abilities, Adapter, Key, Platform, Resolved, Setting, Unit};
pub use channels::{ChannelConfigs, Channels, FindPlatform, Parts};
pub use commands::{COMMANDS, Command, CommandInfo, command};
pub use error::{ConnectError, Misconfigured, SendError};
pub use journal::JournalError;
pub use link::{Link, Receipt};
pub use message::{Address, Body, Change, Event, Inbound, OutFile, Outgoing, RemoteFile, Sender};
pub use open::{probe, say};
pub use platforms::{platform, platforms};
pub use rate::{Limiter, Rule};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
