//! The gateway: <https://docs.discord.com/developers/events/gateway>.

use std::{collections::VecDeque, sync::Arc};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::time::{Duration, Instant, sleep_until};
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};

use super::{
    Shared,
    session::{Order, Session, Stage, Trouble},
    state::{GUILDS, MESSAGE_CONTENT, State},
};
use crate::Socket;

/// Every intent there is.
const INTENTS: u64 = ((1 << 17) - 1) | 0b11 << 20 | 0b11 << 24;
/// `GUILD_MEMBERS`, `GUILD_PRESENCES`: this app has them not.
const PRIVILEGED: u64 = 1 << 1 | 1 << 8;
/// Largest event that a client may send, in bytes.
const EVENT: usize = 4096;
/// Most events that a client may send in a minute.
const EVENTS: usize = 120;

/// The connection is over.
struct Over;

/// The server's end of one connection.
struct Line {
    shared: Arc<Shared>,
    number: u64,
    socket: Socket,
    compressed: bool,
    begun: bool,
    identified: bool,
    beat: Instant,
    received: VecDeque<Instant>,
}

pub(super) async fn talk(shared: Arc<Shared>, socket: Socket, query: String) {
    let number = shared.state().connect();
    let compressed = query.contains("compress=zlib-stream");
    let mut line = Line {
        shared: Arc::clone(&shared),
        number,
        socket,
        compressed,
        begun: false,
        identified: false,
        beat: Instant::now(),
        received: VecDeque::new(),
    };
    let _ = if query.contains("v=10") { line.run().await } else { line.close(4012).await };
    shared.change(|state| state.connections.remove(&number));
}

impl Line {
    async fn run(&mut self) -> Result<(), Over> {
        self.trouble(Stage::Connected).await?;
        let interval = self.shared.state().heartbeat;
        self.say(&json!({"op": 10, "s": null, "t": null, "d": {"heartbeat_interval": interval.as_millis() as u64}})).await?;
        self.trouble(Stage::Hello).await?;
        let shared = Arc::clone(&self.shared);
        loop {
            let changed = shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            loop {
                let due = self.shared.state().due(self.number);
                match due {
                    Some(Order::Say(event)) => {
                        self.say(&event).await?;
                        match event["t"].as_str() {
                            Some("READY") => self.trouble(Stage::Ready).await?,
                            Some("RESUMED") => self.trouble(Stage::Resumed).await?,
                            Some("MESSAGE_CREATE") => self.trouble(Stage::Message).await?,
                            _ => {}
                        }
                    }
                    Some(Order::Close(code)) => return self.close(code).await,
                    Some(Order::Cut) => return Err(Over),
                    None => break,
                }
            }
            let half_open = self.shared.state().connection(self.number).half_open;
            tokio::select! {
                frame = self.socket.next(), if !half_open => match frame {
                    Some(Ok(Message::Text(text))) => self.event(&text).await?,
                    Some(Ok(Message::Close(frame))) => {
                        let code = frame.map_or(1005, |frame| u16::from(frame.code));
                        self.left(code);
                        return Err(Over);
                    }
                    Some(Ok(Message::Binary(_))) => return self.close(4002).await,
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Err(Over),
                },
                () = &mut changed => {}
                // Discord gives a client some time more than it asked for.
                () = sleep_until(self.beat + interval.mul_f64(1.5)), if !half_open => return self.close(4000).await,
            }
        }
    }

    /// A client that says goodbye has no session any more.
    fn left(&self, code: u16) {
        let mut state = self.shared.state();
        if matches!(code, 1000 | 1001)
            && let Some(session) = state.connection(self.number).session.clone()
        {
            state.sessions.remove(&session);
        }
    }

    async fn event(&mut self, text: &str) -> Result<(), Over> {
        let now = Instant::now();
        self.received.retain(|at| *at + Duration::from_secs(60) > now);
        self.received.push_back(now);
        {
            let mut state = self.shared.state();
            state.pace = state.pace.max(self.received.len());
        }
        if self.received.len() > EVENTS {
            return self.close(4008).await;
        }
        let Some(event) = serde_json::from_str::<Value>(text).ok().filter(|_| text.len() <= EVENT) else {
            return self.close(4002).await;
        };
        match event["op"].as_u64() {
            Some(1) => {
                self.trouble(Stage::Heartbeat).await?;
                self.beat = now;
                if self.shared.state().connection(self.number).zombie {
                    return Ok(());
                }
                let slow = self.shared.state().slow;
                if !slow.is_zero() {
                    tokio::time::sleep(slow).await;
                }
                self.say(&json!({"op": 11, "d": null, "s": null, "t": null})).await
            }
            Some(2) if self.identified => self.close(4005).await,
            Some(2) => {
                self.trouble(Stage::Identify).await?;
                let done = self.identify(&event["d"]);
                self.shared.changed.notify_waiters();
                self.settle(done).await
            }
            Some(6) => {
                self.trouble(Stage::Resume).await?;
                let done = self.resume(&event["d"]);
                self.shared.changed.notify_waiters();
                self.settle(done).await
            }
            Some(3 | 4 | 8 | 31 | 43) if self.identified => Ok(()),
            Some(3 | 4 | 8 | 31 | 43) => self.close(4003).await,
            _ => self.close(4001).await,
        }
    }

    async fn settle(&mut self, done: Result<(), Option<u16>>) -> Result<(), Over> {
        match done {
            Ok(()) => {
                self.identified = true;
                Ok(())
            }
            Err(Some(code)) => self.close(code).await,
            Err(None) => self.say(&json!({"op": 9, "d": false, "s": null, "t": null})).await,
        }
    }

    /// `Err(None)`: the session is invalid.
    fn identify(&self, data: &Value) -> Result<(), Option<u16>> {
        let mut state = self.shared.state();
        if state.is_wrong(data) {
            return Err(Some(4004));
        }
        let intents = data["intents"].as_u64().ok_or(Some(4013))?;
        if intents & !INTENTS != 0 {
            return Err(Some(4013));
        }
        if intents & PRIVILEGED != 0 || (intents & MESSAGE_CONTENT != 0 && !state.content_allowed) {
            return Err(Some(4014));
        }
        if data["properties"].as_object().is_none() {
            return Err(Some(4002));
        }
        state.identifies = state.identifies.checked_sub(1).ok_or(None)?;
        state.identified += 1;
        let id = format!("{:016x}{:016x}", state.clock.id(), state.opened);
        let mut session = Session { intents, events: Vec::new(), connection: self.number };
        let guilds: Vec<u64> = state.guilds.keys().copied().collect();
        let unavailable: Vec<Value> =
            guilds.iter().map(|id| json!({"id": id.to_string(), "unavailable": true})).collect();
        session.push("READY", &json!({
            "v": 10, "user": state.me.json(), "guilds": unavailable, "session_id": id, "session_type": "normal",
            "resume_gateway_url": format!("{}/ws-resume", state.url.replace("http://", "ws://")), "shard": [0, 1],
            "application": {"id": super::APPLICATION.to_string(), "flags": 0}, "private_channels": [],
            "user_settings": {}, "relationships": [], "presences": [], "guild_join_requests": [], "geo_ordered_rtc_regions": [],
        }));
        if intents & GUILDS != 0 {
            for guild in guilds {
                session.push("GUILD_CREATE", &state.guild_json(guild));
            }
        }
        state.sessions.insert(id.clone(), session);
        let connection = state.connection(self.number);
        (connection.session, connection.sent) = (Some(id), 0);
        Ok(())
    }

    fn resume(&self, data: &Value) -> Result<(), Option<u16>> {
        let mut state = self.shared.state();
        if state.is_wrong(data) {
            return Err(Some(4004));
        }
        let seq = data["seq"].as_u64().unwrap_or_default() as usize;
        let id = data["session_id"].as_str().unwrap_or_default().to_owned();
        let number = self.number;
        let session = state.sessions.get_mut(&id).ok_or(None)?;
        if seq > session.events.len() {
            return Err(Some(4007));
        }
        session.connection = number;
        session.push("RESUMED", &json!({"_trace": []}));
        state.resumed += 1;
        let connection = state.connection(number);
        (connection.session, connection.sent) = (Some(id), seq);
        Ok(())
    }

    async fn trouble(&mut self, stage: Stage) -> Result<(), Over> {
        let trouble = self.shared.state().trouble(stage);
        match trouble {
            None => Ok(()),
            Some(Trouble::Cut) => Err(Over),
            Some(Trouble::Close(code)) => self.close(code).await,
            Some(Trouble::Hang) => std::future::pending().await,
            Some(Trouble::Garbage) => self.write("{\"op\": 0, \"t\": ".to_owned()).await,
        }
    }

    async fn close(&mut self, code: u16) -> Result<(), Over> {
        // Some codes end the session with the connection.
        if matches!(code, 4004 | 4007 | 4009..=4014) {
            let mut state = self.shared.state();
            if let Some(session) = state.connection(self.number).session.clone() {
                state.sessions.remove(&session);
            }
        }
        let _ = self.socket.close(Some(CloseFrame { code: code.into(), reason: reason(code).into() })).await;
        // The client's goodbye.
        let _ = tokio::time::timeout(Duration::from_secs(5), self.socket.next()).await;
        Err(Over)
    }

    async fn say(&mut self, event: &Value) -> Result<(), Over> {
        self.write(event.to_string()).await
    }

    async fn write(&mut self, text: String) -> Result<(), Over> {
        let message = if self.compressed {
            Message::binary(self.deflate(text.as_bytes()))
        } else {
            Message::text(text)
        };
        self.socket.send(message).await.map_err(|_| Over)
    }

    /// `zlib-stream`, with blocks that are stored as they are (RFC 1950, RFC 1951 section 3.2.4), and an empty one at the end.
    fn deflate(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = if std::mem::replace(&mut self.begun, true) { Vec::new() } else { vec![0x78, 0x01] };
        for block in bytes.chunks(usize::from(u16::MAX)).chain([&[][..]]) {
            let length = block.len() as u16;
            out.push(0);
            out.extend(length.to_le_bytes());
            out.extend((!length).to_le_bytes());
            out.extend(block);
        }
        out
    }
}

impl State {
    fn is_wrong(&self, data: &Value) -> bool {
        let token = data["token"].as_str().unwrap_or_default();
        self.revoked || token.strip_prefix("Bot ").unwrap_or(token) != self.token
    }
}

fn reason(code: u16) -> &'static str {
    match code {
        4000 => "Unknown error.",
        4001 => "Unknown opcode.",
        4002 => "Error while decoding payload.",
        4003 => "Not authenticated.",
        4004 => "Authentication failed.",
        4005 => "Already authenticated.",
        4007 => "Invalid seq.",
        4008 => "You are being rate limited.",
        4009 => "Session timed out.",
        4012 => "Invalid API version.",
        4013 => "Invalid intent(s).",
        4014 => "Disallowed intent(s).",
        _ => "",
    }
}
