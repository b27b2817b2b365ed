//! The gateway, version 10: <https://docs.discord.com/developers/events/gateway>. A session is gone on with before a new one is begun,
//! across connections and across restarts of this process; what a lost session did not tell is asked for.

mod beginning;

use std::{collections::HashMap, time::Duration};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, info, warn};

use self::beginning::Beginning;
use super::{
    Discord, Me, commands,
    convert::Reader,
    directs,
    entrance::{hello, open},
    heart::Heart,
    intake::{Intake, Item, WAITING},
    progress::Progress,
    refusal::{Ending, ending},
    wire::{self, Frame as Event, Gone, Guild, Hello, Interaction, Message, Saved, Session, number},
};
use crate::{
    error::ConnectError,
    link::Link,
    net::{Frame, NetError, Socket},
};

/// What we want to be told of: servers, messages in servers, direct messages, and what messages say.
/// <https://docs.discord.com/developers/events/gateway#list-of-intents>
const INTENTS: u64 = 1 | 1 << 9 | 1 << 12 | 1 << 15;
/// Time between two looks at how far we are.
const SAVE: Duration = Duration::from_secs(1);
/// The close code with which a session stays: anything but 1000 and 1001.
const GO_ON: u16 = 4000;
/// Where the session is kept.
const CURSOR: &str = "session";
/// Kinds of interactions: a command.
const COMMAND: u64 = 2;

/// One connection, from its beginning to its end.
pub(super) async fn run(discord: &Discord, link: &Link) -> Result<(), ConnectError> {
    let me = discord.who().await?;
    link.alive();
    let saved = link.cursor(CURSOR)?.and_then(|saved| serde_json::from_str::<Saved>(&saved).ok());
    let saved = saved.filter(|saved| saved.bot == me.id);
    let saved = saved.unwrap_or_else(|| Saved { bot: me.id.clone(), ..Saved::default() });
    let names = |prefix: &str| -> Result<Vec<(String, String)>, ConnectError> {
        let known = link.cursors(prefix)?;
        Ok(known
            .into_iter()
            .map(|(name, value)| (name.trim_start_matches(prefix).to_owned(), value))
            .collect())
    };
    let directs: HashMap<String, String> = names(&directs::cursor(&me.id, ""))?.into_iter().collect();
    let roles = names("role/")?.into_iter().map(|(_, role)| role).collect();
    let (mut socket, until) = open(discord, &saved).await?;
    let hello: Hello = hello(&mut socket).await?;
    link.alive();
    let reader = Reader { me: me.id.clone(), roles };
    let mut intake = Intake::new(link, discord, reader, directs);
    let seq = saved.session.as_ref().map(|session| session.seq);
    intake.progress = Progress::new(seq.unwrap_or(0), until);
    let heart = Heart::new(hello.heartbeat_interval);
    let mut line = Line {
        discord,
        link,
        me: &me,
        heart,
        seq,
        socket,
        intake,
        beginning: None,
        saved,
        save_at: None,
        full: false,
    };
    if let Some(Session { seq, begins: Some(guilds), .. }) = line.saved.session.clone() {
        line.begin(seq, guilds);
    }
    let ended = line.keep().await;
    // The next connection goes on from here.
    let saved = line.save().await;
    ended.and(saved)
}

struct Line<'a> {
    discord: &'a Discord,
    link: &'a Link,
    me: &'a Me,
    heart: Heart,
    /// The last event that came.
    seq: Option<u64>,
    socket: Socket,
    intake: Intake<'a>,
    beginning: Option<Beginning>,
    saved: Saved,
    save_at: Option<Instant>,
    /// More came than there is room for: what follows is told again by the next connection.
    full: bool,
}

impl Line<'_> {
    async fn keep(&mut self) -> Result<(), ConnectError> {
        let token = self.discord.token.expose();
        let begin = match &self.saved.session {
            Some(session) => {
                json!({"op": 6, "d": {"token": token, "session_id": session.id, "seq": session.seq}})
            }
            None => json!({"op": 2, "d": {
                "token": token, "intents": INTENTS,
                "properties": {"os": std::env::consts::OS, "browser": "openclaw-gateway", "device": "openclaw-gateway"},
            }}),
        };
        self.socket.send(begin.to_string()).await?;
        loop {
            tokio::select! {
                frame = self.socket.next() => if self.frame(frame).await? == Then::Leave {
                    return Ok(());
                },
                beats = self.heart.next() => {
                    if !beats {
                        self.socket.close(GO_ON).await;
                        return Err(ConnectError::lost("Discord does not answer heartbeats"));
                    }
                    self.beat().await?;
                }
                settled = self.intake.work() => {
                    settled?;
                    self.save_at.get_or_insert_with(|| Instant::now() + SAVE);
                    if self.full && self.intake.waiting() <= WAITING / 2 && self.is_further() {
                        self.socket.close(GO_ON).await;
                        return Ok(());
                    }
                }
                () = due(self.save_at) => self.save().await?,
                () = due(self.beginning.as_ref().map(|beginning| beginning.until)) => {
                    warn!(channel = "discord", "some servers are not available");
                    self.begun();
                }
            }
        }
    }

    async fn beat(&mut self) -> Result<(), ConnectError> {
        let beat = json!({"op": 1, "d": self.seq}).to_string();
        Ok(self.socket.send(beat).await?)
    }

    /// Whether the next connection would go on from further than where this session begins: left before that, all that was missed would be
    /// asked for again, and again.
    fn is_further(&self) -> bool {
        let begins = self.saved.session.as_ref().map_or(0, |session| session.seq);
        self.beginning.is_some() || self.intake.progress.seq() >= begins
    }

    /// Keeps how far we are.
    async fn save(&mut self) -> Result<(), ConnectError> {
        self.save_at = None;
        let progress = &self.intake.progress;
        self.saved.until = progress.until();
        if let Some(session) = &mut self.saved.session
            && progress.seq() >= session.seq
        {
            (session.seq, session.begins) = (progress.seq(), None);
        }
        let text = serde_json::to_string(&self.saved).unwrap_or_default();
        self.link.save_cursor(CURSOR, &text).await
    }

    async fn frame(&mut self, frame: Result<Frame, NetError>) -> Result<Then, ConnectError> {
        let text = match frame? {
            Frame::Text(text) => text,
            // What answers pings may be deaf all the same: heartbeats tell.
            Frame::Binary(_) | Frame::Pong => return Ok(Then::GoOn),
            Frame::Close(code, _) => return Err(self.closed(code)),
        };
        self.link.alive();
        self.heart.heard();
        let event: Event = match serde_json::from_str::<Value>(&text).and_then(wire::read) {
            Ok(event) => event,
            Err(error) => {
                // It may have been anything: told again by the next connection, it may be better.
                self.socket.close(GO_ON).await;
                return Err(ConnectError::Lost {
                    reason: format!("a frame of Discord's can't be read: {error}"),
                });
            }
        };
        match event.op {
            0 => self.dispatch(event),
            1 => {
                if self.heart.asked() {
                    self.beat().await?;
                }
            }
            7 => {
                info!(channel = "discord", "Discord asks to connect anew");
                self.socket.close(GO_ON).await;
                return Ok(Then::Leave);
            }
            9 => {
                if event.data != Value::Bool(true) {
                    self.saved.session = None;
                }
                self.socket.close(GO_ON).await;
                // Discord asks for a random time between one and five seconds.
                return Err(ConnectError::Later {
                    after: Duration::from_secs(1) + Duration::from_secs(4).mul_f64(fastrand::f64()),
                    reason: "Discord ended the session; the next one begins".to_owned(),
                });
            }
            11 => self.heart.answered(),
            op => debug!(channel = "discord", op, "an event of a kind that is not known"),
        }
        Ok(Then::GoOn)
    }

    fn closed(&mut self, code: u16) -> ConnectError {
        let Ending { error, session } = ending(code);
        if !session {
            self.saved.session = None;
        }
        error
    }

    fn dispatch(&mut self, event: Event) {
        let Some(seq) = event.seq else { return };
        self.full |= self.intake.waiting() >= WAITING;
        if self.full {
            return;
        }
        self.seq = Some(self.seq.unwrap_or(0).max(seq));
        match event.name.as_str() {
            "READY" => self.ready(read(event), seq),
            "RESUMED" => {
                self.stands();
                self.intake.progress.begin(seq, 0, 0);
            }
            "GUILD_CREATE" => self.guild(&read(event), seq),
            "MESSAGE_CREATE" | "MESSAGE_UPDATE" => self.message(event, seq),
            "MESSAGE_DELETE" | "MESSAGE_DELETE_BULK" => {
                let Gone { id, mut ids, channel_id, .. } = read(event);
                ids.extend(Some(id).filter(|id| !id.is_empty()));
                if self.intake.progress.begin(seq, 0, ids.len()) {
                    ids.into_iter().for_each(|id| self.intake.take(&channel_id, Item::Deleted(id), seq));
                }
            }
            "INTERACTION_CREATE" => self.interaction(read(event), seq),
            "CHANNEL_CREATE" | "CHANNEL_UPDATE" | "THREAD_CREATE" | "THREAD_UPDATE" => {
                self.discord.places.learn(&read(event));
                self.intake.progress.begin(seq, 0, 0);
            }
            "THREAD_LIST_SYNC" => {
                read::<Guild>(event).threads.iter().for_each(|thread| self.discord.places.learn(thread));
                self.intake.progress.begin(seq, 0, 0);
            }
            _ => {
                self.intake.progress.begin(seq, 0, 0);
            }
        }
        self.save_at.get_or_insert_with(|| Instant::now() + SAVE);
    }

    /// The connection stands.
    fn stands(&mut self) {
        self.link.connected(&format!("@{}", self.me.name));
        if !self.discord.registered() {
            let (discord, app) = (self.discord, self.me.app.clone());
            self.intake.courtesy(async move {
                match commands::register(discord, &app).await {
                    Ok(()) => discord.set_registered(),
                    Err(failed) => {
                        warn!(channel = "discord", ?failed, "the slash commands could not be registered")
                    }
                }
            });
        }
    }

    fn message(&mut self, event: Event, seq: u64) {
        let is_new = event.name == "MESSAGE_CREATE";
        let message: Message = read(event);
        let channel = message.channel_id.clone();
        let places = &self.discord.places;
        places.show(&channel);
        if message.channel_type.is_some_and(|kind| !wire::THREADS.contains(&kind)) {
            places.assume(&channel);
        }
        if is_new && message.author.id == self.me.id {
            places.said(&channel, &message.id, &message.message_reference.message_id);
        }
        let made = if is_new { number(&message.id) } else { 0 };
        if self.intake.progress.begin(seq, made, 1) {
            let message = Box::new(message);
            let item = if is_new { Item::Message(message) } else { Item::Edited(message) };
            self.intake.take(&channel, item, seq);
        }
    }

    fn interaction(&mut self, interaction: Interaction, seq: u64) {
        if interaction.kind != COMMAND || interaction.channel_id.is_empty() {
            self.intake.progress.begin(seq, 0, 0);
            return;
        }
        self.discord.places.learn(&interaction.channel);
        if self.intake.progress.begin(seq, 0, 1) {
            let channel = interaction.channel_id.clone();
            self.intake.take(&channel, Item::Command(Box::new(interaction)), seq);
        }
    }
}

/// What comes after a frame.
#[derive(Debug, PartialEq, Eq)]
enum Then {
    GoOn,
    /// The next connection is to be made.
    Leave,
}

/// The data of an event. One that is not as it should be is nobody's business: it has nothing in it then.
fn read<T: DeserializeOwned + Default>(event: Event) -> T {
    match serde_json::from_value(event.data) {
        Ok(data) => data,
        Err(error) => {
            warn!(channel = "discord", event = event.name, %error, "an event can't be read and is left out");
            T::default()
        }
    }
}

async fn due(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
