//! Edits and deletions of what was said: the log gets a message of its own for each, beside the one that was changed.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use openclaw_core::{ForeignMessage, Role};
use sha2::{Digest as _, Sha256};
use tracing::{debug, warn};

use super::{Desk, accept::is_for_good, key_of};
use crate::{
    journal::{Change as Entry, ChatKey, JournalError},
    message::{Change, Event},
};

impl Desk {
    /// Writes a change down, when it is of a message that the assistant was told.
    pub(super) async fn record(&self, change: &Change, deleted: bool) -> Result<(), JournalError> {
        let (sender, chat) = (&change.sender.id, &change.address.chat);
        // A stranger's message is known, too, by the polite line it got: changing it must not be a way in. A deletion says nothing,
        // and some platforms do not say whose it is.
        let may = (deleted && sender.is_empty()) || self.parts.access.may_talk(sender, chat);
        if !may
            || change.sender.is_bot
            || !self.parts.journal.is_seen(&self.parts.kind, &change.address.chat, &change.id)?
        {
            return Ok(());
        }
        let key =
            key_of(&if deleted { Event::Deleted(change.clone()) } else { Event::Edited(change.clone()) });
        let mark = format!("{}\u{1}{}\u{1}{deleted}", change.id, change.version);
        if self.parts.journal.is_seen(&self.parts.kind, &change.address.chat, &mark)? {
            return Ok(());
        }
        let by_user = Some(change.sender.id.clone()).filter(|id| !id.is_empty());
        let own = ChatKey { address: change.address.clone(), user: by_user };
        let shared = ChatKey { address: change.address.clone(), user: None };
        let known = self.parts.journal.conversation(&self.parts.kind, &own)?;
        let conversation = known.or(self.parts.journal.conversation(&self.parts.kind, &shared)?);
        if let Some(conversation) = conversation {
            let content = if deleted {
                format!("[I deleted my message {}]", change.id)
            } else {
                format!("[I changed my message {}; it reads now:]\n{}", change.id, change.text)
            };
            let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{}\0{key}", self.parts.kind)));
            let message = ForeignMessage {
                conversation,
                channel: self.parts.kind.to_string(),
                role: Role::User,
                content,
                timestamp: change.at.unwrap_or_else(|| (self.parts.clock)()),
                id: format!("change:{digest}").parse().ok(),
            };
            match self.parts.curation.import(vec![message]).await {
                Ok(_) => {
                    debug!(channel = &*self.parts.kind, chat = %change.address, "a change was written down")
                }
                // What comes after it must not wait for it for ever.
                Err(error) if is_for_good(&error) => {
                    warn!(channel = &*self.parts.kind, chat = %change.address, %error, "a change is not written down");
                }
                // Not settled: the platform keeps it, where it keeps anything.
                Err(error) => {
                    return Err(JournalError { file: "the memory log".into(), reason: error.to_string() });
                }
            }
        }
        let (kind, chat) = (Arc::clone(&self.parts.kind), change.address.chat.clone());
        self.parts.journal.write(vec![Entry::Seen { kind, chat, id: mark, at: (self.parts.clock)() }]).await
    }
}
