//! The three writes of a run: accepted, steps, ended.

use std::sync::Arc;

use openclaw_core::{
    ContentBlock, Message, NewRun, Role, RunId, RunOutcome, Timestamp, limits,
    port::{Accepted, MemoryError},
};

use super::{
    Core, Item, Memory,
    cache::Messages,
    error,
    order::{Claim, Held, mark, settled},
    replay::has_calls,
};
use crate::{
    index::{Change, Mark},
    record::{
        Channel, ConvKey, IdempotencyMark, count_messages, encode_accepted, encode_ended, encode_steps,
    },
    wal::{Slot, Ticket},
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
        let payload = encode_accepted(&run, &conversation, mark.as_ref());
        let change = |conversation| Change::Accepted {
            run: run.id,
            conversation,
            channel: Channel::of(&run.channel),
            mark,
        };
        let ticket = match &mark {
            None => {
                let slot = core.wal.reserve(payload.len()).await.map_err(error::append)?;
                slot.append(payload, Item { change: change(conversation), _held: None })
            }
            Some(mark) => match self.claim_key(run.id, mark, payload.len()).await? {
                Ok((slot, held)) => {
                    slot.append(payload, Item { change: change(conversation), _held: Some(held) })
                }
                Err(earlier) => return Ok(earlier),
            },
        };
        let at = ticket.await.map_err(error::append)?;
        core.cache.insert(at.lsn, &user_message(run.id, run.text, run.metadata));
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
        let payload = encode_steps(run, since(run), &steps);
        let change = Change::Steps {
            run,
            after_ms: since(run),
            messages: count_messages(&steps),
            calls: has_calls(&steps),
        };
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
        ticket.await.map_err(error::append)?;
        Ok(())
    }

    pub(super) async fn end(&self, run: RunId, outcome: RunOutcome) -> Result<(), MemoryError> {
        let core = &self.core;
        let after_ms = since(run);
        let payload = encode_ended(run, after_ms, &outcome);
        let latency_ms =
            if let RunOutcome::Completed(reply) = &outcome { Some(reply.latency_ms) } else { None };
        let slot = core.wal.reserve(payload.len()).await.map_err(error::append)?;
        let change = Change::Ended { run, after_ms, latency_ms };
        match core.queue_end(slot, run, payload, change) {
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
            Queued::NotPending => {
                let known = self.blocking(move |core| Ok(core.locate(run)?.is_some())).await?;
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
}

impl Core {
    fn queue_end(&self, slot: Slot<'_, Item>, run: RunId, payload: Vec<u8>, change: Change) -> Queued {
        let mut in_flight = self.order.lock();
        let Some(conversation) = self.projections.pending_conversation(run) else {
            return Queued::NotPending;
        };
        if in_flight.is_erasing(&conversation) {
            return Queued::NotPending;
        }
        match in_flight.claim(&self.order, Claim::End(run)) {
            Ok(held) => Queued::Ticket(slot.append(payload, Item { change, _held: Some(held) })),
            Err(ending) => Queued::Another(ending),
        }
    }
}

fn is_expired(earlier: RunId, now: RunId) -> bool {
    now.accepted_at().duration_since(earlier.accepted_at()).as_secs() >= limits::IDEMPOTENCY_SECONDS
}

pub(super) fn user_message(run: RunId, text: String, metadata: openclaw_core::Metadata) -> Messages {
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
        metadata: openclaw_core::Metadata::default(),
    })])
}
