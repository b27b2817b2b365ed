//! From the configuration, and from what is found on the machine, to a [`Router`].

use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use openclaw_core::{
    Secret,
    config::{ProviderConfig, ProviderKind, RoutingConfig},
};
use tracing::{info, warn};

use crate::{
    AnthropicProvider, HttpClient, ModelInfo, ModelRequest, ModelStream, OllamaProvider, OpenAiProvider,
    Provider, ProviderError, Route, Router, models, newest_ollama_model,
};

/// How long Ollama may take to say what it has.
const OLLAMA_WAIT: Duration = Duration::from_millis(300);
/// Attempts after the first when the configuration does not say.
const MAX_RETRIES: u32 = 2;
/// Name of the provider that is asked first.
const PRIMARY: &str = "primary";

/// Makes the model inside the process: from a configured provider, or with `None` from whatever default file is there.
/// [`ProviderError::Misconfigured`] says that there is no file. Called on a thread that may block.
pub type LocalFactory =
    Arc<dyn Fn(Option<&ProviderConfig>) -> Result<Arc<dyn Provider>, ProviderError> + Send + Sync>;

/// Keys that were found in the environment, by whoever reads it.
#[derive(Debug, Clone, Default)]
pub struct EnvKeys {
    /// `ANTHROPIC_API_KEY`.
    pub anthropic: Option<Secret>,
    /// `OPENAI_API_KEY`.
    pub openai: Option<Secret>,
    /// `ANTHROPIC_BASE_URL`: where that key is good for, when not at the vendor's own address.
    pub anthropic_base_url: Option<String>,
    /// `OPENAI_BASE_URL`, likewise.
    pub openai_base_url: Option<String>,
}

/// What routes are made from.
#[derive(Clone)]
pub struct BuildInput<'a> {
    /// Configured providers by name.
    pub config: &'a BTreeMap<String, ProviderConfig>,
    /// Which of them are asked when the first can't answer.
    pub routing: &'a RoutingConfig,
    /// Keys of the environment.
    pub env: EnvKeys,
    /// Where to look for Ollama when nothing is configured; `None` looks nowhere. Usually [`OLLAMA_BASE`].
    pub ollama_base: Option<&'a str>,
    /// The model inside the process, where this program has one.
    pub local_factory: Option<LocalFactory>,
    /// Connections, kept over rebuilds by passing the same one.
    pub client: HttpClient,
}

/// Where Ollama listens unless told otherwise.
pub const OLLAMA_BASE: &str = crate::ollama::BASE;

impl fmt::Debug for BuildInput<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuildInput")
            .field("config", &self.config)
            .field("routing", &self.routing)
            .field("env", &self.env)
            .field("ollama_base", &self.ollama_base)
            .field("local_factory", &self.local_factory.is_some())
            .finish_non_exhaustive()
    }
}

/// Makes the router: what is configured; else the first key of the environment; else Ollama, when it answers within
/// 300 ms and has a model; else the model inside the process, when its file is there; else nobody.
///
/// Of what is configured, `primary` is asked first and then `routing.fallback` in its order; without a `primary` the order of
/// `routing.fallback` alone counts, and without that too the first by name. Nobody else is asked. A provider that can't be
/// used as configured keeps its place and says why whenever it is asked, so that its fallbacks still work.
pub async fn build(input: BuildInput<'_>) -> Router {
    let routes = if input.config.is_empty() { found(&input).await } else { configured(&input).await };
    match routes.first() {
        Some(route) => {
            let fallbacks = routes.len() - 1;
            let model = route.provider.model().name;
            info!(provider = %route.name, kind = route.kind.as_str(), %model, fallbacks, "model provider chosen");
        }
        // Whoever starts the gateway or sends a message is told what to do; here it is no fault yet.
        None => info!("no model provider is configured, and none was found on this machine"),
    }
    Router::new(routes)
}

async fn configured(input: &BuildInput<'_>) -> Vec<Route> {
    let mut names: Vec<&str> = Vec::new();
    let fallback = input.routing.fallback.iter().map(String::as_str);
    for name in std::iter::once(PRIMARY).chain(fallback) {
        if input.config.contains_key(name) && !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        names.extend(input.config.keys().next().map(String::as_str));
    }
    let mut routes = Vec::with_capacity(names.len());
    for name in names {
        let Some(config) = input.config.get(name) else { continue };
        let provider = provider(config, input).await.unwrap_or_else(|error| {
            warn!(provider = name, %error, "a configured provider can't be used");
            Arc::new(Unusable { error: in_place(name, error), model: unusable_model(config) })
        });
        routes.push(Route {
            name: name.to_owned(),
            kind: config.kind,
            max_retries: config.max_retries.unwrap_or(MAX_RETRIES),
            provider,
        });
    }
    routes
}

async fn provider(
    config: &ProviderConfig,
    input: &BuildInput<'_>,
) -> Result<Arc<dyn Provider>, ProviderError> {
    let client = input.client.clone();
    Ok(match config.kind {
        ProviderKind::Anthropic => {
            Arc::new(AnthropicProvider::new(&with_key(config, input.env.anthropic.as_ref()), client)?)
        }
        ProviderKind::OpenAi => {
            Arc::new(OpenAiProvider::new(&with_key(config, input.env.openai.as_ref()), client)?)
        }
        ProviderKind::Ollama => Arc::new(OllamaProvider::new(config, client)?),
        ProviderKind::Local => local(input, Some(config)).await?,
    })
}

/// A configured provider without a key of its own takes the environment's, but only to the vendor's own address.
fn with_key(config: &ProviderConfig, key: Option<&Secret>) -> ProviderConfig {
    let mut config = config.clone();
    if config.api_key.as_ref().is_none_or(Secret::is_empty) && config.base_url.is_none() {
        config.api_key = key.cloned();
    }
    config
}

async fn local(
    input: &BuildInput<'_>,
    config: Option<&ProviderConfig>,
) -> Result<Arc<dyn Provider>, ProviderError> {
    match &input.local_factory {
        Some(make) => {
            let (make, config) = (Arc::clone(make), config.cloned());
            // It reads the head of a file of any size, on a disk that may be slow.
            let made = tokio::task::spawn_blocking(move || make(config.as_ref())).await;
            made.unwrap_or_else(|error| {
                let message = format!("the model inside the process could not be set up: {error}");
                Err(ProviderError::Misconfigured { message })
            })
        }
        None => Err(ProviderError::Misconfigured {
            message: "this program was built without models of its own (feature `local`)".to_owned(),
        }),
    }
}

async fn found(input: &BuildInput<'_>) -> Vec<Route> {
    let keys = [
        (ProviderKind::Anthropic, &input.env.anthropic, &input.env.anthropic_base_url),
        (ProviderKind::OpenAi, &input.env.openai, &input.env.openai_base_url),
    ];
    for (kind, key, base_url) in keys {
        if let Some(key) = key.as_ref().filter(|key| !key.is_empty()) {
            let config = ProviderConfig {
                api_key: Some(key.clone()),
                base_url: base_url.clone().filter(|base| !base.is_empty()),
                ..ProviderConfig::new(kind)
            };
            match provider(&config, input).await {
                Ok(provider) => return vec![only(kind, provider)],
                Err(error) => warn!(kind = kind.as_str(), %error, "a key of the environment can't be used"),
            }
        }
    }
    if let Some(base) = input.ollama_base
        && let Some(model) = newest_ollama_model(&input.client, base, OLLAMA_WAIT).await
    {
        let config = ProviderConfig {
            model: Some(model),
            base_url: Some(base.to_owned()),
            ..ProviderConfig::new(ProviderKind::Ollama)
        };
        if let Ok(provider) = provider(&config, input).await {
            return vec![only(ProviderKind::Ollama, provider)];
        }
    }
    if input.local_factory.is_some()
        && let Ok(provider) = local(input, None).await
    {
        return vec![only(ProviderKind::Local, provider)];
    }
    Vec::new()
}

fn only(kind: ProviderKind, provider: Arc<dyn Provider>) -> Route {
    Route { name: kind.as_str().to_owned(), kind, max_retries: MAX_RETRIES, provider }
}

fn in_place(name: &str, error: ProviderError) -> ProviderError {
    match error {
        ProviderError::Misconfigured { message } => {
            ProviderError::Misconfigured { message: format!("`providers.{name}`: {message}") }
        }
        other => other,
    }
}

fn unusable_model(config: &ProviderConfig) -> ModelInfo {
    let name = config.model.as_deref().unwrap_or(match config.kind {
        ProviderKind::Anthropic => models::ANTHROPIC_DEFAULT,
        ProviderKind::OpenAi => models::OPENAI_DEFAULT,
        ProviderKind::Ollama | ProviderKind::Local => "none",
    });
    models::info(name, config)
}

/// Keeps the place of a provider that can't be used, and says why.
struct Unusable {
    error: ProviderError,
    model: ModelInfo,
}

#[async_trait]
impl Provider for Unusable {
    fn model(&self) -> ModelInfo {
        self.model.clone()
    }

    async fn stream(&self, _: &ModelRequest) -> Result<ModelStream, ProviderError> {
        Err(self.error.clone())
    }
}
