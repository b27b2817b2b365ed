//! Sealing what goes into the log, each conversation with its key. Without encryption nothing of it happens.
//!
//! A key may go while a record is on its way: erasing a conversation destroys its key. So whoever seals notes how many erasures
//! had begun or ended, and seals anew when that number is another one at the moment in which the record is queued.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use openclaw_core::{RunId, port::MemoryError};

use super::{Core, Memory, error, order::InFlight};
use crate::{
    record::ConvKey,
    vault::{self, COMMON, Slot, Vault, VaultError},
    wal::{Pointer, ReadError, Unseal},
};

/// Conversations whose keys' numbers are kept ready.
const READY: usize = 4096;
/// Latest records of a conversation that are asked for the number of its key.
const LATEST: usize = 8;

/// The vault, and which key is whose.
#[derive(Debug, Default)]
pub(super) struct Sealing {
    vault: Option<Arc<Vault>>,
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    of: HashMap<ConvKey, Slot>,
    /// Oldest first.
    order: VecDeque<ConvKey>,
    /// Erasures that began or ended so far.
    erasures: u64,
}

/// A payload ready to be queued.
#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) payload: Vec<u8>,
    /// Erasures when its key was chosen; `None`: it is not sealed.
    erasures: Option<u64>,
}

impl Sealed {
    pub(super) fn is_sealed(&self) -> bool {
        self.erasures.is_some()
    }
}

impl Sealing {
    pub(super) fn new(vault: Option<Arc<Vault>>) -> Self {
        Self { vault, slots: Mutex::default() }
    }

    pub(super) fn vault(&self) -> Option<&Vault> {
        self.vault.as_deref()
    }

    /// What opens sealed records for a reader.
    pub(super) fn unseal(&self) -> Option<Arc<dyn Unseal>> {
        self.vault.clone().map(|vault| vault as Arc<dyn Unseal>)
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An erasure of this conversation begins or ends. To be called with the lock on what is in flight held.
    pub(super) fn turn(&self, conversation: &ConvKey) {
        let mut slots = self.slots();
        slots.erasures += 1;
        slots.of.remove(conversation);
    }

    /// Whether a payload must be sealed anew before it may be queued.
    pub(super) fn is_stale(&self, sealed: &Sealed, in_flight: &InFlight, conversation: &ConvKey) -> bool {
        sealed
            .erasures
            .is_some_and(|erasures| erasures != self.slots().erasures || in_flight.is_erasing(conversation))
    }

    fn known(&self, conversation: &ConvKey) -> (Option<Slot>, u64) {
        let slots = self.slots();
        (slots.of.get(conversation).copied(), slots.erasures)
    }

    /// Keeps what was found out when so many erasures had been.
    fn keep(&self, conversation: &ConvKey, slot: Slot, erasures: u64) {
        let mut slots = self.slots();
        if slots.erasures != erasures {
            return;
        }
        if slots.of.insert(conversation.clone(), slot).is_none() {
            slots.order.push_back(conversation.clone());
        }
        // Names of conversations that were erased since count, too, so that they don't pile up.
        while slots.order.len() > READY {
            let Some(oldest) = slots.order.pop_front() else { break };
            slots.of.remove(&oldest);
        }
    }
}

impl Core {
    /// The key that records of a conversation are sealed with, and the erasures so far. Blocks where it has to be looked up.
    fn slot(&self, vault: &Vault, conversation: &ConvKey) -> Result<(Slot, u64), MemoryError> {
        let (known, erasures) = self.sealing.known(conversation);
        let found = match known {
            Some(slot) => return Ok((slot, erasures)),
            None => self.latest_slot(conversation)?,
        };
        let slot = match found {
            Some(slot) => slot,
            None => vault.new_slots(1).map_err(|e| error::unsealable(&e))?.start,
        };
        self.sealing.keep(conversation, slot, erasures);
        Ok((slot, erasures))
    }

    /// The key of the conversation's latest record that is sealed.
    fn latest_slot(&self, conversation: &ConvKey) -> Result<Option<Slot>, MemoryError> {
        for entry in self.projections.tail(conversation, LATEST).map_err(|e| self.index_failed(e))? {
            if let Some(slot) = self.slot_at(entry.at).map_err(error::read)? {
                return Ok(Some(slot));
            }
        }
        Ok(None)
    }

    /// The key of a record; `None`: it is not sealed, or is not there any more.
    fn slot_at(&self, at: Pointer) -> Result<Option<Slot>, ReadError> {
        match self.reader.read_sealed(at) {
            Ok(payload) => Ok(vault::slot_of(&payload).filter(|slot| *slot != COMMON)),
            Err(failure @ ReadError::Io { .. }) => Err(failure),
            Err(ReadError::Erased(_) | ReadError::Absent { .. } | ReadError::Damaged { .. }) => Ok(None),
        }
    }

    /// The keys of some records, each once. Blocks.
    pub(super) fn slots_at(&self, records: impl Iterator<Item = Pointer>) -> Result<Vec<Slot>, ReadError> {
        let mut slots = Vec::new();
        if self.sealing.vault.is_some() {
            for at in records {
                slots.extend(self.slot_at(at)?);
            }
            slots.sort_unstable();
            slots.dedup();
        }
        Ok(slots)
    }

    /// Seals with a key that was chosen when so many erasures had been. `None`: an erasure destroyed it since.
    fn seal_unless_erased(
        &self,
        vault: &Vault,
        (slot, erasures): (Slot, u64),
        payload: &[u8],
    ) -> Result<Option<Sealed>, MemoryError> {
        match vault.seal(slot, payload) {
            Ok(payload) => Ok(Some(Sealed { payload, erasures: Some(erasures) })),
            // Erasures count before the key goes.
            Err(VaultError::Destroyed) if self.sealing.slots().erasures != erasures => Ok(None),
            Err(error) => Err(error::unsealable(&error)),
        }
    }

    /// Seals a record of a conversation, or of none. Blocks. The conversation must not be erased meanwhile.
    pub(super) fn seal(
        &self,
        conversation: Option<&ConvKey>,
        payload: Vec<u8>,
    ) -> Result<Vec<u8>, MemoryError> {
        let Some(vault) = &self.sealing.vault else { return Ok(payload) };
        let slot = match conversation {
            Some(conversation) => self.slot(vault, conversation)?.0,
            None => COMMON,
        };
        vault.seal(slot, &payload).map_err(|e| error::unsealable(&e))
    }

    /// Makes keys for those of these conversations that have none, all at once. Blocks.
    pub(super) fn make_slots<'c>(
        &self,
        conversations: impl Iterator<Item = &'c ConvKey>,
    ) -> Result<HashMap<ConvKey, Slot>, MemoryError> {
        let (mut slots, mut fresh) = (HashMap::new(), Vec::new());
        let Some(vault) = &self.sealing.vault else { return Ok(slots) };
        let erasures = self.sealing.slots().erasures;
        for conversation in conversations {
            if slots.contains_key(conversation) {
                continue;
            }
            let known = match self.sealing.known(conversation).0 {
                Some(slot) => Some(slot),
                None => self.latest_slot(conversation)?,
            };
            // Until it has one.
            slots.insert(conversation.clone(), known.unwrap_or(COMMON));
            if known.is_none() {
                fresh.push(conversation);
            }
        }
        if !fresh.is_empty() {
            let made = vault.new_slots(Slot::try_from(fresh.len()).unwrap_or(Slot::MAX));
            for (conversation, slot) in fresh.into_iter().zip(made.map_err(|e| error::unsealable(&e))?) {
                self.sealing.keep(conversation, slot, erasures);
                slots.insert(conversation.clone(), slot);
            }
        }
        Ok(slots)
    }

    /// Seals a record with a key of [`Core::make_slots`].
    pub(super) fn seal_with(
        &self,
        slots: &HashMap<ConvKey, Slot>,
        conversation: &ConvKey,
        payload: Vec<u8>,
    ) -> Result<Vec<u8>, MemoryError> {
        match (&self.sealing.vault, slots.get(conversation)) {
            (None, _) => Ok(payload),
            (Some(vault), Some(slot)) => vault.seal(*slot, &payload).map_err(|e| error::unsealable(&e)),
            (Some(_), None) => self.seal(Some(conversation), payload),
        }
    }
}

impl Memory {
    /// Seals a record of a conversation. Takes the payload only when there is nothing to seal, so that it can be sealed again.
    pub(super) async fn seal(
        &self,
        conversation: &ConvKey,
        payload: &mut Vec<u8>,
    ) -> Result<Sealed, MemoryError> {
        let Some(vault) = &self.core.sealing.vault else {
            return Ok(Sealed { payload: std::mem::take(payload), erasures: None });
        };
        loop {
            let key = self.key_of(vault, conversation).await?;
            if let Some(sealed) = self.core.seal_unless_erased(vault, key, payload)? {
                return Ok(sealed);
            }
        }
    }

    /// The key that records of a conversation are sealed with, and the erasures so far.
    async fn key_of(&self, vault: &Arc<Vault>, conversation: &ConvKey) -> Result<(Slot, u64), MemoryError> {
        let (known, erasures) = self.core.sealing.known(conversation);
        if let Some(slot) = known {
            return Ok((slot, erasures));
        }
        let (vault, conversation) = (Arc::clone(vault), conversation.clone());
        self.blocking(move |core| core.slot(&vault, &conversation)).await
    }

    /// Seals a record of a run. `None`: the run is not pending, so nothing more may be written of it.
    pub(super) async fn seal_of_run(
        &self,
        run: RunId,
        payload: &mut Vec<u8>,
    ) -> Result<Option<Sealed>, MemoryError> {
        let Some(vault) = &self.core.sealing.vault else {
            return Ok(Some(Sealed { payload: std::mem::take(payload), erasures: None }));
        };
        // Asked anew after each try: with its conversation, the run is gone before the key is.
        while let Some(conversation) = self.core.projections.pending_conversation(run) {
            let key = self.key_of(vault, &conversation).await?;
            if let Some(sealed) = self.core.seal_unless_erased(vault, key, payload)? {
                return Ok(Some(sealed));
            }
        }
        Ok(None)
    }

    /// Waits until no removal is under way.
    pub(super) async fn settle_removals(&self) -> Result<(), MemoryError> {
        self.blocking(|core| {
            drop(core.maintain());
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use openclaw_core::{Metadata, NewRun, config::MemoryConfig, port::MemoryPort as _};

    use super::*;
    use crate::{Parts, Unlock, store::Item};

    fn new_run() -> NewRun {
        NewRun {
            id: RunId::generate(),
            conversation: "talk".parse().unwrap(),
            channel: "api".to_owned(),
            text: "hello".to_owned(),
            metadata: Metadata::default(),
            idempotency_key: None,
        }
    }

    /// An encrypted memory in which a run was accepted.
    async fn sealed_with_a_run() -> (tempfile::TempDir, Memory, NewRun) {
        let home = tempfile::tempdir().unwrap();
        let unlock = Some(Unlock::KeyFile(home.path().join("memory.key")));
        let config = MemoryConfig { min_free_mb: 0, ..MemoryConfig::default() };
        let parts = Parts { unlock, ..Parts::default() };
        let memory = Memory::open_with(&home.path().join("memory"), &config, &parts).unwrap().0;
        let run = new_run();
        memory.accept_run(run.clone()).await.unwrap();
        (home, memory, run)
    }

    /// Between the choice of a key and its use a thread may be held up for as long as an erasure takes.
    #[tokio::test]
    async fn a_key_that_an_erasure_destroyed_meanwhile_is_chosen_anew() {
        let (_home, memory, run) = sealed_with_a_run().await;
        let conversation = ConvKey::of(&run.conversation);
        let core = &memory.core;
        let vault = core.sealing.vault.as_ref().unwrap();
        let key = memory.key_of(vault, &conversation).await.unwrap();
        memory.erase_conversation(&run.conversation).await.unwrap().unwrap();
        assert!(core.seal_unless_erased(vault, key, b"x").unwrap().is_none());
        let sealed = memory.seal(&conversation, &mut b"x".to_vec()).await.unwrap();
        assert_ne!(vault::slot_of(&sealed.payload), Some(key.0));
        assert!(memory.seal_of_run(run.id, &mut b"x".to_vec()).await.unwrap().is_none());
        // One that is gone without an erasure is no reason to go on trying.
        let key = memory.key_of(vault, &conversation).await.unwrap();
        vault.destroy(key.0).unwrap();
        assert!(core.seal_unless_erased(vault, key, b"x").is_err());
    }

    async fn queues(memory: &Memory, sealed: Sealed, conversation: &ConvKey) -> bool {
        let slot = memory.core.wal.reserve(sealed.payload.len()).await.unwrap();
        let item = Item { change: crate::index::Change::None, _held: None };
        match memory.core.queue_accepted(slot, sealed, conversation, item) {
            None => false,
            Some(queued) => {
                queued.unwrap().await.unwrap();
                true
            }
        }
    }

    #[tokio::test]
    async fn nothing_is_queued_with_a_key_that_went_or_goes() {
        let (_home, memory, run) = sealed_with_a_run().await;
        let conversation = ConvKey::of(&run.conversation);
        let payload = crate::record::encode_accepted(&new_run(), &conversation, None);
        let seal = async || memory.seal(&conversation, &mut payload.clone()).await.unwrap();
        let slot = |sealed: &Sealed| vault::slot_of(&sealed.payload).unwrap();

        let first = seal().await;
        let old = slot(&first);
        assert!(queues(&memory, first, &conversation).await);
        let before = seal().await;
        assert_eq!(slot(&before), old);
        memory.core.begin_erasure(&conversation);
        let during = seal().await;
        assert_eq!(slot(&during), old, "its records are still there");
        assert!(!queues(&memory, before, &conversation).await);
        assert!(!queues(&memory, seal().await, &conversation).await);
        memory.core.end_erasure(&conversation);
        assert!(!queues(&memory, during, &conversation).await);

        let before = seal().await;
        memory.erase_conversation(&run.conversation).await.unwrap().unwrap();
        assert!(!queues(&memory, before, &conversation).await);
        let after = seal().await;
        assert_ne!(slot(&after), old);
        assert!(queues(&memory, after, &conversation).await);
    }
}
