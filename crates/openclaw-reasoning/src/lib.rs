//! Reasoning: providers, routing between them, and the agent's turn.

mod provider;
mod retry;
mod routing;

pub use provider::{ModelEvent, ModelInfo, ModelRequest, ModelStream, Provider, ProviderError, StopReason};
pub use routing::{FailCause, ProviderSaid, Route, RouteError, RoutedStream, Router};
