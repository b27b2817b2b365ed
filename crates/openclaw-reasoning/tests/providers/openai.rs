//! Chat completions: what we send, and what we make of what servers send that are more or less compatible.

use openclaw_core::{Role, TokenUsage, config::ProviderKind};
use openclaw_reasoning::{ProviderError, StopReason};
use openclaw_testkit::{Reply, ScriptedCall, ScriptedProvider};
use serde_json::json;

use super::kit::{
    Answer, CANARY, answer_of, ask, assert_stops, body_of, config, fenced, hello, look, message, provider,
    request, text, weather_call, weather_result, weather_tool,
};

const KIND: ProviderKind = ProviderKind::OpenAi;

/// What is made of these chunks, each a `data:` line.
async fn chunks(chunks: &[&str]) -> Answer {
    let stream: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    answer_of(KIND, Reply::raw_stream(stream)).await
}

#[tokio::test]
async fn a_plain_answer_streams_token_by_token_with_its_counts() {
    let server = ScriptedProvider::start([Reply::text("one two three").usage(120, 100, 3)]).await;
    let answer = ask(&provider(&config(KIND, &server)), &hello()).await.unwrap();
    assert_eq!(answer.tokens, ["one ", "two ", "three"]);
    assert_eq!(answer.usage, Some(TokenUsage { input: 120, output: 3 }));
    assert_eq!((answer.stop, answer.error.is_none()), (Some(StopReason::EndTurn), true));
    let asked = &server.requests()[0];
    assert_eq!(asked.path, "/v1/chat/completions");
    assert_eq!(asked.header("authorization"), Some(format!("Bearer {CANARY}").as_str()));
}

#[tokio::test]
async fn the_address_may_end_in_v1() {
    let server = ScriptedProvider::start([Reply::text("ok")]).await;
    let mut config = config(KIND, &server);
    config.base_url = Some(format!("{}/v1/", server.url()));
    config.api_key = None;
    ask(&provider(&config), &hello()).await.unwrap();
    let asked = &server.requests()[0];
    assert_eq!((asked.path.as_str(), asked.header("authorization")), ("/v1/chat/completions", None));
}

#[tokio::test]
async fn the_request_is_what_the_vendor_documents() {
    let mut asked = request(vec![
        text(Role::User, "weather?"),
        message(Role::Assistant, vec![weather_call("call_1", "Oslo")]),
        weather_result("call_1", "rain", false),
        look("and this?"),
    ]);
    asked.tools = vec![weather_tool()];
    assert_eq!(
        body_of(KIND, &asked, |config| config.vision = Some(true)).await,
        json!({
            "model": "test-model",
            "stream": true,
            "stream_options": {"include_usage": true},
            "max_tokens": 4096,
            "tools": [{"type": "function", "function": {
                "name": "weather_now",
                "description": "The weather",
                "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
            }}],
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "weather?"},
                {"role": "assistant", "content": null, "tool_calls": [{
                    "id": "call_1", "type": "function",
                    "function": {"name": "weather_now", "arguments": "{\"city\":\"Oslo\"}"},
                }]},
                {"role": "tool", "tool_call_id": "call_1", "content": fenced("call_1", "rain")},
                {"role": "user", "content": [
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
                    {"type": "text", "text": "and this?"},
                ]},
            ],
        })
    );
}

#[tokio::test]
async fn tool_calls_are_put_together_from_their_pieces() {
    let calls = [
        ScriptedCall::new("call_1", "weather_now", json!({"city": "서울 \"x\"", "days": [1, 2]})),
        ScriptedCall::new("call_2", "clock", json!({})),
    ];
    for split in [1, 7, 100_000] {
        let server = ScriptedProvider::start([Reply::calls(calls.clone()).split_every(split)]).await;
        let mut asked = hello();
        asked.tools = vec![weather_tool()];
        let answer = ask(&provider(&config(KIND, &server)), &asked).await.unwrap();
        assert_eq!((answer.calls[0].id.as_str(), answer.calls[0].name.as_str()), ("call_1", "weather.now"));
        assert_eq!(answer.calls[0].arguments, calls[0].arguments);
        assert_eq!((answer.calls[1].name.as_str(), &answer.calls[1].arguments), ("clock", &json!({})));
        assert_eq!(answer.stop, Some(StopReason::ToolUse));
    }
}

#[tokio::test]
async fn servers_that_number_calls_their_own_way_are_understood() {
    // DashScope: empty ids and names on later pieces; Gemini: no index, `stop` after calls.
    let answer = chunks(&[
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\""}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"","function":{"name":"","arguments":":1}"}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"id":"b","function":{"name":"g","arguments":"{}"}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"id":"c","function":{"name":"h","arguments":{"y":2}}}]},"finish_reason":"stop"}]}"#,
        "[DONE]",
    ])
    .await;
    let calls: Vec<_> = answer.calls.iter().map(|call| (call.id.as_str(), call.name.as_str())).collect();
    assert_eq!(calls, [("a", "f"), ("b", "g"), ("c", "h")]);
    assert_eq!(answer.calls[0].arguments, json!({"x": 1}));
    assert_eq!(answer.calls[2].arguments, json!({"y": 2}));
    assert_eq!(answer.stop, Some(StopReason::ToolUse));
}

#[tokio::test]
async fn two_calls_under_one_index_stay_two() {
    let answer = chunks(&[
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"b","function":{"name":"g","arguments":"{}"}}]}}]}"#,
        r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#,
        "[DONE]",
    ])
    .await;
    assert_eq!(answer.calls.len(), 2);
}

#[tokio::test]
async fn calls_without_an_id_get_one_of_their_own() {
    let answer = chunks(&[
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{}"}},{"index":1,"function":{"name":"g","arguments":"{}"}}]},"finish_reason":""}]}"#,
        "[DONE]",
    ])
    .await;
    assert_eq!(answer.calls.len(), 2);
    assert!(!answer.calls[0].id.is_empty() && answer.calls[0].id != answer.calls[1].id);
    assert_eq!(answer.stop, Some(StopReason::ToolUse));
}

#[tokio::test]
async fn finish_reasons_of_all_kinds_are_understood() {
    let reasons = [
        ("stop", StopReason::EndTurn),
        ("eos", StopReason::EndTurn),
        ("null", StopReason::EndTurn),
        ("tool_calls", StopReason::EndTurn),
        ("length", StopReason::MaxTokens),
        ("content_filter", StopReason::Refused),
    ];
    assert_stops(KIND, &reasons).await;
}

#[tokio::test]
async fn missing_counts_and_marks_are_no_fault() {
    let answer = answer_of(KIND, Reply::text("a b").without_usage().without_end_mark()).await;
    assert_eq!((answer.text.as_str(), answer.usage, answer.stop), ("a b", None, Some(StopReason::EndTurn)));
}

#[tokio::test]
async fn oddities_of_compatible_servers_are_read_past() {
    let answer = chunks(&[
        r#"{"choices":[{"delta":{"role":"assistant","content":null,"reasoning_content":"hmm"},"finish_reason":null}],"usage":null}"#,
        r#"{"choices":[{"delta":{"content":"caf\u00e9 "}}]}"#,
        r#"{"choices":[{"delta":{"content":[{"type":"thinking","thinking":[]},{"type":"text","text":"list"}]}}]}"#,
        r#"{"choices":[]}"#,
        r#"{"choices":null,"x_groq":{"usage":{"prompt_tokens":4,"completion_tokens":2}}}"#,
        r#"{"object":"something.else"}"#,
        r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
    ])
    .await;
    assert_eq!(answer.text, "café list");
    assert_eq!(answer.usage, Some(TokenUsage { input: 4, output: 2 }));
    assert_eq!(answer.stop, Some(StopReason::EndTurn));
}

#[tokio::test]
async fn a_refusal_is_told_as_one() {
    let answer = chunks(&[
        r#"{"choices":[{"delta":{"content":null,"refusal":"I can't."}}]}"#,
        r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
        "[DONE]",
    ])
    .await;
    assert_eq!((answer.text.as_str(), answer.stop), ("I can't.", Some(StopReason::Refused)));
}

#[tokio::test]
async fn a_finished_answer_does_not_wait_for_counts_for_ever() {
    let reply = Reply::text("a").without_usage().hang_after(3);
    let server = ScriptedProvider::start([reply]).await;
    let mut config = config(KIND, &server);
    config.timeout_ms = Some(150);
    let answer = ask(&provider(&config), &hello()).await.unwrap();
    assert_eq!((answer.stop, answer.error.is_none()), (Some(StopReason::EndTurn), true));
}

#[tokio::test]
async fn an_error_chunk_keeps_its_status() {
    let answer = chunks(&[r#"{"error":{"message":"upstream busy","code":502}}"#]).await;
    assert!(
        matches!(answer.error, Some(ProviderError::Status { status: 502, ref message, .. }) if message == "upstream busy")
    );
}

#[tokio::test]
async fn a_servers_dialect_is_learnt_from_its_refusal_and_kept() {
    let server = ScriptedProvider::start([
        Reply::error(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."),
        Reply::error(422, "stream_options: extra fields not permitted"),
        Reply::text("ok"),
    ])
    .await;
    let provider = provider(&config(KIND, &server));
    assert_eq!(ask(&provider, &hello()).await.unwrap().text, "ok");
    assert_eq!(ask(&provider, &hello()).await.unwrap().text, "ok");
    let asked = server.requests();
    assert_eq!(asked.len(), 4, "learnt once");
    let last = asked[3].json();
    assert_eq!(last["max_completion_tokens"], 4096);
    assert!(last.get("max_tokens").is_none() && last.get("stream_options").is_none(), "{last}");
}

#[tokio::test]
async fn connections_are_kept_and_used_again() {
    let server = ScriptedProvider::start([Reply::text("ok")]).await;
    let provider = provider(&config(KIND, &server));
    for _ in 0..5 {
        ask(&provider, &hello()).await.unwrap();
    }
    // A connection returns to the pool a moment after its answer has ended, so a second one may have been opened.
    assert!(server.connections() <= 2, "{} connections for five requests", server.connections());
}
