//! IRC: RFC 2812, with IRCv3's `account-tag` and `message-tags` where the server has them.

mod line;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use openclaw_core::{Timestamp, config::ChannelConfig};
use tokio::{
    sync::{mpsc, oneshot},
    time::{interval, timeout},
};
use tokio_util::codec::{Framed, LinesCodec};

use self::line::Line;
use crate::{
    Abilities, Adapter, Address, Body, ConnectError, Event, Inbound, Key, Limiter, Link, Misconfigured,
    Outgoing, Platform, RemoteFile, Rule, SendError, Sender, Setting, Unit, net::Net, sync::lock,
};

/// What finds this folder.
pub(crate) const PLATFORM: IrcPlatform = IrcPlatform;

/// Time between two of our pings: the answers are the signs of life.
const PING: Duration = Duration::from_secs(3);
/// Longest a server may take to answer the ping that follows a message.
const RECEIPT: Duration = Duration::from_secs(10);
/// What servers usually let pass: five lines at once, then one every two seconds.
const FLOOD: Rule = Rule::new(5, Duration::from_secs(10));
/// Longest line that is read, in bytes: 512 and IRCv3's tags.
const LINE_BYTES: usize = 512 + 8191;

pub(crate) struct IrcPlatform;

impl Platform for IrcPlatform {
    fn name(&self) -> &'static str {
        "irc"
    }

    fn introduction(&self) -> &'static str {
        "An IRC server needs no registration: choose a nickname that is free there.\n\
         allowed_users are accounts (with services) or whole masks like anna!~anna@host.example: nicknames alone anybody can take."
    }

    fn settings(&self) -> &'static [Setting] {
        &[
            Setting {
                key: Key::BaseUrl,
                question: "The server, such as ircs://irc.libera.chat:6697",
                optional: false,
            },
            Setting { key: Key::Option("nick"), question: "The assistant's nickname", optional: false },
            Setting {
                key: Key::Option("channels"),
                question: "Channels to join, separated by commas",
                optional: true,
            },
            Setting { key: Key::Secret("password"), question: "The server's password", optional: true },
        ]
    }

    fn open(&self, config: &ChannelConfig, net: &Net) -> Result<Arc<dyn Adapter>, Misconfigured> {
        let url = reqwest::Url::parse(config.base_url.as_deref().unwrap_or_default()).ok();
        let url = url.filter(|url| matches!(url.scheme(), "irc" | "ircs") && url.host_str().is_some());
        let hint = "`channels.irc.base_url` must be like ircs://irc.libera.chat:6697";
        let url = url.ok_or_else(|| Misconfigured(hint.to_owned()))?;
        let option = |name: &str| config.options.get(name).cloned().unwrap_or_default();
        let (nick, tls) = (option("nick"), url.scheme() == "ircs");
        if nick.contains(|c: char| c.is_whitespace() || c.is_control() || c == ':') {
            return Err(Misconfigured("`channels.irc.options.nick` is no nickname".to_owned()));
        }
        Ok(Arc::new(Irc {
            net: net.clone(),
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port().unwrap_or(if tls { 6697 } else { 6667 }),
            tls,
            nick,
            channels: option("channels").replace(char::is_whitespace, ""),
            password: config.secrets.get("password").cloned(),
            limiter: Limiter::default(),
            out: Mutex::default(),
            receipts: Mutex::default(),
        }))
    }
}

struct Irc {
    net: Net,
    host: String,
    port: u16,
    tls: bool,
    nick: String,
    channels: String,
    password: Option<openclaw_core::Secret>,
    limiter: Limiter,
    /// Into the connection, while there is one.
    out: Mutex<Option<mpsc::Sender<String>>>,
    /// Who waits for the server to have read a line.
    receipts: Mutex<HashMap<String, oneshot::Sender<()>>>,
}

type Connection = Framed<crate::net::Stream, LinesCodec>;

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
fn lost(reason: impl ToString) -> ConnectError {
    ConnectError::Lost { reason: reason.to_string() }
}

impl Irc {
    /// Connects and registers; the nickname we got.
    async fn register(&self) -> Result<(Connection, String), ConnectError> {
        let stream = self.net.stream(&self.host, self.port, self.tls).await?;
        let mut connection = Framed::new(stream, LinesCodec::new_with_max_length(LINE_BYTES));
        let mut nick = self.nick.clone();
        let password = self.password.iter().map(|password| format!("PASS :{}", password.expose()));
        let hello = ["CAP REQ :account-tag", "CAP REQ :message-tags", "CAP END"].map(str::to_owned);
        let names = [format!("NICK {nick}"), format!("USER {nick} 0 * :OpenClaw")];
        for line in password.chain(hello).chain(names) {
            connection.send(line).await.map_err(lost)?;
        }
        loop {
            let text = connection.next().await.ok_or_else(|| lost("the server closed the connection"))?;
            let line = Line::parse(&text.map_err(lost)?);
            match line.command.as_str() {
                "001" => return Ok((connection, line.params.first().cloned().unwrap_or(nick))),
                "PING" => connection.send(format!("PONG :{}", line.last())).await.map_err(lost)?,
                "433" => {
                    nick.push('_');
                    connection.send(format!("NICK {nick}")).await.map_err(lost)?;
                }
                "432" | "464" | "465" => {
                    return Err(ConnectError::Refused {
                        reason: format!("the server refuses us: {}", line.last()),
                    });
                }
                "ERROR" => return Err(lost(line.last())),
                _ => {}
            }
        }
    }

    fn inbound(&self, line: &Line, nick: &str) -> Option<Inbound> {
        let (from, text) = (line.nick(), line.last());
        let direct = line.params.first()?.eq_ignore_ascii_case(nick);
        // Also by the name we wanted, while somebody (our own last connection, perhaps) still has it.
        let meant = [nick, &self.nick].into_iter().find_map(|name| {
            let head = text.get(..name.len()).filter(|head| head.eq_ignore_ascii_case(name))?;
            text[head.len()..].strip_prefix([':', ',']).map(str::trim_start)
        });
        Some(Inbound {
            id: line.tags.get("msgid").cloned().unwrap_or_else(|| {
                // Nothing is ever sent twice here: any name does that no other message has.
                format!("{}-{:08x}", Timestamp::now().unix_millis(), fastrand::u32(..))
            }),
            address: Address::chat(if direct { from } else { line.params.first()? }),
            direct,
            addressed: direct || meant.is_some(),
            sender: Sender {
                id: line.tags.get("account").cloned().unwrap_or_else(|| line.source.clone()),
                name: from.to_owned(),
                is_bot: from.eq_ignore_ascii_case(nick) || line.tags.contains_key("bot"),
            },
            text: meant.unwrap_or(text).to_owned(),
            files: Vec::new(),
            quoted: None,
            sent_at: None,
        })
    }
}

#[async_trait]
impl Adapter for Irc {
    fn abilities(&self) -> Abilities {
        // 512 bytes hold the line break, our mask as the server writes it, the command and the target, too.
        Abilities {
            limit: 380,
            unit: Unit::Bytes,
            edits: None,
            typing: None,
            silence: PING + PING,
            file_bytes: 0,
        }
    }

    /// Clients keep `/` to themselves.
    fn command_mark(&self) -> char {
        '!'
    }

    async fn probe(&self) -> Result<String, ConnectError> {
        let (mut connection, nick) = timeout(RECEIPT, self.register()).await.map_err(lost)??;
        let _ = connection.send("QUIT".to_owned()).await;
        // The name is free when the server closes.
        let closed = async { while let Some(Ok(_)) = connection.next().await {} };
        let _ = timeout(PING, closed).await;
        Ok(nick)
    }

    async fn connect(&self, link: &Link) -> Result<(), ConnectError> {
        let (mut connection, nick) = timeout(RECEIPT, self.register()).await.map_err(lost)??;
        if !self.channels.is_empty() {
            connection.send(format!("JOIN {}", self.channels)).await.map_err(lost)?;
        }
        let (out_tx, mut out) = mpsc::channel(16);
        *lock(&self.out) = Some(out_tx);
        link.connected(&nick);
        let mut ping = interval(PING);
        loop {
            let text = tokio::select! {
                text = connection.next() => text.ok_or_else(|| lost("the server closed the connection"))?.map_err(lost)?,
                Some(line) = out.recv() => { connection.send(line).await.map_err(lost)?; continue }
                _ = ping.tick() => { connection.send("PING :alive".to_owned()).await.map_err(lost)?; continue }
            };
            link.alive();
            let line = Line::parse(&text);
            match line.command.as_str() {
                "PING" => connection.send(format!("PONG :{}", line.last())).await.map_err(lost)?,
                "PONG" => drop(lock(&self.receipts).remove(line.last()).map(|receipt| receipt.send(()))),
                "PRIVMSG" => {
                    if let Some(message) = self.inbound(&line, &nick) {
                        // Nothing here can be asked for again: there is nothing to hold back.
                        drop(link.deliver(Event::Message(message)).await);
                    }
                }
                "ERROR" => return Err(lost(line.last())),
                _ => {}
            }
        }
    }

    /// A ping follows the message: when that is answered, the server has read the message.
    async fn send(&self, message: Outgoing<'_>) -> Result<String, SendError> {
        let away = || SendError::NotSent { reason: "not connected".to_owned() };
        let no_receipt = || SendError::Unknown { reason: "no receipt".to_owned() };
        let (Body::Rich(text) | Body::Plain(text)) = message.body else {
            return Err(SendError::Rejected { reason: "IRC takes no files".to_owned() });
        };
        let out = lock(&self.out).clone().ok_or_else(away)?;
        let target = message.to.chat.replace(char::is_whitespace, "");
        for (at, line) in text.lines().filter(|line| !line.trim().is_empty()).enumerate() {
            self.limiter.pass(&[("lines", FLOOD)]).await;
            let line: String = line.chars().filter(|c| !c.is_control()).collect();
            let sent = out.send(format!("PRIVMSG {target} :{line}")).await;
            // What went before may be there.
            sent.map_err(|_| if at == 0 { away() } else { no_receipt() })?;
        }
        let (read_tx, read) = oneshot::channel();
        lock(&self.receipts).insert(message.key.to_owned(), read_tx);
        let asked = out.send(format!("PING :{}", message.key)).await;
        let answered = asked.is_ok() && matches!(timeout(RECEIPT, read).await, Ok(Ok(())));
        lock(&self.receipts).remove(message.key);
        if answered { Ok(message.key.to_owned()) } else { Err(no_receipt()) }
    }

    async fn edit(&self, _to: &Address, _id: &str, _text: Body<'_>) -> Result<(), SendError> {
        Ok(())
    }

    async fn fetch(&self, _file: &RemoteFile, _limit: usize) -> Result<Bytes, SendError> {
        Err(SendError::Rejected { reason: "IRC has no files".to_owned() })
    }
}
