//! The gateway's sessions: gone on with across connections and restarts, begun anew only when Discord says so.

use std::time::Duration;

use openclaw_platforms::{
    Fault,
    discord::{Stage, Trouble},
};
use tokio::time::Instant;

use crate::support::{World, anna, pass, texts};

#[tokio::test(start_paused = true)]
async fn whatever_ends_a_connection_the_session_goes_on() {
    let world = World::new(&["7"]).await;
    let chat = world.discord.dm(&anna());
    pass(3).await;
    let mut expected = Vec::new();
    for (name, end) in [
        ("close 4000", Box::new(|world: &World| world.discord.close(4000)) as Box<dyn Fn(&World)>),
        ("close 1001", Box::new(|world: &World| world.discord.close(1001))),
        ("close 4005", Box::new(|world: &World| world.discord.close(4005))),
        ("close 4008", Box::new(|world: &World| world.discord.close(4008))),
        ("cut", Box::new(|world: &World| world.discord.cut())),
        ("cut all", Box::new(|world: &World| world.discord.cut_all())),
        ("op 7", Box::new(|world: &World| world.discord.ask_to_reconnect())),
        ("op 9 true", Box::new(|world: &World| world.discord.invalidate(true))),
        ("garbage", Box::new(|world: &World| world.discord.trouble(Stage::Message, Trouble::Garbage))),
    ] {
        let resumed = world.discord.resumed();
        end(&world);
        world.discord.say(chat, &anna(), name);
        expected.push(name.to_owned());
        world.until_told(expected.len()).await;
        assert!(
            world.discord.wait(Duration::from_secs(90), |discord| discord.resumed() > resumed).await,
            "{name}"
        );
        world.until_connected().await;
    }
    world.until_sent(chat, |sent| sent.len() == expected.len()).await;
    pass(10).await;
    assert_eq!((world.told(), world.discord.identified()), (expected, 1));
}

#[tokio::test(start_paused = true)]
async fn what_ends_a_session_begins_the_next_one() {
    let world = World::new(&["7"]).await;
    let chat = world.discord.dm(&anna());
    world.discord.say(chat, &anna(), "hello");
    world.until_sent(chat, |sent| sent.len() == 1).await;
    let mut identified = 1;
    for end in [4003_u16, 4007, 4009, 0] {
        pass(3).await;
        match end {
            0 => world.discord.invalidate(false),
            code => {
                world.discord.forget_sessions();
                world.discord.close(code);
            }
        }
        identified += 1;
        assert!(
            world.discord.wait(Duration::from_secs(120), |discord| discord.identified() == identified).await,
            "{end}"
        );
        world.until_connected().await;
    }
    // One that Discord does not know any more, although nobody said so.
    pass(3).await;
    world.discord.forget_sessions();
    world.discord.cut();
    assert!(
        world.discord.wait(Duration::from_secs(120), |discord| discord.identified() == identified + 1).await
    );
    world.discord.say(chat, &anna(), "still there?");
    world.until_sent(chat, |sent| sent.len() == 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_goes_on_with_the_session() {
    let mut world = World::new(&["7"]).await;
    let chat = world.discord.dm(&anna());
    world.discord.say(chat, &anna(), "before");
    world.until_sent(chat, |sent| sent.len() == 1).await;
    pass(3).await;
    world.kill().await;
    world.discord.say(chat, &anna(), "meanwhile");
    world.start();
    let sent = world.until_sent(chat, |sent| sent.len() == 2).await;
    assert_eq!(texts(&sent), ["You said: before", "You said: meanwhile"]);
    assert_eq!((world.discord.identified(), world.discord.resumed()), (1, 1));
    assert_eq!(world.told(), ["before", "meanwhile"]);
}

#[tokio::test(start_paused = true)]
async fn a_half_open_connection_is_seen_within_five_seconds() {
    let world = World::new(&["7"]).await;
    let chat = world.discord.dm(&anna());
    pass(10).await;
    world.discord.half_open();
    let took = world.until_trouble(|trouble| !trouble.is_empty()).await;
    assert!(took <= Duration::from_millis(5200), "{took:?}");
    assert!(world.trouble().await.contains("no sign of life from discord"));
    world.discord.say(chat, &anna(), "anybody there?");
    let begun = Instant::now();
    world.until_sent(chat, |sent| sent.len() == 1).await;
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(world.discord.identified(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_answers_pings_and_no_heartbeat_is_seen_within_five_seconds_and_left() {
    let world = World::new(&["7"]).await;
    let chat = world.discord.dm(&anna());
    pass(60).await;
    world.discord.zombie();
    world.discord.say(chat, &anna(), "anybody there?");
    let begun = Instant::now();
    let took = world.until_trouble(|trouble| !trouble.is_empty()).await;
    assert!(took <= Duration::from_millis(5100), "{took:?}");
    assert!(world.trouble().await.contains("no sign of life from discord"));
    world.until_sent(chat, |sent| sent.len() == 1).await;
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!((world.discord.identified(), world.told().len()), (1, 1));
    assert_eq!(world.trouble().await, "");
}

#[tokio::test(start_paused = true)]
async fn a_slow_network_is_shown_and_nothing_is_connected_anew() {
    let world = World::new(&["7"]).await;
    for seconds in [1, 4, 9] {
        world.discord.slow_heartbeats(Duration::from_secs(seconds));
        pass(20).await;
        let mut shown = false;
        for _ in 0..600 {
            shown |= !world.trouble().await.is_empty();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(shown, seconds > 2, "{seconds} s");
    }
    world.discord.slow_heartbeats(Duration::ZERO);
    pass(20).await;
    assert_eq!(world.trouble().await, "");
    assert_eq!((world.discord.identified(), world.discord.resumed(), world.discord.connections()), (1, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_quiet_day_is_one_connection() {
    let world = World::new(&["7"]).await;
    for _ in 0..24 {
        pass(3600).await;
        world.discord.ask_for_heartbeat();
        assert_eq!(world.trouble().await, "");
    }
    assert_eq!((world.discord.identified(), world.discord.resumed(), world.discord.connections()), (1, 0, 1));
    // 120 a minute are allowed.
    assert!(world.discord.most_in_a_minute() <= 30, "{}", world.discord.most_in_a_minute());
}

#[tokio::test(start_paused = true)]
async fn a_gateway_that_asks_for_heartbeats_without_end_gets_no_more_than_it_allows() {
    let world = World::new(&["7"]).await;
    for _ in 0..1200 {
        world.discord.ask_for_heartbeat();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!((world.trouble().await, world.discord.connections()), (String::new(), 1));
    assert!(world.discord.most_in_a_minute() <= 90, "{}", world.discord.most_in_a_minute());
}

#[tokio::test(start_paused = true)]
async fn trouble_in_every_state_of_the_protocol_loses_nothing() {
    let stages = [
        Stage::Connected,
        Stage::Hello,
        Stage::Identify,
        Stage::Ready,
        Stage::Resume,
        Stage::Resumed,
        Stage::Heartbeat,
        Stage::Message,
    ];
    for stage in stages {
        for trouble in
            [Trouble::Cut, Trouble::Close(4000), Trouble::Close(4009), Trouble::Hang, Trouble::Garbage]
        {
            let context = format!("{trouble:?} at {stage:?}");
            let mut world = World::stopped(&["7"]).await;
            let chat = world.discord.dm(&anna());
            world.start();
            world.until_connected().await;
            world.discord.say(chat, &anna(), "first");
            world.until_sent(chat, |sent| sent.len() == 1).await;
            pass(3).await;
            if matches!(stage, Stage::Identify | Stage::Ready) {
                world.discord.forget_sessions();
            }
            world.discord.trouble(stage, trouble);
            world.discord.trouble(stage, trouble);
            world.discord.cut();
            world.discord.say(chat, &anna(), "second");
            world.until_told(2).await;
            world.discord.say(chat, &anna(), "third");
            world.until_sent(chat, |sent| sent.len() == 3).await;
            pass(90).await;
            world.until_connected().await;
            world.until_idle().await;
            let sent = world.discord.sent_in(chat);
            assert_eq!(texts(&sent), ["You said: first", "You said: second", "You said: third"], "{context}");
            assert_eq!(world.told(), ["first", "second", "third"], "{context}");
            world.kill().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn trouble_with_the_upgrade_is_tried_again() {
    for fault in [
        Fault::CutBefore,
        Fault::Hang,
        Fault::Answer(502, "no".to_owned()),
        Fault::Late(Duration::from_secs(3)),
    ] {
        let mut world = World::stopped(&["7"]).await;
        let chat = world.discord.dm(&anna());
        world.discord.faults().add("/ws", 2, fault);
        world.start();
        world.discord.say(chat, &anna(), "hello");
        pass(60).await;
        world.until_connected().await;
        world.discord.say(chat, &anna(), "hello again");
        world.until_sent(chat, |sent| !sent.is_empty()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn sessions_are_not_begun_until_none_are_left() {
    let mut world = World::stopped(&["7"]).await;
    world.discord.identifies_left(3);
    world.start();
    world.until_trouble(|trouble| trouble.contains("too many sessions")).await;
    pass(600).await;
    assert_eq!(world.discord.identified(), 0);
    world.discord.identifies_left(1000);
    pass(3600).await;
    world.until_connected().await;
}
