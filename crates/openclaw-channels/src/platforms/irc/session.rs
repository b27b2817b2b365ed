//! What is said between us and the server, line by line.

use std::collections::BTreeMap;

use futures_util::{SinkExt as _, StreamExt as _};
use openclaw_core::Timestamp;
use tokio::sync::oneshot;
use tokio_util::codec::{Framed, LinesCodec};

use super::{Connection, Irc, Told, line::Line};
use crate::{Address, ConnectError, Event, Inbound, Link, SendError, Sender, sync::lock};

/// Longest line that is read, in bytes: 512 and IRCv3's tags.
const LINE_BYTES: usize = 512 + 8191;

pub(super) async fn next(connection: &mut Connection) -> Result<Line, ConnectError> {
    let text =
        connection.next().await.ok_or_else(|| ConnectError::lost("the server closed the connection"))?;
    Ok(Line::parse(&text.map_err(ConnectError::lost)?))
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

impl Irc {
    /// Connects and registers; the nickname we got.
    pub(super) async fn register(&self) -> Result<(Connection, String), ConnectError> {
        let stream = self.net.stream(&self.host, self.port, self.tls).await?;
        let mut connection = Framed::new(stream, LinesCodec::new_with_max_length(LINE_BYTES));
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
                "433" => {
                    nick.push('_');
                    say(&mut connection, format!("NICK {nick}")).await?;
                }
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
            "PONG" => drop(lock(&self.receipts).remove(line.last()).map(|(_, told)| told.send(Ok(())))),
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
            "JOIN" if ours => drop(session.missing.remove(&word(0).to_lowercase())),
            "KICK" if word(1).eq_ignore_ascii_case(&session.nick) => {
                let reason = format!("{} threw us out: {}", line.nick(), line.last());
                session.missing.insert(word(0).to_lowercase(), reason);
            }
            "ERROR" => return Err(ConnectError::lost(line.last())),
            // Every refusal names what it is about: a room that we wanted to enter, or where a message was to go. Those of nicknames (43x)
            // name one that somebody else has, whom we may be talking with.
            refusal if refusal.starts_with(['4', '5']) && !refusal.starts_with("43") => {
                if let Some(reason) = session.missing.get_mut(&word(1).to_lowercase()) {
                    line.last().clone_into(reason);
                }
                let meant = |_: &String, (to, _): &mut (String, oneshot::Sender<Told>)| {
                    to.eq_ignore_ascii_case(word(1))
                };
                for (_, (_, told)) in lock(&self.receipts).extract_if(meant) {
                    let _ = told.send(Err(SendError::rejected(line.last())));
                }
            }
            _ => {}
        }
        let hints = session.missing.iter().filter(|(_, why)| !why.is_empty());
        let hints: Vec<String> = hints.map(|(room, why)| format!("not in {room}: {why}")).collect();
        link.hint((!hints.is_empty()).then(|| hints.join("; ")));
        Ok(None)
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
