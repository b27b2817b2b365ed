//! Counts what records come to, the way the projections do.

use std::collections::HashSet;

use openclaw_core::{Lsn, RunId};

use crate::{
    record::{CodecError, OutcomeRecord, Record, count_messages},
    vault::{self, Vault, VaultError},
    wal::Pointer,
};

/// What is wrong with a record that verifies.
#[derive(Debug, thiserror::Error)]
pub(super) enum Senseless {
    #[error(transparent)]
    Codec(#[from] CodecError),
    #[error(transparent)]
    Sealed(VaultError),
}

/// The count. Memory use grows with the runs that are pending, not with history.
#[derive(Debug, Default)]
pub(super) struct Tally<'v> {
    vault: Option<&'v Vault>,
    pub(super) messages: u64,
    /// Records that are sealed, for want of the key.
    pub(super) locked: u64,
    pending: HashSet<RunId>,
    /// The last removal met.
    pub(super) last_removal: Option<Lsn>,
    /// The last record met.
    pub(super) last: Option<Lsn>,
}

impl<'v> Tally<'v> {
    pub(super) fn new(vault: Option<&'v Vault>) -> Self {
        Self { vault, ..Self::default() }
    }

    pub(super) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Counts a record; an error says what about it makes no sense.
    pub(super) fn count(&mut self, at: Pointer, payload: Option<&[u8]>) -> Result<(), Senseless> {
        self.last = Some(at.lsn);
        let Some(payload) = payload else { return Ok(()) };
        let payload = match vault::plain(self.vault, payload) {
            Ok(payload) => payload,
            Err(VaultError::Locked { .. }) => {
                self.locked += 1;
                return Ok(());
            }
            // Being erased.
            Err(VaultError::Destroyed) => return Ok(()),
            Err(error) => return Err(Senseless::Sealed(error)),
        };
        match Record::decode(&payload)? {
            Record::Accepted(record) => {
                self.pending.insert(record.run);
                self.messages += 1;
                record.metadata()?;
            }
            Record::Steps(record) => {
                let blocks = record.blocks()?;
                if self.pending.contains(&record.run) {
                    self.messages += u64::from(count_messages(&blocks));
                }
            }
            Record::Ended(record) => {
                let answered = matches!(record.outcome, OutcomeRecord::Completed { .. });
                if self.pending.remove(&record.run) && answered {
                    self.messages += 1;
                }
                record.outcome.to_outcome()?;
            }
            Record::Imported(_) => self.messages += 1,
            Record::Note(record) => drop(record.note()?),
            Record::Forgotten(_) => self.last_removal = Some(at.lsn),
            Record::Remembered(_) | Record::Changed(_) | Record::Mark(_) => {}
        }
        Ok(())
    }
}
