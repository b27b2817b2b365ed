//! What is known of rooms and of what was said in them: kept in memory, and asked for again when it is not there.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::json;

use super::{
    client::{Client, Failed, segment},
    wire::{Event, Members, Page, text},
};
use crate::sync::lock;

/// Most rooms whose members are remembered.
const ROOMS: usize = 1024;
/// In rooms of up to so many people each coming and going counts.
const SMALL: usize = 8;
/// Most names of a room's members that are remembered.
const NAMES: usize = 256;
/// Most messages that are remembered.
const MESSAGES: usize = 4096;
/// How much of a message is remembered, in characters: as much as is quoted.
const TEXT: usize = 500;

/// Rooms and messages.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    rooms: Mutex<HashMap<String, Arc<Room>>>,
    messages: Mutex<Messages>,
}

/// A room.
#[derive(Debug)]
pub(super) struct Room {
    /// How many are in it, and are invited.
    pub(super) people: usize,
    names: HashMap<String, String>,
    /// How many came, went or changed their names since.
    changes: AtomicUsize,
}

impl Room {
    /// Whether there is one other, and nobody else.
    pub(super) fn is_direct(&self) -> bool {
        self.people <= 2
    }

    /// What somebody is called there.
    pub(super) fn name(&self, user: &str) -> String {
        self.names.get(user).cloned().unwrap_or_else(|| {
            let local = user.trim_start_matches('@').split(':').next();
            local.unwrap_or_default().to_owned()
        })
    }
}

#[derive(Debug, Default)]
struct Messages {
    known: HashMap<String, Known>,
    order: VecDeque<String>,
}

/// A message that was said.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Known {
    pub(super) sender: String,
    pub(super) thread: Option<String>,
    pub(super) text: String,
    pub(super) gone: bool,
}

impl Known {
    pub(super) fn of(event: &Event) -> Self {
        let relates = &event.content["m.relates_to"];
        let words = text(&event.content["body"]);
        Self {
            sender: event.sender.clone(),
            thread: (relates["rel_type"] == "m.thread").then(|| text(&relates["event_id"])),
            text: super::text::without_fallback(&words).chars().take(TEXT).collect(),
            gone: event.redacted,
        }
    }
}

impl Rooms {
    /// The room, as it is now.
    pub(super) async fn room(&self, client: &Client, id: &str) -> Result<Arc<Room>, Failed> {
        if let Some(room) = lock(&self.rooms).get(id) {
            return Ok(Arc::clone(room));
        }
        let path = format!("rooms/{}", segment(id));
        let members: Members = client.get(&format!("{path}/joined_members")).await?;
        let mut people = members.joined.len();
        // Who is invited sees what is said before they come.
        if people <= 2 {
            let invited: Page = client.get(&format!("{path}/members?membership=invite")).await?;
            people += invited.chunk.len();
        }
        let named = members.joined.into_iter().take(NAMES);
        let names = named.filter_map(|(user, member)| Some((user, member.display_name?))).collect();
        let room = Arc::new(Room { people, names, changes: AtomicUsize::new(0) });
        let mut rooms = lock(&self.rooms);
        if rooms.len() >= ROOMS {
            rooms.clear();
        }
        rooms.insert(id.to_owned(), Arc::clone(&room));
        Ok(room)
    }

    /// Somebody came, went, or changed their name.
    pub(super) fn changed(&self, id: &str) {
        let mut rooms = lock(&self.rooms);
        let is_stale = rooms.get(id).is_some_and(|room| {
            let changes = room.changes.fetch_add(1, Ordering::Relaxed) + 1;
            room.people <= SMALL || changes * 2 >= room.people
        });
        if is_stale {
            rooms.remove(id);
        }
    }

    /// Remembers what was said.
    pub(super) fn remember(&self, id: &str, mut known: Known) {
        let mut messages = lock(&self.messages);
        // What comes again may come as it was before somebody took it back.
        known.gone |= messages.known.get(id).is_some_and(|known| known.gone);
        if messages.known.insert(id.to_owned(), known).is_none() {
            messages.order.push_back(id.to_owned());
        }
        if messages.order.len() > MESSAGES
            && let Some(oldest) = messages.order.pop_front()
        {
            messages.known.remove(&oldest);
        }
    }

    /// A message, when it is remembered.
    pub(super) fn known(&self, id: &str) -> Option<Known> {
        lock(&self.messages).known.get(id).cloned()
    }

    /// Somebody took a message back.
    pub(super) fn redacted(&self, id: &str) {
        if let Some(known) = lock(&self.messages).known.get_mut(id) {
            known.gone = true;
        }
    }

    /// A message that was said; `None`: there is none, or none for us.
    pub(super) async fn message(
        &self,
        client: &Client,
        room: &str,
        id: &str,
    ) -> Result<Option<Known>, Failed> {
        if let Some(known) = self.known(id) {
            return Ok(Some(known));
        }
        match client.get::<Event>(&format!("rooms/{}/event/{}", segment(room), segment(id))).await {
            Ok(event) => {
                let known = Known::of(&event);
                self.remember(id, known.clone());
                Ok(Some(known))
            }
            Err(failed) if failed.is_no() || failed.is_misunderstood() => Ok(None),
            Err(failed) => Err(failed),
        }
    }
}

/// The kinds of events that are read.
pub(super) fn kinds() -> serde_json::Value {
    json!([
        "m.room.message",
        "m.room.redaction",
        "m.room.member",
        "m.room.encrypted",
        "m.room.encryption",
        "m.room.tombstone",
        "m.sticker",
    ])
}
