//! IRC: RFC 2812, with IRCv3's `account-tag` and `message-tags` where the server has them.

mod line;
mod session;
mod settings;

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use async_trait::async_trait;
use futures_util::{SinkExt as _, StreamExt as _};
use openclaw_core::Secret;
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, interval, interval_at, timeout},
};
use tokio_util::codec::{AnyDelimiterCodec, Framed};

use self::{
    session::{Session, next, say},
    settings::IrcPlatform,
};
use crate::{
    Abilities, Adapter, Body, ConnectError, Limiter, Link, Outgoing, Rule, SendError, Unit, net::Net,
    sync::lock,
};

/// What finds this folder.
pub(crate) const PLATFORM: IrcPlatform = IrcPlatform;

/// Time between two of our pings: the answers are the signs of life.
const PING: Duration = Duration::from_secs(3);
/// Longest a server may take to answer the ping that follows a message.
const RECEIPT: Duration = Duration::from_secs(10);
/// Time between two attempts at what others have: a room that does not let us in, the nickname we want.
const AGAIN: Duration = Duration::from_secs(60);
/// What servers usually let pass: five lines at once, then one every two seconds.
const FLOOD: Rule = Rule::new(5, Duration::from_secs(10));

struct Irc {
    net: Net,
    host: String,
    port: u16,
    tls: bool,
    nick: String,
    /// As the owner writes them.
    channels: Vec<String>,
    password: Option<Secret>,
    limiter: Limiter,
    /// Into the connection, while there is one.
    out: Mutex<Option<mpsc::Sender<String>>>,
    /// Who waits for the server to have read a message.
    receipt: Mutex<Option<Receipt>>,
    /// One message at a time: what the server says names no more than where a message was to go. Not a chat but the server is waited for.
    turn: tokio::sync::Mutex<()>,
}

struct Receipt {
    key: String,
    to: String,
    told: oneshot::Sender<Result<(), SendError>>,
}

/// Lines as bytes: a server that cuts a long one may cut it within a character.
type Connection = Framed<crate::net::Stream, AnyDelimiterCodec>;

#[async_trait]
impl Adapter for Irc {
    fn abilities(&self) -> Abilities {
        // 512 bytes hold the line break, our mask as the server writes it, the command and the target, too.
        let (limit, unit, silence) = (380, Unit::Bytes, PING + PING);
        Abilities { limit, unit, silence, edits: None, typing: None, file_bytes: 0 }
    }

    /// Clients keep `/` to themselves.
    fn command_mark(&self) -> char {
        '!'
    }

    async fn probe(&self) -> Result<String, ConnectError> {
        let (mut connection, nick) =
            timeout(RECEIPT, self.register()).await.map_err(ConnectError::lost)??;
        let _ = connection.send("QUIT".to_owned()).await;
        // The name is free when the server closes.
        let closed = async { while let Some(Ok(_)) = connection.next().await {} };
        let _ = timeout(PING, closed).await;
        Ok(nick)
    }

    async fn connect(&self, link: &Link) -> Result<(), ConnectError> {
        let (mut connection, nick) =
            timeout(RECEIPT, self.register()).await.map_err(ConnectError::lost)??;
        let missing: BTreeMap<_, _> =
            self.channels.iter().map(|room| (room.to_ascii_lowercase(), String::new())).collect();
        let mut session = Session { nick, missing };
        // Before any answer: it may be for one of these rooms.
        session.join(&mut connection).await?;
        *lock(&self.receipt) = None;
        let (out_tx, mut out) = mpsc::channel(16);
        *lock(&self.out) = Some(out_tx);
        link.connected(&session.nick);
        let (mut ping, mut again) = (interval(PING), interval_at(Instant::now() + AGAIN, AGAIN));
        loop {
            tokio::select! {
                line = next(&mut connection) => {
                    link.alive();
                    if let Some(answer) = self.take(&line?, &mut session, link).await? {
                        say(&mut connection, answer).await?;
                    }
                }
                Some(line) = out.recv() => say(&mut connection, line).await?,
                _ = ping.tick() => say(&mut connection, "PING :alive".to_owned()).await?,
                _ = again.tick() => {
                    session.join(&mut connection).await?;
                    if session.nick != self.nick {
                        say(&mut connection, format!("NICK {}", self.nick)).await?;
                    }
                }
            }
        }
    }

    /// A ping follows the message: when that is answered, the server has read the message, and has refused what it does not take.
    async fn send(&self, message: Outgoing<'_>) -> Result<String, SendError> {
        let no_receipt = || SendError::unknown("no receipt");
        let (Body::Rich(text) | Body::Plain(text)) = message.body else {
            return Err(SendError::rejected("IRC takes no files"));
        };
        let out = lock(&self.out).clone().ok_or_else(|| SendError::not_sent("not connected"))?;
        let target = message.to.chat.replace(char::is_whitespace, "");
        let _turn = self.turn.lock().await;
        let (told, receipt) = oneshot::channel();
        *lock(&self.receipt) = Some(Receipt { key: message.key.to_owned(), to: target.clone(), told });
        let sending = async {
            for (at, line) in text.lines().filter(|line| !line.trim().is_empty()).enumerate() {
                self.limiter.pass(&[("lines", FLOOD)]).await;
                let line: String = line.chars().filter(|c| !c.is_control()).collect();
                let sent = out.send(format!("PRIVMSG {target} :{line}")).await;
                // What went before may be there.
                sent.map_err(|_| if at == 0 { SendError::not_sent("not connected") } else { no_receipt() })?;
            }
            out.send(format!("PING :{}", message.key)).await.map_err(|_| no_receipt())?;
            timeout(RECEIPT, receipt).await.ok().and_then(Result::ok).unwrap_or_else(|| Err(no_receipt()))
        };
        sending.await.map(|()| message.key.to_owned())
    }
}
