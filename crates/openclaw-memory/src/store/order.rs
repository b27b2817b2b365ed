//! What is on its way into the log but not yet in the projections. Checks and queueing happen under one lock, so that two
//! writers can't both find that they are first.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use openclaw_core::RunId;
use tokio::sync::watch;

use crate::record::{ConvKey, IdempotencyMark};

/// What only one record at a time may be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Claim {
    /// An idempotency key, by its hash.
    Key([u8; 16]),
    /// The end of a run.
    End(RunId),
}

/// Closed when the record that claims is committed or failed.
pub(super) type Settled = watch::Receiver<()>;

#[derive(Debug, Default)]
pub(super) struct InFlight {
    claims: HashMap<Claim, Settled>,
    erasing: HashSet<ConvKey>,
}

/// The records in flight.
#[derive(Debug, Default)]
pub(super) struct Order {
    in_flight: Mutex<InFlight>,
}

/// Holds a claim. It travels with its record through the log, so the claim ends when the projections know the record, or
/// when it is sure never to be written, even if nobody waits for it any more.
#[derive(Debug)]
pub(super) struct Held {
    order: Arc<Order>,
    claim: Claim,
    /// Its end wakes whoever waits.
    _settle: watch::Sender<()>,
}

impl Order {
    pub(super) fn lock(&self) -> MutexGuard<'_, InFlight> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InFlight {
    /// Takes the claim, or says what to wait for.
    pub(super) fn claim(&mut self, order: &Arc<Order>, claim: Claim) -> Result<Held, Settled> {
        if let Some(settled) = self.claims.get(&claim) {
            return Err(settled.clone());
        }
        let (settle, settled) = watch::channel(());
        self.claims.insert(claim, settled);
        Ok(Held { order: Arc::clone(order), claim, _settle: settle })
    }

    pub(super) fn is_claimed(&self, claim: Claim) -> bool {
        self.claims.contains_key(&claim)
    }

    /// Refuses further records of a conversation's runs until [`InFlight::erased`].
    pub(super) fn erase(&mut self, conversation: &ConvKey) {
        self.erasing.insert(conversation.clone());
    }

    pub(super) fn erased(&mut self, conversation: &ConvKey) {
        self.erasing.remove(conversation);
    }

    pub(super) fn is_erasing(&self, conversation: &ConvKey) -> bool {
        self.erasing.contains(conversation)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.order.lock().claims.remove(&self.claim);
    }
}

/// Waits until a claim ends.
pub(super) async fn settled(mut claim: Settled) {
    // Nothing is ever sent: the only news is the end.
    while claim.changed().await.is_ok() {}
}

/// Hashes of a key and of the request it comes with.
pub(super) fn mark(key: &str, run: &openclaw_core::NewRun) -> IdempotencyMark {
    use openclaw_core::AttachmentSource;
    use sha2::{Digest as _, Sha256};

    let mut request = Sha256::new();
    let mut part = |bytes: &[u8]| {
        request.update((bytes.len() as u64).to_le_bytes());
        request.update(bytes);
    };
    part(run.channel.as_bytes());
    // A conversation that the gateway named is not part of what the client asked for.
    let named = run.conversation != run.id.new_conversation_id();
    part(if named { run.conversation.as_str().as_bytes() } else { &[] });
    part(run.text.as_bytes());
    for text in [&run.metadata.user_id, &run.metadata.user_name] {
        part(text.as_deref().map_or(&[0xff], str::as_bytes));
    }
    for attachment in &run.metadata.attachments {
        part(attachment.name.as_bytes());
        part(attachment.mime_type.as_bytes());
        match &attachment.source {
            AttachmentSource::Data(bytes) => part(bytes),
            AttachmentSource::Url(url) => part(url.as_bytes()),
        }
    }
    if !run.metadata.extra.is_empty() {
        part(serde_json::to_string(&run.metadata.extra).unwrap_or_default().as_bytes());
    }
    IdempotencyMark { key: head(&Sha256::digest(key.as_bytes())), request: head(&request.finalize()) }
}

fn head<const N: usize>(hash: &[u8]) -> [u8; N] {
    hash.first_chunk().copied().unwrap_or([0; N])
}
