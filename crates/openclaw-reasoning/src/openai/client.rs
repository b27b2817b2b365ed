//! The provider itself.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use async_trait::async_trait;
use openclaw_core::config::ProviderConfig;
use tracing::debug;

use super::convert::{Dialect, body, decoder};
use crate::{
    HttpClient, ModelInfo, ModelRequest, ModelStream, Provider, ProviderError,
    http::{Endpoint, Versioned},
    models,
    remote::{Remote, Vendor, with_key},
    tools::ToolNames,
};

const VENDOR: Vendor =
    Vendor { name: "OpenAI", base: "https://api.openai.com/v1", variable: "OPENAI_API_KEY" };
/// The vendor's own host.
const HOST: &str = "api.openai.com";

/// A model behind OpenAI's chat completions, or any server that speaks them.
#[derive(Debug)]
pub struct OpenAiProvider {
    remote: Remote,
    completion_tokens: AtomicBool,
    stream_options: AtomicBool,
}

impl OpenAiProvider {
    /// A provider by its configuration. Without a `base_url` the vendor's own server is meant, which wants an `api_key`.
    ///
    /// # Errors
    /// [`ProviderError::Misconfigured`], saying what is missing or wrong.
    pub fn new(config: &ProviderConfig, client: HttpClient) -> Result<Self, ProviderError> {
        let endpoint = Endpoint::new(VENDOR.base(config)?, Versioned::V1, "/chat/completions")?
            .header("content-type", "application/json")
            .header("accept", "text/event-stream");
        let endpoint = with_key(endpoint, config, "authorization", "Bearer ")?;
        let name = config.model.as_deref().unwrap_or(models::OPENAI_DEFAULT);
        Ok(Self {
            completion_tokens: AtomicBool::new(endpoint.is_host(HOST)),
            stream_options: AtomicBool::new(true),
            remote: Remote::new(name, endpoint, config, client),
        })
    }

    /// Learns from a refusal which of two ways of speaking this server wants. Whether there was something to learn.
    fn learn(&self, error: &ProviderError) -> bool {
        let ProviderError::Status { status: 400 | 422, message, .. } = error else { return false };
        let learned = if message.contains("max_completion_tokens") {
            !self.completion_tokens.swap(true, Relaxed)
        } else if message.contains("stream_options") {
            self.stream_options.swap(false, Relaxed)
        } else {
            false
        };
        if learned {
            debug!(model = %self.remote.model.name, "the server speaks another dialect; asking again in it");
        }
        learned
    }
}

#[async_trait]
impl Provider for OpenAiProvider {
    fn model(&self) -> ModelInfo {
        self.remote.model.clone()
    }

    async fn stream(&self, request: &ModelRequest) -> Result<ModelStream, ProviderError> {
        loop {
            let dialect = Dialect {
                completion_tokens: self.completion_tokens.load(Relaxed),
                stream_options: self.stream_options.load(Relaxed),
            };
            let names = ToolNames::new(&request.tools);
            let body = body(request, &self.remote, &names, dialect)?;
            match self.remote.ask(body, decoder(names)).await {
                // Each lesson can be learnt once, so this ends.
                Err(error) if self.learn(&error) => {}
                answer => return answer,
            }
        }
    }
}
