//! A model behind somebody's HTTP API: what every vendor's adapter keeps, and how each of them asks.

mod sse_events;

use std::{collections::VecDeque, time::Duration};

use openclaw_core::{Secret, config::ProviderConfig};
use serde::Serialize;

pub(crate) use self::sse_events::{EventReader, SseEvents};
use crate::{
    HttpClient, ModelInfo, ModelStream, ProviderError,
    http::Endpoint,
    models,
    stream::{self, DEFAULT_TIMEOUT_MS, Decoder},
};

/// A model, and all it takes to ask it.
#[derive(Debug)]
pub(crate) struct Remote {
    client: HttpClient,
    endpoint: Endpoint,
    pub(crate) model: ModelInfo,
    pub(crate) temperature: Option<f32>,
    timeout: Duration,
}

impl Remote {
    /// The model `name`, asked at `endpoint`.
    pub(crate) fn new(name: &str, endpoint: Endpoint, config: &ProviderConfig, client: HttpClient) -> Self {
        Self {
            client,
            endpoint,
            model: models::info(name, config),
            temperature: config.temperature,
            timeout: Duration::from_millis(config.timeout_ms.unwrap_or(DEFAULT_TIMEOUT_MS)),
        }
    }

    /// Posts `body` and has `decoder` read the answer. Returns once the server has accepted the request.
    pub(crate) async fn ask(
        &self,
        body: Vec<u8>,
        decoder: impl Decoder,
    ) -> Result<ModelStream, ProviderError> {
        let answer = self.client.post(&self.endpoint, body.into(), self.timeout).await?;
        Ok(stream::events(answer, decoder, self.endpoint.clone(), self.timeout))
    }
}

/// Whose server is meant when the configuration names none.
pub(crate) struct Vendor {
    pub(crate) name: &'static str,
    pub(crate) base: &'static str,
    /// Where in the environment its key is looked for.
    pub(crate) variable: &'static str,
}

impl Vendor {
    /// The address to ask at: the configured one, or the vendor's own, which wants a key.
    pub(crate) fn base<'a>(&self, config: &'a ProviderConfig) -> Result<&'a str, ProviderError> {
        match config.base_url.as_deref() {
            Some(base) => Ok(base),
            None if key(config).is_some() => Ok(self.base),
            None => {
                let Self { name, variable, .. } = self;
                let message = format!("no key for {name}: set `api_key`, or {variable} in the environment");
                Err(ProviderError::Misconfigured { message })
            }
        }
    }
}

/// `endpoint` with the configured key, if there is one, after `prefix` in `header`.
pub(crate) fn with_key(
    endpoint: Endpoint,
    config: &ProviderConfig,
    header: &'static str,
    prefix: &str,
) -> Result<Endpoint, ProviderError> {
    match key(config) {
        Some(key) => endpoint.key(header, prefix, key),
        None => Ok(endpoint),
    }
}

fn key(config: &ProviderConfig) -> Option<&Secret> {
    config.api_key.as_ref().filter(|key| !key.is_empty())
}

/// A request as JSON.
pub(crate) fn to_json(body: &impl Serialize) -> Result<Vec<u8>, ProviderError> {
    serde_json::to_vec(body).map_err(|error| ProviderError::Malformed {
        message: format!("the request can't be written: {error}"),
    })
}

/// Feeds `bytes`, cut small, to `decoder`, for the fuzzer: whatever they are, this returns.
pub(crate) fn fuzz_decode(mut decoder: impl Decoder, bytes: &[u8]) {
    let mut events = VecDeque::new();
    if bytes.chunks(7).try_for_each(|chunk| decoder.feed(chunk, &mut events)).is_ok() {
        decoder.end(&mut events);
    }
}
