//! Reasoning: providers, routing between them, and the agent's turn.

mod provider;

pub use provider::{ModelEvent, ModelInfo, ModelRequest, ModelStream, Provider, ProviderError, StopReason};
