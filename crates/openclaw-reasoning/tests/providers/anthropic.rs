//! Anthropic's Messages API: what we send, and what we make of what comes.

use openclaw_core::{
    Attachment, AttachmentSource, ContentBlock, Role, TokenUsage, ToolCall, ToolResult, config::ProviderKind,
};
use openclaw_reasoning::{ModelRequest, ProviderError, StopReason};
use openclaw_testkit::{Reply, ScriptedCall, ScriptedProvider};
use serde_json::json;

use super::kit::{
    CANARY, answer_of, ask, assert_stops, config, fenced, hello, look, message, provider, request, text,
    weather_call, weather_result, weather_tool,
};

const KIND: ProviderKind = ProviderKind::Anthropic;

async fn body_of(request: &ModelRequest, vision: bool) -> serde_json::Value {
    super::kit::body_of(KIND, request, |config| config.vision = Some(vision)).await
}

#[tokio::test]
async fn a_plain_answer_streams_token_by_token_with_its_counts() {
    let server = ScriptedProvider::start([Reply::text("one two three").usage(120, 100, 3)]).await;
    let answer = ask(&provider(&config(KIND, &server)), &hello()).await.unwrap();
    assert_eq!(answer.tokens, ["one ", "two ", "three"]);
    assert_eq!(answer.usage, Some(TokenUsage { input: 120, output: 3 }), "cached tokens are counted in");
    assert_eq!((answer.stop, answer.error.is_none()), (Some(StopReason::EndTurn), true));
    let asked = &server.requests()[0];
    assert_eq!(asked.path, "/v1/messages");
    assert_eq!(asked.header("x-api-key"), Some(CANARY));
    assert_eq!(asked.header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(asked.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn the_request_is_what_the_vendor_documents() {
    let mut asked = request(vec![
        text(Role::User, "first"),
        text(Role::Assistant, "answer"),
        text(Role::User, "second"),
        text(Role::User, "third"),
    ]);
    asked.tools = vec![weather_tool()];
    asked.max_tokens = Some(77);
    let ephemeral = json!({"type": "ephemeral"});
    assert_eq!(
        body_of(&asked, true).await,
        json!({
            "model": "test-model",
            "max_tokens": 77,
            "stream": true,
            "system": [{"type": "text", "text": "Be brief.", "cache_control": ephemeral}],
            "tools": [{
                "name": "weather_now",
                "description": "The weather",
                "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
                "cache_control": ephemeral,
            }],
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "first", "cache_control": ephemeral}]},
                {"role": "assistant", "content": [{"type": "text", "text": "answer"}]},
                {"role": "user", "content": [
                    {"type": "text", "text": "second"},
                    {"type": "text", "text": "third", "cache_control": ephemeral},
                ]},
            ],
        })
    );
}

#[tokio::test]
async fn what_is_recalled_stands_before_the_message_and_after_what_the_vendor_keeps() {
    let ephemeral = json!({"type": "ephemeral"});
    let mut asked = request(vec![
        text(Role::User, "first"),
        text(Role::Assistant, "answer"),
        text(Role::User, "second"),
        message(Role::Assistant, vec![weather_call("toolu_1", "Oslo")]),
        weather_result("toolu_1", "rain", false),
    ]);
    asked.tools = vec![weather_tool()];
    asked.recalled = Some("<memory>".to_owned());
    let messages = body_of(&asked, true).await["messages"].take();
    assert_eq!(
        messages[1]["content"],
        json!([{"type": "text", "text": "answer", "cache_control": ephemeral}])
    );
    assert_eq!(
        messages[2]["content"],
        json!([{"type": "text", "text": "<memory>"}, {"type": "text", "text": "second"}])
    );
    assert_eq!(messages[4]["content"][0]["cache_control"], ephemeral, "the next step begins with all of it");
    assert_eq!(
        messages.to_string().matches("cache_control").count(),
        2,
        "with tools and system four, as many as it takes"
    );
}

#[tokio::test]
async fn calls_and_results_are_mapped_and_results_come_first() {
    let said = vec![ContentBlock::Text("Looking.".into()), weather_call("toolu_1", "Kyōto")];
    let mut asked = request(vec![
        text(Role::User, "weather?"),
        message(Role::Assistant, said),
        weather_result("toolu_1", "no such city", true),
        text(Role::User, "well?"),
    ]);
    asked.tools = vec![weather_tool()];
    let body = body_of(&asked, true).await;
    assert_eq!(
        body["messages"][1]["content"][1],
        json!({"type": "tool_use", "id": "toolu_1", "name": "weather_now", "input": {"city": "Kyōto"}})
    );
    let last = &body["messages"][2];
    assert_eq!(last["role"], "user");
    assert_eq!(
        last["content"][0],
        json!({"type": "tool_result", "tool_use_id": "toolu_1", "content": fenced("toolu_1", "no such city"), "is_error": true})
    );
    assert_eq!(last["content"][1]["text"], "well?");
}

#[tokio::test]
async fn images_go_as_base64_or_by_address_to_models_that_see() {
    let mut look = look("look");
    look.metadata.attachments.push(Attachment {
        name: "b.jpg".into(),
        mime_type: "image/jpeg".into(),
        source: AttachmentSource::Url("https://x.example/b.jpg".into()),
    });
    let asked = request(vec![look]);
    let content = body_of(&asked, true).await["messages"][0]["content"].clone();
    assert_eq!(
        content[0],
        json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}})
    );
    assert_eq!(
        content[1],
        json!({"type": "image", "source": {"type": "url", "url": "https://x.example/b.jpg"}})
    );
    assert_eq!(content[2]["text"], "look");
    let blind = body_of(&asked, false).await["messages"][0]["content"].to_string();
    assert!(!blind.contains("base64") && blind.contains("a.png") && blind.contains("b.jpg"), "{blind}");
}

#[tokio::test]
async fn tool_calls_are_put_together_from_their_pieces() {
    let calls = [
        ScriptedCall::new("toolu_1", "weather_now", json!({"city": "서울 \"x\"", "days": [1, 2]})),
        ScriptedCall::new("toolu_2", "weather_now", json!({})),
    ];
    for split in [1, 7, 100_000] {
        let reply = Reply::text("Let me look.").and_calls(calls.clone()).split_every(split);
        let server = ScriptedProvider::start([reply]).await;
        let mut asked = hello();
        asked.tools = vec![weather_tool()];
        let answer = ask(&provider(&config(KIND, &server)), &asked).await.unwrap();
        assert_eq!(answer.text, "Let me look.");
        assert_eq!(answer.calls.len(), 2);
        assert_eq!((answer.calls[0].id.as_str(), answer.calls[0].name.as_str()), ("toolu_1", "weather.now"));
        assert_eq!(answer.calls[0].arguments, calls[0].arguments);
        assert_eq!(answer.calls[1].arguments, json!({}));
        assert_eq!(answer.stop, Some(StopReason::ToolUse));
    }
}

#[tokio::test]
async fn every_stop_reason_has_its_meaning() {
    let reasons = [
        ("end_turn", StopReason::EndTurn),
        ("stop_sequence", StopReason::EndTurn),
        ("pause_turn", StopReason::EndTurn),
        ("max_tokens", StopReason::MaxTokens),
        ("model_context_window_exceeded", StopReason::MaxTokens),
        ("refusal", StopReason::Refused),
    ];
    assert_stops(KIND, &reasons).await;
}

#[tokio::test]
async fn a_call_that_the_bound_cut_off_is_not_made() {
    let stream = concat!(
        "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"n\",\"input\":{}}}\n\n",
        "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":\"}}\n\n",
        "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"max_tokens\"},\"usage\":{\"output_tokens\":5}}\n\n",
        "data: {\"type\":\"message_stop\"}\n\n",
    );
    let answer = answer_of(KIND, Reply::raw_stream(stream)).await;
    assert_eq!((answer.calls.len(), answer.stop), (0, Some(StopReason::MaxTokens)));
}

#[tokio::test]
async fn an_error_inside_the_stream_keeps_the_vendors_meaning() {
    for (kind, status) in [("overloaded_error", 529), ("rate_limit_error", 429), ("brand_new_error", 500)] {
        let answer = answer_of(KIND, Reply::text("a b").error_after(0, kind, "Overloaded")).await;
        let error = answer.error.unwrap();
        assert!(
            matches!(&error, ProviderError::Status { status: found, message, .. } if *found == status && message == "Overloaded"),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn unknown_events_and_thinking_are_read_past() {
    let stream = concat!(
        "event: ping\ndata: {\"type\": \"ping\"}\n\n",
        "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\"}}\n\n",
        "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"hmm\"}}\n\n",
        "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"x\"}}\n\n",
        "data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"text_delta\",\"text\":\"caf\\u00e9 \\\"q\\\"\"}}\n\n",
        "data: {\"type\":\"brand_new\",\"anything\":[1]}\n\n",
        "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n",
    );
    let answer = answer_of(KIND, Reply::raw_stream(stream)).await;
    assert_eq!(answer.text, "café \"q\"");
    assert_eq!(
        answer.stop,
        Some(StopReason::EndTurn),
        "a stop reason is an end, with or without message_stop"
    );
}

#[tokio::test]
async fn histories_of_other_vendors_and_of_other_tools_are_taken() {
    let call = ToolCall { id: "call:1|x".into(), name: "mcp://files/read".into(), arguments: json!({}) };
    let result = ToolResult {
        call_id: "call:1|x".into(),
        name: "mcp://files/read".into(),
        content: "text".into(),
        is_error: false,
    };
    let said = vec![ContentBlock::Text(" \n".into()), ContentBlock::ToolCall(call)];
    let mut asked = request(vec![
        text(Role::User, "read"),
        message(Role::Assistant, said),
        message(Role::Tool, vec![ContentBlock::ToolResult(result)]),
    ]);
    // Calls in a request that offers no tools are refused: they are told in words.
    let body = body_of(&asked, true).await;
    assert_eq!(
        body["messages"][1]["content"],
        json!([{"type": "text", "text": "[Called the tool mcp://files/read with {}]"}])
    );
    assert_eq!(body["messages"][2]["content"][0]["type"], "text");
    asked.tools = vec![weather_tool()];
    let body = body_of(&asked, true).await;
    let (call, result) = (&body["messages"][1]["content"], &body["messages"][2]["content"][0]);
    assert_eq!(call.as_array().unwrap().len(), 1, "no block of white space: {call}");
    assert_eq!(call[0]["name"], "mcp___files_read");
    let id = call[0]["id"].as_str().unwrap();
    assert!(id.len() <= 64 && id.bytes().all(|c| c.is_ascii_alphanumeric() || b"_-".contains(&c)), "{id}");
    assert_eq!(result["tool_use_id"], call[0]["id"]);
    // More than the model is configured for is never asked.
    asked.max_tokens = Some(1_000_000);
    assert_eq!(body_of(&asked, true).await["max_tokens"], 4096);
}
