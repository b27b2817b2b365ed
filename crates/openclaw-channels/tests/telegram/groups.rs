//! Groups: who is meant, topics, and groups that become supergroups.

use openclaw_platforms::telegram::{Kind, Post, User};
use serde_json::json;

use crate::support::{World, anna, texts};

#[tokio::test(start_paused = true)]
async fn in_a_group_it_answers_when_it_is_meant() {
    let world = World::new(&["7"]).await;
    let group = world.telegram.group("Friends");
    let say = |text: &str| world.telegram.say(group, &anna(), text);
    say("nobody in particular");
    say("@claw_bots are others, and so is /new@other_bot");
    say("/weather");
    let asked = say("😀😀 hey @Claw_Bot, what is up?");
    let sent = world.until_sent(group, |sent| sent.len() == 1).await;
    assert_eq!((sent[0].reply_to, texts(&sent)), (Some(asked), vec!["You said: 😀😀 hey, what is up?"]));
    world.telegram.post(&Post::new(group, &anna(), "and now?").reply_to(sent[0].id));
    world.telegram.post(&Post::new(group, &anna(), "Clawdia knows").entities(json!([
        {"type": "text_mention", "offset": 0, "length": 7, "user": {"id": 42, "is_bot": true, "first_name": "Claw"}},
    ])));
    let quoted = say("the first of them");
    world.telegram.post(&Post::new(group, &anna(), "@claw_bot explain").reply_to(quoted));
    world.telegram.say(group, &User::new(8, "Robot").as_bot("other_bot"), "@claw_bot loop?");
    say("/help");
    world.until_sent(group, |sent| sent.iter().any(|sent| sent.text.contains("/new"))).await;
    let told = world.told();
    assert_eq!(told, ["😀😀 hey, what is up?", "and now?", "knows", "> the first of them\n\nexplain"]);
}

#[tokio::test(start_paused = true)]
async fn an_album_that_mentions_it_once_is_meant_as_a_whole() {
    let world = World::new(&["7"]).await;
    let group = world.telegram.supergroup("Team", false);
    for text in ["", "@claw_bot which is best?"] {
        let picture = Post::new(group, &anna(), text).file(Kind::Photo, "", "image/jpeg", vec![1; 100]);
        world.telegram.post(&picture.album("x"));
    }
    world.until_told(1).await;
    let submission = world.agent.submissions().remove(0);
    assert_eq!((submission.text.as_str(), submission.metadata.attachments.len()), ("which is best?", 2));
}

#[tokio::test(start_paused = true)]
async fn a_topic_is_a_thread_of_its_own() {
    let world = World::new(&["7"]).await;
    let forum = world.telegram.supergroup("Team", true);
    let plans = world.telegram.topic(forum, &anna(), "Plans");
    let asked = world
        .telegram
        .post(&Post::new(forum, &anna(), "@claw_bot in the topic").thread(plans).reply_to(plans));
    world.telegram.say(forum, &anna(), "@claw_bot in general");
    let sent = world.until_sent(forum, |sent| sent.len() == 2).await;
    let mut shown: Vec<_> = sent.iter().map(|sent| (sent.thread, sent.text.as_str())).collect();
    shown.sort_unstable();
    assert_eq!(shown, [(None, "You said: in general"), (Some(plans), "You said: in the topic")]);
    let answer = sent.iter().find(|sent| sent.thread == Some(plans)).unwrap();
    assert_eq!(answer.reply_to, Some(asked));
    let conversations: Vec<_> = world.agent.submissions().into_iter().map(|one| one.conversation).collect();
    assert_ne!(conversations[0], conversations[1]);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_becomes_a_supergroup_stays_the_same_conversation() {
    let mut world = World::stopped(&[]).await;
    let group = world.telegram.group("Friends");
    world.configure(|config| config.allowed_chats = vec![group.to_string()]);
    world.start();
    world.telegram.say(group, &anna(), "@claw_bot one");
    world.until_sent(group, |sent| sent.len() == 1).await;
    let new = world.telegram.migrate(group, &anna());
    world.telegram.say(new, &anna(), "@claw_bot two");
    let sent = world.until_sent(new, |sent| sent.len() == 1).await;
    assert_eq!(texts(&sent), ["You said: two"]);
    assert!(sent[0].reply_to.is_some());
    world.kill().await;
    world.start();
    world.telegram.say(new, &anna(), "@claw_bot three");
    world.until_sent(new, |sent| sent.len() == 2).await;
    let conversations: Vec<_> = world.agent.submissions().into_iter().map(|one| one.conversation).collect();
    assert_eq!(conversations.len(), 3);
    assert!(conversations.iter().all(|conversation| *conversation == conversations[0]));
}

#[tokio::test(start_paused = true)]
async fn an_answer_follows_the_group_that_moved_meanwhile() {
    let world = World::new(&["7"]).await;
    let group = world.telegram.group("Friends");
    world.agent.then(openclaw_testkit::AgentScript {
        reply: Some("late".to_owned()),
        first_delay: std::time::Duration::from_secs(20),
        ..openclaw_testkit::AgentScript::default()
    });
    world.telegram.say(group, &anna(), "@claw_bot slow one");
    world.until_told(1).await;
    let new = world.telegram.migrate(group, &anna());
    let sent = world.until_sent(new, |sent| !sent.is_empty()).await;
    assert_eq!((texts(&sent), sent[0].reply_to), (vec!["late"], None));
}
