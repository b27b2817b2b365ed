//! What was said while nobody listened, and no session could be gone on with.

use std::time::Duration;

use openclaw_platforms::{
    Fault,
    discord::{BOT, User},
};

use crate::support::{World, anna, pass, texts};

#[tokio::test(start_paused = true)]
async fn what_a_lost_session_did_not_tell_is_asked_for() {
    let mut world = World::new(&["7"]).await;
    let guild = world.discord.guild("Home");
    let (chat, channel, quiet) = (
        world.discord.dm(&anna()),
        world.discord.channel(guild, "general"),
        world.discord.channel(guild, "quiet"),
    );
    let thread = world.discord.thread(channel, "thread", None);
    world.discord.say(quiet, &anna(), "nobody is meant");
    pass(100).await;
    world.discord.say(chat, &anna(), "known");
    world.until_sent(chat, |sent| sent.len() == 1).await;
    pass(100).await;
    world.kill().await;
    // Nobody listens, and the session is forgotten.
    world.discord.deaf(true);
    for number in 0..150 {
        world.discord.say(channel, &anna(), &format!("noise {number}"));
        if number % 50 == 0 {
            world.discord.say(channel, &anna(), &format!("<@{BOT}> missed {number}"));
            world.discord.say(thread, &anna(), &format!("<@{BOT}> thread {number}"));
            world.discord.say(chat, &anna(), &format!("direct {number}"));
        }
        pass(1).await;
    }
    world.discord.deaf(false);
    world.discord.forget_sessions();
    let before = world.discord.calls().len();
    world.start();
    for (place, name, count) in [(channel, "missed", 3), (thread, "thread", 3), (chat, "direct", 4)] {
        let sent = world.until_sent(place, |sent| sent.len() == count).await;
        let expected: Vec<String> =
            [0, 50, 100].iter().map(|number| format!("You said: {name} {number}")).collect();
        assert_eq!(texts(&sent)[count - 3..], expected, "{name}");
    }
    pass(10).await;
    assert_eq!(world.told().len(), 10);
    // Where nothing was said, nothing is asked.
    let asked: Vec<String> = world.discord.calls()[before..]
        .iter()
        .filter(|(route, _)| route == "GET /channels/{}/messages")
        .map(|(_, channel)| channel.clone())
        .collect();
    assert!(!asked.contains(&quiet.to_string()), "{asked:?}");
    assert_eq!(world.discord.refused(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_comes_before_what_is_said_now() {
    let mut world = World::new(&["7"]).await;
    let chat = world.discord.dm(&anna());
    world.discord.say(chat, &anna(), "0");
    world.until_sent(chat, |sent| sent.len() == 1).await;
    pass(3).await;
    world.kill().await;
    world.discord.deaf(true);
    for number in 1..4 {
        world.discord.say(chat, &anna(), &number.to_string());
    }
    world.discord.deaf(false);
    world.discord.forget_sessions();
    // Asking takes its time, and goes wrong at first.
    world.discord.faults().add("/messages", 1, Fault::Late(Duration::from_secs(5)));
    world.discord.faults().add("/messages", 1, Fault::Answer(500, "{}".to_owned()));
    world.discord.faults().add("/messages", 1, Fault::CutAfter);
    world.discord.faults().add("/messages", 1, Fault::WrongJson);
    world.start();
    world.until_connected().await;
    for number in 4..7 {
        world.discord.say(chat, &anna(), &number.to_string());
        pass(1).await;
    }
    world.until_sent(chat, |sent| sent.len() == 7).await;
    assert_eq!(world.told(), ["0", "1", "2", "3", "4", "5", "6"]);
}

#[tokio::test(start_paused = true)]
async fn a_kill_while_gaps_are_filled_forgets_none() {
    let mut world = World::stopped(&["7"]).await;
    let guild = world.discord.guild("Home");
    let channels: Vec<u64> =
        (0..6).map(|number| world.discord.channel(guild, &format!("room {number}"))).collect();
    world.start();
    world.until_connected().await;
    pass(70).await;
    world.kill().await;
    world.discord.deaf(true);
    for channel in &channels {
        world.discord.say(*channel, &anna(), &format!("<@{BOT}> here in {channel}"));
    }
    world.discord.deaf(false);
    world.discord.forget_sessions();
    for fault in [Fault::Hang, Fault::HangAfter, Fault::Late(Duration::from_secs(3))] {
        world.discord.faults().add("/messages", 3, fault);
        world.start();
        pass(2).await;
        world.kill().await;
        world.discord.faults().clear();
    }
    world.start();
    for channel in &channels {
        let sent = world.until_sent(*channel, |sent| sent.len() == 1).await;
        assert_eq!(texts(&sent), [format!("You said: here in {channel}")]);
    }
    pass(10).await;
    assert_eq!((world.told().len(), world.discord.sent().len()), (6, 6));
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_may_not_be_read_holds_nothing_up() {
    let mut world = World::new(&["7"]).await;
    let guild = world.discord.guild("Home");
    let (open, other) = (world.discord.channel(guild, "open"), world.discord.channel(guild, "other"));
    pass(70).await;
    world.kill().await;
    world.discord.deaf(true);
    world.discord.say(open, &anna(), &format!("<@{BOT}> hello"));
    world.discord.say(other, &anna(), "something");
    world.discord.deaf(false);
    world.discord.forget_sessions();
    let no = r#"{"message": "Missing Access", "code": 50001}"#;
    world.discord.faults().add(&format!("/channels/{other}/messages"), 1, Fault::Answer(403, no.to_owned()));
    world.start();
    world.until_sent(open, |sent| sent.len() == 1).await;
    // It is not asked again for what it does not tell.
    for _ in 0..3 {
        pass(3).await;
        world.discord.invalidate(false);
        pass(10).await;
        world.until_connected().await;
    }
    let asked = world
        .discord
        .calls()
        .iter()
        .filter(|(route, id)| route == "GET /channels/{}/messages" && *id == other.to_string())
        .count();
    assert_eq!(asked, 0);
}

#[tokio::test(start_paused = true)]
async fn what_was_said_before_the_first_start_is_nobodys_business() {
    let mut world = World::stopped(&["7"]).await;
    let guild = world.discord.guild("Home");
    let channel = world.discord.channel(guild, "general");
    world.discord.say(channel, &anna(), &format!("<@{BOT}> long ago"));
    pass(100).await;
    world.start();
    world.until_connected().await;
    world.discord.say(channel, &anna(), &format!("<@{BOT}> now"));
    world.until_sent(channel, |sent| sent.len() == 1).await;
    pass(10).await;
    assert_eq!(world.told(), ["now"]);
}

#[tokio::test(start_paused = true)]
async fn a_first_session_that_is_lost_at_once_loses_nothing() {
    let mut world = World::stopped(&["7"]).await;
    let guild = world.discord.guild("Home");
    let channel = world.discord.channel(guild, "general");
    world.start();
    world.until_connected().await;
    pass(2).await;
    world.discord.deaf(true);
    world.discord.say(channel, &anna(), &format!("<@{BOT}> hello"));
    world.discord.deaf(false);
    world.discord.invalidate(false);
    world.until_sent(channel, |sent| sent.len() == 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_not_available_does_not_hold_up_the_others_for_ever() {
    let world = World::new(&["7"]).await;
    let chat = world.discord.dm(&anna());
    world.discord.dispatch("GUILD_CREATE", &serde_json::json!({"id": "5", "unavailable": true}));
    world.discord.say(chat, &anna(), "hello");
    world.until_sent(chat, |sent| sent.len() == 1).await;
    pass(70).await;
    world.discord.cut();
    world.discord.say(chat, &User::new(7, "Anna"), "again");
    world.until_sent(chat, |sent| sent.len() == 2).await;
    assert_eq!(world.discord.identified(), 1);
}
