//! What of the memory may belong into a prompt: what search finds, and four numbers for each.

use std::{collections::HashSet, sync::atomic::AtomicBool};

use openclaw_core::{
    MemoryKind, MessageId, Role, Timestamp,
    port::{MemoryError, MemoryType, RecallQuery, Recalled, SearchHit, SearchQuery},
};

use super::Moment;
use crate::{index::short_hash, store::Core};

/// Time after which a memory's recency is half of what it was.
const HALF_LIFE_DAYS: f32 = 30.0;
/// Uses with which a memory's frequency is 1.
const MANY_USES: f32 = 32.0;
/// Candidates asked for above what is wanted and what is in the prompt: some are superseded, or over.
const SPARE: usize = 8;
/// Most candidates of one search.
const MOST: usize = 256;
/// A message shorter than this says little by itself (“ok”, “謝謝”).
const SHORT_CHARS: usize = 12;
/// Score from which on a hit is good by itself: the best of a bad lot is not relevant.
const GOOD_SCORE: f32 = 0.5;
const DAY_MS: f32 = 86_400_000.0;

/// How much a message matters: what people say more than what the model answered, and that more than what tools returned;
/// half of it when the message is only a word or two.
fn importance_of(role: Option<Role>, text: &str) -> f32 {
    let by_role = match role {
        Some(Role::User) => 0.5,
        // A Markdown line was worth writing down.
        None => 0.6,
        Some(Role::Assistant) => 0.4,
        Some(Role::System) => 0.3,
        Some(Role::Tool) => 0.2,
    };
    if text.chars().take(SHORT_CHARS).count() < SHORT_CHARS { by_role / 2.0 } else { by_role }
}

/// 1 for what is new, also by a clock that was ahead; halved with each half-life.
fn recency_of(at: Timestamp, now: Timestamp) -> f32 {
    let days = now.duration_since(at).as_millis() as f32 / DAY_MS;
    0.5_f32.powf(days / HALF_LIFE_DAYS)
}

fn frequency_of(uses: u64) -> f32 {
    ((1.0 + uses as f32).ln() / (1.0 + MANY_USES).ln()).min(1.0)
}

impl Core {
    /// Candidates, most relevant first. Blocks; fails soon after `stop` was set.
    pub(in crate::store) fn recall(
        &self,
        query: &RecallQuery,
        stop: &AtomicBool,
    ) -> Result<Vec<Recalled>, MemoryError> {
        let wanted = query.limit + query.present.len().min(query.limit) + SPARE;
        let search = SearchQuery {
            query: query.text.clone(),
            limit: wanted.min(MOST),
            kind: MemoryType::All,
            ..SearchQuery::default()
        };
        if query.limit == 0 {
            return Ok(Vec::new());
        }
        let mut hits = self.search(&search, stop)?.hits;
        let present: HashSet<&MessageId> = query.present.iter().collect();
        // Not even as a measure for others: the message to be answered finds itself best.
        hits.retain(|hit| !hit.id.parse().is_ok_and(|id: MessageId| present.contains(&id)));
        let best = hits.iter().map(|hit| hit.score).fold(GOOD_SCORE, f32::max);
        let now = Timestamp::now();
        let mut recalled = Vec::new();
        for hit in hits {
            if recalled.len() == query.limit {
                break;
            }
            let Some((kind, importance)) = self.weigh(&hit, &present)? else { continue };
            let uses = self.projections.uses(&short_hash(&hit.id)).map_err(|e| self.index_failed(e))?;
            recalled.push(Recalled {
                kind,
                timestamp: hit.timestamp,
                role: hit.role,
                relevance: (hit.score / best).clamp(0.0, 1.0),
                importance,
                recency: recency_of(hit.timestamp, now),
                frequency: frequency_of(uses),
                id: hit.id,
                content: hit.content,
            });
        }
        Ok(recalled)
    }

    /// The kind and importance of what was found; `None`: it does not belong into this prompt.
    fn weigh(
        &self,
        hit: &SearchHit,
        present: &HashSet<&MessageId>,
    ) -> Result<Option<(MemoryKind, f32)>, MemoryError> {
        let Ok(id) = hit.id.parse() else {
            let known = hit.id.parse().is_ok_and(|id: MessageId| present.contains(&id));
            let kind = if hit.role.is_some() { MemoryKind::Conversation } else { MemoryKind::Fact };
            return Ok((!known).then(|| (kind, importance_of(hit.role, &hit.content))));
        };
        if self.words.overrules(id) {
            return Ok(None);
        }
        let now = Moment::now();
        let Some(row) = self.projections.memory(id).map_err(|e| self.index_failed(e))? else {
            return Ok(None);
        };
        if !self.is_live(id, &row, now).map_err(|e| self.index_failed(e))? {
            return Ok(None);
        }
        let Some(entry) = self.entry_of(id, &row, now)? else { return Ok(None) };
        // The prompt says already what it was made of.
        let said = !entry.sources.is_empty() && entry.sources.iter().all(|source| present.contains(source));
        Ok((!said).then_some((entry.kind, entry.importance)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f32, b: f32) -> bool {
        (a - b).abs() < 1e-5
    }

    #[test]
    fn factors_are_what_they_say() {
        let now = Timestamp::from_unix_millis(1_774_000_000_000);
        let days = |days: i64| Timestamp::from_unix_millis(now.unix_millis() - days * 86_400_000);
        assert!(close(recency_of(days(0), now), 1.0) && close(recency_of(days(-3), now), 1.0));
        assert!(close(recency_of(days(30), now), 0.5) && close(recency_of(days(60), now), 0.25));
        assert!(
            close(frequency_of(0), 0.0) && close(frequency_of(32), 1.0) && close(frequency_of(9000), 1.0)
        );
        assert!(frequency_of(3) > 0.3 && frequency_of(3) < 0.5);
        assert!(
            importance_of(Some(Role::User), "ok") < importance_of(Some(Role::Assistant), &"long ".repeat(5))
        );
    }
}
