//! What was written while nobody listened, and Slack does not send again.

use std::time::Duration;

use openclaw_platforms::{Fault, slack::BOT_USER};

use crate::support::{ANNA, GENERAL, World, pass, texts};

/// A world in which something was said in each kind of place, and its thread in the channel.
async fn known() -> (World, String, (String, String)) {
    let world = World::new().await;
    world.slack.say(&world.im, ANNA, "one");
    let root = world.slack.say(GENERAL, ANNA, &format!("<@{BOT_USER}> two"));
    let pane = world.slack.open_pane(ANNA);
    world.slack.reply(&pane.0, &pane.1, ANNA, "three");
    world.until("told", |world| world.told().len() == 3).await;
    world.settled().await;
    pass(3).await;
    (world, root, pane)
}

fn write(world: &World, root: &str, pane: &(String, String)) {
    world.slack.say(&world.im, ANNA, "four");
    world.slack.say(&world.im, ANNA, "five");
    world.slack.say(GENERAL, ANNA, "to nobody");
    world.slack.say(GENERAL, ANNA, &format!("<@{BOT_USER}> six"));
    world.slack.reply(GENERAL, root, ANNA, "seven");
    world.slack.reply(&pane.0, &pane.1, ANNA, "eight");
    let new = world.slack.open_pane(ANNA);
    world.slack.reply(&new.0, &new.1, ANNA, "nine");
}

async fn is_caught_up(world: &World) {
    world.until("told", |world| world.told().len() >= 9).await;
    world.settled().await;
    pass(30).await;
    let mut told = world.told();
    let four = told.iter().position(|text| text == "four").unwrap();
    assert!(told[four..].contains(&"five".to_owned()), "{told:?}");
    told.sort();
    assert_eq!(told, ["eight", "five", "four", "nine", "one", "seven", "six", "three", "two"]);
    let answers = [world.slack.answers(&world.im), world.slack.answers(GENERAL)].concat();
    assert_eq!(texts(&answers).iter().filter(|text| text.starts_with("You said: ")).count(), 9);
}

#[tokio::test(start_paused = true)]
async fn after_a_night_everything_is_answered_once() {
    let (mut world, root, pane) = known().await;
    world.kill().await;
    write(&world, &root, &pane);
    world.slack.give_up();
    pass(8 * 3600).await;
    world.start();
    is_caught_up(&world).await;
    // Nothing is fetched twice, and none of it is answered twice if it is.
    world.kill().await;
    world.start();
    world.until_connected().await;
    is_caught_up(&world).await;
}

#[tokio::test(start_paused = true)]
async fn a_chat_is_looked_at_as_soon_as_anything_was_said_in_it() {
    let mut world = World::stopped().await;
    let users = ["U0A", "U0B", "U0C"].map(str::to_owned);
    world.configure(|config| config.allowed_users = users.to_vec());
    world.start();
    world.until_connected().await;
    let say = |world: &World, text: &str| {
        users.iter().for_each(|user| drop(world.slack.say(&world.slack.im(user), user, text)));
    };
    say(&world, "one");
    assert!(world.slack.wait(Duration::from_secs(10), |slack| slack.unacked() == 0).await);
    world.kill().await;
    say(&world, "two");
    world.slack.give_up();
    pass(3600).await;
    world.start();
    world.until("told", |world| world.told().len() >= 6).await;
    assert_eq!(world.told(), ["one", "one", "one", "two", "two", "two"]);
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_as_well() {
    let (world, root, pane) = known().await;
    world.slack.faults().add("/link/", 10_000, Fault::Answer(503, String::new()));
    world.slack.cut_all();
    world.until_trouble(|trouble| !trouble.is_empty()).await;
    write(&world, &root, &pane);
    world.slack.give_up();
    pass(600).await;
    world.slack.faults().clear();
    is_caught_up(&world).await;
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_meanwhile() {
    for path in ["conversations.history", "conversations.replies", "users.conversations", "/link/"] {
        for fault in [Fault::CutBefore, Fault::HangAfter, Fault::Answer(429, String::new()), Fault::WrongJson]
        {
            let (mut world, root, pane) = known().await;
            world.kill().await;
            write(&world, &root, &pane);
            world.slack.give_up();
            world.slack.faults().add(path, 3, fault.clone());
            world.start();
            // Cut off in the middle of it, by another process or a lost connection.
            pass(1).await;
            world.kill().await;
            world.start();
            pass(1).await;
            world.slack.cut_sockets();
            is_caught_up(&world).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_written_now_comes_after_what_was_missed() {
    let (mut world, ..) = known().await;
    world.kill().await;
    world.slack.say(&world.im, ANNA, "four");
    world.slack.give_up();
    world.slack.faults().add("conversations.history", 1, Fault::Late(Duration::from_secs(2)));
    world.slack.say(&world.im, ANNA, "five");
    world.start();
    world.until_connected().await;
    world.slack.say(&world.im, ANNA, "six");
    world.until("told", |world| world.told().len() == 6).await;
    world.settled().await;
    assert_eq!(world.told()[3..], ["four", "five", "six"]);
}

/// Who was never heard before, and where nobody was.
#[tokio::test(start_paused = true)]
async fn who_writes_for_the_first_time_is_found_after_a_night() {
    let mut world = World::stopped().await;
    world.slack.channel("C0NEW");
    world.slack.channel("C0OUT");
    world.slack.set_member("C0OUT", false);
    world.slack.say("C0NEW", ANNA, &format!("<@{BOT_USER}> long ago"));
    world.slack.say(&world.im, ANNA, "long ago");
    world.slack.give_up();
    world.start();
    world.until_connected().await;
    pass(2).await;
    world.kill().await;
    world.slack.say(&world.im, ANNA, "one");
    world.slack.say(&world.slack.im("U0EVE"), "U0EVE", "let me in");
    world.slack.say("C0NEW", ANNA, "to nobody");
    let root = world.slack.say("C0NEW", ANNA, &format!("<@{BOT_USER}> two"));
    world.slack.reply("C0NEW", &root, ANNA, "three");
    world.slack.say("C0OUT", ANNA, &format!("<@{BOT_USER}> elsewhere"));
    world.slack.give_up();
    pass(8 * 3600).await;
    for _ in 0..2 {
        world.start();
        world.until("told", |world| world.told().len() >= 3).await;
        world.settled().await;
        pass(30).await;
        let mut told = world.told();
        told.sort();
        assert_eq!(told, ["one", "three", "two"]);
        assert_eq!(world.slack.answers(&world.slack.im("U0EVE")).len(), 0);
        assert_eq!(world.info().await.detail.hint, None);
        world.kill().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_somebody_writes_first_comes_before_what_they_write_then() {
    let mut world = World::new().await;
    pass(3).await;
    world.kill().await;
    world.slack.say(&world.im, ANNA, "one");
    world.slack.give_up();
    world.slack.faults().add("users.conversations", 1, Fault::Late(Duration::from_secs(5)));
    world.slack.faults().add("conversations.history", 1, Fault::Late(Duration::from_secs(5)));
    world.start();
    world.until_connected().await;
    for text in ["two", "three"] {
        world.slack.say(&world.im, ANNA, text);
        pass(3).await;
    }
    world.until("told", |world| world.told().len() == 3).await;
    world.settled().await;
    assert_eq!(world.told(), ["one", "two", "three"]);
}

#[tokio::test(start_paused = true)]
async fn without_the_scope_for_it_the_owner_is_told_and_all_else_goes_on() {
    let (mut world, root, pane) = known().await;
    world.kill().await;
    write(&world, &root, &pane);
    world.slack.give_up();
    let no = r#"{"ok": false, "error": "missing_scope", "needed": "im:read", "provided": "chat:write"}"#;
    world.slack.faults().add("users.conversations", 1, Fault::Answer(200, no.to_owned()));
    world.start();
    is_caught_up(&world).await;
    let hint = world.info().await.detail.hint.unwrap();
    assert!(hint.contains("lacks the scope `im:read`"), "{hint}");
    assert_eq!(world.trouble().await, "");
    // It stands there until it is otherwise.
    world.slack.cut_sockets();
    world.until_trouble(|trouble| !trouble.is_empty()).await;
    world.until_connected().await;
    assert_eq!(world.info().await.detail.hint.unwrap(), hint);
}

#[tokio::test(start_paused = true)]
async fn what_was_changed_meanwhile_is_written_down_once() {
    let mut world = World::new().await;
    let first = world.slack.say(&world.im, ANNA, "one");
    world.slack.say(&world.im, ANNA, "two");
    world.until("told", |world| world.told().len() == 2).await;
    world.settled().await;
    pass(3).await;
    world.kill().await;
    world.slack.edit(&world.im, &first, "one, but better");
    world.slack.give_up();
    pass(3600).await;
    let conversation = world.agent.submissions()[0].conversation.clone().unwrap();
    let changes = |world: &World| {
        let transcript = world.memory.transcript(&conversation);
        transcript.iter().filter(|text| text.contains("one, but better")).count()
    };
    for _ in 0..2 {
        world.start();
        world.until_connected().await;
        pass(30).await;
        assert_eq!((changes(&world), world.told().len()), (1, 2));
        world.kill().await;
    }
}

/// A workspace in which very many have opened the bot's chat, and some have spoken.
#[tokio::test(start_paused = true)]
async fn strangers_take_nobodys_place() {
    let mut world = World::new().await;
    world.slack.say(&world.im, ANNA, "one");
    world.until("told", |world| world.told().len() == 1).await;
    world.settled().await;
    for number in 0..1500 {
        let user = format!("U1{number:04}");
        let chat = world.slack.im(&user);
        if number % 20 == 0 {
            world.slack.say(&chat, &user, "let me in");
        }
    }
    world.settled().await;
    pass(3).await;
    world.kill().await;
    world.slack.say(&world.im, ANNA, "two");
    world.slack.give_up();
    let before = world.slack.calls().len();
    world.start();
    world.until("told", |world| world.told().len() == 2).await;
    pass(60).await;
    let calls = world.slack.calls();
    let asked = |method: &str| calls[before..].iter().filter(|call| call.method == method).count();
    assert_eq!((asked("users.conversations"), asked("conversations.history")), (2, 2));
}

/// Where nobody was heard yet, and Slack does not say so.
async fn unlisted() -> World {
    let mut world = World::new().await;
    pass(3).await;
    world.kill().await;
    world.slack.say(&world.im, ANNA, "one");
    world.slack.give_up();
    pass(8 * 3600).await;
    world.slack.faults().add("users.conversations", 10_000, Fault::Answer(500, String::new()));
    world.start();
    world.until_connected().await;
    world
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_found_is_found_after_a_crash() {
    let mut world = unlisted().await;
    pass(20).await;
    world.slack.say(&world.im, ANNA, "two");
    world.until("told", |world| world.told() == ["two"]).await;
    world.settled().await;
    world.kill().await;
    world.slack.faults().clear();
    world.start();
    world.until("told", |world| world.told() == ["two", "one"]).await;
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_found_is_looked_for_again() {
    let world = unlisted().await;
    pass(900).await;
    assert!(world.told().is_empty());
    world.slack.faults().clear();
    world.until("told", |world| world.told() == ["one"]).await;
    assert_eq!(world.slack.calls().iter().filter(|call| call.method == "apps.connections.open").count(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_asked_about_is_looked_for_while_the_connection_stands() {
    let mut world = World::new().await;
    let root = world.slack.say(GENERAL, ANNA, &format!("<@{BOT_USER}> one"));
    world.until("told", |world| world.told().len() == 1).await;
    world.settled().await;
    pass(10).await;
    world.kill().await;
    world.start();
    world.until_connected().await;
    pass(60).await;
    // Whose thread it is can't be asked, and Slack does not send it again.
    world.slack.faults().add("conversations.replies", 4, Fault::Answer(500, String::new()));
    world.slack.reply(GENERAL, &root, ANNA, "two");
    pass(30).await;
    world.slack.give_up();
    pass(310).await;
    world.until("told", |world| world.told().len() == 2).await;
    assert!(world.told()[1].ends_with("two"));
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_long_for_a_list() {
    let mut world = World::new().await;
    pass(3).await;
    world.kill().await;
    world.slack.faults().add("users.conversations", 1, Fault::Answer(503, String::new()));
    world.slack.storm("users.conversations", 3, Duration::from_secs(60));
    world.start();
    world.until_connected().await;
    world.slack.command(GENERAL, ANNA, "/openclaw", "status");
    world.slack.say(&world.im, ANNA, "two");
    pass(3).await;
    assert_eq!((world.slack.unacked(), world.told().len()), (1, 0));
    pass(40).await;
    assert_eq!((world.slack.unacked(), world.told()), (0, vec!["two".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn what_strangers_write_is_not_carried_out_once_they_are_let_in() {
    let eve = "U0EVE";
    let mut world = World::new().await;
    let chat = world.slack.im(eve);
    world.slack.say(&chat, eve, "let me in");
    world.settled().await;
    pass(3).await;
    world.kill().await;
    world.slack.say(&chat, eve, "delete everything");
    world.slack.give_up();
    pass(8 * 3600).await;
    world.start();
    world.until_connected().await;
    pass(30).await;
    world.kill().await;
    world.configure(|config| config.allowed_users.push(eve.to_owned()));
    pass(3600).await;
    world.slack.say(&chat, eve, "hello");
    world.start();
    world.until("told", |world| !world.told().is_empty()).await;
    pass(30).await;
    assert_eq!(world.told(), ["hello"]);
}

/// Slack tells the oldest of a thread first.
#[tokio::test(start_paused = true)]
async fn a_long_thread_is_read_to_its_end() {
    let mut world = World::new().await;
    let root = world.slack.say(GENERAL, ANNA, &format!("<@{BOT_USER}> one"));
    world.until("told", |world| world.told().len() == 1).await;
    for number in 0..1100 {
        world.slack.reply(GENERAL, &root, "U0EVE", &number.to_string());
    }
    world.slack.reply(GENERAL, &root, ANNA, "two");
    world.until("told", |world| world.told().len() == 2).await;
    world.settled().await;
    pass(3).await;
    world.kill().await;
    world.slack.reply(GENERAL, &root, ANNA, "three");
    world.slack.give_up();
    pass(3600).await;
    world.start();
    world.until("told", |world| world.told().len() == 3).await;
    assert_eq!(world.told()[2], "three");
}

#[tokio::test(start_paused = true)]
async fn another_bot_goes_on_where_none_did() {
    let (mut world, root, pane) = known().await;
    world.kill().await;
    write(&world, &root, &pane);
    world.slack.give_up();
    pass(8 * 3600).await;
    let other = r#"{"ok": true, "user_id": "U0OTHER", "user": "other", "team": "Team", "bot_id": "B0OTHER"}"#;
    world.slack.faults().add("auth.test", 10_000, Fault::Answer(200, other.to_owned()));
    for told in [3, 4] {
        world.start();
        world.until_connected().await;
        pass(60).await;
        assert_eq!(world.told().len(), told);
        world.slack.say(&world.im, ANNA, "now");
        world.until("told", |world| world.told().len() == told + 1).await;
        world.settled().await;
        world.kill().await;
    }
}
