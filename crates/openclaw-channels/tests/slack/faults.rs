//! The fault script: whatever goes wrong wherever, nothing is lost, and nothing is answered twice.

use std::time::Duration;

use openclaw_platforms::{
    Fault,
    slack::{BOT_USER, Post},
};
use openclaw_testkit::AgentScript;
use tokio::time::Instant;

use crate::support::{ANNA, GENERAL, World, pass, texts};

fn slow() -> AgentScript {
    AgentScript { tokens: 8, token_delay: Duration::from_millis(1100), ..AgentScript::default() }
}

fn every_fault() -> Vec<Fault> {
    vec![
        Fault::CutBefore,
        Fault::CutAfter,
        Fault::Hang,
        Fault::HangAfter,
        Fault::Answer(503, "<html>".to_owned()),
        Fault::Answer(429, r#"{"ok":false,"error":"ratelimited"}"#.to_owned()),
        Fault::Answer(200, r#"{"ok":false,"error":"ratelimited"}"#.to_owned()),
        Fault::Answer(200, r#"{"ok":false,"error":"fatal_error"}"#.to_owned()),
        Fault::Answer(200, r#"{"ok":true}"#.to_owned()),
        Fault::WrongJson,
        Fault::Late(Duration::from_secs(4)),
    ]
}

const QUESTION: &str = "hello there, how are you today?";

/// Asks in a thread of a channel, where every method is needed.
fn ask(world: &World) {
    world.slack.say(GENERAL, ANNA, &format!("<@{BOT_USER}> {QUESTION}"));
}

async fn is_answered_once(world: &World, context: &str) {
    let answer = format!("You said: {QUESTION}");
    world.until_answers(GENERAL, |answers| answers.iter().any(|post| post.text == answer)).await;
    world.settled().await;
    pass(30).await;
    assert_eq!(texts(&world.slack.answers(GENERAL)), [answer.as_str()], "{context}");
    assert_eq!(world.told(), [QUESTION], "{context}");
}

#[tokio::test(start_paused = true)]
async fn any_fault_in_any_call_loses_and_doubles_nothing() {
    for method in [
        "chat.postMessage",
        "chat.update",
        "conversations.replies",
        "users.info",
        "assistant.threads.setStatus",
    ] {
        for fault in every_fault() {
            let world = World::new().await;
            world.agent.always(slow());
            world.slack.faults().add(&format!("/api/{method}"), 2, fault.clone());
            ask(&world);
            is_answered_once(&world, &format!("{fault:?} in {method}")).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn any_fault_while_a_file_is_sent_loses_and_doubles_nothing() {
    let reply = "Here: ![table.csv](data:text/csv;base64,YSxiCjEsMgo=)";
    for path in ["/api/files.getUploadURLExternal", "/upload/", "/api/files.completeUploadExternal"] {
        for fault in every_fault() {
            let world = World::new().await;
            world.agent.always(AgentScript { reply: Some(reply.to_owned()), ..AgentScript::default() });
            world.slack.faults().add(path, 2, fault.clone());
            ask(&world);
            let with_file = |posts: &[Post]| posts.iter().filter(|post| !post.files.is_empty()).count();
            let answers = world.until_answers(GENERAL, |answers| with_file(answers) == 1).await;
            let file = world.slack.file(&answers[1].files[0]).unwrap();
            assert_eq!((file.name.as_str(), file.bytes.unwrap()), ("table.csv", "a,b\n1,2\n".into()));
            world.settled().await;
            pass(60).await;
            assert_eq!(with_file(&world.slack.answers(GENERAL)), 1, "{fault:?} in {path}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn any_fault_while_a_file_is_fetched_costs_the_file_at_most() {
    for fault in every_fault() {
        let world = World::new().await;
        world.slack.faults().add("/files-pri/", 1, fault.clone());
        world.slack.share(&world.im, ANNA, "see", "a.txt", "text/plain", b"bytes");
        world.settled().await;
        assert_eq!(world.slack.answers(&world.im).len(), 1, "{fault:?}");
        assert!(world.told()[0].starts_with("see"), "{fault:?}: {:?}", world.told());
    }
}

#[tokio::test(start_paused = true)]
async fn too_many_requests_are_obeyed_to_the_second_and_per_method() {
    let world = World::new().await;
    world.agent.always(slow());
    world.slack.storm("chat.postMessage", 3, Duration::from_secs(40));
    world.slack.storm("chat.update", 3, Duration::from_secs(25));
    let begun = Instant::now();
    for number in 0..5 {
        world.slack.say(&world.im, ANNA, &format!("number {number}"));
    }
    world
        .until_answers(&world.im, |answers| answers.len() == 5 && answers[4].text == "You said: number 4")
        .await;
    world.settled().await;
    assert!(begun.elapsed() >= Duration::from_secs(120), "{:?}", begun.elapsed());
    assert_eq!(world.slack.disobeyed(), 0);
    assert_eq!((world.slack.answers(&world.im).len(), world.trouble().await), (5, String::new()));
}

#[tokio::test(start_paused = true)]
async fn the_pace_is_slack_s() {
    let world = World::stopped().await;
    world.configure(|config| config.allowed_users.extend((0..20).map(|n| format!("U1{n}"))));
    let mut world = world;
    world.start();
    world.until_connected().await;
    world.agent.always(AgentScript {
        tokens: 30,
        token_delay: Duration::from_secs(1),
        ..AgentScript::default()
    });
    let chats: Vec<_> = (0..20).map(|n| (format!("U1{n}"), world.slack.im(&format!("U1{n}")))).collect();
    for (user, chat) in &chats {
        world.slack.say(chat, user, "a question that is long enough to be answered in thirty pieces");
    }
    world.settled().await;
    let updates: Vec<Instant> = world
        .slack
        .calls()
        .into_iter()
        .filter(|call| call.method == "chat.update")
        .map(|call| call.at)
        .collect();
    let in_a_minute = |from: &Instant| {
        updates.iter().filter(|at| (*from..*from + Duration::from_secs(60)).contains(at)).count()
    };
    let most = updates.iter().map(in_a_minute).max().unwrap_or(0);
    assert!((20..=50).contains(&most), "{most} in a minute");
    assert!(chats.iter().all(|(_, chat)| world.slack.answers(chat).len() == 1));
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_delivered_fails_alone() {
    let world = World::new().await;
    world.agent.always(AgentScript { first_delay: Duration::from_secs(3), ..AgentScript::default() });
    for (channel, what) in [("C0A", "archived"), ("C0B", "left"), ("C0C", "free")] {
        world.slack.channel(channel);
        world.slack.say(channel, ANNA, &format!("<@{BOT_USER}> {what}"));
    }
    world.until("told", |world| world.told().len() == 3).await;
    world.slack.archive("C0A");
    world.slack.set_member("C0B", false);
    world.settled().await;
    assert_eq!(texts(&world.slack.answers("C0C")), ["You said: free"]);
    assert_eq!((world.info().await.detail.failed, world.trouble().await), (2, String::new()));
}

#[tokio::test(start_paused = true)]
async fn what_comes_twice_or_in_the_wrong_order_is_answered_once() {
    let world = World::new().await;
    for round in 0..5 {
        world.slack.hold();
        for part in ["a", "b", "c"] {
            world.slack.say(&world.im, ANNA, &format!("{round}{part}"));
        }
        world.slack.release_reversed();
        world.slack.redeliver();
        world.until("told", |world| world.told().len() == 3 * round + 3).await;
        world.slack.duplicate();
        world.settled().await;
    }
    pass(30).await;
    let mut told = world.told();
    told.sort();
    assert_eq!(
        told,
        (0..5).flat_map(|round| ["a", "b", "c"].map(|part| format!("{round}{part}"))).collect::<Vec<_>>()
    );
    assert_eq!(world.slack.answers(&world.im).len(), 15);
}

#[tokio::test(start_paused = true)]
async fn an_envelope_is_acknowledged_when_the_message_is_written_down_and_not_before() {
    let world = World::new().await;
    world.agent.refuse_next(openclaw_core::port::SubmitError::Memory(
        openclaw_core::port::MemoryError::Full { reason: "the disk is full".to_owned() },
    ));
    world.slack.hold();
    world.slack.say(&world.im, ANNA, "keep this");
    let open = world.slack.unacked();
    world.slack.release_reversed();
    assert!(!world.slack.wait(Duration::from_millis(450), |slack| slack.unacked() < open).await);
    world.settled().await;
    assert_eq!(world.told(), ["keep this"]);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_messages_at_once_are_all_told_once_and_in_order() {
    let world = World::stopped().await;
    let users: Vec<_> = (0..100).map(|n| format!("U1{n:02}")).collect();
    world.configure(|config| config.allowed_users.clone_from(&users));
    let mut world = world;
    world.start();
    world.until_connected().await;
    let chats: Vec<_> = users.iter().map(|user| (user, world.slack.im(user))).collect();
    // A chat keeps a queue of 64: the people write no faster than that is emptied.
    for round in 0..4 {
        for number in 0..25 {
            for (user, chat) in &chats {
                world.slack.say(chat, user, &format!("{user} {}", round * 25 + number));
            }
        }
        while world.slack.unacked() > 0 {
            pass(1).await;
        }
    }
    let told = world.told();
    for user in &users {
        let own: Vec<_> = told.iter().filter(|text| text.starts_with(user.as_str())).cloned().collect();
        assert_eq!(own, (0..100).map(|number| format!("{user} {number}")).collect::<Vec<_>>());
    }
    assert_eq!(told.len(), 10_000);
    assert_eq!(world.info().await.detail.reconnects, 0);
}

/// Where a process is when it is killed: at the nth call of this, before or after Slack carried it out.
#[tokio::test(start_paused = true)]
async fn killed_between_any_two_steps_it_answers_once() {
    for path in [
        "/api/auth.test",
        "/api/apps.connections.open",
        "/link/",
        "/api/users.info",
        "/api/assistant",
        "/api/chat.postMessage",
        "/api/chat.update",
    ] {
        for fault in [Fault::Hang, Fault::HangAfter] {
            for nth in 0..3 {
                let context = format!("{fault:?} in {path}, call {nth}");
                let mut world = World::stopped().await;
                world.agent.always(slow());
                if nth > 0 {
                    world.slack.faults().add(path, nth, Fault::Late(Duration::ZERO));
                }
                world.slack.faults().add(path, 1, fault.clone());
                world.start();
                ask(&world);
                tokio::time::sleep(Duration::from_millis(2500 + 1500 * nth as u64)).await;
                world.kill().await;
                world.slack.faults().clear();
                world.slack.cut_all();
                world.start();
                is_answered_once(&world, &context).await;
                world.kill().await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_time_it_answers_once() {
    for moment in 0..60 {
        let mut world = World::stopped().await;
        world.agent.always(slow());
        ask(&world);
        world.start();
        tokio::time::sleep(Duration::from_millis(171 * moment)).await;
        world.kill().await;
        world.start();
        is_answered_once(&world, &format!("killed after {} ms", 171 * moment)).await;
        world.kill().await;
    }
}
