//! Which turns of a conversation are next to each other.

use std::collections::HashMap;

use openclaw_core::{
    Lsn,
    port::{MemoryError, SearchQuery},
};

use super::{Key, fusion::Place, gather::Pool, records::Records};
use crate::{
    lexical::{DocKey, Space},
    record::ConvKey,
    store::Core,
};

/// Candidates whose neighbours are looked up, the best first.
const LOOKED_UP: usize = 24;
/// Turns on each side that may lend score.
const REACH: usize = 2;
/// Longest conversation whose turns are looked through, in records.
const TURNS: usize = 4096;

impl Core {
    /// Tells of each candidate which turn it is. With `more`, neighbours of the best become candidates, too: when words alone
    /// are asked for, who has none of them is no answer.
    pub(super) fn add_turns(
        &self,
        pool: &mut Pool,
        records: &mut Records,
        query: &SearchQuery,
        more: bool,
    ) -> Result<(), MemoryError> {
        let mut order: Vec<usize> = (0..pool.all.len()).collect();
        let promise = |at: &usize| {
            let candidate = &pool.all[*at];
            let near = candidate.nearness.map_or(0.0, |nearness| nearness.plain.max(nearness.centred));
            // Only to choose whose neighbours are looked up.
            2.0 * candidate.coverage + near / 4.0
        };
        openclaw_core::sort_by(&mut order, |a, b| promise(b).total_cmp(&promise(a)));
        order.truncate(LOOKED_UP);
        let mut turns: HashMap<Lsn, (Place, u32)> = HashMap::new();
        let mut known: HashMap<ConvKey, u64> = HashMap::new();
        let mut around = Vec::new();
        for at in order {
            let Key::Record { lsn, offset, .. } = pool.all[at].key else { continue };
            if !turns.contains_key(&lsn) {
                let Some(record) = records.get(self, lsn, offset)? else { continue };
                let Some(conversation) = record.conversation(self)? else { continue };
                if known.contains_key(conversation) {
                    continue;
                }
                let number = known.len() as u64;
                let entries = self.tail(conversation, TURNS)?;
                for (turn, entry) in entries.iter().rev().enumerate() {
                    let place = Place { conversation: number, turn: turn as u64 };
                    turns.insert(entry.at.lsn, (place, entry.at.offset));
                }
                known.insert(conversation.clone(), number);
            }
            around.extend(turns.get(&lsn).map(|(place, _)| *place));
        }
        let by_place: HashMap<Place, (Lsn, u32)> =
            turns.iter().map(|(lsn, (place, offset))| (*place, (*lsn, *offset))).collect();
        for place in around {
            let near = place.turn.saturating_sub(REACH as u64)..=place.turn + REACH as u64;
            for turn in near {
                if let Some((lsn, offset)) = by_place.get(&Place { turn, ..place }) {
                    let doc = DocKey { space: Space::Log, major: lsn.0, minor: 0 };
                    // With nothing of its own it is shown only when its neighbours are good.
                    if more && query.since.is_none() && query.until.is_none() && !pool.has(&doc) {
                        pool.of(doc, *offset);
                    }
                }
            }
        }
        for candidate in &mut pool.all {
            if let Key::Record { lsn, .. } = candidate.key {
                candidate.place = turns.get(&lsn).map(|(place, _)| *place);
            }
        }
        Ok(())
    }
}
