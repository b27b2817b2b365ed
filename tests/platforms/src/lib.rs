//! Small servers that speak like chat platforms, for the tests of our adapters. Each is proven first with the platform's own
//! client library (`tests/platforms/clients/`), so that what our adapter meets here is what it meets outside.
//!
//! A server is a library (`Telegram::start()` gives its address, what it was sent, and a lever for each fault) and a program
//! (`cargo run -p openclaw-platforms -- telegram --port 0`), which the foreign clients are pointed at.
//!
//! Matrix needs none of ours: [`Synapse`] is the real homeserver, and [`Proxy`] in front of it has the levers.

mod args;
pub mod discord;
mod proxy;
mod server;
pub mod slack;
pub mod synapse;
pub mod telegram;

pub use discord::Discord;
pub use proxy::Proxy;
pub use server::{Answer, Fault, Faults, Handler, Reply, Request, Server, Socket, Talk};
pub use slack::Slack;
pub use synapse::Synapse;
pub use telegram::Telegram;
