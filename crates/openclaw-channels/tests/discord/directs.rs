//! Direct messages of people who may talk and were never heard before, written while nobody listened.

use std::time::Duration;

use openclaw_platforms::{Fault, discord::User};

use crate::support::{World, anna, pass, texts};

const OPEN: &str = "POST /users/@me/channels";
const ROUTE: &str = "/users/@me/channels";

fn bob() -> User {
    User::new(8, "Bob")
}

/// How often it was asked for a direct chat.
fn opened(world: &World) -> usize {
    world.discord.calls().iter().filter(|(route, _)| route == OPEN).count()
}

/// Nobody listens while `write` happens, and Discord forgets the session.
async fn away(world: &mut World, write: impl FnOnce(&World)) {
    pass(3).await;
    world.kill().await;
    world.discord.deaf(true);
    write(world);
    pass(8 * 3600).await;
    world.discord.deaf(false);
    world.discord.forget_sessions();
}

/// A world in which Anna wrote for the first time while nobody listened.
async fn missed() -> (World, u64) {
    let mut world = World::new(&["7"]).await;
    let chat = world.discord.dm(&anna());
    away(&mut world, |world| {
        world.discord.say(chat, &anna(), "missed");
    })
    .await;
    (world, chat)
}

/// Discord opens no direct chat, so many times.
fn refuse(world: &World, times: usize, code: u32, message: &str) {
    let no = format!(r#"{{"message": "{message}", "code": {code}}}"#);
    world.discord.faults().add(ROUTE, times, Fault::Answer(403, no));
}

#[tokio::test(start_paused = true)]
async fn a_first_message_is_found_after_a_night() {
    let mut world = World::new(&["7", "8"]).await;
    let (chat, stranger) = (world.discord.dm(&anna()), world.discord.dm(&User::new(9, "Eve")));
    away(&mut world, |world| {
        world.discord.say(chat, &anna(), "one");
        world.discord.say(chat, &anna(), "two");
        world.discord.say(stranger, &User::new(9, "Eve"), "let me in");
    })
    .await;
    world.start();
    let sent = world.until_sent(chat, |sent| sent.len() == 2).await;
    assert_eq!(texts(&sent), ["You said: one", "You said: two"]);
    pass(60).await;
    assert_eq!((world.told().len(), world.discord.sent().len()), (2, 2));
    // Each chat was asked for once, and is known from then on.
    assert_eq!(opened(&world), 2);
    away(&mut world, |world| {
        world.discord.say(world.discord.dm(&bob()), &bob(), "three");
    })
    .await;
    world.start();
    world.until_sent(world.discord.dm(&bob()), |sent| sent.len() == 1).await;
    assert_eq!((opened(&world), world.discord.refused()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn what_was_written_before_the_first_start_is_not_answered() {
    let mut world = World::stopped(&["7"]).await;
    let chat = world.discord.dm(&anna());
    world.discord.say(chat, &anna(), "long ago");
    pass(100).await;
    world.start();
    world.until_connected().await;
    pass(10).await;
    world.discord.say(chat, &anna(), "now");
    world.until_sent(chat, |sent| sent.len() == 1).await;
    assert_eq!(world.told(), ["now"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_comes_first_although_its_writer_goes_on() {
    let mut world = World::new(&["7", "8"]).await;
    let chat = world.discord.dm(&anna());
    away(&mut world, |world| {
        world.discord.say(chat, &anna(), "0");
    })
    .await;
    for fault in [
        Fault::Late(Duration::from_secs(5)),
        Fault::Answer(500, "{}".to_owned()),
        Fault::CutAfter,
        Fault::WrongJson,
    ] {
        world.discord.faults().add(ROUTE, 1, fault);
    }
    world.start();
    world.until_connected().await;
    for number in 1..4 {
        world.discord.say(chat, &anna(), &number.to_string());
        pass(1).await;
    }
    world.until_sent(chat, |sent| sent.len() == 4).await;
    pass(60).await;
    assert_eq!(world.told(), ["0", "1", "2", "3"]);
}

#[tokio::test(start_paused = true)]
async fn a_kill_while_chats_are_asked_for_forgets_none() {
    let mut world = World::new(&["7", "8", "10", "11"]).await;
    let people = [anna(), bob(), User::new(10, "Carl"), User::new(11, "Dora")];
    away(&mut world, |world| {
        for user in &people {
            world.discord.say(world.discord.dm(user), user, "hello");
        }
    })
    .await;
    for seconds in [1, 2, 3] {
        world.start();
        pass(seconds).await;
        world.kill().await;
    }
    world.start();
    for user in &people {
        world.until_sent(world.discord.dm(user), |sent| sent.len() == 1).await;
    }
    pass(60).await;
    assert_eq!((world.told().len(), world.discord.sent().len()), (4, 4));
}

#[tokio::test(start_paused = true)]
async fn somebody_who_can_not_be_spoken_with_holds_nobody_up() {
    let mut world = World::new(&["7", "8", "not an id"]).await;
    let chat = world.discord.dm(&anna());
    away(&mut world, |world| {
        world.discord.say(chat, &anna(), "hello");
    })
    .await;
    refuse(&world, 1, 50007, "Cannot send messages to this user");
    world.start();
    world.until_connected().await;
    pass(10).await;
    // Whose chat it was is chance. It is asked for again with the next session.
    world.discord.forget_sessions();
    world.discord.cut();
    world.until_sent(chat, |sent| sent.len() == 1).await;
    pass(10).await;
    assert_eq!((opened(&world), world.told().len()), (2, 1));
    // Then the session can be gone on with.
    world.kill().await;
    world.discord.say(chat, &anna(), "again");
    world.start();
    world.until_sent(chat, |sent| sent.len() == 2).await;
    assert_eq!((opened(&world), world.discord.resumed()), (2, 1));
}

/// More at once than there is room for, while what was missed is still asked for: the connection is not left before it is further than it began,
/// or it would ask for ever.
#[tokio::test(start_paused = true)]
async fn a_flood_while_chats_are_asked_for_comes_to_an_end() {
    let people: Vec<User> = (1000..1008).map(|id| User::new(id, "Somebody")).collect();
    let ids: Vec<String> = people.iter().map(|user| user.id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut world = World::new(&ids).await;
    away(&mut world, |world| {
        for user in &people {
            world.discord.say(world.discord.dm(user), user, "missed");
        }
    })
    .await;
    world.start();
    world.until_connected().await;
    for number in 0..600 {
        for user in &people {
            world.discord.say(world.discord.dm(user), user, &number.to_string());
        }
    }
    pass(600).await;
    let (told, resumed) = (world.told(), world.discord.resumed());
    assert_eq!(told.iter().filter(|text| *text == "missed").count(), people.len());
    assert!(resumed <= 3, "{resumed}");
    pass(600).await;
    assert_eq!((world.told().len(), world.discord.resumed()), (told.len(), resumed));
}

#[tokio::test(start_paused = true)]
async fn a_command_hides_nothing() {
    let (mut world, chat) = missed().await;
    world.discord.faults().add(ROUTE, 1, Fault::Late(Duration::from_secs(5)));
    world.start();
    world.until_connected().await;
    world.discord.command(chat, &anna(), "status");
    pass(60).await;
    assert_eq!(world.told(), ["missed"]);
}

#[tokio::test(start_paused = true)]
async fn asked_too_fast_it_asks_again() {
    let (mut world, _) = missed().await;
    refuse(&world, 2, 40003, "You are opening direct messages too fast");
    world.start();
    world.until_connected().await;
    pass(100).await;
    assert!(world.told().is_empty());
    pass(60).await;
    assert_eq!((opened(&world), world.told()), (1, vec!["missed".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_discord_that_opens_no_more_chats_holds_nothing_up() {
    let (mut world, chat) = missed().await;
    refuse(&world, 100, 40003, "You are opening direct messages too fast");
    world.start();
    world.until_connected().await;
    pass(600).await;
    assert!(world.told().is_empty());
    world.discord.say(chat, &anna(), "now");
    world.until_sent(chat, |sent| sent.len() == 2).await;
    assert_eq!(world.told(), ["missed", "now"]);
}

#[tokio::test(start_paused = true)]
async fn who_could_not_be_spoken_with_and_speaks_has_missed_nothing() {
    let (mut world, chat) = missed().await;
    refuse(&world, 1, 50007, "Cannot send messages to this user");
    world.start();
    world.until_connected().await;
    pass(60).await;
    world.discord.say(chat, &anna(), "now");
    world.until_sent(chat, |sent| sent.len() == 2).await;
    assert_eq!(world.told(), ["missed", "now"]);
}
