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
    client::segment,
    errands::Errands,
    rooms,
    walk::{self, More, Walk},
    wire::{Joined, Synced},
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
                    if let Some(walk) = done {
                        caught_up(&mut self.walking, &walk).await?;
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
        // What was said before we were first here is not for us, but in rooms into which we were invited.
        let (since, joined) = match self.since.clone() {
            Some(since) => (since, synced.rooms.join),
            None => {
                let new = synced.rooms.join.into_iter().filter(|(room, _)| self.errands.is_new(room));
                (synced.next_batch.clone(), new.collect())
            }
        };
        let late = self.hand_over(joined, &since).await;
        let (matrix, link) = (self.matrix, self.link);
        let saved = late
            .iter()
            .map(|(room, from)| async move { link.save_cursor(&matrix.cursor("behind", room), from).await });
        try_join_all(saved).await?;
        for (room, from) in &late {
            self.errands.came_in(room).await?;
            self.walk(room, from);
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
    async fn hand_over(&mut self, joined: BTreeMap<String, Joined>, since: &str) -> BTreeMap<String, String> {
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
                info!(channel = "matrix", room, "joined");
                late.insert(room, walk::after(join, since));
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
        late
    }

    fn walk(&mut self, room: &str, from: &str) {
        let more = Arc::<More>::default();
        self.walking.insert(room.to_owned(), Arc::clone(&more));
        let walk = Walk { matrix: self.matrix, link: self.link, room: room.to_owned(), more };
        self.errands.walk(walk, from.to_owned());
    }
}

async fn caught_up(walking: &mut HashMap<String, Arc<More>>, walk: &Walk<'_>) -> Result<(), ConnectError> {
    // Unless we have left meanwhile, and come back: then another walk is under way.
    if walking.get(&walk.room).is_some_and(|more| Arc::ptr_eq(more, &walk.more)) {
        walking.remove(&walk.room);
        walk.link.save_cursor(&walk.matrix.cursor("behind", &walk.room), "").await?;
    }
    Ok(())
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
