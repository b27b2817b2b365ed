//! Invitations, groups, strangers, rooms that are encrypted, rooms that are left.

use std::time::Duration;

use openclaw_core::port::ChannelPort as _;
use serde_json::json;
use tokio::time::Instant;

use crate::support::{World, texts};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_before_it_came_in_is_heard_and_what_was_said_before_it_was_invited_is_not() {
    let Some(mut world) = World::stopped().await else { return };
    let bo = world.synapse.register("bo", "pw").await;
    let room = world.anna.group("Team", &[&bo.id]).await;
    bo.join(&room).await;
    world.anna.mention(&room, &world.claw.id, "before").await;
    world.anna.invite(&room, &world.claw.id).await;
    for number in 0..30 {
        world.anna.mention(&room, &world.claw.id, &format!("meanwhile {number}")).await;
    }
    world.start();
    world.until_member(&world.anna, &room).await;
    world.anna.mention(&room, &world.claw.id, "after").await;
    let expected: Vec<_> =
        (0..30).map(|number| format!("meanwhile {number}")).chain(["after".to_owned()]).collect();
    assert_eq!(world.until_told(31).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn in_groups_it_answers_who_means_it() {
    let Some(world) = World::new().await else { return };
    let bo = world.synapse.register("bo", "pw").await;
    let room = world.anna.group("Team", &[&world.claw.id, &bo.id]).await;
    bo.join(&room).await;
    world.until_member(&world.anna, &room).await;
    world.anna.say(&room, "not for it").await;
    world.anna.mention(&room, &world.claw.id, "Claw: by its name").await;
    let said = world.until_said(&room, |said| said.len() == 1).await;
    world.anna.reply(&room, &said[0].id, "by a reply").await;
    let pill = json!({
        "msgtype": "m.text", "body": "hey Claw, by a pill", "format": "org.matrix.custom.html",
        "formatted_body": format!("hey <a href=\"https://matrix.to/#/{}\">Claw</a>, by a pill", world.claw.id),
    });
    world.anna.send(&room, "m.room.message", &pill).await;
    let notice = json!({"msgtype": "m.notice", "body": "Claw: from a bot"});
    world.anna.send(&room, "m.room.message", &notice).await;
    world.anna.mention(&room, &world.claw.id, "last").await;
    assert_eq!(world.until_told(4).await, ["by its name", "by a reply", "hey Claw, by a pill", "last"]);
    // Bo is a stranger: one polite line, in the whole group.
    bo.mention(&room, &world.claw.id, "and me?").await;
    bo.mention(&room, &world.claw.id, "and me??").await;
    world
        .until_said(&room, |said| texts(said).iter().any(|text| text.starts_with("Hello! I'm a personal")))
        .await;
    world.anna.mention(&room, &world.claw.id, "really last").await;
    world.until_told(5).await;
    world.until_quiet().await;
    let said = world.said(&room).await;
    assert_eq!(texts(&said).iter().filter(|text| text.starts_with("Hello!")).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_pairs_in_a_direct_chat_and_can_not_bring_it_into_groups() {
    let Some(world) = World::new().await else { return };
    let bo = world.synapse.register("bo", "pw").await;
    let group = bo.group("Trap", &[&world.claw.id]).await;
    let room = bo.direct(&world.claw.id).await;
    world.until_member(&bo, &room).await;
    let code = world.gateway.as_ref().unwrap().channels.pair("matrix").await.unwrap();
    bo.say(&room, code.code.expose()).await;
    bo.until(&room, |said| said.iter().any(|said| said.text.starts_with("Welcome!"))).await;
    bo.say(&room, "hello").await;
    assert_eq!(world.until_told(1).await, ["hello"]);
    // It has gone, and said why.
    assert!(!bo.members(&group).await.contains(&world.claw.id));
    let member = bo
        .call("GET", &format!("rooms/{group}/state/m.room.member/{}", world.claw.id), None)
        .await
        .unwrap()
        .1;
    assert_eq!(member["membership"], "leave");
    assert!(member["reason"].as_str().unwrap().contains("personal assistant"));
}

#[tokio::test(flavor = "multi_thread")]
async fn in_an_encrypted_room_it_says_once_that_it_can_not_read() {
    let Some(mut world) = World::new().await else { return };
    let encryption = json!({"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}});
    let room = json!({
        "preset": "trusted_private_chat", "is_direct": true, "invite": [world.claw.id], "initial_state": [encryption],
    });
    let room = world.anna.create(&room).await;
    world.until_member(&world.anna, &room).await;
    let sealed = json!({"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "x", "session_id": "y"});
    world.anna.send(&room, "m.room.encrypted", &sealed).await;
    world.until_said(&room, |said| said.len() == 1).await;
    world.kill().await;
    world.start();
    world.anna.send(&room, "m.room.encrypted", &sealed).await;
    // What is not encrypted there is read.
    world.anna.say(&room, "plain").await;
    let said = world.until_said(&room, |said| said.len() == 2).await;
    assert!(said[0].text.starts_with("I can't read encrypted rooms yet"));
    assert_eq!(said[1].text, "You said: plain");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_everybody_left_is_left_and_one_that_puts_it_out_fails_alone() {
    let Some(world) = World::new().await else { return };
    let (empty, other) = (world.chat().await, world.chat().await);
    let lost = world.anna.group("Short", &[&world.claw.id]).await;
    world.until_member(&world.anna, &lost).await;
    world.anna.leave(&empty).await;
    let begun = Instant::now();
    loop {
        let (_, joined) = world.claw.call("GET", "joined_rooms", None).await.unwrap();
        if !joined["joined_rooms"].to_string().contains(&empty) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "it stays alone");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    world.agent.always(openclaw_testkit::AgentScript {
        first_delay: Duration::from_secs(2),
        ..openclaw_testkit::AgentScript::default()
    });
    world.anna.say(&lost, "never answered").await;
    world.until_told(1).await;
    world.anna.kick(&lost, &world.claw.id).await;
    world.anna.say(&other, "answered").await;
    world.until_said(&other, |said| said.len() == 1).await;
    world.until_quiet().await;
    let info = world.info().await;
    assert_eq!((info.detail.failed, world.trouble().await.as_str()), (1, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_is_upgraded_is_followed() {
    let Some(world) = World::new().await else { return };
    let bo = world.synapse.register("bo", "pw").await;
    let room = json!({"preset": "public_chat", "room_version": "10", "invite": [world.claw.id, bo.id]});
    let room = world.anna.create(&room).await;
    world.until_member(&world.anna, &room).await;
    let new = world.anna.ok("POST", &format!("rooms/{room}/upgrade"), &json!({"new_version": "11"})).await;
    let new = new["replacement_room"].as_str().unwrap().to_owned();
    world.until_member(&world.anna, &new).await;
    world.anna.mention(&new, &world.claw.id, "still there?").await;
    assert_eq!(world.until_told(1).await, ["still there?"]);
}
