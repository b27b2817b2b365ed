//! The three writes of a run: accepted, steps, ended.

use std::sync::Arc;

use openclaw_core::{
    ContentBlock, Message, Metadata, NewRun, Role, RunId, RunOutcome, Timestamp, limits,
    port::{Accepted, MemoryError},
};

use super::{
    Core, Item, Memory,
    cache::Messages,
    error,
    order::{Claim, Held, mark, settled},
    replay::has_calls,
    sealing::Sealed,
};
use crate::{
    index::{Change, Mark},
    record::{
        Channel, ConvKey, IdempotencyMark, count_messages, encode_accepted, encode_ended, encode_steps,
    },
    wal::{AppendError, Slot, Ticket},
};

/// Milliseconds from a run's beginning to now.
fn since(run: RunId) -> i64 {
    Timestamp::now().unix_millis().saturating_sub(run.accepted_at().unix_millis())
}

impl Memory {
    pub(super) async fn accept(&self, run: NewRun) -> Result<Accepted, MemoryError> {
        let core = &self.core;
        let conversation = ConvKey::of(&run.conversation);
        let mark = run.idempotency_key.as_deref().map(|key| mark(key, &run));
        let mut plain = encode_accepted(&run, &conversation, mark.as_ref());
        let change = || Change::Accepted {
            run: run.id,
            conversation: conversation.clone(),
            channel: Channel::of(&run.channel),
            mark,
        };
        let ticket = loop {
            let sealed = self.seal(&conversation, &mut plain).await?;
            let (slot, _held) = match &mark {
                None => (core.wal.reserve(sealed.payload.len()).await.map_err(error::append)?, None),
                Some(mark) => match self.claim_key(run.id, mark, sealed.payload.len()).await? {
                    Ok((slot, held)) => (slot, Some(held)),
                    Err(earlier) => return Ok(earlier),
                },
            };
            match core.queue_accepted(slot, sealed, &conversation, Item { change: change(), _held }) {
                Some(queued) => break queued,
                // Its conversation was, or is being, erased: it begins anew, with a key of its own.
                None => self.settle_removals().await?,
            }
        };
        let ticket = ticket.map_err(|(refused, _)| error::append(refused))?;
        let at = ticket.await.map_err(error::append)?;
        // As it is read for a prompt.
        let metadata = Metadata { extra: serde_json::Map::new(), ..run.metadata };
        core.cache.insert(at.lsn, &user_message(run.id, run.text, metadata));
        Ok(Accepted::New)
    }

    /// The run that this one's idempotency key names already.
    pub(super) async fn find_earlier(&self, run: &NewRun) -> Result<Option<Accepted>, MemoryError> {
        let Some(key) = run.idempotency_key.as_deref() else { return Ok(None) };
        let mark = mark(key, run);
        let found = self.core.projections.mark(&mark.key).map_err(|e| self.core.index_failed(e))?;
        self.earlier(run.id, mark, found).await
    }

    /// Takes the idempotency key for a run, or names the run that has it. While the key is on its way into the log with
    /// another run, waits for how that ends.
    async fn claim_key(
        &self,
        run: RunId,
        mark: &IdempotencyMark,
        bytes: usize,
    ) -> Result<Result<(Slot<'_, Item>, Held), Accepted>, MemoryError> {
        let core = &self.core;
        loop {
            let covered = core.projections.checkpointed();
            let judged = core.projections.mark(&mark.key).map_err(|e| core.index_failed(e))?;
            if let Some(earlier) = self.earlier(run, *mark, judged).await? {
                return Ok(Err(earlier));
            }
            let slot = core.wal.reserve(bytes).await.map_err(error::append)?;
            let waiting = {
                let mut in_flight = core.order.lock();
                // A run with this key may have come and gone since we looked: then look again.
                let moved = core.projections.checkpointed() != covered
                    || core.projections.recent_mark(&mark.key).is_some_and(|found| Some(found) != judged);
                match in_flight.claim(&core.order, Claim::Key(mark.key)) {
                    Ok(held) if !moved => return Ok(Ok((slot, held))),
                    // Let go after the lock, which its end takes.
                    Ok(held) => Ok(held),
                    Err(claim) => Err(claim),
                }
            };
            drop(slot);
            match waiting {
                Ok(held) => drop(held),
                Err(claim) => settled(claim).await,
            }
        }
    }

    /// The run that the key names, if it still counts and still exists.
    async fn earlier(
        &self,
        run: RunId,
        mark: IdempotencyMark,
        found: Option<Mark>,
    ) -> Result<Option<Accepted>, MemoryError> {
        let Some(found) = found.filter(|found| !is_expired(found.run, run)) else { return Ok(None) };
        // A key whose run was erased is free again.
        let exists = self.blocking(move |core| Ok(core.locate(found.run)?.is_some())).await?;
        Ok(exists.then_some(if found.request == mark.request {
            Accepted::Duplicate(found.run)
        } else {
            Accepted::Conflict(found.run)
        }))
    }

    pub(super) async fn add_steps(&self, run: RunId, steps: Vec<ContentBlock>) -> Result<(), MemoryError> {
        let core = &self.core;
        let after_ms = since(run);
        let mut payload = encode_steps(run, after_ms, &steps);
        let Some(sealed) = self.seal_of_run(run, &mut payload).await? else {
            return Err(MemoryError::UnknownRun(run));
        };
        let payload = sealed.payload;
        let change =
            Change::Steps { run, after_ms, messages: count_messages(&steps), calls: has_calls(&steps) };
        let slot = core.wal.reserve(payload.len()).await.map_err(error::append)?;
        let ticket = {
            let in_flight = core.order.lock();
            let pending = core.projections.pending_conversation(run);
            let pending = pending.filter(|conversation| !in_flight.is_erasing(conversation));
            if pending.is_none() || in_flight.is_claimed(Claim::End(run)) {
                return Err(MemoryError::UnknownRun(run));
            }
            if steps.is_empty() {
                return Ok(());
            }
            slot.append(payload, Item { change, _held: None })
        };
        let ticket = ticket.map_err(|(refused, _)| error::append(refused))?;
        ticket.await.map_err(error::append)?;
        Ok(())
    }

    pub(super) async fn end(&self, run: RunId, outcome: RunOutcome) -> Result<(), MemoryError> {
        let core = &self.core;
        let after_ms = since(run);
        let mut payload = encode_ended(run, after_ms, &outcome);
        let latency_ms =
            if let RunOutcome::Completed(reply) = &outcome { Some(reply.latency_ms) } else { None };
        let queued = match self.seal_of_run(run, &mut payload).await? {
            None => Queued::NotPending,
            Some(sealed) => {
                let mut payload = sealed.payload;
                loop {
                    let slot = core.wal.reserve(payload.len()).await.map_err(error::append)?;
                    let change = Change::Ended { run, after_ms, latency_ms };
                    match core.queue_end(slot, run, &mut payload, change) {
                        Queued::Erasing => {}
                        queued => break queued,
                    }
                    // Whether the run is still there is known when the erasure is over, which may fail. Its key stays then.
                    self.settle_removals().await?;
                }
            }
        };
        match queued {
            Queued::Refused(refused) => Err(error::append(refused)),
            Queued::Ticket(ticket) => {
                let at = ticket.await.map_err(error::append)?;
                if let RunOutcome::Completed(reply) = outcome {
                    core.cache.insert(at.lsn, &reply_message(run, after_ms, reply.content));
                }
                Ok(())
            }
            Queued::Another(ending) => {
                settled(ending).await;
                // It may have failed to be written.
                match core.projections.pending_conversation(run) {
                    Some(_) => Err(match self.unwritable() {
                        Some(reason) => MemoryError::Unwritable { reason },
                        None => MemoryError::Closed,
                    }),
                    None => Ok(()),
                }
            }
            Queued::NotPending | Queued::Erasing => {
                // Of a conversation that was just erased the record may still be there.
                let known = self.blocking(move |core| {
                    let Some((at, conversation)) = core.locate(run)? else { return Ok(false) };
                    Ok(core.entry(&conversation, at, None)?.is_some())
                });
                let known = known.await?;
                if known { Ok(()) } else { Err(MemoryError::UnknownRun(run)) }
            }
        }
    }
}

/// What became of a run's end.
enum Queued {
    Ticket(Ticket),
    /// Another end is on its way.
    Another(super::order::Settled),
    /// The run has ended, or is unknown.
    NotPending,
    /// Its conversation is being erased.
    Erasing,
    /// The log takes nothing more.
    Refused(AppendError),
}

impl Core {
    /// Queues a user's message. `None`: it has to be sealed anew first.
    pub(super) fn queue_accepted(
        &self,
        slot: Slot<'_, Item>,
        sealed: Sealed,
        conversation: &ConvKey,
        item: Item,
    ) -> Option<Result<Ticket, (AppendError, Item)>> {
        if !sealed.is_sealed() {
            return Some(slot.append(sealed.payload, item));
        }
        // Held until the record is queued, so that no erasure begins in between.
        let in_flight = self.order.lock();
        let stale = self.sealing.is_stale(&sealed, &in_flight, conversation);
        let queued = if stale { Err(item) } else { Ok(slot.append(sealed.payload, item)) };
        drop(in_flight);
        // A claim inside takes the lock when it ends.
        queued.ok()
    }

    /// Takes the payload when the end is queued.
    fn queue_end(&self, slot: Slot<'_, Item>, run: RunId, payload: &mut Vec<u8>, change: Change) -> Queued {
        let mut in_flight = self.order.lock();
        let Some(conversation) = self.projections.pending_conversation(run) else {
            return Queued::NotPending;
        };
        if in_flight.is_erasing(&conversation) {
            return Queued::Erasing;
        }
        let held = match in_flight.claim(&self.order, Claim::End(run)) {
            Ok(held) => held,
            Err(ending) => return Queued::Another(ending),
        };
        match slot.append(std::mem::take(payload), Item { change, _held: Some(held) }) {
            Ok(ticket) => Queued::Ticket(ticket),
            Err((refused, item)) => {
                // The claim inside takes the lock when it ends.
                drop(in_flight);
                drop(item);
                Queued::Refused(refused)
            }
        }
    }
}

fn is_expired(earlier: RunId, now: RunId) -> bool {
    now.accepted_at().duration_since(earlier.accepted_at()).as_secs() >= limits::IDEMPOTENCY_SECONDS
}

pub(super) fn user_message(run: RunId, text: String, metadata: Metadata) -> Messages {
    Arc::new([Arc::new(Message {
        id: run.user_message_id(),
        role: Role::User,
        content: vec![ContentBlock::Text(text)],
        timestamp: run.accepted_at(),
        metadata,
    })])
}

pub(super) fn reply_message(run: RunId, after_ms: i64, content: String) -> Messages {
    let at_ms = run.accepted_at().unix_millis().saturating_add(after_ms);
    Arc::new([Arc::new(Message {
        id: run.reply_id(),
        role: Role::Assistant,
        content: vec![ContentBlock::Text(content)],
        timestamp: Timestamp::from_unix_millis(at_ms),
        metadata: Metadata::default(),
    })])
}

#[cfg(test)]
mod tests {
    use openclaw_core::config::MemoryConfig;

    use super::*;

    fn open(dir: &std::path::Path) -> Memory {
        Memory::open(dir, &MemoryConfig { min_free_mb: 0, ..MemoryConfig::default() }).unwrap().0
    }

    async fn accepted(memory: &Memory) -> NewRun {
        let id = RunId::generate();
        let run = NewRun {
            id,
            conversation: id.new_conversation_id(),
            channel: "api".to_owned(),
            text: "hello".to_owned(),
            metadata: Metadata::default(),
            idempotency_key: None,
        };
        assert_eq!(memory.accept(run.clone()).await.unwrap(), Accepted::New);
        run
    }

    #[tokio::test]
    async fn an_end_that_the_closed_log_refuses_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let memory = open(dir.path());
        let run = accepted(&memory).await.id;
        let core = Arc::clone(&memory.core);
        let slot = core.wal.reserve(100).await.unwrap();
        core.wal.close().await;
        let change = Change::Ended { run, after_ms: 0, latency_ms: None };
        let queued = core.queue_end(slot, run, &mut vec![0; 50], change);
        assert!(matches!(queued, Queued::Refused(AppendError::Closed)));
        // The claim is over.
        assert!(!core.order.lock().is_claimed(Claim::End(run)));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn an_end_during_an_erasure_that_fails_is_stored() {
        let dir = tempfile::tempdir().unwrap();
        let memory = open(dir.path());
        let run = accepted(&memory).await;
        let core = Arc::clone(&memory.core);
        let conversation = ConvKey::of(&run.conversation);
        let (begun, wait) = std::sync::mpsc::sync_channel(1);
        let (go_on, gone_on) = std::sync::mpsc::sync_channel::<()>(1);
        let erasure = std::thread::spawn(move || {
            let _maintenance = core.maintain();
            core.order.lock().erase(&conversation);
            begun.send(()).unwrap();
            gone_on.recv().unwrap();
            core.order.lock().erased(&conversation);
        });
        wait.recv().unwrap();
        let mut end = std::pin::pin!(memory.end(run.id, RunOutcome::Cancelled));
        assert!(futures_util::poll!(&mut end).is_pending());
        go_on.send(()).unwrap();
        end.await.unwrap();
        erasure.join().unwrap();
        assert!(memory.core.projections.pending_conversation(run.id).is_none());
        assert!(memory.core.run(run.id).unwrap().is_some());
    }
}
