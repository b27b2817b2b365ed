//! Channels: the chat platforms through which people reach the assistant.
//!
//! This version has no adapter yet: every configured channel is shown, as disconnected, with the reason.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use std::{collections::BTreeMap, sync::Arc};
//!
//! use openclaw_channels::Channels;
//! use openclaw_core::{config::ChannelConfig, port::ChannelPort as _};
//! use tokio::sync::watch;
//!
//! let configured = BTreeMap::from([("telegram".to_owned(), ChannelConfig::default())]);
//! let (_config_tx, config) = watch::channel(Arc::new(configured));
//! let channels = Channels::new(config);
//! assert_eq!(channels.list().await.len(), 1);
//! # });
//! ```
//!
//! This crate must never know about the gateway's HTTP interface, the log or models: a message that comes in is submitted to
//! [`openclaw_core::port::AgentPort`], and nothing else.

mod channels;
pub mod markup;

pub use channels::Channels;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
