//! Direct chats: words, files, edits, and how answers look.

use std::time::Duration;

use openclaw_core::AttachmentSource;
use openclaw_platforms::{
    Fault,
    telegram::{Kind, Post},
};
use openclaw_testkit::AgentScript;

use crate::support::{World, anna, texts};

#[tokio::test(start_paused = true)]
async fn a_message_is_answered_and_the_channel_says_how_it_stands() {
    let world = World::new(&["7"]).await;
    let chat = world.telegram.private(&anna());
    let asked = world.telegram.say(chat, &anna(), "hello <you> & me");
    let sent = world.until_sent(chat, |sent| sent.len() == 1).await;
    assert_eq!(texts(&sent), ["You said: hello <you> & me"]);
    assert_eq!(sent[0].reply_to, Some(asked));
    let info = world.info().await;
    assert_eq!((info.detail.account.as_deref(), info.messages_today), (Some("@claw_bot"), 1));
    assert_eq!(world.trouble().await, "");
    let commands: Vec<_> = world.telegram.commands().into_iter().map(|(name, _)| name).collect();
    assert_eq!(commands, ["new", "stop", "status", "missed", "approve", "deny", "help"]);
    let metadata = world.agent.submissions()[0].metadata.clone();
    assert_eq!((metadata.user_id.as_deref(), metadata.user_name.as_deref()), (Some("7"), Some("Anna")));
}

#[tokio::test(start_paused = true)]
async fn what_is_confirmed_is_what_is_written_down() {
    let world = World::new(&["7"]).await;
    let chat = world.telegram.private(&anna());
    world.until_connected().await;
    world.agent.always(AgentScript { reply: Some("yes".to_owned()), ..AgentScript::default() });
    for text in ["one", "two", "three"] {
        world.telegram.say(chat, &anna(), text);
    }
    world.until_sent(chat, |sent| sent.len() == 3).await;
    assert_eq!(world.told(), ["one", "two", "three"]);
    assert!(world.telegram.wait(Duration::from_secs(10), |telegram| telegram.pending() == 0).await);
}

#[tokio::test(start_paused = true)]
async fn an_answer_grows_in_place_and_typing_is_shown() {
    let world = World::new(&["7"]).await;
    let chat = world.telegram.private(&anna());
    let reply = "word ".repeat(40);
    world.agent.always(AgentScript {
        reply: Some(reply.clone()),
        tokens: 20,
        first_delay: Duration::from_secs(6),
        token_delay: Duration::from_millis(400),
        ..AgentScript::default()
    });
    world.telegram.say(chat, &anna(), "tell me");
    let sent =
        world.until_sent(chat, |sent| sent.first().is_some_and(|sent| sent.text == reply.trim())).await;
    assert_eq!(sent.len(), 1);
    assert!((3..=10).contains(&sent[0].history.len()), "{} edits", sent[0].history.len());
    let typed = world.telegram.calls().iter().filter(|(method, _)| method == "sendchataction").count();
    assert!((3..=6).contains(&typed), "typing was shown {typed} times");
}

#[tokio::test(start_paused = true)]
async fn files_come_in_with_their_names_and_largest_sizes() {
    let world = World::new(&["7"]).await;
    let chat = world.telegram.private(&anna());
    let post = |text: &str| Post::new(chat, &anna(), text);
    world.telegram.post(&post("look").file(Kind::Document, "notes.txt", "text/plain", "the notes"));
    world.telegram.post(&post("").file(Kind::Voice, "", "audio/ogg", "sound"));
    world
        .telegram
        .post(&post("huge").file(Kind::Document, "film.mkv", "video/x-matroska", "x").size(21 << 20));
    for (at, text) in ["", "three pictures", ""].into_iter().enumerate() {
        let picture = vec![at as u8; 4000];
        world.telegram.post(&post(text).file(Kind::Photo, "", "image/jpeg", picture).album("a"));
    }
    world.telegram.post(&post("after"));
    world.until_told(5).await;
    let submissions = world.agent.submissions();
    let shown: Vec<Vec<(String, usize)>> = submissions
        .iter()
        .map(|submission| {
            let size = |source: &AttachmentSource| match source {
                AttachmentSource::Data(bytes) => bytes.len(),
                other => panic!("{other:?}"),
            };
            let attachments = &submission.metadata.attachments;
            attachments.iter().map(|file| (file.name.clone(), size(&file.source))).collect()
        })
        .collect();
    assert_eq!(shown[0], [("notes.txt".to_owned(), 9)]);
    assert_eq!((shown[1].len(), shown[1][0].1), (1, 5));
    assert!(shown[1][0].0.ends_with(".ogg"));
    assert!(submissions[2].text.contains("`film.mkv`"), "{}", submissions[2].text);
    assert_eq!(submissions[3].text, "three pictures");
    assert_eq!(shown[3].iter().map(|(_, size)| *size).collect::<Vec<_>>(), [4000, 4000, 4000]);
    assert_eq!(submissions[4].text, "after");
}

#[tokio::test(start_paused = true)]
async fn an_album_that_comes_in_two_batches_is_one_message() {
    let world = World::new(&["7"]).await;
    let chat = world.telegram.private(&anna());
    world.until_connected().await;
    for at in 0..3 {
        let picture = Post::new(chat, &anna(), if at == 0 { "two" } else { "" });
        world.telegram.post(&picture.file(Kind::Photo, "", "image/jpeg", vec![at; 400]).album("b"));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    world.until_told(1).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let submissions = world.agent.submissions();
    assert_eq!((submissions.len(), submissions[0].metadata.attachments.len()), (1, 3));
    assert_eq!(world.telegram.pending(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_change_is_written_down_once() {
    let world = World::new(&["7"]).await;
    let chat = world.telegram.private(&anna());
    let asked = world.telegram.say(chat, &anna(), "hello");
    world.until_sent(chat, |sent| sent.len() == 1).await;
    let conversation = world.agent.submissions()[0].conversation.clone().unwrap();
    world.telegram.edit(chat, asked, "hello, changed");
    let transcript = || world.transcript(&conversation);
    while !transcript().iter().any(|line| line.contains("hello, changed")) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.telegram.replay(2);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(transcript().iter().filter(|line| line.contains("hello, changed")).count(), 1);
    assert_eq!(world.told().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_parsed_is_sent_plain() {
    let world = World::new(&["7"]).await;
    let chat = world.telegram.private(&anna());
    world.until_connected().await;
    let said = r#"{"ok":false,"error_code":400,"description":"Bad Request: can't parse entities: Unsupported start tag \"x\" at byte offset 0"}"#;
    world.telegram.faults().add("/sendMessage", 1, Fault::Answer(400, said.to_owned()));
    world.telegram.say(chat, &anna(), "a < b");
    let sent = world.until_sent(chat, |sent| sent.len() == 1).await;
    assert_eq!((sent[0].text.as_str(), sent[0].parse_mode.as_str()), ("You said: a < b", ""));
}

#[tokio::test(start_paused = true)]
async fn a_very_long_answer_comes_as_a_file() {
    let world = World::new(&["7"]).await;
    let chat = world.telegram.private(&anna());
    let reply = "A line of a very long answer.\n".repeat(4000);
    world.agent.always(AgentScript { reply: Some(reply.clone()), tokens: 1, ..AgentScript::default() });
    world.telegram.say(chat, &anna(), "everything");
    let sent = world.until_sent(chat, |sent| sent.iter().any(|sent| sent.file.is_some())).await;
    let (name, mime, bytes) = sent.iter().find_map(|sent| sent.file.clone()).unwrap();
    assert_eq!((name.as_str(), mime.as_str()), ("answer.md", "text/markdown"));
    assert!(bytes.len() + 100 > reply.len());
}
