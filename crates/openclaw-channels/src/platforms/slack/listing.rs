//! The conversations that the bot is in: what is said there for the first time while nobody listens is found by no mark.

use std::{collections::HashSet, time::Duration};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::sleep;
use tracing::warn;

use super::{
    Slack,
    client::{Failed, Refusal},
    wire::{Conversations, Cursor},
};
use crate::link::Link;

/// Most conversations on a page, and most pages.
const PAGE: usize = 999;
const PAGES: usize = 20;
/// Most direct chats, and most other places, that are worth a look.
const PLACES: usize = 100;
/// Attempts to ask something, and the pause between two: others want to ask as well.
const ATTEMPTS: u32 = 5;
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// What was listed.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Where somebody who may talk may have spoken: direct chats, then places that are let in as a whole, then others.
    pub(super) chats: Vec<String>,
    /// Direct chats of people who may not talk.
    pub(super) strangers: HashSet<String>,
    /// Whether Slack answered.
    pub(super) whole: bool,
    /// What the owner should know of it.
    pub(super) hint: Option<String>,
}

/// Lists the conversations, as far as that is worth while.
pub(super) async fn list(slack: &Slack, link: &Link) -> Listing {
    let mut listing = Listing { whole: true, ..Listing::default() };
    let (mut directs, mut allowed, mut others) = (Vec::new(), Vec::new(), Vec::new());
    let mut cursor = String::new();
    for _ in 0..PAGES {
        let types = "im,mpim,private_channel,public_channel";
        let ask = json!({"types": types, "exclude_archived": true, "limit": PAGE, "cursor": cursor});
        let page: Conversations = match insist(slack, "users.conversations", &ask).await {
            Ok(page) => page,
            Err(Some(refusal)) => {
                listing.hint = Some(format!(
                    "what people write for the first time while the gateway is away is not found: {refusal}"
                ));
                break;
            }
            Err(None) => {
                listing.whole = false;
                break;
            }
        };
        for chat in page.channels {
            match (chat.user.is_empty(), link.may_talk(&chat.user, &chat.id)) {
                (false, true) => directs.push(chat.id),
                (false, false) => drop(listing.strangers.insert(chat.id)),
                (true, true) => allowed.push(chat.id),
                (true, false) => others.push(chat.id),
            }
        }
        others.truncate(PLACES);
        cursor = next(page.response_metadata);
        if cursor.is_empty() {
            break;
        }
    }
    if directs.len() > PLACES || allowed.len() + others.len() >= PLACES || !cursor.is_empty() {
        warn!(channel = "slack", "the bot is in more conversations than are looked at for what was missed");
    }
    directs.truncate(PLACES);
    allowed.append(&mut others);
    allowed.truncate(PLACES);
    directs.append(&mut allowed);
    listing.chats = directs;
    listing
}

/// Asks until Slack answers, but not for ever. `Err(Some(_))`: Slack says no.
pub(super) async fn insist<T: DeserializeOwned>(
    slack: &Slack,
    method: &'static str,
    arguments: &Value,
) -> Result<T, Option<Refusal>> {
    for _ in 0..ATTEMPTS {
        match slack.client.ask(method, arguments.clone()).await {
            Ok(answer) => return Ok(answer),
            Err(Failed::Refused(refusal)) => {
                warn!(channel = "slack", %refusal, "what was missed can't be looked for");
                return Err(Some(refusal));
            }
            Err(Failed::Later(wait)) => sleep(wait).await,
            Err(Failed::Net(error)) => {
                warn!(channel = "slack", %error, "what was missed could not be looked for");
                sleep(PAUSE).await;
            }
        }
    }
    Err(None)
}

/// Where the next page begins; empty: there is none.
pub(super) fn next(cursor: Option<Cursor>) -> String {
    cursor.unwrap_or_default().next_cursor
}
