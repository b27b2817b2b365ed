//! The fault script: whatever goes wrong wherever, nothing is lost, nothing is asked twice, and the status is true.

use std::time::Duration;

use openclaw_platforms::{Fault, telegram::User};
use openclaw_testkit::AgentScript;
use tokio::time::Instant;

use crate::support::{World, anna, texts};

const AGAIN: &str = "(Sent again after an interruption; you may have this already.)";

fn every_fault() -> Vec<Fault> {
    vec![
        Fault::CutBefore,
        Fault::CutAfter,
        Fault::Hang,
        Fault::HangAfter,
        Fault::Answer(500, r#"{"ok":false,"error_code":500,"description":"Internal Server Error"}"#.to_owned()),
        Fault::Answer(502, "<html>Bad Gateway</html>".to_owned()),
        Fault::Answer(429, r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 7","parameters":{"retry_after":7}}"#.to_owned()),
        Fault::WrongJson,
        Fault::Late(Duration::from_secs(4)),
    ]
}

/// The answer is there, and what is there beside it is a part of it, or says why it is there: at most one for each fault.
fn assert_answered(world: &World, chat: i64, answer: &str, faults: usize, context: &str) {
    let sent = world.telegram.sent_in(chat);
    let again = format!("{AGAIN}\n\n{answer}");
    let shown = texts(&sent);
    let (first, more) = shown.split_first().unwrap();
    let is_fine = (answer.starts_with(first) || *first == again) && more.iter().all(|text| *text == again);
    let is_whole = shown.iter().any(|text| text.ends_with(answer));
    assert!(is_fine && is_whole && more.len() <= faults, "{context}: {shown:?}");
}

async fn is_answered(world: &World, chat: i64, answer: &str) {
    world.until_sent(chat, |sent| sent.last().is_some_and(|sent| sent.text.ends_with(answer))).await;
    while world.info().await.detail.waiting > 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn any_fault_in_any_call_loses_nothing() {
    for method in
        ["/getMe", "/setMyCommands", "/deleteWebhook", "/getUpdates", "/sendMessage", "/editMessageText"]
    {
        for fault in every_fault() {
            let context = format!("{fault:?} in {method}");
            let mut world = World::stopped(&["7"]).await;
            let chat = world.telegram.private(&anna());
            world.agent.always(AgentScript {
                tokens: 6,
                token_delay: Duration::from_millis(700),
                ..AgentScript::default()
            });
            world.telegram.faults().add(method, 2, fault);
            world.start();
            world.telegram.say(chat, &anna(), "hello there, how are you?");
            is_answered(&world, chat, "You said: hello there, how are you?").await;
            assert_eq!(world.told(), ["hello there, how are you?"], "{context}");
            assert_answered(&world, chat, "You said: hello there, how are you?", 2, &context);
            world.until_connected().await;
            world.kill().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_half_open_connection_is_seen_within_five_seconds() {
    let world = World::new(&["7"]).await;
    world.until_connected().await;
    world.telegram.faults().add("/getUpdates", 1000, Fault::Hang);
    // The poll that waits is answered first.
    let took = world.until_trouble(|trouble| !trouble.is_empty()).await;
    assert!(took <= Duration::from_millis(8200), "{took:?}");
    assert!(world.trouble().await.contains("no sign of life from telegram"));
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert!(!world.trouble().await.is_empty());
    world.telegram.faults().clear();
    world.telegram.cut_all();
    let chat = world.telegram.private(&anna());
    world.telegram.say(chat, &anna(), "there again?");
    world.until_sent(chat, |sent| sent.len() == 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_cut_connection_is_seen_at_once_and_made_anew() {
    let world = World::new(&["7"]).await;
    let chat = world.telegram.private(&anna());
    world.until_connected().await;
    for round in 0..20 {
        world.until_connected().await;
        // Not between two polls.
        tokio::time::sleep(Duration::from_secs(1)).await;
        world.telegram.cut_all();
        let took = world.until_trouble(|trouble| !trouble.is_empty()).await;
        assert!(took < Duration::from_millis(200), "{took:?}");
        world.telegram.say(chat, &anna(), &format!("round {round}"));
        world.until_sent(chat, |sent| sent.len() > round).await;
    }
    assert_eq!(world.info().await.detail.reconnects, 20);
    assert_eq!(world.told().len(), 20);
}

#[tokio::test(start_paused = true)]
async fn what_comes_twice_or_in_the_wrong_order_is_answered_once_and_in_order() {
    let world = World::new(&["7"]).await;
    let chat = world.telegram.private(&anna());
    world.until_connected().await;
    world.telegram.backwards(true);
    let mut expected = Vec::new();
    for round in 0..10 {
        for part in ["a", "b", "c"] {
            world.telegram.say(chat, &anna(), &format!("{round}{part}"));
            expected.push(format!("{round}{part}"));
        }
        world.until_told(expected.len()).await;
        world.telegram.wait(Duration::from_secs(10), |telegram| telegram.pending() == 0).await;
        world.telegram.replay(4);
    }
    world.until_sent(chat, |sent| sent.len() == 30).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(world.told(), expected);
    assert_eq!(world.telegram.sent_in(chat).len(), 30);
}

#[tokio::test(start_paused = true)]
async fn numbers_that_begin_anew_do_not_make_it_deaf() {
    let world = World::new(&["7"]).await;
    let chat = world.telegram.private(&anna());
    world.telegram.say(chat, &anna(), "before");
    world.until_sent(chat, |sent| sent.len() == 1).await;
    world.telegram.wait(Duration::from_secs(10), |telegram| telegram.pending() == 0).await;
    world.telegram.next_update_id(1000);
    world.telegram.say(chat, &anna(), "after");
    world.until_sent(chat, |sent| sent.len() == 2).await;
    let calls = world.telegram.calls().len();
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(world.telegram.calls().len() - calls < 20, "it polls without a pause");
    assert_eq!((world.told().len(), world.telegram.pending()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn an_update_nobody_knows_is_passed() {
    let world = World::new(&["7"]).await;
    let chat = world.telegram.private(&anna());
    world.telegram.announce("message", serde_json::json!({"message_id": "no number"}));
    world
        .telegram
        .announce("message", serde_json::json!({"message_id": 5, "chat": {"id": 7, "type": "private"}}));
    world.telegram.announce("a_new_kind", serde_json::json!({"x": 1}));
    world.telegram.say(chat, &anna(), "after");
    world.until_sent(chat, |sent| sent.len() == 1).await;
    assert!(world.telegram.wait(Duration::from_secs(10), |telegram| telegram.pending() == 0).await);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_messages_at_once_are_all_told_once_and_in_order() {
    let ids: Vec<String> = (1000..1100).map(|id: i64| id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let world = World::new(&ids).await;
    world.until_connected().await;
    let users: Vec<User> = (1000..1100).map(|id| User::new(id, "Somebody")).collect();
    for user in &users {
        world.telegram.private(user);
    }
    for number in 0..100 {
        for user in &users {
            world.telegram.say(user.id, user, &format!("{} {number}", user.id));
        }
    }
    let begun = Instant::now();
    let told = world.until_told(10_000).await;
    assert!(world.telegram.wait(Duration::from_secs(60), |telegram| telegram.pending() == 0).await);
    println!("10,000 messages took {:?} of virtual time", begun.elapsed());
    for user in &users {
        let own: Vec<&String> = told.iter().filter(|text| text.starts_with(&user.id.to_string())).collect();
        let expected: Vec<String> = (0..100).map(|number| format!("{} {number}", user.id)).collect();
        assert_eq!(own, expected.iter().collect::<Vec<_>>());
    }
    assert_eq!(told.len(), 10_000);
}

#[tokio::test(start_paused = true)]
async fn many_messages_in_one_chat_find_room() {
    let world = World::stopped(&["7"]).await;
    let chat = world.telegram.private(&anna());
    let expected: Vec<String> = (0..200).map(|number| number.to_string()).collect();
    for text in &expected {
        world.telegram.say(chat, &anna(), text);
    }
    let mut world = world;
    world.start();
    assert_eq!(world.until_told(200).await, expected);
}

/// Where a process is when it is killed: at the first call of this, before or after Telegram carried it out.
#[tokio::test(start_paused = true)]
async fn killed_between_any_two_steps_it_goes_on() {
    for method in ["/getMe", "/getUpdates", "/sendMessage", "/sendChatAction", "/editMessageText"] {
        for (name, fault) in [("before", Fault::Hang), ("after", Fault::HangAfter)] {
            for nth in 0..3 {
                let context = format!("killed {name} {method}, call {nth}");
                let mut world = World::stopped(&["7"]).await;
                let chat = world.telegram.private(&anna());
                world.agent.always(AgentScript {
                    tokens: 8,
                    token_delay: Duration::from_millis(700),
                    ..AgentScript::default()
                });
                if nth > 0 {
                    world.telegram.faults().add(method, nth, Fault::Late(Duration::ZERO));
                }
                world.telegram.faults().add(method, 1, fault.clone());
                world.start();
                world.telegram.say(chat, &anna(), "hello there, how are you?");
                tokio::time::sleep(Duration::from_millis(2500 + 700 * nth as u64)).await;
                world.kill().await;
                world.telegram.faults().clear();
                world.telegram.cut_all();
                world.start();
                is_answered(&world, chat, "You said: hello there, how are you?").await;
                assert_eq!(world.told(), ["hello there, how are you?"], "{context}");
                assert_answered(&world, chat, "You said: hello there, how are you?", 1, &context);
                world.kill().await;
            }
        }
    }
}
