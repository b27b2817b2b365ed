//! The fault script: whatever goes wrong wherever, nothing is lost, nothing is asked twice, and the status is true.

use std::time::Duration;

use openclaw_platforms::{Fault, discord::User};
use openclaw_testkit::AgentScript;
use tokio::time::Instant;

use crate::support::{World, anna, pass, texts};

fn every_fault() -> Vec<Fault> {
    vec![
        Fault::CutBefore,
        Fault::CutAfter,
        Fault::Hang,
        Fault::HangAfter,
        Fault::Answer(500, r#"{"message": "500: Internal Server Error", "code": 0}"#.to_owned()),
        Fault::Answer(502, "<html>Bad Gateway</html>".to_owned()),
        Fault::Answer(
            429,
            r#"{"message": "You are being rate limited.", "retry_after": 7.5, "global": false}"#.to_owned(),
        ),
        Fault::Answer(
            429,
            r#"{"message": "You are being rate limited.", "retry_after": 3, "global": true}"#.to_owned(),
        ),
        Fault::Answer(429, "error code: 1015".to_owned()),
        Fault::WrongJson,
        Fault::Late(Duration::from_secs(4)),
    ]
}

const ANSWER: &str = "You said: hello there, how are you?";

async fn is_answered(world: &World, chat: u64) {
    world.until_sent(chat, |sent| sent.last().is_some_and(|sent| sent.text == ANSWER)).await;
    world.until_idle().await;
}

fn slowly(world: &World) {
    world.agent.always(AgentScript {
        tokens: 6,
        token_delay: Duration::from_millis(1100),
        ..AgentScript::default()
    });
}

/// Discord knows a message again, so that one answer is one message whatever happens.
#[tokio::test(start_paused = true)]
async fn any_fault_in_any_call_makes_one_answer_of_one_message() {
    let calls =
        ["/users/@me", "/applications/@me", "/gateway/bot", "/commands", "/messages", "/typing", "/ws"];
    for part in calls {
        for fault in every_fault() {
            let context = format!("{fault:?} in {part}");
            let mut world = World::stopped(&["7"]).await;
            let chat = world.discord.dm(&anna());
            slowly(&world);
            world.start();
            if part != "/messages" && part != "/typing" {
                world.discord.faults().add(part, 2, fault.clone());
            }
            world.until_connected().await;
            world.discord.faults().add(part, 2, fault);
            world.discord.say(chat, &anna(), "hello there, how are you?");
            is_answered(&world, chat).await;
            assert_eq!(world.told(), ["hello there, how are you?"], "{context}");
            assert_eq!(texts(&world.discord.sent_in(chat)), [ANSWER], "{context}");
            world.kill().await;
        }
    }
}

/// Where a process is when it is killed: at the first calls of this, before or after Discord carried it out.
#[tokio::test(start_paused = true)]
async fn killed_between_any_two_steps_it_goes_on() {
    for part in ["/users/@me", "/gateway/bot", "/ws", "/messages", "/typing", "/commands"] {
        for (name, fault) in [("before", Fault::Hang), ("after", Fault::HangAfter)] {
            for nth in 0..4 {
                for outage in [1, 600] {
                    let context = format!("killed {name} {part}, call {nth}, away for {outage} s");
                    let mut world = World::stopped(&["7"]).await;
                    let chat = world.discord.dm(&anna());
                    slowly(&world);
                    world.start();
                    world.until_connected().await;
                    if nth > 0 {
                        world.discord.faults().add(part, nth, Fault::Late(Duration::ZERO));
                    }
                    world.discord.faults().add(part, 1, fault.clone());
                    world.discord.say(chat, &anna(), "hello there, how are you?");
                    pass(3).await;
                    tokio::time::sleep(Duration::from_millis(600 * nth as u64)).await;
                    world.kill().await;
                    world.discord.faults().clear();
                    world.discord.cut_all();
                    pass(outage).await;
                    world.start();
                    is_answered(&world, chat).await;
                    assert_eq!(world.told(), ["hello there, how are you?"], "{context}");
                    assert_eq!(texts(&world.discord.sent_in(chat)), [ANSWER], "{context}");
                    world.kill().await;
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_twice_is_answered_once_and_in_order() {
    let mut world = World::new(&["7"]).await;
    let chat = world.discord.dm(&anna());
    let mut expected = Vec::new();
    for round in 0..10 {
        for part in ["a", "b", "c"] {
            world.discord.say(chat, &anna(), &format!("{round}{part}"));
            expected.push(format!("{round}{part}"));
        }
        world.discord.repeat(5);
        if round % 3 == 0 {
            world.kill().await;
            world.start();
        }
        world.until_told(expected.len()).await;
        world.discord.repeat(4);
    }
    world.until_sent(chat, |sent| sent.len() == 30).await;
    pass(10).await;
    assert_eq!(world.told(), expected);
    assert_eq!(world.discord.sent_in(chat).len(), 30);
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_comes_before_its_message_does_no_harm() {
    let world = World::new(&["7"]).await;
    let chat = world.discord.dm(&anna());
    world.discord.deaf(true);
    let early = world.discord.say(chat, &anna(), "not told yet");
    world.discord.deaf(false);
    world.discord.edit(chat, early, "changed");
    world.discord.delete(chat, early);
    world.discord.say(chat, &anna(), "after");
    world.until_sent(chat, |sent| sent.len() == 1).await;
    assert_eq!(world.told(), ["after"]);
}

#[tokio::test(start_paused = true)]
async fn an_event_nobody_knows_is_passed() {
    let world = World::new(&["7"]).await;
    let chat = world.discord.dm(&anna());
    for (name, data) in [
        ("MESSAGE_CREATE", serde_json::json!({"id": 5, "content": {}})),
        ("MESSAGE_CREATE", serde_json::json!([])),
        ("MESSAGE_CREATE", serde_json::json!({"id": "5", "channel_id": chat.to_string()})),
        ("MESSAGE_DELETE", serde_json::json!(null)),
        ("INTERACTION_CREATE", serde_json::json!({"id": "1", "type": 3})),
        ("GUILD_CREATE", serde_json::json!("x")),
        ("A_NEW_KIND", serde_json::json!({"x": 1})),
    ] {
        world.discord.dispatch(name, &data);
    }
    world.discord.say(chat, &anna(), "after");
    world.until_sent(chat, |sent| sent.len() == 1).await;
    pass(3).await;
    world.discord.cut();
    pass(3).await;
    world.until_connected().await;
    assert_eq!((world.told(), world.discord.identified()), (vec!["after".to_owned()], 1));
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_messages_at_once_are_all_told_once_and_in_order() {
    let users: Vec<User> = (1000..1100).map(|id| User::new(id, "Somebody")).collect();
    let ids: Vec<String> = users.iter().map(|user| user.id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let world = World::new(&ids).await;
    let chats: Vec<u64> = users.iter().map(|user| world.discord.dm(user)).collect();
    for number in 0..100 {
        for (user, chat) in users.iter().zip(&chats) {
            world.discord.say(*chat, user, &format!("{} {number}", user.id));
        }
    }
    let begun = Instant::now();
    let told = world.until_told(10_000).await;
    println!("10,000 messages took {:?} of virtual time", begun.elapsed());
    for user in &users {
        let own: Vec<&String> = told.iter().filter(|text| text.starts_with(&user.id.to_string())).collect();
        let expected: Vec<String> = (0..100).map(|number| format!("{} {number}", user.id)).collect();
        assert_eq!(own, expected.iter().collect::<Vec<_>>());
    }
    assert_eq!((told.len(), world.discord.identified()), (10_000, 1));
    world.until_connected().await;
}

#[tokio::test(start_paused = true)]
async fn a_chat_that_says_too_much_holds_up_nobody() {
    let bob = User::new(8, "Bob");
    let world = World::new(&["7", "8"]).await;
    let (chat, other) = (world.discord.dm(&anna()), world.discord.dm(&bob));
    world.agent.always(AgentScript { token_delay: Duration::from_secs(20), ..AgentScript::default() });
    for number in 0..6000 {
        world.discord.say(chat, &anna(), &number.to_string());
    }
    let begun = Instant::now();
    world.discord.say(other, &bob, "hello");
    let is_there = || world.told().contains(&"hello".to_owned());
    while !is_there() {
        assert!(begun.elapsed() < Duration::from_secs(120), "Bob waits {:?}", begun.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("Bob waited {:?} of virtual time", begun.elapsed());
    world.until_sent(chat, |sent| sent.iter().any(|sent| sent.text.starts_with("I'm busy"))).await;
    assert_eq!(world.discord.identified(), 1);
}
