//! Asks language models and turns their answers into an agent's turn: providers, routing between them, the turn loop and its
//! queue of runs.
//!
//! ```
//! use openclaw_reasoning::{ModelRequest, RouteError, Router};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let nobody = Router::new(Vec::new());
//! let error = nobody.stream(&ModelRequest::default()).await.unwrap_err();
//! assert!(matches!(error, RouteError::NoProvider));
//! let told = openclaw_core::Failure::from(&error);
//! assert!(told.message.contains("ANTHROPIC_API_KEY"));
//! # }
//! ```
//!
//! This crate must never know about HTTP servers, files of the gateway's or its configuration file; it meets memory and tools
//! through the ports of `openclaw-core` alone. It reads no environment (reqwest asks the system for its proxy), and no error of
//! it ever holds a key.

mod agent;
mod anthropic;
mod context;
mod distill;
mod http;
mod memory_tools;
mod models;
mod ollama;
mod openai;
mod prompt;
mod provider;
mod remote;
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
pub use distill::Distiller;
pub use http::HttpClient;
pub use memory_tools::{JoinedTools, MemoryTools};
pub use ollama::{OllamaProvider, newest_ollama_model};
pub use openai::OpenAiProvider;
pub use prompt::plain_text;
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

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
