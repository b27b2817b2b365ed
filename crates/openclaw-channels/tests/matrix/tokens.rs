//! Tokens that die, passwords, and configurations that change.

use std::time::Duration;

use openclaw_channels::probe;
use openclaw_core::Secret;
use openclaw_testkit::AgentScript;

use crate::support::{World, texts};

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_dies_mid_stream_is_said_and_a_new_one_goes_on() {
    let Some(world) = World::new().await else { return };
    let room = world.chat().await;
    world.agent.always(AgentScript {
        tokens: 8,
        token_delay: Duration::from_millis(600),
        ..AgentScript::default()
    });
    world.anna.say(&room, "one two three four five").await;
    world.until_said(&room, |said| said.len() == 1).await;
    world.claw.log_out().await;
    let took = world.until_trouble(|trouble| trouble.contains("does not take the token")).await;
    assert!(took < Duration::from_secs(5), "{took:?}");
    let calls = world.proxy.passed().len();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(world.proxy.passed().len() <= calls + 1, "it goes on trying");
    let session = world.synapse.log_in("claw", "pw").await;
    world.configure(|config| config.token = Some(Secret::new(session.token.clone())));
    world.until_connected().await;
    world.until_said(&room, |said| said.iter().any(|said| said.text.ends_with("four five"))).await;
    world.until_quiet().await;
    assert_eq!(texts(&world.said(&room).await), ["You said: one two three four five"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_password_it_keeps_one_device_and_logs_in_again_by_itself() {
    let Some(mut world) = World::stopped().await else { return };
    world.configure(|config| {
        config.token = None;
        config.options.insert("user".to_owned(), "claw".to_owned());
        config.secrets.insert("password".to_owned(), Secret::new("pw"));
    });
    world.start();
    world.until_connected().await;
    let room = world.chat().await;
    world.anna.say(&room, "one").await;
    world.until_said(&room, |said| said.len() == 1).await;
    world.kill().await;
    world.start();
    world.until_connected().await;
    let devices = async || {
        world.claw.call("GET", "devices", None).await.unwrap().1["devices"].as_array().unwrap().clone()
    };
    // The one of the test, and ours.
    let ours: Vec<_> = devices()
        .await
        .into_iter()
        .filter(|device| device["device_id"] != world.claw.device.as_str())
        .collect();
    assert_eq!(ours.len(), 1, "{ours:?}");
    // Somebody ends the session: the password is still good.
    let id = ours[0]["device_id"].as_str().unwrap();
    let auth = serde_json::json!({"auth": {"type": "m.login.password", "password": "pw", "identifier": {"type": "m.id.user", "user": "claw"}}});
    let (status, asked) =
        world.claw.call("DELETE", &format!("devices/{id}"), Some(&serde_json::json!({}))).await.unwrap();
    assert_eq!(status, 401);
    let mut auth = auth;
    auth["auth"]["session"] = asked["session"].clone();
    world.claw.ok("DELETE", &format!("devices/{id}"), &auth).await;
    world.anna.say(&room, "two").await;
    world.until_said(&room, |said| said.len() == 2).await;
    assert_eq!(world.told(), ["one", "two"]);

    world.configure(|config| {
        config.secrets.insert("password".to_owned(), Secret::new("wrong"));
    });
    world.until_trouble(|trouble| trouble.contains("does not take the password")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn probing_leaves_no_session() {
    let Some(world) = World::stopped().await else { return };
    let mut config = world.config.borrow()["matrix"].clone();
    assert_eq!(probe("matrix", &config).await.unwrap(), "@claw:localhost");
    config.token = Some(Secret::new("wrong"));
    let refused = probe("matrix", &config).await.unwrap_err();
    assert!(refused.contains("does not take the token"), "{refused}");
    config.token = None;
    let missing = probe("matrix", &config).await.unwrap_err();
    assert!(missing.contains("channels.matrix.token"), "{missing}");
    config.options.insert("user".to_owned(), "@claw:localhost".to_owned());
    config.secrets.insert("password".to_owned(), Secret::new("pw"));
    assert_eq!(probe("matrix", &config).await.unwrap(), "@claw:localhost");
    let (_, devices) = world.claw.call("GET", "devices", None).await.unwrap();
    assert_eq!(devices["devices"].as_array().unwrap().len(), 1);
}
