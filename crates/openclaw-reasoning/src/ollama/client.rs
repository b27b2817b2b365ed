//! The provider itself, and finding a server on this machine.

use std::time::Duration;

use async_trait::async_trait;
use openclaw_core::config::ProviderConfig;

use super::convert::{StreamDecoder, body, newest};
use crate::{
    HttpClient, ModelInfo, ModelRequest, ModelStream, Provider, ProviderError,
    http::{Endpoint, Versioned},
    remote::{Remote, with_key},
    tools::ToolNames,
};

/// Where Ollama listens unless told otherwise.
pub(crate) const BASE: &str = "http://127.0.0.1:11434";
/// Most of a list of models that is read.
const TAGS_BYTES: usize = 4 * 1024 * 1024;

/// A model behind an Ollama server.
#[derive(Debug)]
pub struct OllamaProvider {
    remote: Remote,
}

impl OllamaProvider {
    /// A provider by its configuration, which must name a model.
    ///
    /// # Errors
    /// [`ProviderError::Misconfigured`], saying what is missing or wrong.
    pub fn new(config: &ProviderConfig, client: HttpClient) -> Result<Self, ProviderError> {
        let Some(name) = config.model.as_deref() else {
            let message = "no model named for Ollama: set `model` to one that `ollama list` shows".to_owned();
            return Err(ProviderError::Misconfigured { message });
        };
        let base = config.base_url.as_deref().unwrap_or(BASE);
        let endpoint =
            Endpoint::new(base, Versioned::Bare, "/api/chat")?.header("content-type", "application/json");
        let endpoint = with_key(endpoint, config, "authorization", "Bearer ")?;
        Ok(Self { remote: Remote::new(name, endpoint, config, client) })
    }
}

#[async_trait]
impl Provider for OllamaProvider {
    fn model(&self) -> ModelInfo {
        self.remote.model.clone()
    }

    async fn stream(&self, request: &ModelRequest) -> Result<ModelStream, ProviderError> {
        let names = ToolNames::new(&request.tools);
        let body = body(request, &self.remote, &names)?;
        self.remote.ask(body, StreamDecoder::new(names)).await
    }
}

/// The newest model that talks at the Ollama server at `base`, when one answers within `wait`.
pub async fn newest_ollama_model(client: &HttpClient, base: &str, wait: Duration) -> Option<String> {
    let endpoint = Endpoint::new(base, Versioned::Bare, "/api/tags").ok()?;
    let found = tokio::time::timeout(wait, async {
        let mut answer = client.get(&endpoint, wait).await.ok()?;
        newest(&answer.collect(TAGS_BYTES, wait).await)
    });
    found.await.ok()?
}
