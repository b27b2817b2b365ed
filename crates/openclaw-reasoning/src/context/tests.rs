//! What a model is shown of a conversation.

use std::borrow::Cow;

use openclaw_core::{ContentBlock, Message, MessageId, Metadata, Role, RunId, ToolCall, ToolResult};
use proptest::prelude::*;

use super::{estimate::head, *};

fn run(n: u8) -> RunId {
    let mut bytes = [0; 16];
    (bytes[5], bytes[15]) = (1, n);
    RunId::from_bytes(bytes)
}

fn message(id: MessageId, role: Role, content: Vec<ContentBlock>) -> Arc<Message> {
    let timestamp = RunId::of_message(&id).map_or(Timestamp::from_unix_millis(0), RunId::accepted_at);
    Arc::new(Message { id, role, content, timestamp, metadata: Metadata::default() })
}

fn text(text: &str) -> Vec<ContentBlock> {
    vec![ContentBlock::Text(text.to_owned())]
}

fn user(n: u8) -> Arc<Message> {
    message(run(n).user_message_id(), Role::User, text(&format!("question {n}")))
}

fn reply(n: u8) -> Arc<Message> {
    message(run(n).reply_id(), Role::Assistant, text(&format!("answer {n}")))
}

fn call(n: u8, index: usize, id: &str) -> Arc<Message> {
    let call = ToolCall { id: id.into(), name: "t".into(), arguments: serde_json::json!({}) };
    message(run(n).step_message_id(index), Role::Assistant, vec![ContentBlock::ToolCall(call)])
}

fn result(n: u8, index: usize, id: &str) -> Arc<Message> {
    let result = ToolResult { call_id: id.into(), name: "t".into(), content: "r".into(), is_error: false };
    message(run(n).step_message_id(index), Role::Tool, vec![ContentBlock::ToolResult(result)])
}

fn shown(messages: &[Arc<Message>]) -> Vec<String> {
    messages.iter().map(|message| format!("{:?} {}", message.role, message.text())).collect()
}

#[test]
fn the_order_of_the_conversation_is_not_that_of_the_log() {
    let log = vec![user(1), user(2), user(3), reply(1), reply(2)];
    let history = select(log.clone(), run(3), 1000);
    assert_eq!(
        shown(&history),
        ["User question 1", "Assistant answer 1", "User question 2", "Assistant answer 2"]
    );
    assert_eq!(select(log, run(1), 1000), [], "what came later is not shown");
}

#[test]
fn the_oldest_messages_go_first_and_the_rest_begins_with_the_users() {
    let log: Vec<_> = (1..10).flat_map(|n| [user(n), reply(n)]).collect();
    let cost = message_tokens(&user(1)) + message_tokens(&reply(1));
    for (budget, first) in [(cost * 3, 7), (cost * 3 - 1, 8), (cost * 9, 1)] {
        let history = select(log.clone(), run(10), budget);
        assert_eq!(history[0], user(first), "{budget}");
        assert_eq!(history.len(), usize::from(10 - first) * 2);
    }
    assert_eq!(select(log, run(10), 3), []);
}

#[test]
fn calls_and_results_stay_together() {
    let whole =
        vec![user(1), call(1, 0, "a"), call(1, 1, "b"), result(1, 2, "a"), result(1, 3, "b"), reply(1)];
    assert_eq!(select(whole.clone(), run(2), 1000), whole);
    for budget in 0..100 {
        let history = select(whole.clone(), run(2), budget);
        let calls = history.iter().filter(|message| message.role == Role::Assistant).count();
        let results = history.iter().filter(|message| message.role == Role::Tool).count();
        assert!(history.is_empty() || (calls, results) == (3, 2), "{budget}: {:?}", shown(&history));
    }
    let died = vec![user(1), call(1, 0, "a"), call(1, 1, "b"), result(1, 2, "a")];
    let history = select(died, run(2), 1000);
    assert_eq!(history, [user(1), call(1, 0, "a"), result(1, 2, "a")], "a call without a result is left out");
}

fn model(context_window: u32, tools: bool) -> ModelInfo {
    ModelInfo { name: "m".into(), context_window, max_tokens: 4096, vision: false, tools }
}

fn ingredients<'a>(persona: &'a str, message: Arc<Message>, tools: Vec<ToolDefinition>) -> Ingredients<'a> {
    let now = Timestamp::from_unix_millis(0);
    Ingredients { persona, channel: "api", now, history: Vec::new(), message, tools }
}

#[test]
fn everything_keeps_to_its_share_but_the_message_itself() {
    let persona = "be kind. ".repeat(2000);
    let tool = |n: usize| ToolDefinition {
        name: format!("tool-{n}"),
        description: "x".repeat(400),
        parameters: serde_json::json!({}),
    };
    let long = message(run(1).user_message_id(), Role::User, text(&"詞".repeat(10_000)));
    let tools = || (0..50).map(tool).collect();
    let request = build(ingredients(&persona, Arc::clone(&long), tools()), &model(8192, true));
    let shares = Shares::of(&model(8192, true));
    assert!(estimate::text_tokens(&request.system) <= shares.system);
    assert!(request.system.ends_with("Channel: api\nToday (UTC): 1970-01-01"));
    assert_eq!(request.messages, [long], "never cut");
    assert!((1..50).contains(&request.tools.len()), "{}", request.tools.len());
    assert_eq!(fit(&request, &model(8192, true)).max_tokens, Some(819), "the answer keeps its share");
    assert!(build(ingredients("", user(1), tools()), &model(8192, false)).tools.is_empty());
    let request = build(ingredients("", user(1), Vec::new()), &model(200_000, true));
    assert!(
        matches!(fit(&request, &model(200_000, true)), Cow::Borrowed(request) if request.max_tokens.is_none())
    );
}

#[test]
fn a_request_is_refitted_for_a_smaller_model() {
    let mut request = build(ingredients("", user(40), Vec::new()), &model(200_000, true));
    let long = |n: u8| message(run(n).reply_id(), Role::Assistant, text(&"word ".repeat(100)));
    let history = (1..40).flat_map(|n| [user(n), long(n)]);
    request.messages.splice(0..0, history);
    request.messages.extend([call(40, 0, "x"), result(40, 1, "x")]);
    request.tools =
        vec![ToolDefinition { name: "t".into(), description: "d".into(), parameters: serde_json::json!({}) }];
    assert!(
        matches!(fit(&request, &model(200_000, true)), Cow::Borrowed(_)),
        "nothing is copied where it fits"
    );
    let small = fit(&request, &model(2000, true));
    let used = text_tokens(&small.system)
        + small.messages.iter().map(|message| message_tokens(message)).sum::<usize>()
        + small.tools.iter().map(tool_tokens).sum::<usize>();
    let bound = small.max_tokens.unwrap() as usize;
    assert!(used + bound <= 2000 && bound >= 200, "{used} {bound}");
    assert!((5..79).contains(&small.messages.len()), "{}", small.messages.len());
    assert_eq!(small.messages[0].role, Role::User);
    assert_eq!(
        small.messages[small.messages.len() - 3..],
        request.messages[78..],
        "the present run is whole"
    );
    assert_eq!(small.tools.len(), 1);
    assert!(fit(&request, &model(200_000, false)).tools.is_empty());
    // What was asked for is never raised.
    request.max_tokens = Some(7);
    assert_eq!(fit(&request, &model(2000, true)).max_tokens, Some(7));
}

#[test]
fn tokens_are_estimated_by_script() {
    for (sample, tokens) in
        [("", 0), ("word", 1), ("five5", 2), ("明天", 2), ("서울", 2), ("a明", 2), ("éé", 1)]
    {
        assert_eq!(estimate::text_tokens(sample), tokens, "{sample}");
    }
}

proptest! {
    #[test]
    fn a_head_fits_its_budget_and_nothing_longer_does(sample in "[a-z é明🦀]{0,40}", budget in 0..30_usize) {
        let kept = head(&sample, budget);
        prop_assert!(sample.starts_with(kept));
        prop_assert!(estimate::text_tokens(kept) <= budget);
        if let Some(next) = sample[kept.len()..].chars().next() {
            let longer = format!("{kept}{next}");
            prop_assert!(estimate::text_tokens(&longer) > budget);
        }
    }
}
