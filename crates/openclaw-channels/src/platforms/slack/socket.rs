//! Socket Mode: <https://docs.slack.dev/apis/events-api/using-socket-mode>. Slack asks to leave a connection every few hours: the next
//! one stands before this one is left, so that nothing falls between.

use std::{collections::HashMap, time::Duration};

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, info, warn};

use super::{
    Slack,
    catchup::{CatchUp, Caught, Found, HEARD, SENT_AGAIN, heard, long_before},
    connection::{Connection, Opened, TOO_MANY, next, open, opening},
    convert::{Read, Reader},
    greeting,
    intake::{Due, Intake, Ticket},
    marks::Marks,
    wire::{self, Callback, Frame as Text, Me, Slash},
};
use crate::{
    error::ConnectError,
    link::Link,
    message::Event,
    net::{Frame, NetError, Socket},
    pause::Pause,
    sync::lock,
};

/// How long a connection that is to be left is listened to when Slack does not close it.
const LEAVING: Duration = Duration::from_secs(30);
/// Pause before the next one is tried again while the old one still stands.
const AGAIN: Duration = Duration::from_secs(1);
/// Time after which we look whether Socket Mode is switched on again.
const SWITCHED_OFF: Duration = Duration::from_secs(60);

/// The number of no connection: what has it was fetched.
const FETCHED: u64 = 0;
/// Most events of one chat, and of all, that wait for what was missed there; Slack sends others again.
const LATE: usize = 256;
const ALL_LATE: usize = 4096;

/// What a frame asks for.
enum Then {
    GoOn,
    /// The next connection is to be made.
    Renew,
}

/// One connection after the other, without a gap.
pub(super) struct Session<'a> {
    slack: &'a Slack,
    link: &'a Link,
    reader: &'a Reader,
    account: String,
    /// The cursor's name.
    heard: String,
    /// Until when everything was heard before this connection.
    since: Option<String>,
    intake: Intake<'a>,
    missed: CatchUp<'a>,
    /// When what was missed began to be looked for, until it is all there.
    began: Option<String>,
    /// When it is looked whether there is something to look for again; and the pauses before that.
    look: Instant,
    pause: Pause,
    /// When the last event came.
    came: Instant,
    /// Events that were fetched and are not written down yet.
    caught: usize,
    /// What comes in where something may have been missed before it.
    late: HashMap<String, Vec<(Event, Ticket)>>,
    marks: Marks<'a>,
    current: Option<Connection>,
    old: Option<Connection>,
    opening: Option<BoxFuture<'a, Result<Opened, ConnectError>>>,
    opened: u64,
}

impl<'a> Session<'a> {
    pub(super) fn new(slack: &'a Slack, link: &'a Link, reader: &'a Reader, me: &Me) -> Self {
        Self {
            slack,
            link,
            reader,
            account: format!("@{} in {}", me.user, me.team),
            heard: heard(&reader.me),
            intake: Intake::new(link, &slack.client, &slack.directory, &reader.me),
            since: None,
            missed: CatchUp::none(slack),
            began: None,
            look: Instant::now() + AGAIN,
            pause: Pause::looking(),
            came: Instant::now(),
            caught: 0,
            late: HashMap::new(),
            marks: Marks::new(link),
            current: None,
            old: None,
            opening: None,
            opened: 0,
        }
    }

    /// Until the connection is lost.
    pub(super) async fn run(mut self) -> Result<(), ConnectError> {
        self.since = self.link.cursor(&self.heard)?;
        // Where we have read to is another bot's: what was said before this one's first start is nobody's business.
        let is_new = self.since.is_none() && !self.link.cursors(HEARD)?.is_empty();
        if let (None, Some(now)) = (&self.since, self.slack.client.now()) {
            self.link.save_cursor(&self.heard, &now).await?;
        }
        let first = open(self.slack, Duration::ZERO).await?;
        if first.others > 0 {
            warn!(
                channel = "slack",
                others = first.others,
                "other programs are connected with this Slack app's tokens; each event comes to one of us only"
            );
        }
        if self.slack.was_away() && !is_new {
            self.catch_up(Duration::ZERO)?;
        }
        self.stands(first.socket);
        loop {
            if let Some(began) = self.began.take_if(|_| self.missed.is_done() && self.caught == 0)
                && !self.intake.lost
            {
                self.marks.note(vec![(self.heard.clone(), long_before(&began))], None).await;
            }
            tokio::select! {
                Some(frame) = next(&mut self.current) => match self.frame(true, frame).await {
                    Ok(Then::GoOn) => {}
                    Ok(Then::Renew) => self.renew(Duration::ZERO),
                    Err(error) => self.lost(error)?,
                },
                frame = next(&mut self.old) => match frame {
                    Some(frame) => if self.frame(false, frame).await.is_err() {
                        self.old = None;
                    },
                    None => self.leave().await,
                },
                opened = opening(&mut self.opening) => {
                    self.opening = None;
                    match opened {
                        Ok(next) => self.stands(next.socket),
                        Err(error @ ConnectError::Refused { .. }) => return Err(error),
                        Err(error) if self.current.is_none() => return Err(error),
                        Err(error) => {
                            warn!(channel = "slack", %error, "the next connection can't be made yet");
                            self.renew(AGAIN);
                        }
                    }
                }
                due = self.intake.due() => self.settled(due).await,
                found = self.missed.next() => match found {
                    Found::Nothing => self.release_others(),
                    Found::Places(whole, hint) => self.listed(whole, hint),
                    Found::Chat(caught) => self.caught(&caught),
                },
                () = self.marks.save(), if self.is_whole() => {}
                () = sleep_until(self.look), if !self.is_whole() || self.intake.lost => self.look_again()?,
            }
        }
    }

    fn catch_up(&mut self, pause: Duration) -> Result<(), ConnectError> {
        self.missed = CatchUp::new(self.slack, self.link, &self.reader.me, self.since.clone(), pause)?;
        (self.caught, self.intake.lost) = (0, false);
        self.began = self.slack.client.now();
        Ok(())
    }

    /// Slack did not answer, or there was no room for what came or was found: what will never be settled is looked for again.
    fn look_again(&mut self) -> Result<(), ConnectError> {
        self.look = Instant::now() + AGAIN;
        // What Slack sends again by itself comes within that time, and a burst is not made larger.
        let is_quiet = self.came.elapsed() >= Duration::from_secs(SENT_AGAIN);
        if self.missed.is_done() && self.intake.is_settled() && (self.caught > 0 || is_quiet) {
            let pause = self.pause.next();
            self.since = self.link.cursor(&self.heard)?;
            self.catch_up(pause)?;
        }
        Ok(())
    }

    /// Whether nothing is left of what was missed. Until then no mark is moved: the next connection has to begin where this one did.
    fn is_whole(&self) -> bool {
        self.missed.is_done() && self.caught == 0
    }

    /// It is known where to look: what comes in elsewhere need not wait any more.
    fn listed(&mut self, whole: bool, hint: Option<String>) {
        self.caught += usize::from(!whole);
        self.link.hint(hint.clone());
        *lock(&self.slack.hint) = hint;
        self.release_others();
    }

    fn release_others(&mut self) {
        let chats: Vec<String> = self.late.keys().cloned().collect();
        for chat in chats {
            if !self.missed.awaits(&chat) {
                self.release(&chat);
            }
        }
    }

    fn release(&mut self, chat: &str) {
        for (event, ticket) in self.late.remove(chat).unwrap_or_default() {
            self.intake.take(event, ticket);
        }
    }

    fn caught(&mut self, caught: &Caught) {
        // What is not whole is tried again: it counts as never settled.
        self.caught += usize::from(!caught.whole);
        for event in &caught.events {
            if let Read::Event(event) = self.reader.event(event) {
                self.caught += 1;
                self.intake.take(event, Ticket { connection: FETCHED, envelope: String::new() });
            }
        }
        self.release(&caught.chat);
    }

    async fn settled(&mut self, mut due: Due) {
        // Where something is not written down, not everything was heard.
        if self.intake.lost || !self.intake.is_settled() {
            due.marks.retain(|(name, _)| *name != self.heard);
        }
        let since = self.since.as_deref().filter(|_| !self.is_whole());
        self.marks.note(due.marks, since).await;
        if due.ticket.connection == FETCHED {
            self.caught = self.caught.saturating_sub(1);
        } else {
            self.acknowledge(&due.ticket).await;
        }
    }

    fn stands(&mut self, socket: Socket) {
        self.opened += 1;
        self.link.connected(&self.account);
        self.link.hint(lock(&self.slack.hint).clone());
        let until = Instant::now() + LEAVING;
        self.old = self.current.take().map(|old| Connection { until: Some(until), ..old });
        self.current = Some(Connection { number: self.opened, socket, until: None });
    }

    fn renew(&mut self, pause: Duration) {
        if self.opening.is_none() {
            self.opening = Some(Box::pin(open(self.slack, pause)));
        }
    }

    /// The connection is gone. That is no loss while the next one is being made.
    fn lost(&mut self, error: ConnectError) -> Result<(), ConnectError> {
        self.current = None;
        match error {
            ConnectError::Lost { .. } if self.opening.is_some() => Ok(()),
            error => Err(error),
        }
    }

    async fn leave(&mut self) {
        if let Some(mut old) = self.old.take() {
            old.socket.close(1000).await;
        }
    }

    async fn frame(
        &mut self,
        is_current: bool,
        frame: Result<Frame, NetError>,
    ) -> Result<Then, ConnectError> {
        let text = match frame? {
            Frame::Text(text) => text,
            Frame::Binary(_) | Frame::Pong => String::new(),
            Frame::Close(code, _) => {
                return Err(ConnectError::lost(format!("Slack closed the connection ({code})")));
            }
        };
        self.link.alive();
        if self.is_whole() {
            self.slack.hears();
        }
        if text.is_empty() {
            return Ok(Then::GoOn);
        }
        let frame: Text = match serde_json::from_str::<Value>(&text).and_then(wire::read) {
            Ok(frame) => frame,
            Err(error) => {
                warn!(channel = "slack", %error, "a frame can't be read");
                return Ok(Then::GoOn);
            }
        };
        let connection = if is_current { &self.current } else { &self.old };
        let connection = connection.as_ref().map_or(0, |connection| connection.number);
        match frame.kind.as_str() {
            "hello" => {}
            "disconnect" => return self.disconnect(&frame.reason, is_current),
            kind if !frame.envelope_id.is_empty() => {
                let ticket = Ticket { connection, envelope: frame.envelope_id };
                self.envelope(kind, frame.payload, ticket).await;
            }
            kind => debug!(channel = "slack", kind, "a frame of a kind that is not known"),
        }
        Ok(Then::GoOn)
    }

    fn disconnect(&self, reason: &str, is_current: bool) -> Result<Then, ConnectError> {
        info!(channel = "slack", reason, "Slack asks to leave the connection");
        match reason {
            "link_disabled" => Err(ConnectError::Later {
                after: SWITCHED_OFF,
                reason: "Socket Mode is switched off for this Slack app: switch it on at api.slack.com/apps, under Socket Mode"
                    .to_owned(),
            }),
            "too_many_websockets" => Err(ConnectError::Later {
                after: TOO_MANY,
                reason: "this Slack app has too many connections: is another gateway running with its tokens?".to_owned(),
            }),
            _ if is_current => Ok(Then::Renew),
            _ => Ok(Then::GoOn),
        }
    }

    async fn envelope(&mut self, kind: &str, payload: Value, ticket: Ticket) {
        self.came = Instant::now();
        let read = match kind {
            "events_api" => {
                wire::read::<Callback>(payload).map(|callback| self.reader.event(&callback.event))
            }
            "slash_commands" => wire::read::<Slash>(payload).map(|slash| self.reader.slash(&slash)),
            _ => Ok(Read::Nothing),
        };
        match read {
            // For a command Slack waits three seconds.
            Ok(Read::Event(event)) if kind == "events_api" && self.missed.awaits(&event.address().chat) => {
                let all: usize = self.late.values().map(Vec::len).sum();
                let late = self.late.entry(event.address().chat.clone()).or_default();
                if late.len() < LATE && all < ALL_LATE {
                    late.push((event, ticket));
                } else {
                    self.intake.lost = true;
                }
            }
            Ok(Read::Event(event)) => self.intake.take(event, ticket),
            Ok(Read::Pane(thread, user)) => {
                if self.link.may_talk(&user, &thread.chat) {
                    self.intake.after(greeting::greet(self.slack, thread), ticket);
                } else {
                    self.acknowledge(&ticket).await;
                }
            }
            Ok(Read::Nothing) => self.acknowledge(&ticket).await,
            Err(error) => {
                warn!(channel = "slack", kind, %error, "an event can't be read and is left out");
                self.acknowledge(&ticket).await;
            }
        }
    }

    /// Says that we have it. When its connection is gone nothing is said: it comes again, and is known.
    async fn acknowledge(&mut self, ticket: &Ticket) {
        let of = |connection: &&mut Connection| connection.number == ticket.connection;
        let Some(connection) =
            [&mut self.current, &mut self.old].into_iter().filter_map(Option::as_mut).find(of)
        else {
            return;
        };
        let ack = json!({"envelope_id": ticket.envelope}).to_string();
        if let Err(error) = connection.socket.send(ack).await {
            // The next read of it says so as well, and ends it.
            debug!(channel = "slack", %error, "an envelope could not be acknowledged");
        }
    }
}
