//! Connections: refreshed, cut, half-open, refused, and what the status says meanwhile.

use std::time::Duration;

use openclaw_platforms::Fault;

use crate::support::{ANNA, APP, BOT, World, pass, texts};

#[tokio::test(start_paused = true)]
async fn a_refresh_leaves_no_gap() {
    let world = World::new().await;
    for (round, reason) in ["refresh_requested", "warning", "refresh_requested"].into_iter().enumerate() {
        world.slack.disconnect(reason, Duration::from_secs(10));
        // The old connection is not left before the new one stands; events come by both.
        world.until("the next connection", |world| world.slack.opened() == round as u64 + 2).await;
        for part in ["a", "b", "c"] {
            world.slack.say(&world.im, ANNA, &format!("{round}{part}"));
        }
        assert_eq!(world.trouble().await, "");
        world.until("one connection", |world| world.slack.connections() == 1).await;
        assert_eq!(world.trouble().await, "");
    }
    world.settled().await;
    assert_eq!(world.slack.answers(&world.im).len(), 9);
    assert_eq!(world.told().len(), 9);
    assert_eq!(world.info().await.detail.reconnects, 0);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_fails_at_first_is_tried_again_before_the_old_one_goes() {
    let world = World::new().await;
    for (path, fault) in [
        ("apps.connections.open", Fault::Answer(500, String::new())),
        ("apps.connections.open", Fault::WrongJson),
        ("/link/", Fault::CutBefore),
        ("/link/", Fault::Answer(403, String::new())),
    ] {
        let opened = world.slack.opened();
        world.slack.faults().add(path, 2, fault.clone());
        world.slack.disconnect("warning", Duration::from_secs(10));
        world.until("the next connection", |world| world.slack.opened() > opened).await;
        world.slack.say(&world.im, ANNA, &format!("{path} {fault:?}"));
        world.until("one connection", |world| world.slack.connections() == 1).await;
        assert_eq!(world.trouble().await, "", "{path} {fault:?}");
    }
    world.settled().await;
    assert_eq!((world.told().len(), world.info().await.detail.reconnects), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn a_half_open_connection_is_seen_within_five_seconds() {
    let world = World::new().await;
    world.slack.freeze();
    world.slack.say(&world.im, ANNA, "anybody there?");
    let took = world.until_trouble(|trouble| !trouble.is_empty()).await;
    assert!(took <= Duration::from_millis(5100), "{took:?}");
    assert!(world.trouble().await.starts_with("no sign of life from slack"), "{}", world.trouble().await);
    let took = world.until_connected().await;
    assert!(took <= Duration::from_secs(20), "{took:?}");
    let answers = world.until_answers(&world.im, |answers| answers.len() == 1).await;
    assert_eq!(texts(&answers), ["You said: anybody there?"]);
}

#[tokio::test(start_paused = true)]
async fn a_cut_connection_is_seen_at_once_and_made_anew() {
    let world = World::new().await;
    for round in 0..20 {
        world.until_connected().await;
        if round % 2 == 0 {
            world.slack.cut_all()
        } else {
            world.slack.cut_sockets()
        }
        let took = world.until_trouble(|trouble| !trouble.is_empty()).await;
        assert!(took < Duration::from_millis(200), "{took:?}");
        world.slack.say(&world.im, ANNA, &format!("round {round}"));
    }
    world.until_connected().await;
    world.settled().await;
    assert_eq!((world.told().len(), world.slack.answers(&world.im).len()), (20, 20));
    assert_eq!(world.info().await.detail.reconnects, 20);
}

#[tokio::test(start_paused = true)]
async fn any_fault_while_connecting_is_got_over() {
    for path in ["/api/auth.test", "/api/apps.connections.open", "/link/"] {
        for fault in [
            Fault::CutBefore,
            Fault::CutAfter,
            Fault::Hang,
            Fault::HangAfter,
            Fault::Answer(500, String::new()),
            Fault::Answer(429, String::new()),
            Fault::Answer(200, "<html>".to_owned()),
            Fault::Answer(200, r#"{"ok":false,"error":"internal_error"}"#.to_owned()),
            Fault::Answer(200, r#"{"ok":true}"#.to_owned()),
            Fault::WrongJson,
            Fault::Late(Duration::from_secs(4)),
        ] {
            let mut world = World::stopped().await;
            world.slack.faults().add(path, 2, fault.clone());
            world.slack.say(&world.im, ANNA, "hello");
            world.start();
            world.settled().await;
            assert_eq!(texts(&world.slack.answers(&world.im)), ["You said: hello"], "{fault:?} in {path}");
            assert_eq!(world.trouble().await, "", "{fault:?} in {path}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn frames_that_make_no_sense_harm_nobody() {
    let world = World::new().await;
    for frame in [
        "",
        "[",
        "null",
        "[1]",
        r#"{"type":7}"#,
        r#"{"type":"disconnect"}"#,
        r#"{"type":"events_api"}"#,
        r#"{"type":"events_api","envelope_id":"x","payload":{"event":{"type":"message","channel":[]}}}"#,
        r#"{"type":"slash_commands","envelope_id":"y","payload":null}"#,
        r#"{"type":"interactive","envelope_id":"z","payload":{}}"#,
        r#"{"type":"something_new","envelope_id":"w","payload":{}}"#,
    ] {
        world.slack.frame(frame);
    }
    world.slack.say(&world.im, ANNA, "hello");
    world.settled().await;
    assert_eq!((world.told().len(), world.info().await.detail.reconnects), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_dead_token_is_said_and_nothing_is_tried_any_more() {
    for (token, error, said) in [
        (BOT, "invalid_auth", "Slack does not take the bot token any more (`invalid_auth`)"),
        (BOT, "account_inactive", "Slack does not take the bot token any more (`account_inactive`)"),
        (APP, "token_revoked", "Slack does not take the app-level token any more (`token_revoked`)"),
    ] {
        let world = World::new().await;
        world.slack.revoke(token, error);
        world.slack.cut_sockets();
        world.until_trouble(|trouble| trouble.starts_with(said)).await;
        let calls = world.slack.calls().len();
        pass(600).await;
        assert_eq!(world.slack.calls().len(), calls, "{error}");
        // A change of the configuration connects it by itself.
        world.slack.restore();
        world.configure(|config| config.allowed_chats.push("C1".to_owned()));
        world.until_connected().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_dies_while_an_answer_is_written_stops_the_channel_and_the_answer_comes_later() {
    let world = World::new().await;
    world.agent.always(openclaw_testkit::AgentScript {
        tokens: 20,
        token_delay: Duration::from_millis(700),
        ..openclaw_testkit::AgentScript::default()
    });
    world.slack.say(&world.im, ANNA, "tell me a story about tokens");
    world.until_answers(&world.im, |answers| !answers.is_empty()).await;
    world.slack.revoke(BOT, "token_revoked");
    world.until_trouble(|trouble| trouble.contains("`token_revoked`")).await;
    world.slack.restore();
    world.configure(|config| config.allowed_chats.push("C1".to_owned()));
    world
        .until_answers(&world.im, |answers| answers[0].text == "You said: tell me a story about tokens")
        .await;
    world.settled().await;
    assert_eq!(world.slack.answers(&world.im).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn socket_mode_switched_off_is_said_and_looked_at_now_and_then() {
    let world = World::new().await;
    world.slack.disconnect("link_disabled", Duration::ZERO);
    world
        .until_trouble(|trouble| trouble.starts_with("Socket Mode is switched off for this Slack app"))
        .await;
    let opened = world.slack.opened();
    pass(50).await;
    assert_eq!(world.slack.opened(), opened);
    world.until_connected().await;
}
