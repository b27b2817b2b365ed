//! Direct chats: words, replies, threads, edits, files, and how answers look.

use std::time::Duration;

use openclaw_core::AttachmentSource;
use openclaw_testkit::AgentScript;
use serde_json::json;

use crate::support::{World, texts};

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_answered_and_the_channel_says_how_it_stands() {
    let Some(world) = World::new().await else { return };
    let room = world.chat().await;
    let asked = world.anna.say(&room, "hello <you> & **me**").await;
    let said = world.until_said(&room, |said| said.len() == 1).await;
    assert_eq!(said[0].text, "You said: hello <you> & me");
    assert_eq!(said[0].html, "<p>You said: hello &lt;you&gt; &amp; <strong>me</strong></p>");
    assert_eq!(said[0].reply_to.as_deref(), Some(asked.as_str()));
    assert_eq!(said[0].content["m.mentions"]["user_ids"], json!([world.anna.id]));
    let info = world.info().await;
    assert_eq!((info.detail.account.as_deref(), info.messages_today), (Some("@claw:localhost"), 1));
    let metadata = world.agent.submissions()[0].metadata.clone();
    assert_eq!(metadata.user_id.as_deref(), Some("@anna:localhost"));
    assert_eq!(metadata.user_name.as_deref(), Some("Anna"));
    // Anna sees that it was read.
    let synced = world.anna.sync(None, Duration::ZERO).await;
    let ephemeral = &synced["rooms"]["join"][&room]["ephemeral"].to_string();
    assert!(ephemeral.contains("m.receipt") && ephemeral.contains(&world.claw.id), "{ephemeral}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_grows_in_place_and_typing_is_shown() {
    let Some(world) = World::new().await else { return };
    let room = world.chat().await;
    let reply = "word ".repeat(40);
    world.agent.always(AgentScript {
        reply: Some(reply.clone()),
        tokens: 20,
        first_delay: Duration::from_millis(500),
        token_delay: Duration::from_millis(400),
        ..AgentScript::default()
    });
    world.anna.say(&room, "tell me").await;
    let said =
        world.until_said(&room, |said| said.first().is_some_and(|said| said.text == reply.trim())).await;
    assert_eq!(said.len(), 1);
    assert!((2..=6).contains(&said[0].edits), "{} edits", said[0].edits);
    let typed = world.proxy.passed().iter().filter(|call| call.contains("/typing/")).count();
    assert!((2..=4).contains(&typed), "typing was shown {typed} times");
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_threads_and_changes_keep_their_place() {
    let Some(world) = World::new().await else { return };
    let room = world.chat().await;
    let first = world.anna.say(&room, "first").await;
    world.until_said(&room, |said| said.len() == 1).await;
    let legacy = json!({
        "msgtype": "m.text", "body": format!("> <{}> first\n\nsecond", world.anna.id),
        "m.relates_to": {"m.in_reply_to": {"event_id": first}},
    });
    world.anna.send(&room, "m.room.message", &legacy).await;
    assert_eq!(world.until_told(2).await[1], "> first\n\nsecond");
    world.anna.say_in_thread(&room, &first, "aside").await;
    let said = world.until_said(&room, |said| said.len() == 3).await;
    assert_eq!(said[2].thread.as_deref(), Some(first.as_str()));
    let submissions = world.agent.submissions();
    assert_eq!(submissions[0].conversation, submissions[1].conversation);
    assert_ne!(submissions[0].conversation, submissions[2].conversation);

    let main = submissions[0].conversation.clone().unwrap();
    world.anna.edit(&room, &first, "first, changed").await;
    world.until_recorded(&main, "first, changed").await;
    world.anna.redact(&room, &first).await;
    world.until_recorded(&main, "[I deleted my message").await;
    // Somebody else's change of what Anna wrote counts for nothing.
    world.claw.edit(&room, &said[0].reply_to.clone().unwrap(), "not hers").await;
    world.anna.say(&room, "after").await;
    world.until_told(4).await;
    let told = world.transcript(&main);
    assert_eq!(told.iter().filter(|line| line.contains("changed my message")).count(), 1, "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_go_both_ways() {
    let Some(world) = World::new().await else { return };
    let room = world.chat().await;
    let picture = vec![7_u8; 4000];
    let url = world.anna.upload("a.png", "image/png", picture.clone()).await;
    let image = json!({
        "msgtype": "m.image", "body": "what is this", "filename": "a.png", "url": url,
        "info": {"mimetype": "image/png", "size": 4000},
    });
    let pixel =
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    world.agent.always(AgentScript {
        reply: Some(format!("Look: ![dot](data:image/png;base64,{pixel})")),
        ..AgentScript::default()
    });
    world.anna.send(&room, "m.room.message", &image).await;
    let said = world.until_said(&room, |said| said.iter().any(|said| said.kind == "m.image")).await;
    let submission = &world.agent.submissions()[0];
    assert_eq!(submission.text, "what is this");
    let file = &submission.metadata.attachments[0];
    assert_eq!((file.name.as_str(), file.mime_type.as_str()), ("a.png", "image/png"));
    assert!(matches!(&file.source, AttachmentSource::Data(bytes) if *bytes == picture));
    let image = said.iter().find(|said| said.kind == "m.image").unwrap();
    let bytes = world.anna.download(image.content["url"].as_str().unwrap()).await;
    assert!(bytes.starts_with(b"\x89PNG"));
    // What is not there any more is said.
    let gone = json!({"msgtype": "m.file", "body": "gone.txt", "url": "mxc://localhost/gone"});
    world.anna.send(&room, "m.room.message", &gone).await;
    assert!(world.until_told(2).await[1].contains("`gone.txt` could not be fetched"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_answer_comes_in_pieces_and_a_very_long_one_as_a_file() {
    let Some(world) = World::new().await else { return };
    let room = world.chat().await;
    let reply = "A \"quoted\" line of a long answer\\\\.\n\n".repeat(700);
    world.agent.always(AgentScript { reply: Some(reply.clone()), tokens: 1, ..AgentScript::default() });
    world.anna.say(&room, "much").await;
    world.until_said(&room, |said| said.len() >= 3).await;
    world.until_quiet().await;
    let said = world.said(&room).await;
    let lines: usize = said.iter().map(|said| said.text.matches("A \"quoted\" line").count()).sum();
    assert_eq!(lines, 700);
    world.agent.always(AgentScript { reply: Some(reply.repeat(8)), tokens: 1, ..AgentScript::default() });
    world.anna.say(&room, "everything").await;
    let said = world.until_said(&room, |said| said.iter().any(|said| said.kind == "m.file")).await;
    let file = said.iter().find(|said| said.kind == "m.file").unwrap();
    assert_eq!(file.text, "answer.md");
    assert!(texts(&said).len() < 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_taken_back_while_it_grew_comes_again() {
    let Some(world) = World::new().await else { return };
    let room = world.chat().await;
    world.agent.always(AgentScript {
        tokens: 6,
        token_delay: Duration::from_millis(1000),
        ..AgentScript::default()
    });
    world.anna.say(&room, "one two three four five six").await;
    let begun = world.until_said(&room, |said| said.len() == 1).await;
    // Whoever owns the room may take back what others said.
    world.anna.redact(&room, &begun[0].id).await;
    let said = world.until_said(&room, |said| said.iter().any(|said| said.text.ends_with("five six"))).await;
    assert_eq!(said.len(), 1);
    assert_ne!(said[0].id, begun[0].id);
}
