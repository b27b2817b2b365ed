//! What was written while nobody listened. Slack sends an event again for five minutes; what is older than that has to be fetched, from
//! where we had read to.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    time::Duration,
};

use futures_util::future::BoxFuture;
use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{info, warn};

use super::{
    Slack,
    listing::{Listing, PAUSE, insist, list, next},
    wire::{self, Message, Page},
};
use crate::{error::ConnectError, link::Link, message::Event};

/// How the names of our cursors begin; then follows `CHAT` or `CHAT/THREAD`.
const MARK: &str = "read:";
/// What is older than the last event by so many seconds does not come any more: Slack sends again for about five minutes.
pub(super) const SENT_AGAIN: u64 = 300;
/// Most chats with marks that are looked at, those first where something was said last.
const CHATS: usize = 30;
/// Most threads of one chat.
const THREADS: usize = 3;
/// Most threads of one chat that began meanwhile.
const BEGUN: usize = 20;
/// Most messages of one chat or thread: the last ones. On a page, and pages.
const MESSAGES: usize = 200;
const PAGES: usize = 5;
/// Messages that are older than the mark by so many seconds are looked at for changes of them.
const EDITS: u64 = 24 * 3600;
/// Where nothing was said for so long nothing is looked for.
const QUIET: f64 = 14.0 * 24.0 * 3600.0;
/// Longest time for which what comes in waits until it is known where something was missed.
const HOLD: Duration = Duration::from_secs(30);
/// How the names of the cursors begin that say until when a bot has heard everything.
pub(super) const HEARD: &str = "heard:";

/// The name of the cursor that says until when everything was heard, in all places: what is looked for where there is no mark. Another
/// workspace's bot has heard nothing yet.
pub(super) fn heard(me: &str) -> String {
    format!("{HEARD}{me}")
}

/// What is older than this time Slack does not send again.
pub(super) fn long_before(ts: &str) -> String {
    earlier(ts, SENT_AGAIN)
}

/// Where we have read to, once this event is written down: places and times.
pub(super) fn marks(me: &str, event: &Event) -> Vec<(String, String)> {
    let Event::Message(message) = event else { return Vec::new() };
    if !is_ts(&message.id) {
        return Vec::new();
    }
    let mut marks = vec![(heard(me), long_before(&message.id))];
    if !message.addressed {
        return marks;
    }
    let (chat, thread) = (&message.address.chat, message.address.thread.as_ref());
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

/// The time so many seconds before this one.
fn earlier(ts: &str, by: u64) -> String {
    let (seconds, micros) = ts.split_once('.').unwrap_or((ts, "000000"));
    format!("{:010}.{micros}", seconds.parse().unwrap_or(0_u64).saturating_sub(by))
}

/// What was found.
pub(super) enum Found {
    /// Slack takes too long to say which chats there are: what comes in need not wait for that.
    Nothing,
    /// Which chats there are to look at; whether that is all, and what the owner should know.
    Places(bool, Option<String>),
    Chat(Caught),
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
    me: &'a str,
    cursors: Vec<(String, String)>,
    since: Option<String>,
    begins: Instant,
    listing: Option<BoxFuture<'a, Listing>>,
    /// Whether what comes in waits for the listing.
    holds: bool,
    places: VecDeque<Place>,
    looking: Option<BoxFuture<'a, Caught>>,
}

impl<'a> CatchUp<'a> {
    /// Since when everything was heard is not known at the very first start: then nothing is looked for where there is no mark. After a
    /// pause it is the second look: what comes in goes on meanwhile.
    ///
    /// # Errors
    /// When the cursors can't be read.
    pub(super) fn new(
        slack: &'a Slack,
        link: &'a Link,
        me: &'a str,
        since: Option<String>,
        pause: Duration,
    ) -> Result<Self, ConnectError> {
        let cursors = link.cursors(MARK)?;
        let listing = since.is_some().then(|| -> BoxFuture<'a, Listing> { Box::pin(list(slack, link)) });
        let places =
            if listing.is_some() { VecDeque::new() } else { places(&cursors, &Listing::default(), None) };
        let (begins, holds) = (Instant::now() + pause, pause.is_zero());
        Ok(Self { slack, me, cursors, since, begins, listing, holds, places, looking: None })
    }

    /// Nothing to look at.
    pub(super) fn none(slack: &'a Slack) -> Self {
        Self {
            slack,
            me: "",
            cursors: Vec::new(),
            since: None,
            begins: Instant::now(),
            listing: None,
            holds: false,
            places: VecDeque::new(),
            looking: None,
        }
    }

    /// Whether this chat is still to be looked at: what comes in there waits, for the sake of order. It is the next one, then.
    pub(super) fn awaits(&mut self, chat: &str) -> bool {
        if self.listing.is_some() {
            return self.holds;
        }
        if Instant::now() < self.begins {
            return false;
        }
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
        self.listing.is_none() && self.places.is_empty()
    }

    /// What is found next; never, when there is nothing to look at. Cancel safe.
    pub(super) async fn next(&mut self) -> Found {
        sleep_until(self.begins).await;
        if let Some(listing) = &mut self.listing {
            let listed = tokio::select! {
                listed = listing => listed,
                () = sleep_until(self.begins + HOLD), if self.holds => {
                    self.holds = false;
                    return Found::Nothing;
                }
            };
            self.listing = None;
            self.places = places(&self.cursors, &listed, self.since.as_deref());
            return Found::Places(listed.whole, listed.hint);
        }
        if self.looking.is_none() {
            let Some(place) = self.places.front().cloned() else { return std::future::pending().await };
            self.looking = Some(Box::pin(look(self.slack, self.me, place)));
        }
        let Some(looking) = &mut self.looking else { return std::future::pending().await };
        let caught = looking.await;
        self.looking = None;
        self.places.pop_front();
        Found::Chat(caught)
    }
}

/// The chats, those first where something was said last; then those that are listed, from where everything was heard.
fn places(cursors: &[(String, String)], listed: &Listing, since: Option<&str>) -> VecDeque<Place> {
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
    let mut places: Vec<_> =
        places.into_values().filter(|place| !listed.strangers.contains(&place.chat)).collect();
    let newest = places.iter().map(last).fold(0.0, f64::max);
    places.retain(|place| last(place) + QUIET >= newest);
    openclaw_core::sort_by(&mut places, |a, b| last(b).total_cmp(&last(a)));
    places.truncate(CHATS);
    for place in &mut places {
        place.threads.retain(|(_, ts)| seconds(ts) + QUIET >= newest);
        openclaw_core::sort_by(&mut place.threads, |a, b| seconds(&b.1).total_cmp(&seconds(&a.1)));
        place.threads.truncate(THREADS);
    }
    if let Some(since) = since {
        // An older mark is that of somebody who was not let in then. Of the very first start the time is rounded up.
        let heard = earlier(since, 1);
        let later = |ts: &str| ts.max(&heard).to_owned();
        for place in &mut places {
            place.read = Some(place.read.as_deref().map_or_else(|| since.to_owned(), later));
            place.threads.iter_mut().for_each(|(_, ts)| *ts = later(ts));
        }
        let known: HashSet<String> = places.iter().map(|place| place.chat.clone()).collect();
        let new = listed.chats.iter().filter(|chat| !known.contains(*chat));
        places.extend(new.map(|chat| Place {
            chat: chat.clone(),
            read: Some(since.to_owned()),
            threads: Vec::new(),
        }));
    }
    places.into()
}

fn seconds(ts: &str) -> f64 {
    ts.parse().unwrap_or(0.0)
}

async fn look(slack: &Slack, me: &str, place: Place) -> Caught {
    let direct = place.chat.starts_with('D');
    let mention = format!("<@{me}>");
    let is_ours = |message: &Message| direct || message.text.contains(&mention);
    let (mut found, mut whole) = (Vec::new(), true);
    let mut threads = place.threads;
    if let Some(read) = &place.read {
        let mut history = Vec::new();
        whole &= pages(slack, &place.chat, None, read, &mut history).await;
        history.retain(|message| is_ours(message) || message.ts <= *read);
        // Threads that began meanwhile, the last ones.
        let begun =
            history.iter().filter(|message| message.reply_count > 0 && message.ts > *read).take(BEGUN);
        threads.extend(begun.map(|root| (root.ts.clone(), root.ts.clone())));
        found.extend(history.into_iter().filter_map(|message| event(message, read)));
    }
    for (thread, read) in &threads {
        let mut replies = Vec::new();
        whole &= pages(slack, &place.chat, Some(thread), read, &mut replies).await;
        // Of a thread that began meanwhile the first message was found already, as it is now.
        replies.retain(|message| message.ts != *read || read != thread);
        found.extend(replies.into_iter().filter_map(|message| event(message, read)));
    }
    openclaw_core::sort_by(&mut found, |a, b| key(a).cmp(&key(b)));
    found.dedup_by(|a, b| key(a) == key(b));
    if !found.is_empty() {
        info!(channel = "slack", chat = place.chat, messages = found.len(), "looked for what was missed");
    }
    sleep(PAUSE).await;
    for event in &mut found {
        event.channel.clone_from(&place.chat);
        event.channel_type = if direct { "im".to_owned() } else { String::new() };
    }
    Caught { events: found, chat: place.chat, whole }
}

/// When it happened, and with which message.
fn key(event: &wire::Event) -> (&str, &str) {
    (&event.event_ts, &event.changed.as_ref().unwrap_or(&event.message).ts)
}

/// What happened with a message since `read`: it was written, or changed, or nothing.
fn event(message: Message, read: &str) -> Option<wire::Event> {
    if message.ts.as_str() > read {
        let event_ts = message.ts.clone();
        return Some(wire::Event { message, event_ts, ..wire::Event::default() });
    }
    let event_ts = message.edited.as_ref().map(|edited| edited.ts.clone()).filter(|ts| ts.as_str() > read)?;
    let changed =
        Message { kind: "message".to_owned(), subtype: "message_changed".to_owned(), ..Message::default() };
    Some(wire::Event { message: changed, changed: Some(message), event_ts, ..wire::Event::default() })
}

/// The messages of a chat, the last ones first, or of a thread in it, the first ones first. Whether they could be read, or can never be.
async fn pages(slack: &Slack, chat: &str, thread: Option<&str>, read: &str, into: &mut Vec<Message>) -> bool {
    let mut ask = json!({"channel": chat, "oldest": earlier(read, EDITS), "limit": MESSAGES});
    let method = match thread {
        Some(thread) => {
            ask["ts"] = thread.into();
            "conversations.replies"
        }
        None => "conversations.history",
    };
    let mut left = PAGES;
    while left > 0 {
        let page: Page = match insist(slack, method, &ask).await {
            Ok(page) => page,
            Err(refusal) => return refusal.is_some(),
        };
        // In a thread what was read already comes first, and takes nobody's place.
        left -=
            usize::from(thread.is_none() || page.messages.iter().any(|message| message.ts.as_str() > read));
        // Of what was read already only changes count.
        let news = |message: &Message| message.ts.as_str() > read || message.edited.is_some();
        into.extend(page.messages.into_iter().filter(news));
        let cursor = next(page.response_metadata);
        if cursor.is_empty() {
            return true;
        }
        ask["cursor"] = cursor.into();
    }
    warn!(channel = "slack", chat, "more was missed than is looked at; the rest is left out");
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chats_are_looked_at_by_their_last_message() {
        let cursor = |name: &str, ts: &str| (format!("{MARK}{name}"), ts.to_owned());
        let cursors = [
            cursor("C1", "1700000000.000001"),
            cursor("C1/1700000000.000001", "1800000300.000000"),
            cursor("D1", "1800000200.000000"),
            cursor("D2", "1700000000.000000"),
            cursor("D3", "1800000250.000000"),
        ];
        let listed = Listing {
            chats: ["D2", "D1", "C2"].map(str::to_owned).into(),
            strangers: HashSet::from(["D3".to_owned()]),
            ..Listing::default()
        };
        let found = places(&cursors, &listed, Some("1800000000.000000"));
        let unmarked = |chat: &str| Place {
            chat: chat.to_owned(),
            read: Some("1800000000.000000".to_owned()),
            threads: Vec::new(),
        };
        let expected = [
            Place {
                chat: "C1".to_owned(),
                // Older than what was heard everywhere.
                read: Some("1799999999.000000".to_owned()),
                threads: vec![("1700000000.000001".to_owned(), "1800000300.000000".to_owned())],
            },
            Place { chat: "D1".to_owned(), read: Some("1800000200.000000".to_owned()), threads: Vec::new() },
            // Quiet for long, and never heard.
            unmarked("D2"),
            unmarked("C2"),
        ];
        assert_eq!(found, expected);
        assert_eq!(earlier("1800000000.000001", SENT_AGAIN), "1799999700.000001");
    }
}
