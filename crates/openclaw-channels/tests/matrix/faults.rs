//! The fault script: whatever goes wrong wherever, nothing is lost, nothing is asked or answered twice, and the status is true.

use std::{collections::BTreeMap, time::Duration};

use openclaw_platforms::{Fault, Synapse};
use openclaw_testkit::AgentScript;
use tokio::time::Instant;

use crate::support::{World, texts};

fn every_fault() -> Vec<Fault> {
    let limited = r#"{"errcode":"M_LIMIT_EXCEEDED","error":"Too Many Requests","retry_after_ms":1200}"#;
    vec![
        Fault::CutBefore,
        Fault::CutAfter,
        Fault::Answer(500, r#"{"errcode":"M_UNKNOWN","error":"Internal server error"}"#.to_owned()),
        Fault::Answer(502, "<html>Bad Gateway</html>".to_owned()),
        Fault::Answer(429, limited.to_owned()),
        Fault::Answer(200, r#"{"rooms":[1],"chunk":"x","joined":5,"next_batch":[]}"#.to_owned()),
        Fault::WrongJson,
        Fault::Late(Duration::from_millis(1500)),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn any_fault_in_a_sync_or_a_login_loses_nothing_and_doubles_nothing() {
    any_fault_in(&["/sync", "/whoami"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_fault_in_what_is_asked_of_a_room_loses_nothing_and_doubles_nothing() {
    any_fault_in(&["/context/", "/messages"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_fault_in_coming_in_loses_nothing_and_doubles_nothing() {
    any_fault_in(&["/join", "/joined_members"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_fault_in_a_message_loses_nothing_and_doubles_nothing() {
    any_fault_in(&["/send/", "/typing/", "/receipt/"]).await;
}

async fn any_fault_in(calls: &[&str]) {
    let Some(mut world) = World::stopped().await else { return };
    let mut number = 0;
    for call in calls {
        for fault in every_fault() {
            let context = format!("{fault:?} in {call}");
            // Each case is a process of its own: pauses grow with every fault.
            world.start();
            world.until_connected().await;
            world.agent.always(AgentScript {
                tokens: 3,
                token_delay: Duration::from_millis(100),
                ..AgentScript::default()
            });
            let before = world.told().len();
            world.proxy.faults().add(call, 2, fault);
            if *call == "/whoami" {
                world.kill().await;
                world.start();
            }
            // It has to come in, which is asked of the room, before it is told anything.
            let room = world.anna.direct(&world.claw.id).await;
            number += 1;
            let text = format!("question {number}");
            world.anna.say(&room, &text).await;
            let said =
                world.until_said(&room, |said| said.iter().any(|said| said.text.contains(&text))).await;
            world.until_quiet().await;
            assert_eq!(world.told()[before..], *std::slice::from_ref(&text), "{context}");
            let said_now = world.said(&room).await;
            assert_eq!(texts(&said_now), [format!("You said: {text}")], "{context}: {said:?}");
            assert_eq!(world.info().await.detail.failed, 0, "{context}");
            world.proxy.faults().clear();
            world.kill().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_open_connection_is_seen_within_five_seconds_and_mended_by_itself() {
    let Some(world) = World::new().await else { return };
    let room = world.chat().await;
    world.proxy.faults().add("/_matrix/", 100_000, Fault::Hang);
    // The sync that waits is answered first.
    let took = world.until_trouble(|trouble| !trouble.is_empty()).await;
    assert!(took <= Duration::from_millis(8500), "{took:?}");
    assert!(world.trouble().await.contains("no sign of life from matrix"), "{}", world.trouble().await);
    world.anna.say(&room, "there again?").await;
    world.proxy.faults().clear();
    // What hangs is dead; what begins is not.
    world.until_said(&room, |said| said.len() == 1).await;
    assert_eq!(world.told(), ["there again?"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_connection_is_seen_at_once_and_made_anew() {
    let Some(world) = World::new().await else { return };
    let room = world.chat().await;
    for round in 0..4 {
        world.until_connected().await;
        let polls = || world.proxy.passed().iter().filter(|call| call.ends_with("/sync")).count();
        let before = polls();
        let begun = Instant::now();
        // In the middle of a poll.
        while polls() == before {
            assert!(begun.elapsed() < Duration::from_secs(20), "it does not poll");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        world.proxy.cut_all();
        let took = world.until_trouble(|trouble| !trouble.is_empty()).await;
        assert!(took < Duration::from_secs(1), "{took:?}");
        world.anna.say(&room, &format!("round {round}")).await;
        world.until_said(&room, |said| said.len() > round).await;
    }
    assert_eq!(world.told().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_homeserver_may_end_and_come_back() {
    let Some(world) = World::new().await else { return };
    let room = world.chat().await;
    for round in 0..3 {
        world.synapse.kill().await;
        world.until_trouble(|trouble| !trouble.is_empty()).await;
        world.synapse.run().await;
        world.anna.say(&room, &format!("round {round}")).await;
        world.until_said(&room, |said| said.len() > round).await;
        world.until_connected().await;
    }
    assert_eq!(world.told(), ["round 0", "round 1", "round 2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_again_is_answered_once() {
    let Some(world) = World::new().await else { return };
    let room = world.chat().await;
    let first = world.anna.say(&room, "0").await;
    world.until_told(1).await;
    let conversation = world.agent.submissions()[0].conversation.clone().unwrap();
    world.anna.edit(&room, &first, "zero").await;
    world.until_recorded(&conversation, "zero").await;
    for round in 1..6 {
        world.proxy.replay(2 * round);
        world.anna.say(&room, &round.to_string()).await;
        world.until_told(round + 1).await;
    }
    world.until_quiet().await;
    assert_eq!(world.told(), ["0", "1", "2", "3", "4", "5"]);
    assert_eq!(world.said(&room).await.len(), 6);
    let transcript = world.transcript(&conversation);
    assert_eq!(transcript.iter().filter(|line| line.contains("zero")).count(), 1, "{transcript:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_of_which_nothing_is_to_be_had_holds_up_no_other() {
    let Some(world) = World::new().await else { return };
    let (stuck, other) = (world.chat().await, world.chat().await);
    let path = format!("/rooms/{}", stuck.replace('!', "%21"));
    world.proxy.faults().add(&path, 100_000, Fault::Hang);
    world.anna.say(&stuck, "in the stuck one").await;
    for round in 0..3 {
        let begun = Instant::now();
        world.anna.say(&other, "hello").await;
        world.until_said(&other, |said| said.len() > round).await;
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        assert_eq!(world.trouble().await, "");
    }
    world.proxy.faults().clear();
    world.until_said(&stuck, |said| said.len() == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_homeserver_that_asks_to_wait_is_obeyed_by_all() {
    let limited = "rc_message: {per_second: 2, burst_count: 3}";
    let Some(synapse) = Synapse::start_with(limited).await else { return };
    let mut world = World::on(synapse).await;
    world.start();
    world.until_connected().await;
    let mut rooms = Vec::new();
    for _ in 0..3 {
        rooms.push(world.chat().await);
    }
    let claw = world.claw.id.clone();
    for (number, room) in rooms.iter().enumerate() {
        world.anna.say(room, &format!("in {number}")).await;
    }
    world.agent.always(AgentScript {
        tokens: 8,
        token_delay: Duration::from_millis(500),
        ..AgentScript::default()
    });
    for (number, room) in rooms.iter().enumerate() {
        let answer = format!("You said: in {number}");
        world
            .until_said(room, |said| said.iter().any(|said| said.text == answer && said.sender == claw))
            .await;
    }
    world.until_quiet().await;
    assert_eq!((world.told().len(), world.info().await.detail.failed), (3, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_and_a_gap_lose_nothing_and_keep_their_order() {
    let Some(mut world) = World::new().await else { return };
    let mut rooms = Vec::new();
    for _ in 0..4 {
        rooms.push(world.chat().await);
    }
    let quiet = world.chat().await;
    world.agent.always(AgentScript { reply: Some("yes".to_owned()), tokens: 1, ..AgentScript::default() });
    // Half of it while the gateway is away: a gap in each timeline.
    world.kill().await;
    const EACH: usize = 80;
    let anna = world.anna.clone();
    let say = async |from: usize, to: usize| {
        for number in from..to {
            for room in &rooms {
                anna.say(room, &format!("{number}")).await;
            }
        }
    };
    say(0, EACH / 2).await;
    world.start();
    // In the middle of catching up.
    world.until_told(10).await;
    world.kill().await;
    world.start();
    say(EACH / 2, EACH).await;
    let begun = Instant::now();
    world.anna.say(&quiet, "quick").await;
    world.until_said(&quiet, |said| said.len() == 1).await;
    println!("beside a burst, a quiet room is answered in {:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(20));
    world.until_told(4 * EACH + 1).await;
    let mut told: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for submission in world.agent.submissions() {
        told.entry(submission.metadata.extra["chat"].to_string()).or_default().push(submission.text);
    }
    let expected: Vec<String> = (0..EACH).map(|number| number.to_string()).collect();
    for room in &rooms {
        assert_eq!(told[&format!("\"{room}\"")], expected);
    }
    assert_eq!(world.told().len(), 4 * EACH + 1);
}
