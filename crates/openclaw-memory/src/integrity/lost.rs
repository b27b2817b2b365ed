//! Whose records were lost, as far as the index and what is left can tell.

use std::{collections::HashMap, ops::Range};

use openclaw_core::{Lsn, RunId};

use super::{index::ClosedIndex, report::LostRecord};
use crate::{
    index::{Entry, Listing},
    record::{ConvKey, Record},
    wal::Pointer,
};

/// Lost records that are named one by one; of more, only the ranges are reported.
const MOST: usize = 10_000;

/// What the index says of lost records.
#[derive(Debug, Default)]
pub(super) struct Lost {
    records: Vec<(Lsn, ConvKey, Lsn)>,
    /// Records that are left of the runs the lost ones belonged to, with the Lsn that such a run began with.
    siblings: HashMap<Lsn, Lsn>,
    runs: HashMap<Lsn, RunId>,
}

impl Lost {
    /// Looks up records that were lost.
    pub(super) fn look_up(index: &ClosedIndex, lost: &[Range<Lsn>]) -> Self {
        let mut found = Self::default();
        if lost.is_empty() {
            return found;
        }
        let all = Listing { channel: None, since_ms: None, until_ms: None, limit: usize::MAX, offset: 0 };
        // An index that can't answer knows nothing; what is lost is reported all the same.
        let Ok(conversations) = index.projections.list(&all) else { return found };
        let is_lost = |entry: &Entry| lost.iter().any(|range| range.contains(&entry.at.lsn));
        for conversation in conversations.page {
            let Ok(entries) = index.projections.tail(&conversation, usize::MAX) else { continue };
            for entry in entries.iter().filter(|entry| is_lost(entry)) {
                if found.records.len() == MOST {
                    return found;
                }
                found.records.push((entry.at.lsn, conversation.clone(), entry.run));
                let left = entries.iter().filter(|other| other.run == entry.run && !is_lost(other));
                found.siblings.extend(left.map(|other| (other.at.lsn, other.run)));
            }
        }
        found
    }

    /// A record that is left.
    pub(super) fn meet(&mut self, at: Pointer, payload: Option<&[u8]>) {
        if let Some(began) = self.siblings.get(&at.lsn)
            && let Some(run) = payload.and_then(|payload| Record::decode(payload).ok()?.run())
        {
            self.runs.insert(*began, run);
        }
    }

    /// The lost records one by one.
    pub(super) fn list(&self, lost: &[Range<Lsn>]) -> Vec<LostRecord> {
        let known: HashMap<Lsn, (&ConvKey, Lsn)> =
            self.records.iter().map(|(lsn, conversation, began)| (*lsn, (conversation, *began))).collect();
        let one = |lsn: u64| {
            let lsn = Lsn(lsn);
            let known = known.get(&lsn);
            LostRecord {
                lsn,
                conversation: known.map(|(conversation, _)| conversation.id()),
                run: known.and_then(|(_, began)| self.runs.get(began).copied()),
            }
        };
        lost.iter().flat_map(|range| range.start.0..range.end.0).take(MOST).map(one).collect()
    }
}
