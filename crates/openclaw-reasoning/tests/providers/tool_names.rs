//! Tools whose names are the same once they hold nothing but what every vendor takes.

use openclaw_core::{ContentBlock, Role, ToolCall, ToolDefinition, ToolResult, config::ProviderKind};
use openclaw_testkit::{Reply, ScriptedCall, ScriptedProvider};
use serde_json::{Value, json};

use super::kit::{
    VENDORS, ask, config, message, provider, request, text, weather_call, weather_result, weather_tool,
};

#[tokio::test]
async fn each_of_two_tools_that_look_alike_is_offered_called_and_remembered() {
    for kind in VENDORS.into_iter().chain([ProviderKind::Ollama]) {
        let calls = ["weather_now", "weather_now_2"].map(|name| ScriptedCall::new(name, name, json!({})));
        let server = ScriptedProvider::start([Reply::calls(calls)]).await;
        // The name that needs no change is kept, though the other tool comes first.
        let mut asked = request(vec![
            text(Role::User, "weather?"),
            message(Role::Assistant, vec![weather_call("call_1", "Oslo")]),
            weather_result("call_1", "rain", false),
        ]);
        asked.tools = vec![weather_tool(), ToolDefinition { name: "weather_now".into(), ..weather_tool() }];
        let answer = ask(&provider(&config(kind, &server)), &asked).await.unwrap();
        let called: Vec<_> = answer.calls.iter().map(|call| call.name.as_str()).collect();
        assert_eq!(called, ["weather_now", "weather.now"], "{kind:?}");
        let body = server.requests()[0].json();
        let offered = body["tools"].as_array().unwrap().iter();
        let offered: Vec<&Value> =
            offered.map(|tool| tool.pointer("/function/name").unwrap_or(&tool["name"])).collect();
        assert_eq!(offered, ["weather_now_2", "weather_now"], "{kind:?}");
        let told = body["messages"].to_string();
        assert!(told.contains(r#""name":"weather_now_2""#), "{kind:?}: {told}");
    }
}

#[tokio::test]
async fn tools_of_an_mcp_skill_have_plain_names_on_every_wire() {
    for kind in VENDORS.into_iter().chain([ProviderKind::Ollama]) {
        let called =
            ["everything_echo", "everything_add"].map(|name| ScriptedCall::new(name, name, json!({})));
        let server = ScriptedProvider::start([Reply::calls(called)]).await;
        let tool = |name: &str| ToolDefinition { name: name.into(), ..weather_tool() };
        let past = ToolCall { id: "1".into(), name: "everything.echo".into(), arguments: json!({}) };
        let mut result = weather_result("1", "hi", false);
        result.content = vec![ContentBlock::ToolResult(ToolResult {
            call_id: "1".into(),
            name: "everything.echo".into(),
            content: "hi".into(),
            is_error: false,
        })];
        let mut asked = request(vec![
            text(Role::User, "echo"),
            message(Role::Assistant, vec![ContentBlock::ToolCall(past)]),
            result,
        ]);
        asked.tools = vec![tool("everything.echo"), tool("everything.add")];
        let answer = ask(&provider(&config(kind, &server)), &asked).await.unwrap();
        let called: Vec<_> = answer.calls.iter().map(|call| call.name.as_str()).collect();
        assert_eq!(called, ["everything.echo", "everything.add"], "{kind:?}");
        let body = server.requests()[0].json().to_string();
        assert!(!body.contains("everything."), "{kind:?}: {body}");
        assert!(body.contains("<skill_output skill=\\\"everything\\\""), "{kind:?}: {body}");
    }
}
