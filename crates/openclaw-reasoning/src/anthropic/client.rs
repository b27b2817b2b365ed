//! The provider itself.

use async_trait::async_trait;
use openclaw_core::config::ProviderConfig;

use super::{
    convert::{body, decoder},
    wire::VERSION,
};
use crate::{
    HttpClient, ModelInfo, ModelRequest, ModelStream, Provider, ProviderError,
    http::{Endpoint, Versioned},
    models,
    remote::{Remote, Vendor, with_key},
    tools::ToolNames,
};

const VENDOR: Vendor =
    Vendor { name: "Anthropic", base: "https://api.anthropic.com", variable: "ANTHROPIC_API_KEY" };

/// A model behind Anthropic's Messages API, or a server that speaks it.
#[derive(Debug)]
pub struct AnthropicProvider {
    remote: Remote,
}

impl AnthropicProvider {
    /// A provider by its configuration. Without a `base_url` the vendor's own server is meant, which wants an `api_key`.
    ///
    /// # Errors
    /// [`ProviderError::Misconfigured`], saying what is missing or wrong.
    pub fn new(config: &ProviderConfig, client: HttpClient) -> Result<Self, ProviderError> {
        let endpoint = Endpoint::new(VENDOR.base(config)?, Versioned::V1, "/messages")?
            .header("content-type", "application/json")
            .header("accept", "text/event-stream")
            .header("anthropic-version", VERSION);
        let endpoint = with_key(endpoint, config, "x-api-key", "")?;
        let name = config.model.as_deref().unwrap_or(models::ANTHROPIC_DEFAULT);
        Ok(Self { remote: Remote::new(name, endpoint, config, client) })
    }
}

#[async_trait]
impl Provider for AnthropicProvider {
    fn model(&self) -> ModelInfo {
        self.remote.model.clone()
    }

    async fn stream(&self, request: &ModelRequest) -> Result<ModelStream, ProviderError> {
        let names = ToolNames::new(&request.tools);
        let body = body(request, &self.remote, &names)?;
        self.remote.ask(body, decoder(names)).await
    }
}
