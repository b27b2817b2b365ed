//! A room that is behind: read on, page by page, in its own time, until it has caught up.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::json;
use tokio::time::sleep;
use tracing::{debug, warn};

use super::{
    Matrix,
    client::{Failed, segment},
    rooms,
    wire::{Context, Event, Page},
};
use crate::{link::Link, rate::Rule, sync::lock};

/// Most events of a page: what a chat's queue has room for several times.
const EVENTS: usize = 20;
/// Empty pages after which there is nothing more, whatever the homeserver says of the next.
const EMPTY: usize = 3;
/// Pages that all rooms together ask for.
const PAGES: Rule = Rule::new(50, Duration::from_secs(1));
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Whether something came in a room while it was behind, and since when.
#[derive(Debug, Default)]
pub(super) struct More(Mutex<Option<String>>);

impl More {
    pub(super) fn flag(&self, since: &str) {
        let mut more = lock(&self.0);
        more.get_or_insert_with(|| since.to_owned());
    }

    fn take(&self) -> Option<String> {
        lock(&self.0).take()
    }
}

/// Said of a room that we have come into: reading begins behind these events, or else at this token.
const AFTER: &str = "after ";

/// Where reading begins in a room that we have come into: behind our invitation, since what was said then was said to us.
pub(super) fn after(join: Option<&Event>, since: &str) -> String {
    let invitation = join.and_then(|join| join.replaces.clone());
    let events = [invitation, join.map(|join| join.id.clone())].into_iter().flatten();
    events.map(|event| event + " ").fold(AFTER.to_owned(), |all, event| all + &event) + since
}

/// A room that catches up.
pub(super) struct Walk<'a> {
    pub(super) matrix: &'a Matrix,
    pub(super) link: &'a Link,
    pub(super) room: String,
    pub(super) more: Arc<More>,
}

/// What was found on the way that the engine has no part in.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The last message.
    pub(super) last: Option<String>,
    /// Something that we can't read.
    pub(super) sealed: bool,
    /// Somebody left.
    pub(super) left: bool,
    /// The room goes on elsewhere, says this one.
    pub(super) moved: Option<(String, String)>,
}

impl Found {
    pub(super) fn is_nothing(&self) -> bool {
        self.last.is_none() && !self.matters()
    }

    /// Whether somebody would miss it.
    pub(super) fn matters(&self) -> bool {
        self.sealed || self.left || self.moved.is_some()
    }
}

impl Walk<'_> {
    /// Reads on from `from` until there is no more.
    pub(super) async fn run(&self, mut from: String) {
        let (mut pause, mut empty) = (Duration::from_millis(250), 0);
        loop {
            if let Some(events) = from.strip_prefix(AFTER) {
                match self.behind(events).await {
                    Ok(token) => from = token,
                    Err(failed) => {
                        debug!(channel = "matrix", room = self.room, error = %failed, "it is asked again where reading begins");
                        sleep(pause).await;
                        pause = (pause * 2).min(LONGEST_PAUSE);
                        continue;
                    }
                }
            }
            let page = self.page(&from).await;
            let handed = match &page {
                Ok(page) => self.matrix.hand_over(self.link, &self.room, &page.chunk).await,
                Err(failed) if failed.is_no() => {
                    debug!(channel = "matrix", room = self.room, error = %failed, "the room is not ours any more");
                    return;
                }
                Err(failed) if failed.is_misunderstood() => {
                    warn!(channel = "matrix", room = self.room, error = %failed, "the homeserver has forgotten where we were in a room; what was said meanwhile is not known");
                    let Some(next) = self.more.take() else { return };
                    from = next;
                    continue;
                }
                Err(failed) => {
                    debug!(channel = "matrix", room = self.room, error = %failed, "a page is asked for again");
                    None
                }
            };
            let (Ok(page), Some(news)) = (page, handed) else {
                if pause == LONGEST_PAUSE {
                    warn!(
                        channel = "matrix",
                        room = self.room,
                        "a room can't catch up; it is tried again and again"
                    );
                }
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
                continue;
            };
            pause = Duration::from_millis(250);
            self.matrix.follow_up(self.link, &self.room, news).await;
            empty = if page.chunk.is_empty() { empty + 1 } else { 0 };
            let next = page.end.filter(|end| *end != from && empty < EMPTY);
            // Events that came meanwhile may stand, in the order of pages, before what was read.
            let Some(next) = next.or_else(|| self.more.take()) else { return };
            if let Err(error) = self.link.save_cursor(&self.matrix.cursor("behind", &self.room), &next).await
            {
                warn!(channel = "matrix", room = self.room, %error, "how far a room was read is not written down");
            }
            from = next;
        }
    }

    /// The token behind the first of these events that the homeserver shows us.
    async fn behind(&self, events: &str) -> Result<String, Failed> {
        let (events, since) = events.rsplit_once(' ').unwrap_or(("", events));
        for event in events.split_whitespace() {
            let path = format!("rooms/{}/context/{}?limit=0", segment(&self.room), segment(event));
            match self.matrix.client.get::<Context>(&path).await {
                Ok(Context { end: Some(end) }) => return Ok(end),
                Ok(_) => {}
                Err(failed) if failed.is_no() || failed.is_misunderstood() => {}
                Err(failed) => return Err(failed),
            }
        }
        Ok(since.to_owned())
    }

    async fn page(&self, from: &str) -> Result<Page, Failed> {
        self.matrix.client.pass("pages", PAGES).await;
        let filter = json!({"types": rooms::kinds(), "lazy_load_members": true});
        let path = format!(
            "rooms/{}/messages?dir=f&limit={EVENTS}&from={}&filter={}",
            segment(&self.room),
            segment(from),
            segment(&filter.to_string())
        );
        self.matrix.client.get(&path).await
    }
}
