//! What people write, and what they get.

use std::{collections::BTreeMap, time::Duration};

use openclaw_channels::{net::Net, platform};
use openclaw_core::{AttachmentSource, Secret, config::ChannelConfig};
use openclaw_platforms::slack::BOT_USER;
use openclaw_testkit::AgentScript;
use serde_json::json;

use crate::support::{ANNA, GENERAL, World, pass, texts};

fn slow() -> AgentScript {
    AgentScript { tokens: 12, token_delay: Duration::from_millis(700), ..AgentScript::default() }
}

#[tokio::test(start_paused = true)]
async fn a_direct_chat_is_answered_with_edits() {
    let world = World::new().await;
    assert_eq!(world.info().await.detail.account.as_deref(), Some("@claw in Claw"));
    world.agent.always(slow());
    world.slack.say(&world.im, ANNA, "Is 2 &lt; 3 &amp; why? <https://a.org|a link>");
    world.settled().await;
    let answers = world.slack.answers(&world.im);
    assert_eq!(texts(&answers).len(), 1);
    assert!(
        answers[0].text.starts_with("You said: Is 2 &lt; 3 &amp; why? <https://a.org|a link>"),
        "{answers:?}"
    );
    assert!((3..8).contains(&answers[0].history.len()), "{:?}", answers[0].history);
    assert_eq!(
        (answers[0].thread_ts.as_ref(), answers[0].metadata["event_type"].as_str()),
        (None, Some("openclaw_part"))
    );
    let submission = world.agent.submissions().remove(0);
    assert_eq!(submission.text, "Is 2 < 3 & why? [a link](https://a.org)");
    assert_eq!(submission.metadata.user_name.as_deref(), Some("Anna"));
}

#[tokio::test(start_paused = true)]
async fn a_mention_begins_a_thread_and_what_follows_there_needs_none() {
    let mut world = World::new().await;
    world.slack.say(GENERAL, ANNA, "nobody in particular");
    let asked = world.slack.say(GENERAL, ANNA, &format!("<@{BOT_USER}> hello"));
    let answers = world.until_answers(GENERAL, |answers| answers.len() == 1).await;
    assert_eq!((texts(&answers), answers[0].thread_ts.as_deref()), (vec!["You said: hello"], Some(&*asked)));
    world.slack.reply(GENERAL, &asked, ANNA, "and now?");
    world.until_answers(GENERAL, |answers| answers.len() == 2).await;
    // The next process has to look.
    world.kill().await;
    world.start();
    world.slack.reply(GENERAL, &asked, ANNA, "still there?");
    world.slack.reply(GENERAL, &asked, ANNA, "and there?");
    world.until_answers(GENERAL, |answers| answers.len() == 4).await;
    // A thread of others.
    let other = world.slack.say(GENERAL, ANNA, "the deploy failed");
    world.slack.reply(GENERAL, &other, ANNA, "oh no");
    world.slack.reply(GENERAL, &other, ANNA, &format!("what now, <@{BOT_USER}>?"));
    world.until_answers(GENERAL, |answers| answers.len() == 5).await;
    world.slack.reply(GENERAL, &other, ANNA, "thanks");
    world.settled().await;
    assert_eq!(
        world.told(),
        ["hello", "and now?", "still there?", "and there?", "> the deploy failed\n\nwhat now, ?", "thanks"]
    );
    let conversations: Vec<_> = world.agent.submissions().into_iter().map(|one| one.conversation).collect();
    assert!(conversations[..4].iter().all(|one| *one == conversations[0]));
    assert!(conversations[0] != conversations[4] && conversations[4] == conversations[5]);
}

#[tokio::test(start_paused = true)]
async fn in_the_channel_itself_if_that_is_wanted() {
    let world = World::stopped().await;
    world.configure(|config| drop(config.options.insert("threads".to_owned(), "channel".to_owned())));
    let mut world = world;
    world.start();
    world.slack.say(GENERAL, ANNA, &format!("<@{BOT_USER}> hello"));
    let answers = world.until_answers(GENERAL, |answers| answers.len() == 1).await;
    assert_eq!(answers[0].thread_ts, None);
}

#[tokio::test(start_paused = true)]
async fn changes_are_recorded_and_bots_ignored() {
    let world = World::new().await;
    let first = world.slack.say(&world.im, ANNA, "first");
    let second = world.slack.say(&world.im, ANNA, "second");
    world.until_answers(&world.im, |answers| answers.len() == 2).await;
    world.slack.edit(&world.im, &first, "first, changed");
    world.slack.edit(&world.im, &first, "first, changed");
    world.slack.delete(&world.im, &second);
    world.slack.bot_says(GENERAL, &format!("<@{BOT_USER}> I'm a bot"));
    world.slack.emit(json!({"type": "reaction_added", "user": ANNA}));
    world.slack.emit(json!({"type": "message", "channel": world.im, "user": ANNA, "ts": null, "text": null}));
    world.slack.emit(json!({"type": 7}));
    world.settled().await;
    world.slack.duplicate();
    world.settled().await;
    assert_eq!(world.told(), ["first", "second"]);
    let conversation = world.agent.submissions()[0].conversation.clone().unwrap();
    let transcript = world.memory.transcript(&conversation).concat();
    assert_eq!(transcript.matches("it reads now:]\nfirst, changed").count(), 1, "{transcript}");
    assert_eq!(transcript.matches("[I deleted my message").count(), 1, "{transcript}");
}

#[tokio::test(start_paused = true)]
async fn commands_come_by_slash_and_by_word() {
    let world = World::new().await;
    world.slack.say(&world.im, ANNA, "hello");
    world.until_answers(&world.im, |answers| answers.len() == 1).await;
    let first = world.slack.command(&world.im, ANNA, "/openclaw", "new");
    world
        .until_answers(&world.im, |answers| {
            answers.last().is_some_and(|last| last.text.starts_with("A new conversation"))
        })
        .await;
    world.until("acknowledged", |world| world.slack.acked(first).is_some()).await;
    world.slack.command(&world.im, ANNA, "/openclaw", "");
    world
        .until_answers(&world.im, |answers| {
            answers.last().is_some_and(|last| last.text.contains("`!help` – Show the commands"))
        })
        .await;
    world.slack.say(&world.im, ANNA, "!status");
    world
        .until_answers(&world.im, |answers| {
            answers.last().is_some_and(|last| last.text.starts_with("I'm here."))
        })
        .await;
    world.slack.command(&world.im, ANNA, "/openclaw", "what is up?");
    world
        .until_answers(&world.im, |answers| {
            answers.last().is_some_and(|last| last.text == "You said: what is up?")
        })
        .await;
    let conversations: Vec<_> = world.agent.submissions().into_iter().map(|one| one.conversation).collect();
    assert!(conversations.len() == 2 && conversations[0] != conversations[1]);
}

#[tokio::test(start_paused = true)]
async fn a_pane_is_greeted_once_and_shows_that_it_works() {
    let world = World::new().await;
    let (chat, thread) = world.slack.open_pane(ANNA);
    world.until_answers(&chat, |answers| answers.len() == 1).await;
    world.settled().await;
    world.slack.duplicate();
    world.settled().await;
    assert_eq!(texts(&world.slack.answers(&chat)), ["Hello! How can I help you?"]);
    world.agent.then(AgentScript { first_delay: Duration::from_secs(130), ..slow() });
    world.slack.reply(&chat, &thread, ANNA, "think hard");
    let answers = world.until_answers(&chat, |answers| answers.len() == 2).await;
    assert_eq!(answers[1].thread_ts.as_deref(), Some(&*thread));
    world.settled().await;
    let pane = world.slack.pane(&chat, &thread).unwrap();
    assert_eq!(pane.prompts[1]["message"], "!status");
    let shown: Vec<_> = pane.statuses.iter().filter(|status| !status.is_empty()).collect();
    assert_eq!(shown, ["is thinking…"; 2]);
    assert_eq!(pane.statuses.last().map(String::as_str), Some(""));
    world.slack.open_pane("U0EVE");
    world.settled().await;
    pass(10).await;
    assert_eq!(world.slack.answers(&world.slack.im("U0EVE")).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn files_go_both_ways() {
    let world = World::new().await;
    world.slack.share(&world.im, ANNA, "what is this?", "a.png", "image/png", &[0, 255, 7]);
    world.until("told", |world| world.told().len() == 1).await;
    let attachment = world.agent.submissions()[0].metadata.attachments[0].clone();
    assert_eq!((attachment.name.as_str(), attachment.mime_type.as_str()), ("a.png", "image/png"));
    assert_eq!(attachment.source, AttachmentSource::Data(vec![0, 255, 7].into()));
    let long: String = (0..1200).map(|number| format!("Paragraph {number} of a long answer.\n\n")).collect();
    world.agent.then(AgentScript { reply: Some(long.clone()), tokens: 1, ..AgentScript::default() });
    let asked = world.slack.say(GENERAL, ANNA, &format!("<@{BOT_USER}> tell me everything"));
    let answers =
        world.until_answers(GENERAL, |answers| answers.iter().any(|post| !post.files.is_empty())).await;
    world.settled().await;
    let file = world.slack.file(&answers.last().unwrap().files[0]).unwrap();
    assert_eq!((file.name.as_str(), file.bytes.unwrap()), ("answer.md", long.into()));
    assert!(answers.iter().all(|post| post.thread_ts.as_deref() == Some(&*asked)));
}

#[tokio::test(start_paused = true)]
async fn long_answers_are_several_messages_in_slack_s_own_markup() {
    let world = World::new().await;
    let code = "let x = a < b && c > d;\n".repeat(250);
    let reply = format!(
        "# Title\n\n**Bold** and `code` with a [link](https://e.org/?a=b&c).\n\n```rust\n{code}```\n\nThe end."
    );
    world.agent.always(AgentScript { reply: Some(reply), ..slow() });
    world.slack.say(&world.im, ANNA, "show me");
    world.settled().await;
    let answers = world.slack.answers(&world.im);
    assert!((2..5).contains(&answers.len()), "{} messages", answers.len());
    assert!(
        answers
            .iter()
            .all(|post| post.text.chars().count() <= 3900 && post.text.matches("```").count() % 2 == 0)
    );
    assert!(
        answers[0].text.contains("*Bold* and `code` with a <https://e.org/?a=b&amp;c|link>."),
        "{}",
        answers[0].text
    );
    assert!(answers.last().unwrap().text.ends_with("The end."));
}

#[tokio::test(start_paused = true)]
async fn strangers_get_one_line() {
    let world = World::new().await;
    let eve = world.slack.im("U0EVE");
    for text in ["hello", "hello?"] {
        world.slack.say(&eve, "U0EVE", text);
    }
    world.settled().await;
    let answers = world.slack.answers(&eve);
    assert!(
        answers.len() == 1 && answers[0].text.starts_with("Hello! I'm a personal assistant"),
        "{answers:?}"
    );
    assert_eq!(world.told().len(), 0);
}

#[test]
fn what_is_wrong_with_the_configuration_is_said() {
    let slack = platform("slack").unwrap();
    assert!(slack.introduction().contains("socket_mode_enabled: true"));
    let open = |bot: &str, app: &str, threads: &str| {
        let config = ChannelConfig {
            token: Some(Secret::new(bot)),
            secrets: BTreeMap::from([("app_token".to_owned(), Secret::new(app))]),
            options: BTreeMap::from([("threads".to_owned(), threads.to_owned())]),
            ..ChannelConfig::default()
        };
        slack.open(&config, &Net::default()).err().map_or_else(String::new, |error| error.to_string())
    };
    assert_eq!(open("xoxb-1", "xapp-1", "channel"), "");
    assert!(open("xapp-1", "xapp-1", "").contains("`channels.slack.token` is no bot token"));
    assert!(
        open("xoxb-1", "xoxb-1", "").contains("`channels.slack.secrets.app_token` is no app-level token")
    );
    assert!(open("xoxb-1", "xapp-1", "never").contains("it can be `thread` or `channel`"));
}
