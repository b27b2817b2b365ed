//! Small servers that speak like chat platforms, for the tests of our adapters. Each is proven first with the platform's own
//! client library (`tests/platforms/clients/`), so that what our adapter meets here is what it meets outside.
//!
//! A server is a library (`Telegram::start()` gives its address, what it was sent, and a lever for each fault) and a program
//! (`cargo run -p openclaw-platforms -- telegram --port 0`), which the foreign clients are pointed at.

mod args;
pub mod discord;
mod server;
pub mod slack;
pub mod telegram;

pub use discord::Discord;
pub use server::{Answer, Fault, Faults, Handler, Reply, Request, Server, Socket, Talk};
pub use slack::Slack;
pub use telegram::Telegram;
