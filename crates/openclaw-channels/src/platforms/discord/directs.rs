//! The direct chats of people who may talk and have not been heard yet. Discord lists no direct chats to a bot: the chat with somebody is
//! known by asking for it, which makes it where there was none, and tells nobody.
//! <https://docs.discord.com/developers/resources/user#create-dm>

use std::{collections::HashSet, time::Duration};

use reqwest::Method;
use serde_json::json;
use tokio::time::sleep;
use tracing::debug;

use super::{
    Discord,
    client::{Ask, Failed, Refusal},
    gaps::wait,
    wire::{Channel, number},
};
use crate::{error::ConnectError, pause::Pause};

/// Most people whose chats are asked for in one go; the others' turn comes with the next session. Once known, a chat is not asked for again.
const PEOPLE: usize = 500;
/// Pause after each: Discord does not like it when many are asked for quickly.
const BETWEEN: Duration = Duration::from_secs(1);
/// What Discord says when it was too quickly all the same (with 403, as if there were no chat), and how long it is left alone then.
const TOO_FAST: u64 = 40003;
const LEAVE_ALONE: Duration = Duration::from_secs(60);
/// How often that is heard before nobody is asked for any more in this session: nothing is settled until then.
const ATTEMPTS: u32 = 5;

/// The name of the cursor that says with whom a direct chat of this bot's is.
pub(super) fn cursor(me: &str, channel: &str) -> String {
    format!("dm/{me}/{channel}")
}

/// Whose chats are being asked for.
pub(super) struct Unmet {
    /// The last message that is settled for certain.
    pub(super) after: u64,
    /// The event that it is done because of; `None`: it is done.
    pub(super) seq: Option<u64>,
    /// Chats that showed themselves meanwhile.
    pub(super) met: HashSet<String>,
    pub(super) people: Vec<String>,
    /// With whom there could be no chat, or not yet.
    pub(super) without: HashSet<String>,
}

/// What became of asking for the chat with somebody.
pub(super) enum Direct {
    Is(Channel),
    /// There can be none.
    Never,
    /// Discord wants no such question for now, about nobody.
    NotNow,
}

/// Those who are in no chat that is known.
pub(super) fn unmet<'a>(mut people: Vec<String>, known: impl Iterator<Item = &'a String>) -> Vec<String> {
    let known: HashSet<&String> = known.collect();
    people.retain(|user| number(user) > 0 && !known.contains(user));
    people.sort_unstable();
    people.dedup();
    // Whoever can't be spoken with must not take the place of others for ever.
    fastrand::shuffle(&mut people);
    people.truncate(PEOPLE);
    people
}

/// The chat with somebody, who is given back. Tries until Discord tells.
pub(super) async fn open(discord: &Discord, user: String) -> Result<(String, Direct), ConnectError> {
    let (mut pause, mut attempts) = (Pause::sending(), ATTEMPTS);
    loop {
        let ask = Ask::new(Method::POST, "/users/@me/channels", &[]).json(json!({"recipient_id": user}));
        match discord.client.ask(ask).await {
            Ok(channel) => {
                sleep(BETWEEN).await;
                return Ok((user, Direct::Is(channel)));
            }
            Err(Failed::Refused(Refusal { code: TOO_FAST, .. })) => {
                attempts -= 1;
                if attempts == 0 {
                    return Ok((user, Direct::NotNow));
                }
                sleep(LEAVE_ALONE).await;
            }
            Err(Failed::Refused(refusal)) => {
                debug!(channel = "discord", user, %refusal, "there is no direct chat with somebody who may talk");
                sleep(BETWEEN).await;
                return Ok((user, Direct::Never));
            }
            Err(failed) => wait(failed, &mut pause).await?,
        }
    }
}
