//! Direct chats: words, files, edits, and how answers look.

use std::time::Duration;

use openclaw_core::AttachmentSource;
use openclaw_platforms::{Fault, discord::Post};
use openclaw_testkit::AgentScript;

use crate::support::{World, anna, pass, texts};

#[tokio::test(start_paused = true)]
async fn a_message_is_answered_and_the_channel_says_how_it_stands() {
    let world = World::new(&["7"]).await;
    let chat = world.discord.dm(&anna());
    let asked = world.discord.say(chat, &anna(), "hello *you*");
    let sent = world.until_sent(chat, |sent| sent.len() == 1).await;
    assert_eq!(texts(&sent), ["You said: hello *you*"]);
    assert_eq!((sent[0].reply_to, sent[0].pinged.clone()), (Some(asked), vec!["7".to_owned()]));
    let info = world.info().await;
    assert_eq!((info.detail.account.as_deref(), info.messages_today), (Some("@claw"), 1));
    assert_eq!(world.trouble().await, "");
    assert!(world.discord.wait(Duration::from_secs(5), |discord| !discord.commands().is_empty()).await);
    assert_eq!(world.discord.commands(), ["new", "stop", "status", "missed", "approve", "deny", "help"]);
    let metadata = world.agent.submissions()[0].metadata.clone();
    assert_eq!((metadata.user_id.as_deref(), metadata.user_name.as_deref()), (Some("7"), Some("Anna")));
    assert_eq!((world.discord.identified(), world.discord.invalid()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn an_answer_grows_in_place_and_typing_is_shown() {
    let world = World::new(&["7"]).await;
    let chat = world.discord.dm(&anna());
    let reply = "word ".repeat(40);
    world.agent.always(AgentScript {
        reply: Some(reply.clone()),
        tokens: 20,
        first_delay: Duration::from_secs(12),
        token_delay: Duration::from_millis(700),
        ..AgentScript::default()
    });
    world.discord.say(chat, &anna(), "tell me");
    let sent =
        world.until_sent(chat, |sent| sent.first().is_some_and(|sent| sent.text == reply.trim())).await;
    assert_eq!(sent.len(), 1);
    assert!(sent[0].history.len() >= 5, "{:?}", sent[0].history);
    assert!(world.discord.typing().len() >= 2 && world.discord.typing().iter().all(|place| *place == chat));
    assert_eq!((world.discord.refused(), world.info().await.detail.failed), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_long_answer_comes_in_pieces_that_fit() {
    let world = World::new(&["7"]).await;
    let chat = world.discord.dm(&anna());
    let code = "let answer = 42;\n".repeat(300);
    let reply = format!("# Title\n\nSome **bold** words.\n\n```rust\n{code}```\n\nThat is all, @everyone.");
    world.agent.always(AgentScript { reply: Some(reply), ..AgentScript::default() });
    world.discord.say(chat, &anna(), "code please");
    let sent = world
        .until_sent(chat, |sent| sent.last().is_some_and(|sent| sent.text.contains("That is all")))
        .await;
    assert!(sent.len() >= 3);
    for piece in &sent {
        assert!(piece.text.chars().count() <= 2000);
        assert_eq!(piece.text.matches("```").count() % 2, 0, "{}", piece.text);
    }
    assert!(sent[0].text.starts_with("# Title\n"));
    // One ping for an answer, and none for everybody.
    let pings: Vec<Vec<String>> = sent.iter().map(|piece| piece.pinged.clone()).collect();
    assert_eq!(pings[0], ["7"]);
    assert!(pings[1..].iter().all(Vec::is_empty), "{pings:?}");
}

#[tokio::test(start_paused = true)]
async fn files_come_and_go() {
    let world = World::new(&["7"]).await;
    let chat = world.discord.dm(&anna());
    world.agent.always(AgentScript {
        reply: Some("Here: [notes.txt](data:text/plain;base64,aGVsbG8gdGhlcmU=)".to_owned()),
        ..AgentScript::default()
    });
    let post = Post::new(chat, &anna(), "look").file("a.txt", "text/plain", "some text").file(
        "b.png",
        "image/png",
        vec![1, 2, 3],
    );
    world.discord.post(&post);
    let sent = world.until_sent(chat, |sent| sent.len() == 2).await;
    let told = &world.agent.submissions()[0].metadata.attachments;
    let files: Vec<_> = told.iter().map(|file| (file.name.as_str(), file.mime_type.as_str())).collect();
    assert_eq!(files, [("a.txt", "text/plain"), ("b.png", "image/png")]);
    assert!(matches!(&told[0].source, AttachmentSource::Data(bytes) if &bytes[..] == b"some text"));
    assert_eq!((sent[1].files[0].0.as_str(), &sent[1].files[0].1[..]), ("notes.txt", &b"hello there"[..]));
    assert_eq!(sent[1].text, "");
}

#[tokio::test(start_paused = true)]
async fn a_link_to_a_file_that_expired_is_renewed() {
    let world = World::new(&["7"]).await;
    let chat = world.discord.dm(&anna());
    // It expires between the message and the fetching.
    world.discord.faults().add("/attachments/", 1, Fault::Late(Duration::from_secs(2)));
    world.discord.post(&Post::new(chat, &anna(), "look").file("a.txt", "text/plain", "some text"));
    pass(1).await;
    world.discord.expire_links();
    world.until_told(1).await;
    let told = &world.agent.submissions()[0];
    assert!(
        matches!(&told.metadata.attachments[0].source, AttachmentSource::Data(bytes) if &bytes[..] == b"some text")
    );
    assert!(world.discord.calls().iter().any(|(route, _)| route == "GET /channels/{}/messages/{}"));
}

#[tokio::test(start_paused = true)]
async fn changes_become_part_of_the_conversation_and_previews_do_not() {
    let world = World::new(&["7"]).await;
    let chat = world.discord.dm(&anna());
    let asked = world.discord.say(chat, &anna(), "buy milk https://example.org");
    world.until_sent(chat, |sent| sent.len() == 1).await;
    world.discord.unfurl(chat, asked);
    world.discord.edit(chat, asked, "buy bread");
    let conversation = world.agent.submissions()[0].conversation.clone().unwrap();
    pass(1).await;
    world.discord.delete(chat, asked);
    pass(1).await;
    let said = world.transcript(&conversation);
    let changes: Vec<&String> = said.iter().filter(|line| line.contains("message")).collect();
    assert_eq!(changes.len(), 2, "{said:?}");
    assert!(changes[0].contains("it reads now:") && changes[0].contains("buy bread"), "{said:?}");
    assert!(changes[1].contains("I deleted my message"), "{said:?}");
    assert_eq!(world.told().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_reply_quotes_what_the_assistant_did_not_say_last() {
    let world = World::new(&["7"]).await;
    let chat = world.discord.dm(&anna());
    world.discord.say(chat, &anna(), "one");
    let first = world.until_sent(chat, |sent| sent.len() == 1).await[0].id;
    world.discord.post(&Post::new(chat, &anna(), "why?").reply_to(first));
    world.until_sent(chat, |sent| sent.len() == 2).await;
    world.discord.post(&Post::new(chat, &anna(), "and this?").reply_to(first));
    world.until_sent(chat, |sent| sent.len() == 3).await;
    assert_eq!(world.told(), ["one", "why?", "> You said: one\n\nand this?"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_somebody_deleted_is_said_anew() {
    let world = World::new(&["7"]).await;
    let chat = world.discord.dm(&anna());
    world.agent.always(AgentScript {
        reply: Some("a long story".to_owned()),
        tokens: 8,
        token_delay: Duration::from_secs(1),
        ..AgentScript::default()
    });
    world.discord.say(chat, &anna(), "tell me");
    let sent = world.until_sent(chat, |sent| !sent.is_empty()).await;
    world.discord.delete(chat, sent[0].id);
    let sent = world.until_sent(chat, |sent| texts(sent) == ["a long story"]).await;
    world.until_idle().await;
    assert_eq!(sent.len(), 2);
}
