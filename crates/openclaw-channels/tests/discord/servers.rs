//! Servers: who is meant, threads, strangers, other bots.

use openclaw_platforms::discord::{BOT, Post, User};
use serde_json::json;

use crate::support::{World, anna, pass, texts};

#[tokio::test(start_paused = true)]
async fn in_a_server_it_answers_who_means_it() {
    let world = World::new(&["7"]).await;
    let guild = world.discord.guild("Home");
    let channel = world.discord.channel(guild, "general");
    world.discord.say(channel, &anna(), "nobody is meant");
    world.discord.say(channel, &anna(), &format!("<@{BOT}> hello"));
    let sent = world.until_sent(channel, |sent| sent.len() == 1).await;
    world.discord.post(&Post::new(channel, &anna(), "and now?").reply_to(sent[0].id));
    world.until_sent(channel, |sent| sent.len() == 2).await;
    world.discord.post(&Post::new(channel, &anna(), "quietly").reply_to(sent[0].id).quietly());
    world.until_sent(channel, |sent| sent.len() == 3).await;
    pass(5).await;
    assert_eq!(world.told(), ["hello", "and now?", "> You said: hello\n\nquietly"]);
    assert_eq!(world.discord.sent_in(channel).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_bots_own_role_means_it_also_after_a_restart() {
    let mut world = World::stopped(&["7"]).await;
    let guild = world.discord.guild("Home");
    let channel = world.discord.channel(guild, "general");
    world.start();
    world.until_connected().await;
    pass(3).await;
    // The id after the server's own.
    let role = guild + 1;
    let post = |text: &str| {
        Post::new(channel, &anna(), &format!("<@&{role}> {text}"))
            .with(json!({"mention_roles": [role.to_string()]}))
    };
    world.discord.post(&post("one"));
    world.until_sent(channel, |sent| sent.len() == 1).await;
    pass(3).await;
    world.kill().await;
    world.start();
    world.until_connected().await;
    assert_eq!(world.discord.identified(), 1);
    world.discord.post(&post("two"));
    world.until_sent(channel, |sent| sent.len() == 2).await;
    assert_eq!(world.told(), ["one", "two"]);
}

#[tokio::test(start_paused = true)]
async fn a_thread_is_a_conversation_of_its_own() {
    let mut world = World::stopped(&[]).await;
    world.configure(|config| config.pairing = false);
    let guild = world.discord.guild("Home");
    let channel = world.discord.channel(guild, "general");
    let old = world.discord.thread(channel, "old", None);
    // Who may talk in a channel may talk in its threads.
    world.configure(|config| config.allowed_chats = vec![channel.to_string()]);
    world.start();
    world.until_connected().await;
    let new = world.discord.thread(channel, "new", None);
    for place in [channel, old, new] {
        world.discord.say(place, &anna(), &format!("<@{BOT}> in {place}"));
        let sent = world.until_sent(place, |sent| sent.len() == 1).await;
        assert_eq!(texts(&sent), [format!("You said: in {place}")]);
    }
    let conversations: std::collections::HashSet<_> =
        world.agent.submissions().into_iter().map(|submission| submission.conversation).collect();
    assert_eq!(conversations.len(), 3);
    // After a restart, nobody tells what is a thread: it is asked for.
    pass(3).await;
    world.kill().await;
    world.start();
    world.until_connected().await;
    world.discord.say(old, &anna(), &format!("<@{BOT}> again"));
    world.until_sent(old, |sent| sent.len() == 2).await;
    let submissions = world.agent.submissions();
    assert_eq!(submissions[3].conversation, submissions[1].conversation);
    assert_eq!(world.discord.identified(), 1);
}

#[tokio::test(start_paused = true)]
async fn bots_and_strangers_get_nothing_done() {
    let world = World::new(&["7"]).await;
    let guild = world.discord.guild("Home");
    let channel = world.discord.channel(guild, "general");
    let (robot, stranger) = (User::new(9, "Robot").bot(), User::new(10, "Eve"));
    let dm = world.discord.dm(&stranger);
    world.discord.say(channel, &robot, &format!("<@{BOT}> hello"));
    world
        .discord
        .post(&Post::new(channel, &anna(), &format!("<@{BOT}> hook")).with(json!({"webhook_id": "5"})));
    world.discord.say(channel, &stranger, &format!("<@{BOT}> hello"));
    world.discord.say(dm, &stranger, "hello");
    world.discord.say(dm, &stranger, "hello?");
    world.until_sent(dm, |sent| sent.len() == 1).await;
    world.until_sent(channel, |sent| sent.len() == 1).await;
    pass(10).await;
    assert!(world.told().is_empty());
    assert_eq!(world.discord.sent().len(), 2);
}
