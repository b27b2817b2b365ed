//! What Discord refuses: too much, dead tokens, intents, closed channels.

use std::time::Duration;

use openclaw_channels::probe;
use openclaw_core::Secret;
use openclaw_platforms::{
    Fault,
    discord::{BOT, User},
};
use openclaw_testkit::AgentScript;
use tokio::time::Instant;

use crate::support::{World, anna, pass, texts};

#[tokio::test(start_paused = true)]
async fn limits_are_read_from_the_headers_so_that_nobody_has_to_say_no() {
    let users: Vec<String> = (100..140).map(|id: u64| id.to_string()).collect();
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    let world = World::new(&users).await;
    let guild = world.discord.guild("Busy");
    let channel = world.discord.channel(guild, "general");
    world.agent.always(AgentScript {
        reply: Some("some words that come slowly".to_owned()),
        tokens: 5,
        token_delay: Duration::from_millis(500),
        ..AgentScript::default()
    });
    let mut chats = Vec::new();
    for id in 100..140 {
        let user = User::new(id, "Somebody");
        let chat = world.discord.dm(&user);
        chats.push(chat);
        world.discord.say(chat, &user, "hello");
        world.discord.say(chat, &user, "again");
        world.discord.say(channel, &user, &format!("<@{BOT}> hi"));
    }
    for chat in chats {
        world.until_sent(chat, |sent| sent.len() == 2).await;
    }
    world.until_sent(channel, |sent| sent.len() == 40).await;
    world.until_idle().await;
    assert!(world.discord.refused() <= 2, "told to wait {} times", world.discord.refused());
}

#[tokio::test(start_paused = true)]
async fn a_storm_over_everything_is_obeyed_by_all() {
    let world = World::new(&["7", "8", "9", "10"]).await;
    pass(3).await;
    let before = world.discord.refused();
    world.discord.storm(None, Duration::from_secs(90));
    let mut chats = Vec::new();
    for id in 7..11 {
        let user = User::new(id, "Somebody");
        let chat = world.discord.dm(&user);
        chats.push(chat);
        world.discord.say(chat, &user, "hello");
    }
    for chat in chats {
        world.until_sent(chat, |sent| sent.len() == 1).await;
    }
    assert!(
        world.discord.refused() - before <= 8,
        "asked {} times in vain",
        world.discord.refused() - before
    );
    assert_eq!(world.trouble().await, "");
}

#[tokio::test(start_paused = true)]
async fn a_storm_on_one_route_holds_that_alone() {
    let world = World::new(&["7"]).await;
    let chat = world.discord.dm(&anna());
    world.discord.storm(Some("POST /channels/{}/messages"), Duration::from_secs(40));
    let begun = Instant::now();
    world.discord.say(chat, &anna(), "hello");
    let command = world.discord.command(chat, &anna(), "status");
    assert!(
        world
            .discord
            .wait(Duration::from_secs(3), |discord| discord.answered(command).is_some()
                && !discord.is_thinking(command))
            .await
    );
    world.until_sent(chat, |sent| sent.len() == 2).await;
    assert!((38..48).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    assert!(world.discord.refused() <= 3);
}

#[tokio::test(start_paused = true)]
async fn a_dead_token_stops_trying_and_a_new_one_goes_on() {
    let world = World::new(&["7"]).await;
    let chat = world.discord.dm(&anna());
    world.agent.then(AgentScript {
        reply: Some("a long story".to_owned()),
        tokens: 10,
        token_delay: Duration::from_secs(1),
        ..AgentScript::default()
    });
    world.discord.say(chat, &anna(), "tell me");
    world.until_sent(chat, |sent| !sent.is_empty()).await;
    world.discord.revoke();
    let took = world.until_trouble(|trouble| trouble.contains("does not take the token")).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    let trouble = world.trouble().await;
    assert!(
        trouble.contains("`channels.discord.token`") && !trouble.contains("discord-test-token"),
        "{trouble}"
    );
    pass(5).await;
    let calls = world.discord.calls().len();
    pass(120).await;
    assert_eq!(world.discord.calls().len(), calls);
    world.discord.renew("another-token");
    world.configure(|config| config.token = Some(Secret::new("another-token")));
    world.until_connected().await;
    let sent =
        world.until_sent(chat, |sent| sent.last().is_some_and(|sent| sent.text == "a long story")).await;
    assert_eq!(texts(&sent), ["a long story"]);
}

#[tokio::test(start_paused = true)]
async fn an_app_that_may_not_read_says_what_to_switch_on() {
    let mut world = World::stopped(&["7"]).await;
    world.discord.allow_content(false);
    world.start();
    world.until_trouble(|trouble| trouble.contains("Message Content Intent")).await;
    pass(300).await;
    assert!(world.trouble().await.contains("https://discord.com/developers/applications"));
    let config = world.config.borrow()["discord"].clone();
    let error = probe("discord", &config).await.unwrap_err().to_string();
    assert!(error.contains("Message Content Intent"), "{error}");
    world.discord.allow_content(true);
    assert_eq!(probe("discord", &config).await.unwrap(), "@claw");
    world.configure(|config| config.allowed_users.push("8".to_owned()));
    world.until_connected().await;
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_is_closed_loses_its_answer_and_nobody_else_does() {
    let bob = User::new(8, "Bob");
    let world = World::new(&["7", "8"]).await;
    let guild = world.discord.guild("Home");
    let (closed, gone, other) = (
        world.discord.channel(guild, "closed"),
        world.discord.channel(guild, "gone"),
        world.discord.dm(&bob),
    );
    world.agent.then(AgentScript { first_delay: Duration::from_secs(2), ..AgentScript::default() });
    world.agent.then(AgentScript { first_delay: Duration::from_secs(2), ..AgentScript::default() });
    for place in [closed, gone] {
        world.discord.say(place, &anna(), &format!("<@{BOT}> hello"));
    }
    world.until_told(2).await;
    world.discord.forbid(closed, 50013, "Missing Permissions");
    world.discord.remove(gone);
    world.discord.say(other, &bob, "hello");
    world.until_sent(other, |sent| sent.len() == 1).await;
    world.until_idle().await;
    assert_eq!((world.info().await.detail.failed, world.trouble().await.as_str()), (2, ""));
    assert!(world.discord.invalid() <= 3, "{} invalid requests", world.discord.invalid());
    world.discord.permit(closed);
    world.discord.say(closed, &anna(), &format!("<@{BOT}> again"));
    world.until_sent(closed, |sent| sent.len() == 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_platform_that_is_no_platform_is_waited_for() {
    for answer in [
        Fault::Answer(200, "[]".to_owned()),
        Fault::WrongJson,
        Fault::Answer(200, "\"hi\"".to_owned()),
        Fault::Answer(503, "no".to_owned()),
    ] {
        let mut world = World::stopped(&["7"]).await;
        world.discord.faults().add("/users/@me", 3, answer.clone());
        world.discord.faults().add("/gateway/bot", 3, answer);
        world.start();
        world.until_connected().await;
    }
}
