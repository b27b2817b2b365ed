//! The provider itself.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use async_trait::async_trait;
use openclaw_core::config::ProviderConfig;
use tracing::debug;

use super::convert::{Dialect, StreamDecoder, body};
use crate::{
    HttpClient, ModelInfo, ModelRequest, ModelStream, Provider, ProviderError,
    http::{Endpoint, Versioned},
    models,
    stream::{self, DEFAULT_TIMEOUT_MS},
    tools::ToolNames,
};

/// The vendor's own address.
const BASE: &str = "https://api.openai.com/v1";
/// The vendor's own host.
const HOST: &str = "api.openai.com";

/// A model behind OpenAI's chat completions, or any server that speaks them.
#[derive(Debug)]
pub struct OpenAiProvider {
    client: HttpClient,
    endpoint: Endpoint,
    model: ModelInfo,
    temperature: Option<f32>,
    timeout: Duration,
    completion_tokens: AtomicBool,
    stream_options: AtomicBool,
}

impl OpenAiProvider {
    /// A provider by its configuration. Without a `base_url` the vendor's own server is meant, which wants an `api_key`.
    ///
    /// # Errors
    /// [`ProviderError::Misconfigured`], saying what is missing or wrong.
    pub fn new(config: &ProviderConfig, client: HttpClient) -> Result<Self, ProviderError> {
        let base = config.base_url.as_deref().unwrap_or(BASE);
        let mut endpoint = Endpoint::new(base, Versioned::V1, "/chat/completions")?
            .header("content-type", "application/json")
            .header("accept", "text/event-stream");
        match config.api_key.as_ref().filter(|key| !key.is_empty()) {
            Some(key) => endpoint = endpoint.key("authorization", "Bearer ", key)?,
            None if config.base_url.is_none() => {
                let message =
                    "no key for OpenAI: set `api_key`, or OPENAI_API_KEY in the environment".to_owned();
                return Err(ProviderError::Misconfigured { message });
            }
            None => {}
        }
        let name = config.model.as_deref().unwrap_or(models::OPENAI_DEFAULT);
        Ok(Self {
            client,
            completion_tokens: AtomicBool::new(endpoint.is_host(HOST)),
            stream_options: AtomicBool::new(true),
            endpoint,
            model: models::info(name, config),
            temperature: config.temperature,
            timeout: Duration::from_millis(config.timeout_ms.unwrap_or(DEFAULT_TIMEOUT_MS)),
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
            debug!(model = %self.model.name, "the server speaks another dialect; asking again in it");
        }
        learned
    }
}

#[async_trait]
impl Provider for OpenAiProvider {
    fn model(&self) -> ModelInfo {
        self.model.clone()
    }

    async fn stream(&self, request: &ModelRequest) -> Result<ModelStream, ProviderError> {
        loop {
            let dialect = Dialect {
                completion_tokens: self.completion_tokens.load(Relaxed),
                stream_options: self.stream_options.load(Relaxed),
            };
            let body = body(request, &self.model, self.temperature, dialect)?;
            let answer = match self.client.post(&self.endpoint, body.into(), self.timeout).await {
                // Each lesson can be learnt once, so this ends.
                Err(error) if self.learn(&error) => continue,
                answer => answer?,
            };
            let decoder = StreamDecoder::new(ToolNames::new(&request.tools));
            return Ok(stream::events(answer, decoder, self.endpoint.clone(), self.timeout));
        }
    }
}
