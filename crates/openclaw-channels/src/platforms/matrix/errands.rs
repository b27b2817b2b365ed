//! What goes on beside the sync: rooms that catch up, invitations, receipts, farewells.

use std::{collections::HashSet, future::Future, pin::Pin, time::Duration};

use futures_util::{StreamExt as _, stream::FuturesUnordered};
use serde_json::{Value, json};
use tokio::time::sleep;
use tracing::{info, warn};

use super::{
    Matrix,
    client::segment,
    walk::{Found, Walk},
    wire::{Came, Event},
};
use crate::{error::ConnectError, link::Link, message::Address, rate::Rule};

/// Strangers whose direct chats are joined, for the sake of a pairing code.
const STRANGERS: Rule = Rule::new(10, Duration::from_secs(600));
/// Most invitations that wait, beside those of people who may talk.
const INVITATIONS: usize = 256;
/// Most errands at once that only make things nicer.
const MOST: usize = 64;
/// Attempts at something that a homeserver does not answer.
const TRIES: u32 = 6;
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What is said, once, in a room where nothing can be read.
const SEALED: &str = "I can't read encrypted rooms yet, and did not read what you wrote here. Please invite me to a room without \
    encryption: when you create it, turn \"end-to-end encryption\" off. (This line is not encrypted.)";
const NOT_LET_IN: &str = "I'm a personal assistant, and only talk with people my owner has let in.";

type Running<'a> = Pin<Box<dyn Future<Output = Done<'a>> + Send + 'a>>;

/// What an errand was.
enum Done<'a> {
    /// A room has caught up.
    CaughtUp(Walk<'a>),
    /// We don't come into this room.
    Declined(String),
    /// Something else.
    Other,
}

/// Errands under way.
pub(super) struct Errands<'a> {
    matrix: &'a Matrix,
    link: &'a Link,
    running: FuturesUnordered<Running<'a>>,
    /// Rooms whose invitation is known, and of which the sync has not told yet.
    invited: HashSet<String>,
}

impl<'a> Errands<'a> {
    /// Those of an earlier connection go on.
    pub(super) fn new(matrix: &'a Matrix, link: &'a Link) -> Result<Self, ConnectError> {
        let mut errands = Self { matrix, link, running: FuturesUnordered::new(), invited: HashSet::new() };
        let prefix = matrix.cursor("invite", "");
        for (name, by) in link.cursors(&prefix)? {
            let room = name.strip_prefix(&prefix).unwrap_or_default();
            if !by.is_empty() {
                errands.answer(room, &by);
            }
        }
        Ok(errands)
    }

    /// The next room that has caught up; `None`: something else is done. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<Walk<'a>> {
        match self.running.next().await {
            Some(Done::CaughtUp(walk)) => Some(walk),
            Some(Done::Declined(room)) => {
                self.invited.remove(&room);
                None
            }
            Some(Done::Other) => None,
            None => std::future::pending().await,
        }
    }

    /// A room that is to catch up from there.
    pub(super) fn walk(&self, walk: Walk<'a>, from: String) {
        self.running.push(Box::pin(async move {
            walk.run(from).await;
            Done::CaughtUp(walk)
        }));
    }

    /// What was found among a room's news.
    pub(super) fn found(&self, room: &str, found: Found) {
        if !found.is_nothing() && (self.running.len() < MOST || found.matters()) {
            let (matrix, link, room) = (self.matrix, self.link, room.to_owned());
            self.running.push(Box::pin(async move {
                matrix.follow_up(link, &room, found).await;
                Done::Other
            }));
        }
    }

    /// Somebody invited us. It is kept until the room is there: the sync tells of it only once.
    pub(super) async fn invited(&mut self, room: &str, state: &[Event]) -> Result<(), ConnectError> {
        let me = &self.matrix.me().id;
        let invitation = state.iter().rev().find(|event| event.membership(me) == Some("invite"));
        let Some(invitation) = invitation else { return Ok(()) };
        if self.invited.len() >= INVITATIONS && !self.link.may_talk(&invitation.sender, room) {
            warn!(
                channel = "matrix",
                room,
                by = invitation.sender,
                "too many invitations of strangers; this one is not answered"
            );
            return Ok(());
        }
        let is_direct = invitation.content["is_direct"] == true;
        let by = format!("{}{}", if is_direct { "direct " } else { "" }, invitation.sender);
        self.link.save_cursor(&self.matrix.cursor("invite", room), &by).await?;
        self.answer(room, &by);
        Ok(())
    }

    fn answer(&mut self, room: &str, by: &str) {
        let is_direct = by.starts_with("direct ");
        let by = by.trim_start_matches("direct ").to_owned();
        self.invited.insert(room.to_owned());
        let (matrix, link, room) = (self.matrix, self.link, room.to_owned());
        self.running.push(Box::pin(async move {
            let comes = matrix.answer_invitation(link, &room, &by, is_direct).await;
            if comes { Done::Other } else { Done::Declined(room) }
        }));
    }

    /// Whether the sync tells of this room for the first time since we were invited.
    pub(super) fn is_new(&self, room: &str) -> bool {
        self.invited.contains(room)
    }

    /// The invitation is done with.
    pub(super) async fn came_in(&mut self, room: &str) -> Result<(), ConnectError> {
        if self.invited.remove(room) {
            self.link.save_cursor(&self.matrix.cursor("invite", room), "").await?;
        }
        Ok(())
    }
}

impl Matrix {
    /// Comes in, or says why not; whether it came in.
    async fn answer_invitation(&self, link: &Link, room: &str, by: &str, is_direct: bool) -> bool {
        let mut pause = Duration::from_secs(1);
        loop {
            let is_stranger = !link.may_talk(by, room);
            let comes = !is_stranger || (self.pairing && is_direct);
            if is_stranger && comes {
                self.client.pass("strangers", STRANGERS).await;
            }
            let path = format!("rooms/{}", segment(room));
            let done = if comes {
                let came: Result<Came, _> = self.client.post(&format!("{path}/join"), &json!({})).await;
                came.map(|_| ())
            } else {
                let reason = json!({"reason": NOT_LET_IN});
                self.client.post::<Value>(&format!("{path}/leave"), &reason).await.map(|_| ())
            };
            match done {
                Ok(()) => {
                    info!(channel = "matrix", room, by, comes, "an invitation is answered");
                    // One that is accepted is done with when the sync tells of the room.
                    if comes {
                        return true;
                    }
                }
                Err(failed) if failed.is_no() || failed.is_misunderstood() => {
                    info!(channel = "matrix", room, by, error = %failed, "an invitation is not good any more");
                }
                Err(failed) => {
                    warn!(channel = "matrix", room, by, error = %failed, "an invitation has to wait");
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    continue;
                }
            }
            let _ = link.save_cursor(&self.cursor("invite", room), "").await;
            return false;
        }
    }

    /// What a room's news ask of us beside the answers.
    pub(super) async fn follow_up(&self, link: &Link, room: &str, found: Found) {
        let (path, empty) = (format!("rooms/{}", segment(room)), json!({}));
        if let Some(last) = found.last {
            // A courtesy: nothing depends on it.
            let _: Result<Value, _> =
                self.client.post(&format!("{path}/receipt/m.read/{}", segment(&last)), &empty).await;
        }
        if found.sealed {
            self.tell_sealed(link, room).await;
        }
        if let Some((sender, new)) = found.moved
            && link.may_talk(&sender, room)
        {
            let server = sender.split_once(':').map(|(_, server)| server).unwrap_or_default();
            let path = format!("join/{}?via={}", segment(&new), segment(server));
            self.try_to("follow a room", || self.client.post::<Value>(&path, &empty)).await;
        }
        if found.left {
            self.rooms.changed(room);
            let is_empty = self.rooms.room(&self.client, room).await.is_ok_and(|there| there.people <= 1);
            if is_empty {
                info!(channel = "matrix", room, "everybody has left; so do we");
                let path = format!("{path}/leave");
                self.try_to("leave", || self.client.post::<Value>(&path, &empty)).await;
            }
        }
    }

    async fn tell_sealed(&self, link: &Link, room: &str) {
        let told = self.cursor("sealed", room);
        if link.cursor(&told).is_ok_and(|told| told.is_some()) {
            return;
        }
        warn!(channel = "matrix", room, "the room is encrypted, and can't be read");
        let body = json!({"msgtype": "m.text", "body": SEALED});
        let path = self.path_of(&Address::chat(room), "sealed");
        if self.try_to("say that a room can't be read", || self.client.say::<Value>(&path, &body)).await {
            let _ = link.save_cursor(&told, "told").await;
        }
    }

    /// Tries a few times; whether it was done.
    async fn try_to<T, F>(&self, what: &str, mut attempt: impl FnMut() -> F) -> bool
    where
        F: Future<Output = Result<T, super::client::Failed>>,
    {
        let mut pause = Duration::from_secs(1);
        for _ in 0..TRIES {
            match attempt().await {
                Ok(_) => return true,
                Err(failed) => {
                    warn!(channel = "matrix", error = %failed, "could not {what}");
                    if failed.is_no() || failed.is_misunderstood() {
                        return false;
                    }
                }
            }
            sleep(pause).await;
            pause *= 2;
        }
        false
    }
}
