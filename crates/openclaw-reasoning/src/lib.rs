//! Reasoning: providers, routing between them, and the agent's turn.

mod agent;
mod anthropic;
mod context;
mod http;
#[cfg(feature = "local")]
pub mod local;
mod models;
mod ollama;
mod openai;
mod prompt;
mod provider;
mod retry;
pub mod routes;
mod routing;
mod runs;
mod sse;
mod stream;
mod text;
mod tools;
mod turn;

pub use agent::{Agent, AgentOptions, Persona};
pub use anthropic::AnthropicProvider;
pub use http::HttpClient;
pub use ollama::{OllamaProvider, newest_ollama_model};
pub use openai::OpenAiProvider;
pub use provider::{ModelEvent, ModelInfo, ModelRequest, ModelStream, Provider, ProviderError, StopReason};
pub use routing::{FailCause, ProviderSaid, Route, RouteError, RoutedStream, Router};
pub use sse::{EventTooLong, MAX_EVENT_BYTES, SseDecoder};

/// Decoders of foreign bytes, for the fuzzer.
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::{
        anthropic::fuzz_decode as anthropic, ollama::fuzz_decode as ollama, openai::fuzz_decode as openai,
    };
}
