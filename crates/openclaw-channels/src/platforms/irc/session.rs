//! What is said between us and the server, line by line.

use std::collections::BTreeMap;

use futures_util::{SinkExt as _, StreamExt as _};
use openclaw_core::Timestamp;
use tokio_util::codec::{AnyDelimiterCodec, Framed};

use super::{AGAIN, Connection, Irc, line::Line};
use crate::{Address, ConnectError, Event, Inbound, Link, SendError, Sender, sync::lock};

/// Longest line that is read, in bytes: 512 and IRCv3's tags.
const LINE_BYTES: usize = 512 + 8191;

pub(super) async fn next(connection: &mut Connection) -> Result<Line, ConnectError> {
    let text =
        connection.next().await.ok_or_else(|| ConnectError::lost("the server closed the connection"))?;
    Ok(Line::parse(&String::from_utf8_lossy(&text.map_err(ConnectError::lost)?)))
}

pub(super) async fn say(connection: &mut Connection, line: String) -> Result<(), ConnectError> {
    connection.send(line).await.map_err(ConnectError::lost)
}

/// What changes while a connection stands.
pub(super) struct Session {
    pub(super) nick: String,
    /// Rooms we are not in, and what the server says to that.
    pub(super) missing: BTreeMap<String, String>,
}

impl Session {
    /// Has the owner see which rooms we are not in, and why.
    fn tell(&self, link: &Link) {
        let hints = self.missing.iter().filter(|(_, why)| !why.is_empty());
        let hints: Vec<String> = hints.map(|(room, why)| format!("not in {room}: {why}")).collect();
        link.hint((!hints.is_empty()).then(|| hints.join("; ")));
    }

    /// Enters the rooms we are not in, a few with each line: there is a longest one.
    pub(super) async fn join(&self, connection: &mut Connection) -> Result<(), ConnectError> {
        let rooms: Vec<&str> = self.missing.keys().map(String::as_str).collect();
        for rooms in rooms.chunks(8) {
            say(connection, format!("JOIN {}", rooms.join(","))).await?;
        }
        Ok(())
    }
}

impl Irc {
    /// Connects and registers; the nickname we got.
    pub(super) async fn register(&self) -> Result<(Connection, String), ConnectError> {
        let stream = self.net.stream(&self.host, self.port, self.tls).await?;
        let mut connection = Framed::new(
            stream,
            AnyDelimiterCodec::new_with_max_length(b"\n".to_vec(), b"\r\n".to_vec(), LINE_BYTES),
        );
        let mut nick = self.nick.clone();
        let password = self.password.iter().map(|password| format!("PASS :{}", password.expose()));
        let hello = ["CAP REQ :account-tag", "CAP REQ :message-tags", "CAP END"].map(str::to_owned);
        let names = [format!("NICK {nick}"), format!("USER {nick} 0 * :OpenClaw")];
        for line in password.chain(hello).chain(names) {
            say(&mut connection, line).await?;
        }
        loop {
            let line = next(&mut connection).await?;
            match line.command.as_str() {
                "001" => return Ok((connection, line.params.first().cloned().unwrap_or(nick))),
                "PING" => say(&mut connection, format!("PONG :{}", line.last())).await?,
                "433" | "436" | "437" => {
                    nick.push('_');
                    say(&mut connection, format!("NICK {nick}")).await?;
                }
                // What we made of it because it was taken may be no name here; the wanted one may be free next time.
                "432" if nick != self.nick => return Err(ConnectError::lost(line.last())),
                "432" | "464" | "465" => {
                    return Err(ConnectError::refused(format!("the server refuses us: {}", line.last())));
                }
                "ERROR" => return Err(ConnectError::lost(line.last())),
                _ => {}
            }
        }
    }

    /// Takes a line in; what there is to say to it.
    pub(super) async fn take(
        &self,
        line: &Line,
        session: &mut Session,
        link: &Link,
    ) -> Result<Option<String>, ConnectError> {
        let ours = line.nick().eq_ignore_ascii_case(&session.nick);
        let word = |at: usize| line.params.get(at).map_or("", String::as_str);
        match line.command.as_str() {
            "PING" => return Ok(Some(format!("PONG :{}", line.last()))),
            "PONG" => {
                let read = lock(&self.receipt).take_if(|receipt| receipt.key == line.last());
                drop(read.map(|receipt| receipt.told.send(Ok(()))));
            }
            "PRIVMSG" => {
                if let Some(message) = self.inbound(line, &session.nick) {
                    // Nothing here can be asked for again: there is nothing to hold back.
                    drop(link.deliver(Event::Message(message)).await);
                }
            }
            "NICK" if ours => {
                line.last().clone_into(&mut session.nick);
                link.connected(&session.nick);
            }
            "JOIN" if ours => {
                session.missing.remove(&word(0).to_ascii_lowercase());
                session.tell(link);
            }
            "KICK" if word(1).eq_ignore_ascii_case(&session.nick) => {
                self.out_of(word(0), format!("{} threw us out: {}", line.nick(), line.last()), session);
                session.tell(link);
            }
            // Some services take us out like this.
            "PART" if ours => {
                self.out_of(word(0), "we were made to leave".to_owned(), session);
                session.tell(link);
            }
            "ERROR" => return Err(ConnectError::lost(line.last())),
            // Every refusal names what it is about: a room that we wanted to enter, or where a message was to go.
            refusal if refusal.starts_with(['4', '5']) => {
                if let Some(reason) = session.missing.get_mut(&word(1).to_ascii_lowercase()) {
                    line.last().clone_into(reason);
                    session.tell(link);
                }
                let refused = match refusal {
                    "439" => SendError::Later { after: AGAIN, reason: line.last().to_owned() },
                    // The others are about nicknames: the one we want may be of somebody whom we are talking with.
                    nick if nick.starts_with("43") => return Ok(None),
                    _ => SendError::rejected(line.last()),
                };
                let mut receipt = lock(&self.receipt);
                if let Some(receipt) = receipt.take_if(|receipt| receipt.to.eq_ignore_ascii_case(word(1))) {
                    let _ = receipt.told.send(Err(refused));
                }
            }
            _ => {}
        }
        Ok(None)
    }

    /// Notes that we are not in one of our rooms any more.
    fn out_of(&self, room: &str, why: String, session: &mut Session) {
        if self.channels.iter().any(|ours| ours.eq_ignore_ascii_case(room)) {
            session.missing.insert(room.to_ascii_lowercase(), why);
        }
    }

    fn inbound(&self, line: &Line, nick: &str) -> Option<Inbound> {
        let (from, text) = (line.nick(), line.last());
        let to = line.params.first()?;
        let direct = to.eq_ignore_ascii_case(nick);
        // One room, however it is written: servers don't tell `#Room` from `#room`.
        let room = self.channels.iter().find(|room| room.eq_ignore_ascii_case(to)).unwrap_or(to);
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
            address: Address::chat(if direct { from } else { room }),
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
