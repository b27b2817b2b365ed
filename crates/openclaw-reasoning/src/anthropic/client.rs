//! The provider itself.

use std::time::Duration;

use async_trait::async_trait;
use openclaw_core::config::ProviderConfig;

use super::{
    convert::{StreamDecoder, body},
    wire::VERSION,
};
use crate::{
    HttpClient, ModelInfo, ModelRequest, ModelStream, Provider, ProviderError,
    http::{Endpoint, Versioned},
    models,
    stream::{self, DEFAULT_TIMEOUT_MS},
    tools::ToolNames,
};

/// The vendor's own address.
const BASE: &str = "https://api.anthropic.com";

/// A model behind Anthropic's Messages API, or a server that speaks it.
#[derive(Debug)]
pub struct AnthropicProvider {
    client: HttpClient,
    endpoint: Endpoint,
    model: ModelInfo,
    temperature: Option<f32>,
    timeout: Duration,
}

impl AnthropicProvider {
    /// A provider by its configuration. Without a `base_url` the vendor's own server is meant, which wants an `api_key`.
    ///
    /// # Errors
    /// [`ProviderError::Misconfigured`], saying what is missing or wrong.
    pub fn new(config: &ProviderConfig, client: HttpClient) -> Result<Self, ProviderError> {
        let base = config.base_url.as_deref().unwrap_or(BASE);
        let mut endpoint = Endpoint::new(base, Versioned::V1, "/messages")?
            .header("content-type", "application/json")
            .header("accept", "text/event-stream")
            .header("anthropic-version", VERSION);
        match config.api_key.as_ref().filter(|key| !key.is_empty()) {
            Some(key) => endpoint = endpoint.key("x-api-key", "", key)?,
            None if config.base_url.is_none() => {
                let message =
                    "no key for Anthropic: set `api_key`, or ANTHROPIC_API_KEY in the environment".to_owned();
                return Err(ProviderError::Misconfigured { message });
            }
            None => {}
        }
        let name = config.model.as_deref().unwrap_or(models::ANTHROPIC_DEFAULT);
        Ok(Self {
            client,
            endpoint,
            model: models::info(name, config),
            temperature: config.temperature,
            timeout: Duration::from_millis(config.timeout_ms.unwrap_or(DEFAULT_TIMEOUT_MS)),
        })
    }
}

#[async_trait]
impl Provider for AnthropicProvider {
    fn model(&self) -> ModelInfo {
        self.model.clone()
    }

    async fn stream(&self, request: &ModelRequest) -> Result<ModelStream, ProviderError> {
        let body = body(request, &self.model, self.temperature)?;
        let answer = self.client.post(&self.endpoint, body.into(), self.timeout).await?;
        let decoder = StreamDecoder::new(ToolNames::new(&request.tools));
        Ok(stream::events(answer, decoder, self.endpoint.clone(), self.timeout))
    }
}
