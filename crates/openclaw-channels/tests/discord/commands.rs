//! Slash commands.

use std::time::Duration;

use openclaw_platforms::{
    Fault,
    discord::{Sent, User},
};
use openclaw_testkit::{AgentScript, ScriptEnd};

use crate::support::{World, anna, pass};

#[tokio::test(start_paused = true)]
async fn a_command_is_answered_where_it_was_given() {
    let world = World::new(&["7"]).await;
    let guild = world.discord.guild("Home");
    let (chat, channel) = (world.discord.dm(&anna()), world.discord.channel(guild, "general"));
    for place in [chat, channel] {
        for (name, expected) in [
            ("new", "A new conversation begins."),
            ("stop", "Nothing is under way."),
            ("status", "I'm here."),
            ("help", "I'm your assistant"),
            ("missed", "There are no answers that you missed."),
        ] {
            let command = world.discord.command(place, &anna(), name);
            let is_answer = |sent: &Sent| sent.interaction == Some(command);
            let sent = world.until_sent(place, |sent| sent.iter().any(is_answer)).await;
            let answer = sent.into_iter().find(is_answer).unwrap();
            assert!(answer.text.contains(expected), "/{name}: {}", answer.text);
            assert!(world.discord.answered(command).unwrap() < Duration::from_secs(1));
            assert!(!world.discord.is_thinking(command));
        }
    }
    assert_eq!(world.discord.sent().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_command_works_while_an_answer_is_under_way() {
    let world = World::new(&["7"]).await;
    let chat = world.discord.dm(&anna());
    world.agent.always(AgentScript { end: ScriptEnd::Hang, ..AgentScript::default() });
    world.discord.say(chat, &anna(), "think for ever");
    world.until_sent(chat, |sent| sent.len() == 1).await;
    world.discord.command(chat, &anna(), "stop");
    let says = |sent: &[Sent], text: &str| sent.iter().any(|sent| sent.text.ends_with(text));
    world.until_sent(chat, |sent| says(sent, "(Stopped.)") && says(sent, "Stopped.")).await;
    world.until_idle().await;
    assert_eq!(world.discord.sent_in(chat).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_command_without_an_answer_does_not_think_for_ever() {
    let world = World::new(&["7"]).await;
    let eve = User::new(10, "Eve");
    let chat = world.discord.dm(&eve);
    let greeted = world.discord.command(chat, &eve, "status");
    world.until_sent(chat, |sent| sent.len() == 1).await;
    // A stranger is greeted once.
    let again = world.discord.command(chat, &eve, "status");
    assert!(world.discord.wait(Duration::from_secs(5), |discord| discord.answered(again).is_some()).await);
    pass(3).await;
    assert!(!world.discord.is_thinking(greeted) && !world.discord.is_thinking(again));
    assert_eq!(world.discord.sent_in(chat).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_command_that_can_not_be_acknowledged_is_answered_by_a_message() {
    for fault in [
        Fault::CutBefore,
        Fault::Answer(500, "{}".to_owned()),
        Fault::Late(Duration::from_secs(4)),
        Fault::Hang,
        Fault::CutAfter,
        Fault::WrongJson,
    ] {
        let world = World::new(&["7"]).await;
        let chat = world.discord.dm(&anna());
        world.discord.faults().add("/callback", 1, fault.clone());
        let command = world.discord.command(chat, &anna(), "status");
        let sent = world.until_sent(chat, |sent| sent.len() == 1).await;
        assert!(sent[0].text.starts_with("I'm here."), "{fault:?}: {sent:?}");
        pass(5).await;
        assert_eq!(world.discord.sent_in(chat).len(), 1, "{fault:?}");
        assert!(!world.discord.is_thinking(command), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn commands_are_registered_when_that_is_possible_again() {
    let mut world = World::stopped(&["7"]).await;
    world.discord.faults().add("/commands", 1, Fault::Answer(500, "{}".to_owned()));
    world.start();
    world.until_connected().await;
    pass(2).await;
    assert!(world.discord.commands().is_empty());
    world.discord.close(4000);
    assert!(world.discord.wait(Duration::from_secs(30), |discord| !discord.commands().is_empty()).await);
}

#[tokio::test(start_paused = true)]
async fn killed_around_a_command_it_is_carried_out_and_answered_once() {
    for part in ["/callback", "@original"] {
        for fault in [Fault::Hang, Fault::HangAfter] {
            let context = format!("{fault:?} of {part}");
            let mut world = World::new(&["7"]).await;
            let chat = world.discord.dm(&anna());
            world.discord.say(chat, &anna(), "hello");
            world.until_sent(chat, |sent| sent.len() == 1).await;
            pass(3).await;
            world.discord.faults().add(part, 1, fault);
            let command = world.discord.command(chat, &anna(), "status");
            tokio::time::sleep(Duration::from_millis(500)).await;
            world.kill().await;
            world.discord.faults().clear();
            world.discord.cut_all();
            world.start();
            let sent = world.until_sent(chat, |sent| sent.len() == 2).await;
            assert!(sent[1].text.starts_with("I'm here."), "{context}: {sent:?}");
            pass(20).await;
            assert_eq!(world.discord.sent_in(chat).len(), 2, "{context}");
            assert!(!world.discord.is_thinking(command), "{context}");
            world.kill().await;
        }
    }
}
