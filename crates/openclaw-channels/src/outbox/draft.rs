//! The messages of one answer: what was sent of it, and what is changed as it grows.

use tokio::time::sleep;
use tracing::{debug, warn};

use super::Outbox;
use crate::{
    adapter::{Resolved, pieces},
    error::SendError,
    journal::{Delivery, JournalError, Part, State},
    limits::{PARTS, PARTS_AT_MOST},
    markup,
    message::{Address, Body, OutFile, Outgoing},
    pause::Pause,
};

/// An answer, as far as it is on the platform.
pub(super) struct Draft<'a> {
    outbox: &'a Outbox,
    pub(super) delivery: Delivery,
    /// What each message shows, rendered; `None`: sent by an earlier process.
    shown: Vec<Option<String>>,
}

/// Why an answer could not be given.
#[derive(Debug)]
pub(super) enum NotGiven {
    /// The platform does not take it.
    Rejected(String),
    /// It became too old before anything of it was sent.
    TooOld,
    /// The journal can't be written: nothing is sent that could not be known again.
    Journal(JournalError),
}

impl From<JournalError> for NotGiven {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

/// One message of an answer.
enum Content<'a> {
    Text { rich: &'a str, plain: String },
    File(&'a OutFile),
}

impl Content<'_> {
    fn body(&self, plain: bool) -> Body<'_> {
        match self {
            Self::Text { plain: text, .. } if plain => Body::Plain(text),
            Self::Text { rich, .. } => Body::Rich(rich),
            Self::File(file) => Body::File(file),
        }
    }

    /// The text of a message that the platform may have twice: it says so, for as long as it is there.
    fn marked(&self, part: &Part) -> Option<String> {
        let Self::Text { plain, .. } = self else { return None };
        let mark = "(Sent again after an interruption; you may have this already.)";
        part.again.then(|| format!("{mark}\n\n{plain}"))
    }
}

impl<'a> Draft<'a> {
    pub(super) fn new(outbox: &'a Outbox, delivery: Delivery) -> Self {
        let shown = vec![None; delivery.parts.len()];
        Self { outbox, delivery, shown }
    }

    pub(super) fn to(&self) -> &Address {
        &self.delivery.to
    }

    pub(super) fn reply_to(&self) -> &str {
        &self.delivery.reply_to
    }

    /// Shows `markdown`, which is not all yet, as far as it goes: what fails now is made good at the end.
    pub(super) async fn show(&mut self, markdown: &str) {
        let mut pieces = self.split(markdown);
        // What a file will hold is not shown piece by piece.
        pieces.truncate(PARTS);
        for (at, piece) in pieces.iter().enumerate() {
            let rich = self.outbox.parts.adapter.render(piece);
            if self.shown.get(at).is_some_and(|shown| shown.as_deref() == Some(&rich)) {
                continue;
            }
            let content = Content::Text { rich: &rich, plain: markup::render(piece, &markup::plain()) };
            let done = match self.delivery.parts.get(at).map(|part| part.id.clone()) {
                Some(Some(_)) => self.edit_once(at, &content).await,
                Some(None) => return,
                None if self.is_too_old() => return,
                None => self.send_once(at, &content).await,
            };
            if let Err(error) = done {
                debug!(channel = &*self.outbox.parts.kind, %error, "a draft was not shown");
                return;
            }
        }
    }

    /// Shows the whole answer. Returns when it is there.
    pub(super) async fn finish(&mut self, markdown: &str) -> Result<(), NotGiven> {
        let (text, mut files) = markup::files(markdown);
        let abilities = self.outbox.parts.adapter.abilities();
        files.retain(|file| file.bytes.len() <= abilities.file_bytes);
        let mut pieces = self.split(&text);
        if pieces.len() > PARTS && text.len() <= abilities.file_bytes {
            // What was shown while it grew stays.
            pieces.truncate(PARTS);
            files.insert(0, whole(text));
        } else if pieces.len() > PARTS_AT_MOST {
            pieces.truncate(PARTS_AT_MOST);
            pieces.push("(The rest is left out: the answer is too long for this chat.)".to_owned());
        }
        for (at, piece) in pieces.iter().enumerate() {
            let rich = self.outbox.parts.adapter.render(piece);
            if self.shown.get(at).is_some_and(|shown| shown.as_deref() == Some(&rich)) {
                continue;
            }
            let content = Content::Text { rich: &rich, plain: markup::render(piece, &markup::plain()) };
            self.place(at, &content).await?;
        }
        // An earlier process may have shown more of an answer that was given again.
        for at in pieces.len()..self.delivery.parts.len() {
            if !self.delivery.parts[at].file {
                self.place(at, &Content::Text { rich: "–", plain: "–".to_owned() }).await?;
            }
        }
        let slots = (0..self.delivery.parts.len()).filter(|at| self.delivery.parts[*at].file);
        let slots: Vec<usize> = slots.collect();
        for (number, file) in files.iter().enumerate() {
            let at = slots.get(number).copied().unwrap_or(self.delivery.parts.len());
            if self.delivery.parts.get(at).is_none_or(|part| part.id.is_none()) {
                self.place(at, &Content::File(file)).await?;
            }
        }
        Ok(())
    }

    fn split(&self, markdown: &str) -> Vec<String> {
        pieces(&*self.outbox.parts.adapter, markdown)
    }

    /// Sees to it that message `at` shows `content`, however long that takes.
    async fn place(&mut self, at: usize, content: &Content<'_>) -> Result<(), NotGiven> {
        let mut pause = Pause::sending();
        let mut plain = false;
        // Whether it may be there already.
        let mut unsure = self.is_announced(at);
        // Whether the platform may know the key already, and show what came with it first: the beginning of what is said now.
        let mut repeated = false;
        loop {
            self.outbox.parts.health.until_connected().await;
            let tried = match self.delivery.parts.get(at).cloned() {
                Some(part @ Part { id: Some(_), .. }) => self.edit(&part, content, plain).await,
                Some(part @ Part { again: false, .. }) => {
                    match self.resolve(&part, content, plain).await {
                        Ok(Resolved::Sent(id)) => {
                            self.keep(at, &id).await?;
                            continue;
                        }
                        Ok(Resolved::NotSent) => {
                            (unsure, repeated) = (false, true);
                            self.send(at, content, plain).await
                        }
                        Ok(Resolved::Unknowable) => {
                            // A person sees one too many, and why.
                            self.delivery.parts[at].again = true;
                            self.save().await?;
                            self.send(at, content, plain).await
                        }
                        Err(error) => Err(error),
                    }
                }
                Some(_) => self.send(at, content, plain).await,
                None if self.is_too_old() => return Err(NotGiven::TooOld),
                None => {
                    self.announce(at, content).await?;
                    self.send(at, content, plain).await
                }
            };
            let error = match tried {
                Ok(id) => {
                    self.keep(at, &id).await?;
                    if std::mem::take(&mut repeated) {
                        continue;
                    }
                    self.remember(at, content);
                    return Ok(());
                }
                Err(error) => error,
            };
            unsure |= matches!(error, SendError::Unknown { .. });
            // What surely did not arrive leaves no question for later.
            if self.is_announced(at) && !unsure {
                self.forget(at).await?;
            }
            match error {
                SendError::Markup { reason } if plain => return Err(NotGiven::Rejected(reason)),
                SendError::Markup { reason } => {
                    debug!(channel = &*self.outbox.parts.kind, reason, "sent without markup");
                    plain = true;
                }
                SendError::Rejected { reason } => return Err(NotGiven::Rejected(reason)),
                // Somebody deleted it: it is sent anew.
                SendError::Gone => self.forget(at).await?,
                SendError::Token { reason } => {
                    self.outbox.parts.died.tell(&reason);
                    // Until somebody mends the token, and this lane ends with its channel.
                    std::future::pending::<()>().await;
                }
                error => {
                    warn!(channel = &*self.outbox.parts.kind, chat = %self.delivery.to, %error, "an answer has to wait");
                    sleep(pause.after(&error)).await;
                }
            }
        }
    }

    async fn edit(&self, part: &Part, content: &Content<'_>, plain: bool) -> Result<String, SendError> {
        let (adapter, Some(id)) = (&self.outbox.parts.adapter, &part.id) else { return Err(SendError::Gone) };
        if matches!(content, Content::File(_)) || adapter.abilities().edits.is_none() {
            return Ok(id.clone());
        }
        let marked = content.marked(part);
        let body = marked.as_deref().map_or_else(|| content.body(plain), Body::Plain);
        adapter.edit(&self.delivery.to, id, body).await.map(|()| id.clone())
    }

    async fn send(&self, at: usize, content: &Content<'_>, plain: bool) -> Result<String, SendError> {
        let adapter = &self.outbox.parts.adapter;
        let Some(part) = self.delivery.parts.get(at) else { return Err(SendError::Gone) };
        let marked = content.marked(part);
        let body = marked.as_deref().map_or_else(|| content.body(plain), Body::Plain);
        adapter.send(self.outgoing(part, body)).await
    }

    async fn resolve(&self, part: &Part, content: &Content<'_>, plain: bool) -> Result<Resolved, SendError> {
        self.outbox.parts.adapter.resolve(self.outgoing(part, content.body(plain))).await
    }

    fn outgoing<'b>(&'b self, part: &'b Part, body: Body<'b>) -> Outgoing<'b> {
        let reply_to = Some(self.delivery.reply_to.as_str()).filter(|id| !id.is_empty());
        Outgoing { to: &self.delivery.to, body, reply_to, key: &part.key }
    }

    /// One attempt at a first message of a draft.
    async fn send_once(&mut self, at: usize, content: &Content<'_>) -> Result<(), SendError> {
        let not_kept = |error: JournalError| SendError::not_sent(error);
        self.announce(at, content).await.map_err(not_kept)?;
        match self.send(at, content, false).await {
            Ok(id) => {
                self.keep(at, &id).await.map_err(not_kept)?;
                self.remember(at, content);
                Ok(())
            }
            Err(error) => {
                // What surely did not arrive leaves no question for later.
                if !matches!(error, SendError::Unknown { .. }) {
                    self.forget(at).await.map_err(not_kept)?;
                }
                Err(error)
            }
        }
    }

    async fn edit_once(&mut self, at: usize, content: &Content<'_>) -> Result<(), SendError> {
        let Some(part) = self.delivery.parts.get(at) else { return Err(SendError::Gone) };
        self.edit(part, content, false).await?;
        self.remember(at, content);
        Ok(())
    }

    fn remember(&mut self, at: usize, content: &Content<'_>) {
        if let Content::Text { rich, .. } = content {
            if self.shown.len() <= at {
                self.shown.resize(at + 1, None);
            }
            self.shown[at] = Some((*rich).to_owned());
        }
    }

    /// Whether message `at` was about to be sent, and has no receipt.
    fn is_announced(&self, at: usize) -> bool {
        self.delivery.parts.get(at).is_some_and(|part| part.id.is_none())
    }

    /// Writes down that message `at` is about to be sent.
    async fn announce(&mut self, at: usize, content: &Content<'_>) -> Result<(), JournalError> {
        let (key, file) = (self.key(at), matches!(content, Content::File(_)));
        self.delivery.parts.push(Part { key, id: None, file, again: false });
        if self.delivery.state == State::Queued {
            self.delivery.state = State::Sending;
        }
        self.save().await
    }

    /// Writes down the receipt.
    async fn keep(&mut self, at: usize, id: &str) -> Result<(), JournalError> {
        let Some(part) = self.delivery.parts.get_mut(at) else { return Ok(()) };
        if part.id.as_deref() == Some(id) {
            return Ok(());
        }
        part.id = Some(id.to_owned());
        self.save().await
    }

    /// Message `at` is not there, and what was said after it is of no use either.
    async fn forget(&mut self, at: usize) -> Result<(), JournalError> {
        self.delivery.parts.truncate(at);
        self.shown.truncate(at);
        self.save().await
    }

    async fn save(&mut self) -> Result<(), JournalError> {
        self.delivery.changed_at = (self.outbox.parts.clock)();
        self.outbox.parts.journal.save(&self.delivery).await
    }

    /// The same for the same message of the same answer, in this process and the next: 22 characters of the run, then the number.
    fn key(&self, at: usize) -> String {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let run = self.delivery.run.map(openclaw_core::RunId::to_bytes).unwrap_or_default();
        format!("{}{at}", URL_SAFE_NO_PAD.encode(run))
    }

    /// Whether the answer, of which nothing is there yet, is too old to come as a surprise.
    pub(super) fn is_too_old(&self) -> bool {
        let age = (self.outbox.parts.clock)().duration_since(self.delivery.asked_at);
        self.delivery.parts.is_empty()
            && self.delivery.state != State::Wanted
            && age > self.outbox.parts.max_age
    }
}

fn whole(text: String) -> OutFile {
    OutFile { name: "answer.md".to_owned(), mime_type: "text/markdown".to_owned(), bytes: text.into() }
}
