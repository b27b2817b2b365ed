//! One thing at a time.

use std::time::Duration;

use bytes::Bytes;
use openclaw_channels::{Address, Change, ConnectError, Event, Inbound, RemoteFile, SendError};
use openclaw_core::{
    Secret,
    config::{ChannelConfig, Grouping},
    port::{ChannelPort as _, ChannelStatus},
};
use tokio::time::Instant;

use crate::{
    rig::{Rig, direct},
    world::ABILITIES,
};

fn inbound(event: Event) -> Inbound {
    let Event::Message(message) = event else { panic!("no message") };
    message
}

fn in_group(user: &str, id: &str, text: &str, addressed: bool) -> Event {
    let message = inbound(direct(user, id, text));
    Event::Message(Inbound { address: Address::chat("group"), direct: false, addressed, ..message })
}

fn last_error(status: ChannelStatus) -> String {
    match status {
        ChannelStatus::Disconnected { last_error } => last_error,
        ChannelStatus::Connected { .. } => panic!("it is connected"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_is_answered_with_edits_and_typing_and_confirmed() {
    let mut rig = Rig::new(1);
    rig.token_delay = Duration::from_millis(700);
    rig.start();
    rig.world.write(direct("ann", "1", "one two three four five"));
    rig.until(|world| world.said("ann") == ["You said: one two three four five"]).await;
    let sent = rig.world.sent().remove(0);
    assert!(sent.texts.len() > 2, "{:?}", sent.texts);
    assert_eq!(sent.reply_to.as_deref(), Some("1"));
    assert!(rig.world.typing() > 0);
    rig.until(|world| world.unconfirmed() == 0).await;
    let info = rig.info().await;
    assert!(matches!(info.status, ChannelStatus::Connected { .. }));
    assert_eq!((info.messages_today, info.detail.waiting), (1, 0));
    let submission = rig.agent().submissions().remove(0);
    assert_eq!(submission.metadata.user_name.as_deref(), Some("ANN"));
    assert_eq!(submission.metadata.extra["message_id"], "1");
}

#[tokio::test(start_paused = true)]
async fn what_comes_again_is_answered_once() {
    let mut rig = Rig::new(2);
    rig.start();
    for _ in 0..3 {
        rig.world.write(direct("ann", "1", "hello"));
    }
    rig.until_said("ann", 1).await;
    rig.restart().await;
    rig.world.write(direct("ann", "1", "hello"));
    rig.world.write(direct("ann", "2", "bye"));
    rig.until_said("ann", 2).await;
    rig.pass(60).await;
    assert_eq!(rig.world.said("ann"), ["You said: hello", "You said: bye"]);
}

/// Kills the process at each of its steps in turn. `may_repeat`: whether the platform can't tell what it has.
async fn killed_at_every_step(may_repeat: bool) {
    let mut completed = false;
    for step in 0..200 {
        let mut rig = Rig::new(step);
        *rig.world.resolves.lock().unwrap() = !may_repeat;
        rig.token_delay = Duration::from_millis(800);
        rig.start();
        *rig.world.kill_in.lock().unwrap() = Some(step);
        rig.world.write(direct("ann", "1", "a b c d e f"));
        for _ in 0..60 {
            if rig.is_dead() {
                break;
            }
            rig.pass(1).await;
        }
        completed = !rig.is_dead();
        rig.restart().await;
        rig.until(|world| {
            world.unconfirmed() == 0 && world.said("ann").iter().any(|text| text.contains("a b c d e f"))
        })
        .await;
        rig.pass(60).await;
        let said = rig.world.said("ann");
        let repeated =
            said.iter().filter(|text| text.starts_with("(Sent again after an interruption")).count();
        let plain = said.len() - repeated;
        assert!(
            plain <= 1 && (repeated == 0 || may_repeat) && repeated <= 1,
            "killed at step {step}: {said:?}"
        );
        assert!(said.last().unwrap().ends_with("You said: a b c d e f"), "killed at step {step}: {said:?}");
        assert_eq!(rig.info().await.detail.waiting, 0, "killed at step {step}");
        if completed {
            break;
        }
    }
    assert!(completed, "there are more steps than were tried");
}

#[tokio::test(start_paused = true)]
async fn killed_at_every_step_it_answers_once() {
    killed_at_every_step(false).await;
}

#[tokio::test(start_paused = true)]
async fn where_the_platform_can_not_tell_a_repetition_says_so() {
    killed_at_every_step(true).await;
}

#[tokio::test(start_paused = true)]
async fn long_answers_are_split_and_very_long_ones_are_files() {
    let mut rig = Rig::new(3);
    rig.start();
    rig.world.write(direct("ann", "1", "long 90"));
    rig.until(|world| world.said("ann").last().is_some_and(|text| text.contains("Paragraph 89."))).await;
    let said = rig.world.said("ann");
    assert!(said.len() > 2 && said.iter().all(|text| text.chars().count() <= ABILITIES.limit), "{said:?}");
    rig.world.write(direct("bob", "1", "long 400"));
    rig.until(|world| world.sent().iter().any(|sent| sent.file.is_some())).await;
    let file = rig.world.sent().into_iter().find_map(|sent| sent.file).unwrap();
    assert!(file.ends_with(b"Paragraph 399.\n\n"));
}

#[tokio::test(start_paused = true)]
async fn strangers_get_one_line_and_a_code_lets_one_in() {
    let mut rig = Rig::new(4);
    rig.start();
    rig.world.write(direct("eve", "1", "hello"));
    rig.world.write(direct("eve", "2", "HELLO?"));
    assert!(rig.until_said("eve", 1).await[0].contains("only talk with people my owner has let in"));
    rig.pass(60).await;
    assert_eq!(rig.world.said("eve").len(), 1);
    assert!(rig.agent().submissions().is_empty());

    let code = rig.channels().pair("irc").await.unwrap();
    rig.world.write(direct("eve", "3", "ABCDEFGH"));
    assert!(rig.until_said("eve", 2).await[1].contains("not valid"));
    rig.world.write(direct("eve", "4", &format!(" {} ", code.code.expose().to_lowercase())));
    assert!(rig.until_said("eve", 3).await[2].starts_with("Welcome"));
    rig.restart().await;
    rig.world.write(direct("eve", "5", "hello"));
    assert_eq!(rig.until_said("eve", 4).await[3], "You said: hello");
    assert_eq!(rig.channels().paired("irc").await.unwrap(), ["eve"]);
    assert!(rig.channels().unpair("irc", "eve").await.unwrap());
    rig.world.write(direct("eve", "6", "hello"));
    rig.pass(60).await;
    assert_eq!(rig.world.said("eve").len(), 4);
}

#[tokio::test(start_paused = true)]
async fn groups_are_answered_when_they_ask_and_bots_never() {
    let mut rig = Rig::new(5);
    rig.config.allowed_chats = vec!["group".to_owned()];
    rig.config.conversations = Grouping::User;
    rig.start();
    rig.world.write(in_group("eve", "1", "not for you", false));
    let mut bot = inbound(in_group("robot", "2", "beep", true));
    bot.sender.is_bot = true;
    rig.world.write(Event::Message(bot));
    rig.world.write(in_group("eve", "3", "for you", true));
    rig.world.write(in_group("ann", "4", "for you too", true));
    let mut said = rig.until_said("group", 2).await;
    said.sort();
    assert_eq!(said, ["You said: for you", "You said: for you too"]);
    rig.until(|world| world.unconfirmed() == 0).await;
    let submissions = rig.agent().submissions();
    assert_ne!(submissions[0].conversation, submissions[1].conversation);
}

#[tokio::test(start_paused = true)]
async fn commands_work_everywhere() {
    let mut rig = Rig::new(6);
    rig.start();
    rig.world.write(direct("ann", "1", "hello"));
    rig.until_said("ann", 1).await;
    rig.world.write(direct("ann", "2", "/new"));
    rig.until_said("ann", 2).await;
    rig.world.write(direct("ann", "3", "hang"));
    rig.until(|world| world.said("ann").len() == 3).await;
    rig.world.write(direct("ann", "4", "!stop"));
    rig.until(|world| world.said("ann").iter().any(|text| text == "Stopped.")).await;
    rig.until(|world| world.said("ann")[2].ends_with("(Stopped.)")).await;
    rig.world.write(direct("ann", "5", "/status"));
    rig.world.write(direct("ann", "6", "/help@bot"));
    rig.world.write(direct("ann", "7", "/stop"));
    let said = rig.until_said("ann", 7).await;
    assert!(
        said[4].starts_with("I'm here.") && said[5].contains("/missed") && said[6].starts_with("Nothing")
    );
    let submissions = rig.agent().submissions();
    assert_ne!(submissions[0].conversation, submissions[1].conversation);
}

#[tokio::test(start_paused = true)]
async fn what_needs_a_word_asks_for_it() {
    let mut rig = Rig::new(7);
    rig.start();
    rig.world.write(direct("ann", "1", "/approve"));
    assert_eq!(rig.until_said("ann", 1).await[0], "Nothing waits for your word.");
    rig.world.write(direct("ann", "2", "ask first"));
    assert!(rig.until_said("ann", 2).await[1].contains("May I use `files`? It writes files."));
    rig.pass(60).await;
    rig.world.write(direct("ann", "3", "/approve"));
    let said = rig.until_said("ann", 4).await;
    assert!(
        said.contains(&"Allowed.".to_owned()) && said.contains(&"You said: ask first".to_owned()),
        "{said:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_dead_token_stops_and_says_so_until_the_configuration_changes() {
    let mut rig = Rig::new(8);
    let reason = "the token is not valid".to_owned();
    rig.world.connects.lock().unwrap().push_back(ConnectError::Refused { reason: reason.clone() });
    rig.start();
    rig.pass(3600).await;
    assert_eq!(last_error(rig.info().await.status), reason);
    assert_eq!(rig.world.polls(), 0);
    rig.reconfigure(ChannelConfig { token: Some(Secret::new("another")), ..rig.config.clone() });
    rig.world.write(direct("ann", "1", "hello"));
    rig.until_said("ann", 1).await;

    // The same when sending finds out; what was to be sent is sent by the next one.
    rig.world.script.lock().unwrap().push_back(SendError::Token { reason: "revoked".to_owned() });
    rig.world.write(direct("ann", "2", "again"));
    rig.pass(60).await;
    assert_eq!(last_error(rig.info().await.status), "revoked");
    rig.reconfigure(ChannelConfig { token: Some(Secret::new("a third")), ..rig.config.clone() });
    assert_eq!(rig.until_said("ann", 2).await[1], "You said: again");
    rig.reconfigure(ChannelConfig { enabled: false, ..rig.config.clone() });
    rig.pass(1).await;
    assert_eq!(last_error(rig.info().await.status), "disabled in the configuration");
}

#[tokio::test(start_paused = true)]
async fn silence_is_seen_within_five_seconds_and_ended() {
    let mut rig = Rig::new(9);
    rig.start();
    rig.until(|world| world.polls() > 1).await;
    *rig.world.silent.lock().unwrap() = true;
    let begun = Instant::now();
    while matches!(rig.info().await.status, ChannelStatus::Connected { .. }) {
        rig.pass(1).await;
    }
    assert!(begun.elapsed() <= Duration::from_secs(8), "{:?}", begun.elapsed());
    *rig.world.silent.lock().unwrap() = false;
    rig.world.write(direct("ann", "1", "hello"));
    rig.until_said("ann", 1).await;
    let info = rig.info().await;
    assert!(matches!(info.status, ChannelStatus::Connected { .. }));
    assert_eq!(info.detail.reconnects, 1);
}

#[tokio::test(start_paused = true)]
async fn old_answers_are_offered_and_not_fired() {
    let mut rig = Rig::new(10);
    // Nothing is shown before the answer is complete.
    rig.world.abilities.lock().unwrap().edits = None;
    rig.token_delay = Duration::from_secs(2);
    rig.start();
    rig.world.write(direct("ann", "1", "x"));
    rig.until(|world| world.unconfirmed() == 0).await;
    *rig.world.outage.lock().unwrap() = Some(Instant::now() + Duration::from_secs(3 * 3600));
    rig.pass(3 * 3600 + 60).await;
    let said = rig.until_said("ann", 1).await;
    assert!(said.len() == 1 && said[0].contains("/missed"), "{said:?}");
    assert_eq!(rig.info().await.detail.expired, 1);
    rig.restart().await;
    rig.world.write(direct("ann", "2", "/missed"));
    assert_eq!(rig.until_said("ann", 2).await[1], "You said: x");
    rig.world.write(direct("ann", "3", "/missed"));
    assert!(rig.until_said("ann", 3).await[2].starts_with("There are no answers"));
    assert_eq!(rig.info().await.detail.expired, 0);
}

#[tokio::test(start_paused = true)]
async fn too_many_messages_of_one_chat_are_refused_visibly_and_hold_up_no_other() {
    let mut rig = Rig::new(11);
    rig.log.lock().unwrap().full = true;
    rig.start();
    for n in 0..200 {
        rig.world.write(direct("ann", &n.to_string(), "hello"));
    }
    rig.until(|world| world.said("ann").iter().any(|text| text.starts_with("I'm busy"))).await;
    rig.log.lock().unwrap().full = false;
    rig.world.write(direct("bob", "1", "me too"));
    rig.until(|world| world.said("bob").contains(&"You said: me too".to_owned())).await;
    rig.until(|world| world.unconfirmed() == 0).await;
    rig.until(|world| !world.said("ann").is_empty()).await;
    rig.pass(600).await;
    let said = rig.world.said("ann");
    let answers = said.iter().filter(|text| *text == "You said: hello").count();
    let busy = said.iter().filter(|text| text.starts_with("I'm busy")).count();
    assert!(answers >= 64 && busy == 1, "{answers} answers, {busy} times busy");
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_messages_at_once_are_answered_once_each() {
    let mut rig = Rig::new(12);
    rig.config.allowed_users = (0..400).map(|user| format!("u{user}")).collect();
    rig.token_delay = Duration::ZERO;
    for n in 0..10_000 {
        rig.world.write(direct(&format!("u{}", n % 400), &n.to_string(), &n.to_string()));
    }
    rig.start();
    rig.until(|world| world.unconfirmed() == 0 && world.count() >= 10_000).await;
    rig.pass(60).await;
    let sent = rig.world.sent();
    assert_eq!(sent.len(), 10_000);
    for user in 0..400 {
        let chat = format!("u{user}");
        let expected = (0..25).map(|round| format!("You said: {}", user + 400 * round));
        let said = sent.iter().filter(|sent| sent.to.chat == chat).map(|sent| sent.text().to_owned());
        assert!(said.eq(expected), "the order of {chat}");
    }
    assert_eq!(rig.info().await.messages_today, 10_000);
}

#[tokio::test(start_paused = true)]
async fn changes_of_what_was_said_are_written_down() {
    let mut rig = Rig::new(13);
    rig.start();
    rig.world.write(direct("ann", "1", "helo"));
    rig.until_said("ann", 1).await;
    let change = Change {
        id: "1".to_owned(),
        version: "a".to_owned(),
        address: Address::chat("ann"),
        sender: inbound(direct("ann", "1", "")).sender,
        text: "hello".to_owned(),
        at: None,
    };
    rig.world.write(Event::Edited(change.clone()));
    rig.world.write(Event::Edited(change.clone()));
    rig.world.write(Event::Deleted(Change { text: String::new(), ..change.clone() }));
    // Of something that the assistant was never told.
    rig.world.write(Event::Edited(Change { id: "99".to_owned(), ..change }));
    rig.until(|world| world.unconfirmed() == 0).await;
    let conversation = rig.agent().submissions()[0].conversation.clone().unwrap();
    let view = {
        use openclaw_core::{MessageWindow, port::MemoryPort as _};
        rig.memory.conversation(&conversation, MessageWindow::default()).await.unwrap().unwrap()
    };
    let texts: Vec<String> = view.messages.iter().map(openclaw_core::Message::text).collect();
    assert_eq!(texts, ["[I changed my message 1; it reads now:]\nhello", "[I deleted my message 1]"]);
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_acknowledges_nothing_and_says_so() {
    let mut rig = Rig::new(14);
    rig.start();
    rig.log.lock().unwrap().full = true;
    rig.world.write(direct("ann", "1", "hello"));
    assert!(rig.until_said("ann", 1).await[0].starts_with("I can't write anything down"));
    rig.pass(300).await;
    assert_eq!((rig.world.unconfirmed(), rig.world.said("ann").len()), (1, 1));
    rig.log.lock().unwrap().full = false;
    assert_eq!(rig.until_said("ann", 2).await[1], "You said: hello");
    rig.until(|world| world.unconfirmed() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn what_the_platform_says_about_a_message_is_heeded() {
    let mut rig = Rig::new(15);
    rig.start();
    let reason = "for a reason".to_owned();
    let script = |errors: Vec<SendError>| rig.world.script.lock().unwrap().extend(errors);
    // Markup it does not take; a wait; a failure that may have been none.
    script(vec![
        SendError::Markup { reason: reason.clone() },
        SendError::Later { after: Duration::from_secs(90), reason: reason.clone() },
        SendError::Unknown { reason: reason.clone() },
    ]);
    let begun = Instant::now();
    rig.world.write(direct("ann", "1", "hello"));
    assert_eq!(rig.until_said("ann", 1).await, ["You said: hello"]);
    assert!(begun.elapsed() >= Duration::from_secs(90));
    script(vec![SendError::Rejected { reason: reason.clone() }]);
    rig.world.write(direct("ann", "2", "never"));
    rig.world.write(direct("ann", "3", "fine"));
    assert_eq!(rig.until_said("ann", 2).await[1], "You said: fine");
    assert_eq!(rig.info().await.detail.failed, 1);
    rig.world.write(direct("ann", "4", "fail"));
    assert!(rig.until_said("ann", 3).await[2].contains("I could not answer: the model does not answer"));
    rig.world.write(direct("ann", "5", "no provider"));
    assert!(rig.until_said("ann", 4).await[3].starts_with("I can't answer: there is no model"));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_somebody_deletes_while_it_grows_is_sent_anew() {
    let mut rig = Rig::new(16);
    rig.token_delay = Duration::from_millis(900);
    rig.start();
    rig.world.write(direct("ann", "1", "a b c d e f g h"));
    rig.until_said("ann", 1).await;
    let first = rig.world.sent().remove(0);
    rig.world.remove(&first.id);
    rig.until(|world| world.said("ann") == ["You said: a b c d e f g h"]).await;
}

#[tokio::test(start_paused = true)]
async fn files_come_along_or_are_named() {
    let mut rig = Rig::new(17);
    rig.start();
    let file = RemoteFile {
        name: "cat.png".to_owned(),
        mime_type: "image/png".to_owned(),
        size: Some(3),
        handle: "h".to_owned(),
    };
    let large = RemoteFile { name: "film.mov".to_owned(), size: Some(1 << 40), ..file.clone() };
    let mut message = inbound(direct("ann", "1", ""));
    message.files = vec![file, large];
    *rig.world.files.lock().unwrap() = Some(Bytes::from_static(b"png"));
    rig.world.write(Event::Message(message.clone()));
    rig.until_said("ann", 1).await;
    let submission = rig.agent().submissions().remove(0);
    assert_eq!(submission.metadata.attachments.len(), 1);
    assert!(submission.text.contains("film.mov"), "{}", submission.text);
    *rig.world.files.lock().unwrap() = None;
    rig.world.write(Event::Message(Inbound {
        id: "2".to_owned(),
        quoted: Some("a\nb".to_owned()),
        ..message
    }));
    rig.until_said("ann", 2).await;
    let submission = rig.agent().submissions().remove(1);
    assert!(submission.text.starts_with("> a\n> b\n\n") && submission.text.contains("cat.png"));
}

#[tokio::test(start_paused = true)]
async fn where_nothing_can_be_changed_the_whole_answer_comes_once() {
    let mut rig = Rig::new(18);
    rig.world.abilities.lock().unwrap().edits = None;
    rig.token_delay = Duration::from_secs(2);
    rig.start();
    rig.world.write(direct("ann", "1", "a b c d"));
    rig.until(|world| world.said("ann") == ["You said: a b c d"]).await;
    assert_eq!((rig.world.edits(), rig.world.sent().len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_repetition_of_what_waits_is_not_refused() {
    let mut rig = Rig::new(19);
    rig.log.lock().unwrap().full = true;
    rig.start();
    // One is being taken, and as many wait as can.
    rig.world.write(direct("ann", "0", "hello"));
    rig.pass(1).await;
    for n in 1..65 {
        rig.world.write(direct("ann", &n.to_string(), "hello"));
    }
    rig.pass(1).await;
    rig.world.write(direct("ann", "0", "hello"));
    rig.world.write(direct("ann", "64", "hello"));
    rig.pass(1).await;
    rig.log.lock().unwrap().full = false;
    rig.until(|world| world.unconfirmed() == 0).await;
    rig.pass(60).await;
    let said = rig.world.said("ann");
    assert_eq!(said.iter().filter(|text| *text == "You said: hello").count(), 65, "{said:?}");
}
