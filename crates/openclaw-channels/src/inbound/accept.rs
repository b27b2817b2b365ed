//! A message: who wrote it, whether it is a command, and into the log with it.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use openclaw_core::{
    ConversationId, Metadata, RunId, Timestamp,
    limits::{IDEMPOTENCY_KEY_CHARS, MESSAGE_BYTES},
    port::{MemoryError, Submission, SubmitError},
};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::Desk;
use crate::{
    access::Attempt,
    commands::{self, command},
    journal::{Change, ChatKey, Delivery, JournalError, State},
    limits::{GREETING, OVERLOADED, QUOTE_CHARS},
    message::Inbound,
    sync::lock,
};

/// Pause before the log is asked again; doubled up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

const NOT_VALID: &str = "That code is not valid (any more). Please ask for a new one.";

/// Whether the log will never take it.
pub(super) fn is_for_good(error: &MemoryError) -> bool {
    matches!(error, MemoryError::TooLarge { .. } | MemoryError::Invalid { .. })
}

/// What became of a submission.
enum Submitted {
    /// The log has it.
    Run { run: RunId, replayed: bool },
    /// It will not be answered, and its sender knows.
    Told,
}

impl Desk {
    pub(super) async fn message(&self, message: &Inbound) -> Result<(), JournalError> {
        if message.sender.is_bot || !message.addressed {
            return Ok(());
        }
        let chat = &message.address.chat;
        if self.parts.journal.is_seen(&self.parts.kind, chat, &message.id)? {
            return Ok(());
        }
        if !self.parts.access.may_talk(&message.sender.id, chat) {
            return self.stranger(message).await;
        }
        *lock(&self.last_message) = Some((self.parts.clock)());
        let key = self.chat_key(message);
        if let Some(command) = command(&message.text) {
            self.obey(command, message, &key).await?;
            return self.parts.journal.write(vec![self.seen(message), self.received()]).await;
        }
        if message.text.trim().is_empty() && message.files.is_empty() {
            return self.parts.journal.write(vec![self.seen(message)]).await;
        }
        if self.is_backed_up(&key) {
            self.say_busy(message).await;
            return self.parts.journal.write(vec![self.seen(message)]).await;
        }
        let conversation = self.conversation(&key).await?;
        let submission = self.submission(message, conversation).await;
        match self.submit(submission, message).await {
            Submitted::Told => self.parts.journal.write(vec![self.seen(message), self.received()]).await,
            Submitted::Run { run, replayed } => self.accepted(message, &key, run, replayed).await,
        }
    }

    /// The log has the message: from here on its answer is on its way.
    async fn accepted(
        &self,
        message: &Inbound,
        chat: &ChatKey,
        run: RunId,
        replayed: bool,
    ) -> Result<(), JournalError> {
        let mut changes = vec![self.seen(message)];
        let known = replayed && self.parts.journal.delivery(run)?.is_some();
        let delivery = Delivery {
            run: Some(run),
            kind: self.parts.kind.to_string(),
            to: chat.address.clone(),
            user: chat.user.clone(),
            reply_to: message.id.clone(),
            asked_at: (self.parts.clock)(),
            state: State::Queued,
            parts: Vec::new(),
            error: None,
            changed_at: (self.parts.clock)(),
        };
        if !known {
            changes.extend([Change::Delivery(delivery.clone()), self.received()]);
        }
        self.parts.journal.write(changes).await?;
        if !known {
            self.parts.outbox.add(&delivery);
        }
        Ok(())
    }

    /// One polite line, and nothing runs. A text that is the pairing code lets its sender in.
    async fn stranger(&self, message: &Inbound) -> Result<(), JournalError> {
        let now = (self.parts.clock)();
        let attempt = match &self.parts.access.pairing {
            Some(pairing) if message.direct => pairing.attempt(&message.text, now),
            _ => Attempt::NoCode,
        };
        let (text, mut changes) = match attempt {
            Attempt::Right => {
                info!(
                    channel = &*self.parts.kind,
                    user = message.sender.id,
                    name = message.sender.name,
                    "paired"
                );
                let (kind, user) = (Arc::clone(&self.parts.kind), message.sender.id.clone());
                (
                    format!(
                        "Welcome! You're in now.\n\n{}",
                        commands::help(self.parts.adapter.command_mark())
                    ),
                    vec![Change::Paired { kind, user, at: now }],
                )
            }
            Attempt::Wrong => {
                warn!(channel = &*self.parts.kind, user = message.sender.id, "a wrong pairing code");
                (NOT_VALID.to_owned(), Vec::new())
            }
            // Any word of eight letters looks like a code: without one out, it is not worth more than a line a day either.
            Attempt::NoneOut => {
                let who = format!("{}\u{1}code", message.sender.id);
                if self.is_greeted(&who, now)? {
                    return Ok(());
                }
                (
                    NOT_VALID.to_owned(),
                    vec![Change::Greeted { kind: Arc::clone(&self.parts.kind), who, at: now }],
                )
            }
            Attempt::NoCode => {
                let who = if message.direct { &message.sender.id } else { &message.address.chat };
                if self.is_greeted(who, now)? {
                    return Ok(());
                }
                info!(channel = &*self.parts.kind, user = message.sender.id, name = message.sender.name, chat = %message.address, "a stranger wrote");
                let mut text =
                    "Hello! I'm a personal assistant, and only talk with people my owner has let in."
                        .to_owned();
                if self.parts.access.pairing.is_some() && message.direct {
                    text.push_str(" If you have a pairing code, send it to me here.");
                }
                let (kind, who) = (Arc::clone(&self.parts.kind), who.clone());
                (text, vec![Change::Greeted { kind, who, at: now }])
            }
        };
        changes.push(self.seen(message));
        self.parts.journal.write(changes).await?;
        self.parts.notices.say(&message.address, Some(&message.id), &text).await;
        Ok(())
    }

    /// Whether a stranger had their line within a day.
    fn is_greeted(&self, who: &str, now: Timestamp) -> Result<bool, JournalError> {
        let last = self.parts.journal.greeted(&self.parts.kind, who)?;
        let now = u64::try_from(now.unix_millis() / 1000).unwrap_or(0);
        Ok(last.is_some_and(|last| now.saturating_sub(last) < GREETING.as_secs()))
    }

    pub(super) fn received(&self) -> Change {
        Change::Received { kind: Arc::clone(&self.parts.kind), at: (self.parts.clock)() }
    }

    /// The conversation of a chat; kept before anything is said in it, so that a message that comes again finds the same.
    async fn conversation(&self, chat: &ChatKey) -> Result<ConversationId, JournalError> {
        if let Some(known) = self.parts.journal.conversation(&self.parts.kind, chat)? {
            return Ok(known);
        }
        self.new_conversation(chat).await
    }

    pub(super) async fn new_conversation(&self, chat: &ChatKey) -> Result<ConversationId, JournalError> {
        let id = ConversationId::generate();
        let (kind, chat) = (Arc::clone(&self.parts.kind), chat.clone());
        self.parts.journal.write(vec![Change::Conversation { kind, chat, id: id.clone() }]).await?;
        Ok(id)
    }

    async fn submission(&self, message: &Inbound, conversation: ConversationId) -> Submission {
        let (attachments, notes) = self.fetch_all(message).await;
        let mut text = String::new();
        if let Some(quoted) = &message.quoted {
            let cut: String = quoted.chars().take(QUOTE_CHARS).collect();
            text.extend(cut.lines().map(|line| format!("> {line}\n")));
            text.push('\n');
        }
        text.push_str(&message.text);
        for note in notes {
            text.push_str(&format!("\n[{note}]"));
        }
        if text.trim().is_empty() {
            text = "(a file, without words)".to_owned();
        }
        let end = text.floor_char_boundary(MESSAGE_BYTES);
        text.truncate(end);
        let mut extra = Map::new();
        extra.insert("chat".to_owned(), Value::from(message.address.chat.as_str()));
        if let Some(thread) = &message.address.thread {
            extra.insert("thread".to_owned(), Value::from(thread.as_str()));
        }
        extra.insert("message_id".to_owned(), Value::from(message.id.as_str()));
        Submission {
            channel: self.parts.kind.to_string(),
            text,
            conversation: Some(conversation),
            metadata: Metadata {
                user_id: Some(message.sender.id.clone()),
                user_name: Some(message.sender.name.clone()).filter(|name| !name.is_empty()),
                attachments,
                extra,
            },
            idempotency_key: Some(self.idempotency_key(message)),
        }
    }

    /// Names the message among all: a repetition is known by it although the journal was lost.
    fn idempotency_key(&self, message: &Inbound) -> String {
        let (kind, chat, id) = (&self.parts.kind, &message.address.chat, &message.id);
        let key = format!("channel:{kind}:{chat}:{id}");
        let is_plain = key.len() <= IDEMPOTENCY_KEY_CHARS && key.bytes().all(|byte| byte.is_ascii_graphic());
        // A colon in the chat's id could be the one after it: `a:b` and `c` are not `a` and `b:c`.
        if is_plain && !chat.contains(':') {
            return key;
        }
        format!("channel:{kind}:{}", URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{chat}\0{id}"))))
    }

    /// Until the log has it, or it is clear that it won't.
    async fn submit(&self, submission: Submission, message: &Inbound) -> Submitted {
        let (begun, mut pause, mut told) = (Instant::now(), PAUSE, false);
        loop {
            match self.parts.agent.submit(submission.clone()).await {
                Ok(handle) => return Submitted::Run { run: handle.id, replayed: handle.replayed },
                // The same message, changed since: the first one counts.
                Err(SubmitError::KeyReused(run)) => return Submitted::Run { run, replayed: true },
                Err(SubmitError::NoProvider(failure)) => {
                    let text = format!("I can't answer: {}", failure.message);
                    self.parts.notices.say(&message.address, Some(&message.id), &text).await;
                    return Submitted::Told;
                }
                Err(SubmitError::Overloaded { .. }) if begun.elapsed() >= OVERLOADED => {
                    self.say_busy(message).await;
                    return Submitted::Told;
                }
                Err(SubmitError::Overloaded { .. }) => {}
                Err(SubmitError::Memory(error)) => {
                    warn!(channel = &*self.parts.kind, %error, "a message can't be written down");
                    if is_for_good(&error) {
                        let text = format!("I can't take this message: {error}");
                        self.parts.notices.say(&message.address, Some(&message.id), &text).await;
                        return Submitted::Told;
                    }
                    if !told {
                        told = true;
                        let text =
                            "I can't write anything down at the moment. I'll answer as soon as I can again.";
                        self.parts.notices.say(&message.address, Some(&message.id), text).await;
                    }
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}
