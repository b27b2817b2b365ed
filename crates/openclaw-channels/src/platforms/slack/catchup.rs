//! What was written while nobody listened. Slack sends an event again for five minutes; what is older than that has to be fetched, from
//! where we had read to.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use futures_util::future::BoxFuture;
use serde_json::json;
use tokio::time::sleep;
use tracing::{info, warn};

use super::{
    Slack,
    client::Failed,
    wire::{self, Message, Page},
};
use crate::{error::ConnectError, link::Link, message::Event};

/// How the names of our cursors begin; then follows `CHAT` or `CHAT/THREAD`.
const MARK: &str = "read:";
/// Most chats that are looked at, those first where something was said last.
const CHATS: usize = 30;
/// Most threads of one chat.
const THREADS: usize = 3;
/// Most messages of one chat or thread: the last ones.
const MESSAGES: usize = 100;
/// Where nothing was said for so long nothing is looked for.
const QUIET: f64 = 14.0 * 24.0 * 3600.0;
/// Attempts to look at one chat.
const ATTEMPTS: u32 = 5;
/// Pause between two, and between two chats: others want to ask as well.
const PAUSE: Duration = Duration::from_secs(1);

/// Where we have read to, once this event is written down: places and times.
pub(super) fn marks(event: &Event) -> Vec<(String, String)> {
    let Event::Message(message) = event else { return Vec::new() };
    if !message.addressed || !is_ts(&message.id) {
        return Vec::new();
    }
    let (chat, thread) = (&message.address.chat, message.address.thread.as_ref());
    let mut marks = Vec::new();
    // In a direct chat new threads begin at any time: they are found by the chat.
    if message.direct || thread.is_none_or(|thread| *thread == message.id) {
        marks.push((format!("{MARK}{chat}"), message.id.clone()));
    }
    marks.extend(thread.map(|thread| (format!("{MARK}{chat}/{thread}"), message.id.clone())));
    marks
}

/// The id of a message, which is a time as well.
pub(super) fn is_ts(id: &str) -> bool {
    id.split_once('.').is_some_and(|(seconds, micros)| {
        micros.len() == 6
            && [seconds, micros].iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

/// One chat, and what was written there.
pub(super) struct Caught {
    pub(super) chat: String,
    pub(super) events: Vec<wire::Event>,
    /// Whether that is all.
    pub(super) whole: bool,
}

/// A chat as far as it was read.
#[derive(Debug, Default, Clone, PartialEq)]
struct Place {
    chat: String,
    read: Option<String>,
    /// Its threads, with the last message of each.
    threads: Vec<(String, String)>,
}

/// Looks at one chat after the other.
pub(super) struct CatchUp<'a> {
    slack: &'a Slack,
    places: VecDeque<Place>,
    looking: Option<BoxFuture<'a, Caught>>,
}

impl<'a> CatchUp<'a> {
    /// # Errors
    /// When the cursors can't be read.
    pub(super) fn new(slack: &'a Slack, link: &Link) -> Result<Self, ConnectError> {
        Ok(Self { slack, places: places(&link.cursors(MARK)?), looking: None })
    }

    /// Nothing to look at.
    pub(super) fn none(slack: &'a Slack) -> Self {
        Self { slack, places: VecDeque::new(), looking: None }
    }

    /// Whether this chat is still to be looked at: what comes in there waits, for the sake of order. It is the next one, then.
    pub(super) fn awaits(&mut self, chat: &str) -> bool {
        let Some(at) = self.places.iter().position(|place| place.chat == chat) else { return false };
        let next = usize::from(self.looking.is_some());
        if at > next
            && let Some(place) = self.places.remove(at)
        {
            self.places.insert(next, place);
        }
        true
    }

    pub(super) fn is_done(&self) -> bool {
        self.places.is_empty()
    }

    /// What is found in the next chat; never, when there is none. Cancel safe.
    pub(super) async fn next(&mut self) -> Caught {
        if self.looking.is_none() {
            let Some(place) = self.places.front().cloned() else { return std::future::pending().await };
            self.looking = Some(Box::pin(look(self.slack, place)));
        }
        let Some(looking) = &mut self.looking else { return std::future::pending().await };
        let caught = looking.await;
        self.looking = None;
        self.places.pop_front();
        caught
    }
}

/// The chats, those first where something was said last.
fn places(cursors: &[(String, String)]) -> VecDeque<Place> {
    let mut places: BTreeMap<&str, Place> = BTreeMap::new();
    for (name, ts) in cursors {
        let Some(name) = name.strip_prefix(MARK) else { continue };
        let (chat, thread) = name.split_once('/').map_or((name, None), |(chat, thread)| (chat, Some(thread)));
        let place = places.entry(chat).or_insert_with(|| Place { chat: chat.to_owned(), ..Place::default() });
        match thread {
            Some(thread) => place.threads.push((thread.to_owned(), ts.clone())),
            None => place.read = Some(ts.clone()),
        }
    }
    let last = |place: &Place| {
        let threads = place.threads.iter().map(|(_, ts)| seconds(ts));
        threads.chain(place.read.iter().map(|ts| seconds(ts))).fold(0.0, f64::max)
    };
    let mut places: Vec<_> = places.into_values().collect();
    let newest = places.iter().map(last).fold(0.0, f64::max);
    places.retain(|place| last(place) + QUIET >= newest);
    openclaw_core::sort_by(&mut places, |a, b| last(b).total_cmp(&last(a)));
    places.truncate(CHATS);
    for place in &mut places {
        place.threads.retain(|(_, ts)| seconds(ts) + QUIET >= newest);
        openclaw_core::sort_by(&mut place.threads, |a, b| seconds(&b.1).total_cmp(&seconds(&a.1)));
        place.threads.truncate(THREADS);
    }
    places.into()
}

fn seconds(ts: &str) -> f64 {
    ts.parse().unwrap_or(0.0)
}

async fn look(slack: &Slack, place: Place) -> Caught {
    let (mut found, mut whole) = (Vec::new(), true);
    let direct = place.chat.starts_with('D');
    let mut threads = place.threads;
    if let Some(read) = &place.read {
        let history = json!({"channel": place.chat, "oldest": read, "limit": MESSAGES});
        whole &= page(slack, "conversations.history", &history, &mut found).await;
        if direct {
            // Threads that began meanwhile.
            let begun = found.iter().filter(|message| message.reply_count > 0);
            threads.extend(begun.map(|root| (root.ts.clone(), root.ts.clone())));
        }
    }
    for (thread, read) in &threads {
        let replies = json!({"channel": place.chat, "ts": thread, "oldest": read, "limit": MESSAGES});
        whole &= page(slack, "conversations.replies", &replies, &mut found).await;
    }
    openclaw_core::sort_by(&mut found, |a, b| a.ts.cmp(&b.ts));
    found.dedup_by(|a, b| a.ts == b.ts);
    if !found.is_empty() {
        info!(channel = "slack", chat = place.chat, messages = found.len(), "looked for what was missed");
    }
    sleep(PAUSE).await;
    let channel_type = if direct { "im".to_owned() } else { String::new() };
    let event = |message| wire::Event {
        message,
        channel: place.chat.clone(),
        channel_type: channel_type.clone(),
        ..wire::Event::default()
    };
    Caught { events: found.into_iter().map(event).collect(), chat: place.chat, whole }
}

/// Whether the page could be read, or can never be.
async fn page(
    slack: &Slack,
    method: &'static str,
    arguments: &serde_json::Value,
    into: &mut Vec<Message>,
) -> bool {
    for _ in 0..ATTEMPTS {
        match slack.client.ask::<Page>(method, arguments.clone()).await {
            Ok(page) => {
                into.extend(page.messages);
                return true;
            }
            Err(Failed::Refused(refusal)) => {
                warn!(channel = "slack", %refusal, "a chat can't be looked at for what was missed");
                return true;
            }
            Err(Failed::Later(wait)) => sleep(wait).await,
            Err(Failed::Net(error)) => {
                warn!(channel = "slack", %error, "a chat could not be looked at for what was missed");
                sleep(PAUSE).await;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chats_are_looked_at_by_their_last_message() {
        let cursor = |name: &str, ts: &str| (format!("{MARK}{name}"), ts.to_owned());
        let found = places(&[
            cursor("C1", "1700000000.000001"),
            cursor("C1/1700000000.000001", "1800000300.000000"),
            cursor("D1", "1800000200.000000"),
            cursor("D2", "1700000000.000000"),
        ]);
        let expected = [
            Place {
                chat: "C1".to_owned(),
                read: Some("1700000000.000001".to_owned()),
                threads: vec![("1700000000.000001".to_owned(), "1800000300.000000".to_owned())],
            },
            Place { chat: "D1".to_owned(), read: Some("1800000200.000000".to_owned()), threads: Vec::new() },
        ];
        assert_eq!(found, expected);
    }
}
