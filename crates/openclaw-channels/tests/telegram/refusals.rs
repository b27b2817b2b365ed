//! What Telegram refuses: too much, dead tokens, closed chats, a second reader.

use std::time::Duration;

use openclaw_core::{
    Secret,
    port::{ChannelPort as _, WebhookAnswer, WebhookRequest},
};
use openclaw_platforms::{Fault, telegram::User};
use openclaw_testkit::AgentScript;
use serde_json::json;
use tokio::time::Instant;

use crate::support::{World, anna, texts};

#[tokio::test(start_paused = true)]
async fn rates_are_kept_so_that_nobody_has_to_say_no() {
    let users: Vec<String> = (100..160).map(|id: i64| id.to_string()).collect();
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    let world = World::new(&users).await;
    world.telegram.enforce_limits(true);
    let group = world.telegram.supergroup("Busy", false);
    for id in 100..160 {
        let user = User::new(id, "Somebody");
        let chat = world.telegram.private(&user);
        world.telegram.say(chat, &user, "hello");
        world.telegram.say(chat, &user, "again");
        if id < 130 {
            world.telegram.say(group, &user, "@claw_bot hi");
        }
    }
    let begun = Instant::now();
    for id in 100..160 {
        world.until_sent(id, |sent| sent.len() == 2).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "direct chats took {:?}", begun.elapsed());
    world.until_sent(group, |sent| sent.len() == 30).await;
    assert_eq!(world.telegram.refused(), 0);
}

#[tokio::test(start_paused = true)]
async fn too_many_requests_are_waited_for_in_that_chat_alone() {
    let bob = User::new(8, "Bob");
    let world = World::new(&["7", "8"]).await;
    let (chat, other) = (world.telegram.private(&anna()), world.telegram.private(&bob));
    world.until_connected().await;
    world.telegram.storm(Some(chat), Duration::from_secs(90));
    let begun = Instant::now();
    world.telegram.say(chat, &anna(), "here");
    world.telegram.say(chat, &anna(), "and here");
    world.until_told(2).await;
    world.telegram.say(other, &bob, "there");
    world.until_sent(other, |sent| sent.len() == 1).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "Bob waited {:?}", begun.elapsed());
    let sent = world.until_sent(chat, |sent| sent.len() == 2).await;
    assert_eq!(texts(&sent), ["You said: here", "You said: and here"]);
    let waited = begun.elapsed().as_secs();
    assert!((88..100).contains(&waited), "{waited} s");
    assert!(world.telegram.refused() <= 3, "asked {} times in vain", world.telegram.refused());
    assert_eq!(world.trouble().await, "");
}

#[tokio::test(start_paused = true)]
async fn a_storm_over_everything_is_obeyed_by_all() {
    let world = World::new(&["7", "8", "9", "10"]).await;
    world.until_connected().await;
    world.telegram.storm(None, Duration::from_secs(40));
    let mut chats = Vec::new();
    for id in 7..11 {
        let user = User::new(id, "Somebody");
        chats.push(world.telegram.private(&user));
        world.telegram.say(id, &user, "hello");
    }
    for chat in chats {
        world.until_sent(chat, |sent| sent.len() == 1).await;
    }
    assert!(world.telegram.refused() < 40, "asked {} times in vain", world.telegram.refused());
    world.until_connected().await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_token_stops_trying_and_a_new_one_goes_on() {
    let world = World::new(&["7"]).await;
    let chat = world.telegram.private(&anna());
    world.agent.then(AgentScript {
        reply: Some("a long story".to_owned()),
        tokens: 10,
        token_delay: Duration::from_secs(1),
        ..AgentScript::default()
    });
    world.telegram.say(chat, &anna(), "tell me");
    world.until_sent(chat, |sent| !sent.is_empty()).await;
    world.telegram.revoke();
    let took = world.until_trouble(|trouble| trouble.contains("does not take the token")).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    let trouble = world.trouble().await;
    assert!(trouble.contains("@BotFather") && trouble.contains("`channels.telegram.token`"), "{trouble}");
    assert!(!trouble.contains("42:TEST"), "{trouble}");
    let calls = world.telegram.calls().len();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.telegram.calls().len(), calls);
    world.telegram.renew("42:NEW");
    world.configure(|config| config.token = Some(Secret::new("42:NEW")));
    world.until_connected().await;
    let sent =
        world.until_sent(chat, |sent| sent.last().is_some_and(|sent| sent.text == "a long story")).await;
    assert_eq!(sent.len(), 1, "{sent:?}");
}

#[tokio::test(start_paused = true)]
async fn a_chat_that_is_closed_loses_its_answer_and_nobody_else_does() {
    let bob = User::new(8, "Bob");
    let world = World::new(&["7", "8"]).await;
    let (chat, other) = (world.telegram.private(&anna()), world.telegram.private(&bob));
    world.agent.then(AgentScript { first_delay: Duration::from_secs(2), ..AgentScript::default() });
    world.telegram.say(chat, &anna(), "hello");
    world.until_told(1).await;
    world.telegram.block(&anna());
    world.telegram.say(other, &bob, "hello");
    world.until_sent(other, |sent| sent.len() == 1).await;
    while world.info().await.detail.failed == 0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!((world.trouble().await, world.info().await.detail.waiting), (String::new(), 0));
    world.telegram.reopen(chat);
    world.telegram.say(chat, &anna(), "sorry");
    let sent = world.until_sent(chat, |sent| !sent.is_empty()).await;
    assert_eq!(texts(&sent), ["You said: sorry"]);
}

#[tokio::test(start_paused = true)]
async fn a_second_reader_is_named() {
    let world = World::new(&["7"]).await;
    world.until_connected().await;
    let said =
        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
    let body = json!({"ok": false, "error_code": 409, "description": said}).to_string();
    world.telegram.faults().add("/getUpdates", 3, Fault::Answer(409, body));
    world.until_trouble(|trouble| trouble.contains("another program polls with the same token")).await;
    world.until_connected().await;
}

#[tokio::test(start_paused = true)]
async fn a_token_of_the_wrong_shape_is_refused_before_anything_is_asked() {
    let world = World::stopped(&[]).await;
    world.configure(|config| config.token = Some(Secret::new("not a token")));
    let mut world = world;
    world.start();
    world.until_trouble(|trouble| trouble.contains("is no bot token")).await;
    assert!(world.telegram.calls().is_empty());
}

#[tokio::test(start_paused = true)]
async fn updates_can_be_posted_to_a_webhook() {
    let mut world = World::stopped(&["7"]).await;
    let chat = world.telegram.private(&anna());
    let hook = "https://gateway.example.org/api/v1/channels/telegram/webhook";
    world.configure(|config| {
        config.options.insert("webhook_url".to_owned(), hook.to_owned());
    });
    world.start();
    world.until_connected().await;
    assert_eq!(world.telegram.webhook().as_deref(), Some(hook));
    let channels = world.gateway.as_ref().unwrap().channels.clone();
    let update = |id: i64, text: &str| {
        json!({"update_id": id, "message": {
            "message_id": id, "date": 1_790_000_000, "chat": {"id": chat, "type": "private"},
            "from": {"id": 7, "is_bot": false, "first_name": "Anna"}, "text": text,
        }})
    };
    let request = |secret: &str, body: serde_json::Value| WebhookRequest {
        headers: vec![("x-telegram-bot-api-secret-token".to_owned(), secret.to_owned())],
        body: body.to_string().into(),
    };
    let secret = world.telegram.webhook_secret().unwrap();
    for (secret, body) in [("", update(1, "x")), ("wrong", update(1, "x")), (&secret, json!({}))] {
        let answer = channels.webhook("telegram", request(secret, body)).await.unwrap();
        assert!(matches!(answer, WebhookAnswer::Refused(_)), "{answer:?}");
    }
    for _ in 0..2 {
        let answer = channels.webhook("telegram", request(&secret, update(1, "by post"))).await.unwrap();
        assert_eq!(answer, WebhookAnswer::Taken(json!({})));
    }
    let sent = world.until_sent(chat, |sent| !sent.is_empty()).await;
    assert_eq!((texts(&sent), world.told().len()), (vec!["You said: by post"], 1));
    // Without the option, the updates are polled again.
    world.configure(|config| config.options.clear());
    world.telegram.say(chat, &anna(), "by poll");
    world.until_sent(chat, |sent| sent.len() == 2).await;
    assert_eq!(world.telegram.webhook(), None);
}
