//! Syncing. The token moves when the engine has all that came before it. Where that takes longer (a room with a long queue, a gap in a
//! timeline), the room is written down as behind, from where it is, and catches up by itself: see [`super::walk`].

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use futures_util::{StreamExt as _, future::try_join_all, stream::FuturesUnordered};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{info, warn};

use super::{
    Matrix,
    client::{Failed, segment},
    errands::Errands,
    rooms,
    walk::{More, Walk},
    wire::{Event, Joined, Synced},
};
use crate::{error::ConnectError, link::Link};

/// How long the homeserver waits for something to tell: each answer is a sign of life.
const WAIT: Duration = Duration::from_secs(3);
/// Longest wait for an answer, and for the first one of a connection.
const ANSWER: Duration = Duration::from_secs(12);
const FIRST: Duration = Duration::from_secs(55);
/// How long the token waits for the engine, before a room is written down as behind.
const PACE: Duration = Duration::from_secs(1);
/// A homeserver that answers at once, with nothing, is not asked more often.
const LEAST: Duration = Duration::from_millis(200);
/// Most events of a room in an answer.
const EVENTS: usize = 20;
/// The token is written down so often although nothing came.
const SAVE: Duration = Duration::from_secs(60);

/// Reads until the connection is lost.
pub(super) async fn keep(matrix: &Matrix, link: &Link) -> Result<(), ConnectError> {
    let mut reader = Reader::new(matrix, link)?;
    let mut is_first = true;
    loop {
        let begun = Instant::now();
        let synced = reader.sync(is_first).await?;
        if is_first {
            link.connected(&matrix.me().id);
        }
        link.alive();
        is_first = false;
        let came = reader.take(synced).await?;
        if !came && begun.elapsed() < LEAST {
            sleep(LEAST).await;
        }
    }
}

struct Reader<'a> {
    matrix: &'a Matrix,
    link: &'a Link,
    since: Option<String>,
    saved: (Option<String>, Instant),
    /// Rooms that are behind.
    walking: HashMap<String, Arc<More>>,
    errands: Errands<'a>,
}

impl<'a> Reader<'a> {
    fn new(matrix: &'a Matrix, link: &'a Link) -> Result<Self, ConnectError> {
        let since = link.cursor(&matrix.cursor("since", ""))?;
        let saved = (since.clone(), Instant::now());
        let errands = Errands::new(matrix, link)?;
        let mut reader = Self { matrix, link, since, saved, walking: HashMap::new(), errands };
        let prefix = matrix.cursor("behind", "");
        for (name, from) in link.cursors(&prefix)? {
            let room = name.strip_prefix(&prefix).unwrap_or_default();
            if !from.is_empty() {
                reader.walk(room, &from);
            }
        }
        Ok(reader)
    }

    /// What is new. Meanwhile rooms catch up, and errands are run.
    async fn sync(&mut self, is_first: bool) -> Result<Synced, ConnectError> {
        let (wait, within) = if is_first { (Duration::ZERO, FIRST) } else { (WAIT, ANSWER) };
        // After a time without connection there may be much in many rooms: each of them catches up at its own pace.
        let filter = filter(if is_first { 1 } else { EVENTS });
        let mut path = format!("sync?timeout={}&filter={}", wait.as_millis(), segment(&filter.to_string()));
        if let Some(since) = &self.since {
            path.push_str(&format!("&since={}", segment(since)));
        }
        let mut asking = std::pin::pin!(self.matrix.client.get_within::<Synced>(&path, within));
        let synced = loop {
            tokio::select! {
                synced = &mut asking => break synced,
                done = self.errands.next() => {
                    if let Some(room) = done {
                        caught_up(self.matrix, self.link, &mut self.walking, &room).await?;
                    }
                }
            }
        };
        match synced {
            Ok(synced) => Ok(synced),
            Err(failed) if failed.is_misunderstood() && self.since.is_some() => {
                // To insist on a token that the homeserver does not know would be to hear nothing for ever.
                warn!(channel = "matrix", error = %failed, "the homeserver has forgotten where we were; what was said meanwhile is not known");
                self.since = None;
                Ok(Synced::default())
            }
            Err(failed) => Err(failed.into()),
        }
    }

    /// Hands over what came; whether anything did.
    async fn take(&mut self, synced: Synced) -> Result<bool, ConnectError> {
        if synced.next_batch.is_empty() {
            return Ok(false);
        }
        let rooms = &synced.rooms;
        let came = !(rooms.join.is_empty() && rooms.invite.is_empty() && rooms.leave.is_empty());
        for (room, invited) in &rooms.invite {
            self.errands.invited(room, &invited.invite_state.events).await?;
        }
        for room in rooms.leave.keys() {
            self.matrix.rooms.changed(room);
            if self.walking.remove(room).is_some() {
                self.link.save_cursor(&self.matrix.cursor("behind", room), "").await?;
            }
        }
        if let Some(since) = self.since.clone() {
            let late = self.hand_over(synced.rooms.join, &since).await?;
            let (matrix, link) = (self.matrix, self.link);
            let saved = late.iter().map(|(room, from)| async move {
                link.save_cursor(&matrix.cursor("behind", room), from).await
            });
            try_join_all(saved).await?;
            for (room, from) in &late {
                self.errands.came_in(room).await?;
                self.walk(room, from);
            }
        }
        self.since = Some(synced.next_batch);
        let (saved, at) = &self.saved;
        if *saved != self.since && (came || at.elapsed() > SAVE) {
            self.link
                .save_cursor(&self.matrix.cursor("since", ""), self.since.as_deref().unwrap_or_default())
                .await?;
            self.saved = (self.since.clone(), Instant::now());
        }
        Ok(came)
    }

    /// What is new in each room goes to the engine. Returns the rooms that are not done, and from where they go on.
    async fn hand_over(
        &mut self,
        joined: BTreeMap<String, Joined>,
        since: &str,
    ) -> Result<BTreeMap<String, String>, ConnectError> {
        let (matrix, link) = (self.matrix, self.link);
        let (mut late, mut live) = (BTreeMap::new(), FuturesUnordered::new());
        for (room, news) in joined {
            let events = news.timeline.events;
            if news.state.events.iter().any(|event| event.kind == "m.room.member") {
                matrix.rooms.changed(&room);
            }
            if let Some(more) = self.walking.get(&room) {
                if !events.is_empty() {
                    more.flag(since);
                }
                continue;
            }
            if self.errands.is_new(&room) {
                let mut all = events.iter().chain(&news.state.events);
                let join = all.find(|event| event.membership(&matrix.me().id) == Some("join"));
                let from = begin(matrix, &room, join).await?;
                info!(channel = "matrix", room, "joined");
                late.insert(room, from.unwrap_or_else(|| since.to_owned()));
                link.alive();
            } else if news.timeline.limited {
                late.insert(room, since.to_owned());
            } else if !events.is_empty() {
                late.insert(room.clone(), since.to_owned());
                live.push(async move {
                    let done = matrix.hand_over(link, &room, &events).await;
                    (room, done)
                });
            }
        }
        let until = Instant::now() + PACE;
        while let Ok(Some((room, done))) = timeout_at(until, live.next()).await {
            if let Some(found) = done {
                late.remove(&room);
                self.errands.found(&room, found);
            }
        }
        link.alive();
        Ok(late)
    }

    fn walk(&mut self, room: &str, from: &str) {
        let more = Arc::<More>::default();
        self.walking.insert(room.to_owned(), Arc::clone(&more));
        let walk = Walk { matrix: self.matrix, link: self.link, room: room.to_owned(), more };
        self.errands.walk(walk, from.to_owned());
    }
}

async fn caught_up(
    matrix: &Matrix,
    link: &Link,
    walking: &mut HashMap<String, Arc<More>>,
    room: &str,
) -> Result<(), ConnectError> {
    if walking.remove(room).is_some() {
        link.save_cursor(&matrix.cursor("behind", room), "").await?;
    }
    Ok(())
}

/// Where reading begins in a room that we have come into: behind our invitation, since what was said then was said to us.
async fn begin(matrix: &Matrix, room: &str, join: Option<&Event>) -> Result<Option<String>, ConnectError> {
    let Some(join) = join else { return Ok(None) };
    for event in [join.replaces.as_ref(), Some(&join.id)].into_iter().flatten() {
        let path = format!("rooms/{}/context/{}?limit=0", segment(room), segment(event));
        match matrix.client.get::<super::wire::Context>(&path).await {
            Ok(context) if context.end.is_some() => return Ok(context.end),
            Ok(_) => {}
            Err(failed) if failed.is_no() => {}
            Err(failed) => return Err(Failed::into(failed)),
        }
    }
    Ok(None)
}

fn filter(events: usize) -> Value {
    json!({
        "presence": {"types": []},
        "account_data": {"types": []},
        "room": {
            "timeline": {"limit": events, "types": rooms::kinds()},
            "state": {"types": ["m.room.member"], "lazy_load_members": true},
            "ephemeral": {"types": []},
            "account_data": {"types": []},
        },
    })
}
