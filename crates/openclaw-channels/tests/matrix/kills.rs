//! Killed between every two steps of receive → log → run → send → receipt.

use std::time::Duration;

use openclaw_platforms::Fault;
use openclaw_testkit::AgentScript;

use crate::support::{World, texts};

#[tokio::test(flavor = "multi_thread")]
async fn killed_anywhere_it_answers_once() {
    let Some(mut world) = World::new().await else { return };
    let room = world.chat().await;
    world.agent.always(AgentScript {
        tokens: 4,
        token_delay: Duration::from_millis(150),
        ..AgentScript::default()
    });
    for round in 0..24_u64 {
        let text = format!("question {round}");
        world.anna.say(&room, &text).await;
        // Some moment between the first sight of it and the last edit of its answer.
        tokio::time::sleep(Duration::from_millis(round * 60)).await;
        world.kill().await;
        world.start();
        let answer = format!("You said: {text}");
        world.until_said(&room, |said| said.iter().any(|said| said.text == answer)).await;
        world.until_quiet().await;
        let said = world.said(&room).await;
        assert_eq!(
            texts(&said).iter().filter(|said| said.contains(&text)).count(),
            1,
            "{round}: {:?}",
            texts(&said)
        );
    }
    let expected: Vec<String> = (0..24).map(|round| format!("question {round}")).collect();
    assert_eq!(world.told(), expected);
    assert_eq!(world.said(&room).await.len(), 24);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_sending_and_the_receipt_it_finds_what_it_sent() {
    let Some(mut world) = World::new().await else { return };
    let room = world.chat().await;
    for fault in [Fault::HangAfter, Fault::CutAfter, Fault::Hang] {
        let text = format!("{fault:?}");
        world.proxy.faults().add("/send/m.room.message/", 1, fault);
        let before = world.proxy.passed().len();
        world.anna.say(&room, &text).await;
        world.until_told(1).await;
        // It was sent, or hangs on its way.
        let begun = tokio::time::Instant::now();
        while !world.proxy.passed()[before..].iter().any(|call| call.contains("/send/"))
            && begun.elapsed() < Duration::from_secs(3)
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        world.kill().await;
        // Another session: the homeserver does not know the transaction any more.
        let session = world.synapse.log_in("claw", "pw").await;
        world.configure(|config| config.token = Some(session.token.as_str().into()));
        world.start();
        let answer = format!("You said: {text}");
        world.until_said(&room, |said| said.iter().any(|said| said.text == answer)).await;
        world.until_quiet().await;
        let said = world.said(&room).await;
        assert_eq!(
            texts(&said).iter().filter(|said| **said == answer).count(),
            1,
            "{text}: {:?}",
            texts(&said)
        );
    }
    assert_eq!(world.said(&room).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_comes_in_it_hears_what_was_said_meanwhile() {
    // The first one before anything was ever read.
    let Some(mut world) = World::stopped().await else { return };
    for round in 0..10_u64 {
        let room = world.anna.direct(&world.claw.id).await;
        world.anna.say(&room, "hello").await;
        world.start();
        tokio::time::sleep(Duration::from_millis(round * 40)).await;
        world.kill().await;
        world.anna.say(&room, "and?").await;
        world.start();
        let said = world.until_said(&room, |said| said.len() == 2).await;
        assert_eq!(texts(&said), ["You said: hello", "You said: and?"], "{round}");
        world.until_quiet().await;
        world.kill().await;
    }
    assert_eq!(world.told().len(), 20);
}
