//! The wire contract of OpenClaw Gateway over raw hyper: REST, server-sent events and WebSocket.
//!
//! ```no_run
//! use std::{sync::Arc, time::Duration};
//!
//! use openclaw_core::config::GatewayConfig;
//! use openclaw_http::{Server, Services};
//! use tokio::sync::watch;
//! use tokio_util::sync::CancellationToken;
//!
//! # async fn example(services: Services) -> Result<(), Box<dyn std::error::Error>> {
//! let (_config_tx, config) = watch::channel(Arc::new(GatewayConfig::default()));
//! let server = Server::bind(config, services)?;
//! let shutdown = CancellationToken::new();
//! server.serve(shutdown, Duration::from_secs(10)).await?;
//! # Ok(())
//! # }
//! ```
//!
//! This crate must never know how a message is answered, remembered or configured: it reads requests, asks the ports of
//! [`openclaw_core::port`] and writes responses. It stores nothing, and what a client may not see does not pass
//! `respond`, the one place where an error becomes a status.

mod accept;
mod app;
mod approval;
mod auth;
mod authority;
mod body;
mod conn;
mod cors;
pub mod exchange;
#[doc(hidden)]
pub mod fuzzing;
mod handle;
mod headers;
mod limit;
mod limits;
mod memory_api;
#[cfg(feature = "openapi")]
pub mod openapi;
mod policy;
mod query;
mod request_id;
mod respond;
mod router;
mod routes;
mod server;
mod services;
mod sse;
mod submit;
mod text;
mod wire;
mod ws;

pub use limits::Limits;
pub use memory_api::{ApiAnswer, MemoryApi};
pub use server::{BindError, Server};
pub use services::Services;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
