//! Long polling. The offset is Telegram's acknowledgement: it moves over an update when the engine has it, and not before.

use std::{
    collections::{BTreeMap, HashMap, HashSet, hash_map::Entry},
    time::Duration,
};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use super::{
    Telegram,
    batch::{Held, Numbered, bundles},
    wire::{Update, User},
};
use crate::{error::ConnectError, link::Link, message::Address};

/// How long Telegram waits for something to tell: each answer is a sign of life. (Telegram makes less than three seconds three.)
const WAIT: Duration = Duration::from_secs(3);
/// Longest wait for an answer.
const ANSWER: Duration = Duration::from_secs(10);
/// While updates are not settled, what is new is asked for in this pace: they come again each time.
const PACE: Duration = Duration::from_millis(500);
/// Most updates of an answer, which is the most there is.
const UPDATES: usize = 100;
/// Most updates of one chat that are handed over and not settled: the engine refuses a chat that has more waiting.
const CHAT_OPEN: usize = 32;
/// What is told.
pub(super) const KINDS: [&str; 2] = ["message", "edited_message"];

/// How far an update is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It came, and is to be handed over.
    Here,
    /// The engine has it, and has not said that it is durable.
    Open,
    Settled,
}

/// The updates that are not confirmed.
#[derive(Debug, Default)]
struct Window {
    updates: BTreeMap<i64, Stage>,
    next: i64,
}

impl Window {
    /// Everything before this is settled.
    fn offset(&self) -> i64 {
        let first = self.updates.iter().find(|(_, stage)| **stage != Stage::Settled);
        first.map_or(self.next, |(id, _)| *id)
    }

    /// What came and is to be handed over, in order.
    fn take(&mut self, mut updates: Vec<Numbered>) -> Vec<Numbered> {
        openclaw_core::sort_by_key(&mut updates, |(id, _)| *id);
        updates.dedup_by_key(|(id, _)| *id);
        let offset = self.offset();
        // Numbers that begin anew (Telegram chooses others after a week of silence, another server has its own) are taken as they
        // are: to insist on the old ones would be to hear the same for ever.
        if updates.first().is_some_and(|(id, _)| *id < offset) {
            *self = Self::default();
        } else {
            self.updates = self.updates.split_off(&offset);
        }
        for (id, _) in &updates {
            self.next = self.next.max(id + 1);
            self.updates.entry(*id).or_insert(Stage::Here);
        }
        updates.retain(|(id, _)| self.updates.get(id) == Some(&Stage::Here));
        updates
    }

    fn move_on(&mut self, updates: &[i64], stage: Stage) {
        for id in updates {
            // What is not known is of numbers that are no more.
            if let Some(now) = self.updates.get_mut(id) {
                *now = stage;
            }
        }
    }
}

/// Polls until the connection is lost.
pub(super) async fn poll(telegram: &Telegram, me: &User, link: &Link) -> Result<(), ConnectError> {
    let (mut window, mut held, mut open) = (Window::default(), Held::default(), FuturesUnordered::new());
    let mut open_in: HashMap<Address, usize> = HashMap::new();
    // Answered at once: it stands when a poll was answered, not when `getMe` was.
    let mut wait = Duration::ZERO;
    loop {
        let updates = updates(telegram, window.offset(), wait).await?;
        if std::mem::replace(&mut wait, WAIT).is_zero() {
            link.connected(&format!("@{}", me.username));
        }
        link.alive();
        let until = Instant::now() + PACE;
        let new = window.take(updates);
        learn(telegram, &new, link).await?;
        let mut bundles = bundles(&new, me, &telegram.places);
        held.back(&mut bundles);
        let mut full = HashSet::new();
        for bundle in bundles {
            let Some(event) = bundle.event else {
                window.move_on(&bundle.updates, Stage::Settled);
                continue;
            };
            let address = event.address().clone();
            // What a chat has no room for stays with Telegram, and so does all behind it.
            if full.contains(&address) || open_in.get(&address).is_some_and(|count| *count >= CHAT_OPEN) {
                full.insert(address);
                continue;
            }
            *open_in.entry(address.clone()).or_default() += 1;
            window.move_on(&bundle.updates, Stage::Open);
            let receipt = link.deliver(event).await;
            link.alive();
            open.push(async move { (address, bundle.updates, receipt.settled().await) });
        }
        while !open.is_empty() || held.is_some() {
            let settled = async {
                match open.next().await {
                    Some(settled) => settled,
                    None => std::future::pending().await,
                }
            };
            match timeout_at(until, settled).await {
                // What is not durable comes again, and is handed over again.
                Ok((address, updates, durable)) => {
                    if let Entry::Occupied(mut count) = open_in.entry(address) {
                        *count.get_mut() -= 1;
                        if *count.get() == 0 {
                            count.remove();
                        }
                    }
                    window.move_on(&updates, if durable { Stage::Settled } else { Stage::Here });
                }
                Err(_) => break,
            }
        }
    }
}

async fn updates(telegram: &Telegram, offset: i64, wait: Duration) -> Result<Vec<Numbered>, ConnectError> {
    let wanted = json!({
        "offset": offset, "limit": UPDATES, "timeout": wait.as_secs(), "allowed_updates": KINDS,
    });
    let updates: Vec<Value> = telegram.client.ask("getUpdates", &wanted, ANSWER).await?;
    Ok(updates.into_iter().filter_map(numbered).collect())
}

/// An update that can't be read must not keep those behind it: it counts as one that says nothing.
pub(super) fn numbered(update: Value) -> Option<Numbered> {
    let id = update.get("update_id")?.as_i64()?;
    let read = serde_json::from_value(update).unwrap_or_else(|error| {
        warn!(channel = "telegram", update = id, %error, "an update can't be read, and is left out");
        Update::default()
    });
    Some((id, read))
}

/// Groups that moved: to be known before what is said in them.
pub(super) async fn learn(
    telegram: &Telegram,
    updates: &[Numbered],
    link: &Link,
) -> Result<(), ConnectError> {
    for (_, update) in updates {
        if let Some(message) = &update.message
            && let Some(old) = message.migrate_from_chat_id
        {
            telegram.places.moved(old, message.chat.id, link).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn came(window: &mut Window, ids: &[i64]) -> Vec<i64> {
        let updates = ids.iter().map(|id| (*id, Update::default())).collect();
        window.take(updates).into_iter().map(|(id, _)| id).collect()
    }

    #[test]
    fn the_offset_moves_over_what_is_settled_and_no_further() {
        let mut window = Window::default();
        assert_eq!(window.offset(), 0);
        assert_eq!(came(&mut window, &[12, 10, 11, 11]), [10, 11, 12]);
        window.move_on(&[10, 11, 12], Stage::Open);
        window.move_on(&[11], Stage::Settled);
        assert_eq!((window.offset(), came(&mut window, &[10, 11, 12, 13])), (10, vec![13]));
        window.move_on(&[10], Stage::Here);
        assert_eq!((window.offset(), came(&mut window, &[10, 11])), (10, vec![10]));
        window.move_on(&[10, 13], Stage::Settled);
        assert_eq!(window.offset(), 12);
        window.move_on(&[12], Stage::Settled);
        assert_eq!((window.offset(), came(&mut window, &[])), (14, vec![]));
    }

    #[test]
    fn numbers_that_begin_anew_are_taken_as_they_are() {
        let mut window = Window::default();
        came(&mut window, &[1000]);
        window.move_on(&[1000], Stage::Settled);
        assert_eq!(window.offset(), 1001);
        assert_eq!(came(&mut window, &[5, 6]), [5, 6]);
        window.move_on(&[5, 6, 1000], Stage::Settled);
        assert_eq!(window.offset(), 7);
    }

    #[test]
    fn what_can_not_be_read_says_nothing_and_is_passed() {
        let (id, update) = numbered(json!({"update_id": 3, "message": {"message_id": "x"}})).unwrap();
        assert_eq!((id, update.message.is_none()), (3, true));
        assert!(numbered(json!({"message": {}})).is_none());
    }
}
