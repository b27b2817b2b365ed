//! From Discord's messages to the engine's.

use std::collections::{HashMap, HashSet};

use openclaw_core::Timestamp;

use super::wire::{Attachment, Interaction, Member, Message, User, made_at, number};
use crate::message::{Address, Change, Event, Inbound, RemoteFile, Sender};

/// Kinds of messages that people write: plain ones, and replies.
const WRITTEN: [u64; 2] = [0, 19];

/// How messages are read.
#[derive(Debug, Clone, Default)]
pub(super) struct Reader {
    /// The bot's user id.
    pub(super) me: String,
    /// The roles that are the bot's own: people mention them when they mean it.
    pub(super) roles: HashSet<String>,
}

impl Reader {
    /// What a message comes to; `None`: nobody's business. `last` is our own last message in the channel.
    pub(super) fn message(
        &self,
        message: &Message,
        address: Address,
        direct: bool,
        last: Option<&str>,
    ) -> Option<Event> {
        if !WRITTEN.contains(&message.kind) || !self.is_persons(message) || message.id.is_empty() {
            return None;
        }
        let replied = message.referenced_message.as_deref();
        let mentioned = message.mentions.iter().any(|user| user.id == self.me)
            || message.mention_roles.iter().any(|role| self.roles.contains(role));
        let addressed = direct || mentioned || replied.is_some_and(|replied| replied.author.id == self.me);
        Some(Event::Message(Inbound {
            id: message.id.clone(),
            address,
            direct,
            addressed,
            sender: sender(&message.author, &message.member),
            text: self.text(&message.content, &message.mentions),
            files: message.attachments.iter().map(|file| remote(message, file)).collect(),
            quoted: replied
                .filter(|replied| last != Some(&replied.id))
                .map(|replied| self.quoted(replied))
                .or_else(|| {
                    message.message_snapshots.first().map(|forwarded| self.quoted(&forwarded.message))
                }),
            sent_at: time(&message.id),
        }))
    }

    /// A message that was changed; `None`: not by a person.
    pub(super) fn edited(&self, message: &Message, address: Address) -> Option<Event> {
        // Discord changes messages as well: it shows what is behind their links.
        if message.edited_timestamp.is_empty() || !self.is_persons(message) {
            return None;
        }
        Some(Event::Edited(Change {
            id: message.id.clone(),
            version: message.edited_timestamp.clone(),
            address,
            sender: sender(&message.author, &message.member),
            text: self.text(&message.content, &message.mentions),
            at: message.edited_timestamp.parse().ok(),
        }))
    }

    /// A message that is gone. Discord does not say whose it was.
    pub(super) fn deleted(id: &str, address: Address) -> Event {
        let (sender, text) = (Sender::default(), String::new());
        Event::Deleted(Change { id: id.to_owned(), version: String::new(), address, sender, text, at: None })
    }

    /// A slash command.
    pub(super) fn command(interaction: &Interaction, address: Address) -> Event {
        let direct = interaction.guild_id.is_empty();
        let user = if direct { &interaction.user } else { &interaction.member.user };
        Event::Message(Inbound {
            id: interaction.id.clone(),
            address,
            direct,
            addressed: true,
            sender: sender(user, &interaction.member),
            text: format!("/{}", interaction.data.name),
            files: Vec::new(),
            quoted: None,
            sent_at: time(&interaction.id),
        })
    }

    fn is_persons(&self, message: &Message) -> bool {
        let author = &message.author;
        !author.id.is_empty()
            && author.id != self.me
            && !author.bot
            && !author.system
            && message.webhook_id.is_empty()
    }

    fn quoted(&self, message: &Message) -> String {
        let mut text = self.text(&message.content, &message.mentions);
        for file in &message.attachments {
            text.push_str(&format!("\n[file: {}]", file.filename));
        }
        text.trim().to_owned()
    }

    /// Discord's text as people see it, without our own mention.
    /// <https://docs.discord.com/developers/reference#message-formatting>
    fn text(&self, text: &str, mentions: &[User]) -> String {
        let names: HashMap<&str, &User> = mentions.iter().map(|user| (user.id.as_str(), user)).collect();
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('<') {
            out.push_str(before);
            let seen = after
                .split_once('>')
                .and_then(|(inside, after)| Some((self.reference(inside, &names)?, after)));
            match seen {
                // "@claw, …": it is called by its name.
                Some((shown, after)) if shown.is_empty() && out.trim().is_empty() => {
                    rest = after.trim_start_matches([' ', ',', ':']);
                }
                Some((shown, after)) => {
                    out.push_str(&shown);
                    rest = after;
                }
                None => {
                    out.push('<');
                    rest = after;
                }
            }
        }
        out.push_str(rest);
        out.trim().to_owned()
    }

    /// What stands between angle brackets: `@1`, `@!1`, `@&1`, `:wave:1`, `a:wave:1`. Other things stay as they are.
    fn reference(&self, inside: &str, names: &HashMap<&str, &User>) -> Option<String> {
        let is_id = |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
        if let Some(role) = inside.strip_prefix("@&").filter(|id| is_id(id)) {
            return Some(if self.roles.contains(role) { String::new() } else { format!("@role:{role}") });
        }
        if let Some(user) = inside.strip_prefix('@') {
            let user = user.trim_start_matches('!');
            if !is_id(user) {
                return None;
            }
            let name = names.get(user).map_or(user, |user| shown_name(user));
            return Some(if user == self.me { String::new() } else { format!("@{name}") });
        }
        let (_, emoji) = inside.split_once(':').filter(|(kind, _)| matches!(*kind, "" | "a"))?;
        let (name, id) = emoji.split_once(':')?;
        is_id(id).then(|| format!(":{name}:"))
    }
}

fn shown_name(user: &User) -> &str {
    if user.global_name.is_empty() { &user.username } else { &user.global_name }
}

fn sender(user: &User, member: &Member) -> Sender {
    let name = if member.nick.is_empty() { shown_name(user) } else { &member.nick };
    Sender { id: user.id.clone(), name: name.to_owned(), is_bot: user.bot }
}

/// Links expire after a day: with the ids, a new one can be had.
fn remote(message: &Message, file: &Attachment) -> RemoteFile {
    let kind = file.content_type.split(';').next().unwrap_or_default();
    let kind = if kind.is_empty() { "application/octet-stream" } else { kind };
    RemoteFile {
        name: file.filename.clone(),
        mime_type: kind.to_owned(),
        size: file.size,
        handle: [&message.channel_id, &message.id, &file.id, &file.url].map(String::as_str).join(" "),
    }
}

fn time(id: &str) -> Option<Timestamp> {
    let id = number(id);
    (id > 0).then(|| Timestamp::from_unix_millis(i64::try_from(made_at(id)).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests;
