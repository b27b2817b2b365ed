//! A model provider that answers by script: Anthropic's, OpenAI's and Ollama's API on one loopback port, chosen by the path.

mod body;
mod reply;
mod server;
mod wire;

pub use reply::{Reply, ScriptedCall};
pub use server::{Recorded, ScriptedProvider};
