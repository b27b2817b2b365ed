//! From Slack's events to the engine's.

use openclaw_core::Timestamp;

use super::wire::{self, Message};
use crate::message::{Address, Change, Event, Inbound, RemoteFile, Sender};

/// How events are read.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    /// The bot's user id.
    pub(super) me: String,
    /// Whether a mention in a channel begins a thread of its own.
    pub(super) threads: bool,
}

/// What an event comes to.
#[derive(Debug, PartialEq)]
pub(super) enum Read {
    /// Something for the engine.
    Event(Event),
    /// A pane was opened: its thread, and by whom.
    Pane(Address, String),
    /// Nobody's business.
    Nothing,
}

impl Reader {
    pub(super) fn event(&self, event: &wire::Event) -> Read {
        let message = &event.message;
        match (message.kind.as_str(), message.subtype.as_str()) {
            ("app_mention", _) | ("message", "" | "file_share" | "thread_broadcast" | "me_message") => {
                self.message(event, message)
            }
            ("message", "message_changed") => self.changed(event),
            ("message", "message_deleted") => match &event.previous_message {
                Some(before) => self.deleted(event, before, &event.deleted_ts),
                None => Read::Nothing,
            },
            ("assistant_thread_started", _) => match &event.assistant_thread {
                Some(pane) => {
                    let thread = Some(pane.thread_ts.clone()).filter(|thread| !thread.is_empty());
                    Read::Pane(Address::chat(&*pane.channel_id).in_thread(thread), pane.user_id.clone())
                }
                None => Read::Nothing,
            },
            _ => Read::Nothing,
        }
    }

    /// `/openclaw WORDS`: a command when the first word is one, else something that is said.
    pub(super) fn slash(&self, slash: &wire::Slash) -> Read {
        let words = slash.text.trim();
        let words = if words.is_empty() { "help" } else { words };
        let command = format!("/{}", words.trim_start_matches(['/', '!']));
        let text = if crate::commands::command(&command).is_some() { command } else { self.text(words) };
        Read::Event(Event::Message(Inbound {
            id: slash.trigger_id.clone(),
            address: Address::chat(&*slash.channel_id),
            direct: is_direct(&slash.channel_id, ""),
            addressed: true,
            sender: Sender { id: slash.user_id.clone(), name: slash.user_name.clone(), is_bot: false },
            text,
            files: Vec::new(),
            quoted: None,
            sent_at: None,
        }))
    }

    fn message(&self, event: &wire::Event, message: &Message) -> Read {
        if !self.is_persons(message) || message.ts.is_empty() || event.channel.is_empty() {
            return Read::Nothing;
        }
        let direct = is_direct(&event.channel, &event.channel_type);
        let mention = format!("<@{}", self.me);
        let addressed = direct || message.kind == "app_mention" || message.text.contains(&mention);
        let quoted = message.attachments.iter().find_map(|attachment| {
            let text = if attachment.text.is_empty() { &attachment.fallback } else { &attachment.text };
            (!text.is_empty()).then(|| self.text(text))
        });
        Read::Event(Event::Message(Inbound {
            id: message.ts.clone(),
            address: self.address(&event.channel, direct, &message.ts, &message.thread_ts),
            direct,
            addressed,
            sender: Sender { id: message.user.clone(), name: String::new(), is_bot: false },
            text: self.text(&message.text),
            files: message.files.iter().filter_map(file).collect(),
            quoted,
            sent_at: time(&message.ts),
        }))
    }

    fn changed(&self, event: &wire::Event) -> Read {
        let Some(after) = &event.changed else { return Read::Nothing };
        let before = event.previous_message.as_ref();
        // The root of a thread leaves a stone in its place when it is deleted.
        if after.subtype == "tombstone" {
            return before.map_or(Read::Nothing, |before| self.deleted(event, before, &after.ts));
        }
        // Slack changes messages as well: it shows what is behind their links.
        let same = before.is_some_and(|before| before.text == after.text);
        let (Some(edited), true, false) = (&after.edited, self.is_persons(after), same) else {
            return Read::Nothing;
        };
        let version = edited.ts.clone();
        Read::Event(Event::Edited(self.change(event, after, &after.ts, version, self.text(&after.text))))
    }

    fn deleted(&self, event: &wire::Event, before: &Message, ts: &str) -> Read {
        if !self.is_persons(before) {
            return Read::Nothing;
        }
        let version = event.event_ts.clone();
        Read::Event(Event::Deleted(self.change(event, before, ts, version, String::new())))
    }

    fn change(
        &self,
        event: &wire::Event,
        message: &Message,
        ts: &str,
        version: String,
        text: String,
    ) -> Change {
        let direct = is_direct(&event.channel, &event.channel_type);
        Change {
            id: ts.to_owned(),
            at: time(&version),
            version,
            address: self.address(&event.channel, direct, ts, &message.thread_ts),
            sender: Sender { id: message.user.clone(), ..Sender::default() },
            text,
        }
    }

    fn is_persons(&self, message: &Message) -> bool {
        message.bot_id.is_empty() && !message.user.is_empty() && message.user != self.me
    }

    fn address(&self, channel: &str, direct: bool, ts: &str, thread: &str) -> Address {
        let thread = if !thread.is_empty() && thread != ts {
            Some(thread)
        } else {
            (self.threads && !direct).then_some(ts)
        };
        Address::chat(channel).in_thread(thread.map(str::to_owned))
    }

    /// Slack's text as people see it, without our own mention.
    /// <https://docs.slack.dev/messaging/formatting-message-text>
    fn text(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = self.after_mention(text);
        while let Some((before, after)) = rest.split_once('<') {
            out.push_str(before);
            let Some((inside, after)) = after.split_once('>') else {
                out.push('<');
                rest = after;
                break;
            };
            out.push_str(&self.reference(inside));
            rest = after;
        }
        out.push_str(rest);
        let out = out.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
        out.trim().to_owned()
    }

    /// What follows our own mention at the head, as in `@claw: hello`.
    fn after_mention<'a>(&self, text: &'a str) -> &'a str {
        let mention = text.trim_start().strip_prefix("<@").and_then(|rest| rest.split_once('>'));
        match mention {
            Some((user, rest)) if user.split('|').next() == Some(&self.me) => {
                rest.trim_start_matches([':', ','])
            }
            _ => text,
        }
    }

    /// What stands between angle brackets: `@U1`, `#C1|name`, `!here`, `https://…|label`.
    fn reference(&self, inside: &str) -> String {
        let (target, label) = inside.split_once('|').unwrap_or((inside, ""));
        let named = |mark: &str, id: &str| format!("{mark}{}", if label.is_empty() { id } else { label });
        if let Some(user) = target.strip_prefix('@') {
            return if user == self.me { String::new() } else { named("@", user) };
        }
        if let Some(channel) = target.strip_prefix('#') {
            return named("#", channel);
        }
        if let Some(word) = target.strip_prefix('!') {
            let word = word.split('^').next().unwrap_or_default();
            return if word == "date" {
                label.to_owned()
            } else {
                named(if label.is_empty() { "@" } else { "" }, word)
            };
        }
        if label.is_empty() || target.ends_with(label) {
            target.to_owned()
        } else {
            format!("[{label}]({target})")
        }
    }
}

/// A direct chat of two. (`mpim` is a group.)
fn is_direct(channel: &str, kind: &str) -> bool {
    kind == "im" || (kind.is_empty() && channel.starts_with('D'))
}

fn file(file: &wire::File) -> Option<RemoteFile> {
    if matches!(file.mode.as_str(), "tombstone" | "hidden_by_limit") || file.id.is_empty() {
        return None;
    }
    let urls = [&file.url_private_download, &file.url_private, &file.id];
    Some(RemoteFile {
        name: file.name.clone().unwrap_or_else(|| file.id.clone()),
        mime_type: file.mimetype.clone().unwrap_or_else(|| "application/octet-stream".to_owned()),
        size: file.size,
        handle: urls.into_iter().find(|url| !url.is_empty())?.clone(),
    })
}

/// `SECONDS.MICROSECONDS`.
fn time(ts: &str) -> Option<Timestamp> {
    let (seconds, micros) = ts.split_once('.')?;
    let (seconds, micros): (i64, i64) = (seconds.parse().ok()?, micros.parse().ok()?);
    Some(Timestamp::from_unix_millis(seconds.checked_mul(1000)?.checked_add(micros / 1000)?))
}

#[cfg(test)]
mod tests;
