//! Ollama's API, and finding a server.

use std::time::Duration;

use openclaw_core::{Role, TokenUsage, config::ProviderKind};
use openclaw_reasoning::{HttpClient, ProviderError, StopReason, newest_ollama_model};
use openclaw_testkit::{Reply, ScriptedCall, ScriptedProvider};
use serde_json::json;

use super::kit::{
    ask, body_of, config, fenced, hello, look, message, provider, request, weather_call, weather_result,
    weather_tool,
};

const KIND: ProviderKind = ProviderKind::Ollama;

#[tokio::test]
async fn a_plain_answer_streams_however_its_lines_are_cut() {
    for split in [1, 13, 100_000] {
        let server =
            ScriptedProvider::start([Reply::text("one two três").usage(12, 0, 3).split_every(split)]).await;
        let answer = ask(&provider(&config(KIND, &server)), &hello()).await.unwrap();
        assert_eq!(answer.tokens, ["one ", "two ", "três"]);
        assert_eq!(answer.usage, Some(TokenUsage { input: 12, output: 3 }));
        assert_eq!(answer.stop, Some(StopReason::EndTurn));
        assert_eq!(server.requests()[0].path, "/api/chat");
    }
}

#[tokio::test]
async fn the_request_is_what_the_server_documents() {
    let mut asked = request(vec![
        look("look"),
        message(Role::Assistant, vec![weather_call("call_1", "Oslo")]),
        weather_result("call_1", "rain", false),
    ]);
    asked.tools = vec![weather_tool()];
    let body = body_of(KIND, &asked, |config| {
        (config.vision, config.temperature, config.context_window) = (Some(true), Some(0.5), Some(16_384));
    });
    assert_eq!(
        body.await,
        json!({
            "model": "test-model",
            "stream": true,
            "options": {"num_ctx": 16_384, "num_predict": 4096, "temperature": 0.5},
            "tools": [{"type": "function", "function": {
                "name": "weather_now",
                "description": "The weather",
                "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
            }}],
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "look", "images": ["iVBORw=="]},
                {"role": "assistant", "content": "", "tool_calls": [
                    {"function": {"name": "weather_now", "arguments": {"city": "Oslo"}}},
                ]},
                {"role": "tool", "content": fenced("call_1", "rain"), "tool_name": "weather_now"},
            ],
        })
    );
}

#[tokio::test]
async fn tool_calls_get_ids_and_their_own_names_back() {
    let calls = [
        ScriptedCall::new("", "weather_now", json!({"city": "Oslo"})),
        ScriptedCall::new("", "weather_now", json!(null)),
    ];
    let server = ScriptedProvider::start([Reply::calls(calls)]).await;
    let mut asked = hello();
    asked.tools = vec![weather_tool()];
    let answer = ask(&provider(&config(KIND, &server)), &asked).await.unwrap();
    assert_eq!(answer.calls[0].name, "weather.now");
    assert_ne!(answer.calls[0].id, answer.calls[1].id);
    assert_eq!(answer.calls[1].arguments, json!({}));
    assert_eq!(answer.stop, Some(StopReason::ToolUse));
}

#[tokio::test]
async fn errors_and_bounds_are_told() {
    let server = ScriptedProvider::start([
        Reply::error(404, "model 'x' not found"),
        Reply::text("a b").error_after(1, "", "out of memory"),
        Reply::text("a").stop_reason("length"),
    ])
    .await;
    let provider = provider(&config(KIND, &server));
    let error = ask(&provider, &hello()).await.unwrap_err();
    assert_eq!(error.to_string(), "HTTP 404: model 'x' not found");
    let broken = ask(&provider, &hello()).await.unwrap();
    assert!(matches!(broken.error, Some(ProviderError::Status { status: 500, .. })), "{broken:?}");
    assert_eq!(ask(&provider, &hello()).await.unwrap().stop, Some(StopReason::MaxTokens));
}

#[tokio::test]
async fn a_server_is_found_with_its_newest_model() {
    let server = ScriptedProvider::start([Reply::text("ok")]).await;
    let client = HttpClient::new();
    let wait = Duration::from_secs(10);
    assert_eq!(newest_ollama_model(&client, &server.url(), wait).await, None, "no model yet");
    server.set_ollama_models(&[
        ("old:1b", "2026-01-01T00:00:00Z"),
        ("new:1b", "2026-10-01T00:00:00+02:00"),
        ("mxbai-embed-large", "2026-11-01T00:00:00Z"),
    ]);
    assert_eq!(newest_ollama_model(&client, &server.url(), wait).await.as_deref(), Some("new:1b"));
}
