//! What the tests of this folder share.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt as _;
use openclaw_core::{
    ContentBlock, Message, Metadata, Role, RunId, Secret, Timestamp, TokenUsage, ToolCall, ToolDefinition,
    config::{ProviderConfig, ProviderKind},
};
use openclaw_reasoning::{
    AnthropicProvider, HttpClient, ModelEvent, ModelRequest, OllamaProvider, OpenAiProvider, Provider,
    ProviderError, Route, RouteError, Router, StopReason,
};
use openclaw_testkit::ScriptedProvider;
use serde_json::json;

/// A key that must never be seen again.
pub(crate) const CANARY: &str = "sk-canary-9f8e7d6c5b4a";
/// Both vendors that stream by SSE.
pub(crate) const VENDORS: [ProviderKind; 2] = [ProviderKind::Anthropic, ProviderKind::OpenAi];

pub(crate) fn config(kind: ProviderKind, server: &ScriptedProvider) -> ProviderConfig {
    ProviderConfig {
        model: Some("test-model".into()),
        api_key: Some(Secret::new(CANARY)),
        base_url: Some(server.url()),
        ..ProviderConfig::new(kind)
    }
}

pub(crate) fn provider(config: &ProviderConfig) -> Arc<dyn Provider> {
    let client = HttpClient::new();
    match config.kind {
        ProviderKind::Anthropic => Arc::new(AnthropicProvider::new(config, client).unwrap()),
        ProviderKind::OpenAi => Arc::new(OpenAiProvider::new(config, client).unwrap()),
        ProviderKind::Ollama => Arc::new(OllamaProvider::new(config, client).unwrap()),
        ProviderKind::Local => unreachable!("has tests of its own"),
    }
}

pub(crate) fn route(name: &str, config: &ProviderConfig) -> Route {
    let max_retries = config.max_retries.unwrap_or(0);
    Route { name: name.into(), kind: config.kind, max_retries, provider: provider(config) }
}

pub(crate) fn message(role: Role, content: Vec<ContentBlock>) -> Message {
    Message {
        id: RunId::generate().reply_id(),
        role,
        content,
        timestamp: Timestamp::now(),
        metadata: Metadata::default(),
    }
}

pub(crate) fn text(role: Role, text: &str) -> Message {
    message(role, vec![ContentBlock::Text(text.into())])
}

pub(crate) fn request(messages: Vec<Message>) -> ModelRequest {
    ModelRequest {
        system: "Be brief.".into(),
        messages: messages.into_iter().map(Arc::new).collect(),
        ..ModelRequest::default()
    }
}

pub(crate) fn hello() -> ModelRequest {
    request(vec![text(Role::User, "hello")])
}

pub(crate) fn weather_tool() -> ToolDefinition {
    ToolDefinition {
        name: "weather.now".into(),
        description: "The weather".into(),
        parameters: json!({"type": "object", "properties": {"city": {"type": "string"}}}),
    }
}

/// An answer, read to its end.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) tokens: Vec<String>,
    pub(crate) calls: Vec<ToolCall>,
    pub(crate) usage: Option<TokenUsage>,
    pub(crate) stop: Option<StopReason>,
    pub(crate) error: Option<ProviderError>,
}

pub(crate) async fn ask(
    provider: &Arc<dyn Provider>,
    request: &ModelRequest,
) -> Result<Answer, ProviderError> {
    Ok(read(provider.stream(request).await?).await)
}

pub(crate) async fn ask_router(
    router: &Router,
    request: &ModelRequest,
) -> Result<(String, Answer), RouteError> {
    let routed = router.stream(request).await?;
    Ok((routed.provider, read(routed.events).await))
}

async fn read(mut events: openclaw_reasoning::ModelStream) -> Answer {
    let mut answer = Answer::default();
    let reading = async {
        while let Some(event) = events.next().await {
            match event {
                Ok(ModelEvent::Text(text)) => {
                    answer.text.push_str(&text);
                    answer.tokens.push(text);
                }
                Ok(ModelEvent::ToolCall(call)) => answer.calls.push(call),
                Ok(ModelEvent::Usage(usage)) => answer.usage = Some(usage),
                Ok(ModelEvent::Done(stop)) => {
                    assert_eq!(answer.stop.replace(stop), None, "done twice");
                }
                Err(error) => {
                    assert!(answer.error.is_none(), "an error after an error");
                    answer.error = Some(error);
                }
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), reading).await.unwrap();
    answer
}
