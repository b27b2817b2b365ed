//! Listing conversations by activity: what is in memory merged with what is on the disk.

use std::{collections::HashSet, sync::Arc};

use super::{Below, IndexError, Projections};
use crate::record::{Channel, ConvKey};

/// What to list.
#[derive(Debug, Clone)]
pub(crate) struct Listing {
    pub(crate) channel: Option<Channel>,
    pub(crate) since_ms: Option<i64>,
    pub(crate) until_ms: Option<i64>,
    pub(crate) limit: usize,
    pub(crate) offset: usize,
}

/// A page of keys, latest activity first, and how many match in all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) page: Vec<ConvKey>,
    pub(crate) total: usize,
}

impl Projections {
    pub(crate) fn list(&self, listing: &Listing) -> Result<Listed, IndexError> {
        let (touched, base) = {
            let state = self.lock();
            let mut touched: HashSet<ConvKey> = state.live.conversations.keys().cloned().collect();
            if let Some(frozen) = &state.frozen {
                touched.extend(frozen.delta.conversations.keys().cloned());
            }
            (touched, Arc::clone(&state.base))
        };
        let since = listing.since_ms.unwrap_or(i64::MIN);
        let until = listing.until_ms.unwrap_or(i64::MAX);
        let wanted = |channel: &Channel| listing.channel.as_ref().is_none_or(|wanted| wanted == channel);
        // Without a range of time the total follows from counters; with one the range is walked.
        let counted = listing.since_ms.is_none() && listing.until_ms.is_none();
        let mut on_disk = base.summary.conversations(listing.channel.as_ref());
        let mut recent: Vec<(i64, ConvKey)> = Vec::new();
        for key in &touched {
            if let Some(view) = self.conversation(key)?
                && wanted(&view.channel)
                && (since..=until).contains(&view.last_ms)
            {
                recent.push((view.last_ms, key.clone()));
            }
            if counted
                && !self.is_known_new(key)
                && base.conversation(key)?.is_some_and(|row| wanted(&row.channel))
            {
                on_disk = on_disk.saturating_sub(1);
            }
        }
        recent.sort_unstable_by(|a, b| b.cmp(a));
        let end = listing.offset.saturating_add(listing.limit);
        let mut listed = Listed::default();
        let mut seen = 0_usize;
        let mut take = |key: ConvKey, seen: &mut usize| {
            if (listing.offset..end).contains(seen) {
                listed.page.push(key);
            }
            *seen += 1;
        };
        let mut recent_total = recent.len() as u64;
        let mut recent = recent.into_iter().peekable();
        let mut older = 0_u64;
        for row in base.activity(since, until)? {
            let (last_ms, key, channel) = row?;
            if !wanted(&channel) || touched.contains(&key) {
                continue;
            }
            while let Some((_, newer)) = recent.next_if(|newer| *newer > (last_ms, key.clone())) {
                take(newer, &mut seen);
            }
            if counted && seen >= end {
                break;
            }
            take(key, &mut seen);
            older += 1;
        }
        for (_, key) in recent {
            take(key, &mut seen);
        }
        recent_total += if counted { on_disk } else { older };
        listed.total = usize::try_from(recent_total).unwrap_or(usize::MAX);
        Ok(listed)
    }

    /// Whether a conversation is known to be on no disk, which spares a look.
    fn is_known_new(&self, key: &ConvKey) -> bool {
        let state = self.lock();
        let nothing = |part: &super::ConvDelta| part.below == Below::Nothing;
        match &state.frozen {
            Some(frozen) if frozen.delta.conversations.contains_key(key) => {
                frozen.delta.conversations.get(key).is_some_and(nothing)
            }
            _ => state.live.conversations.get(key).is_some_and(nothing),
        }
    }

    /// Every conversation whose first message is older than `before_ms`, latest activity first, in batches.
    pub(crate) fn begun_before(&self, before_ms: i64) -> Result<Vec<ConvKey>, IndexError> {
        let (mut keys, base) = {
            let state = self.lock();
            let mut touched: HashSet<ConvKey> = state.live.conversations.keys().cloned().collect();
            if let Some(frozen) = &state.frozen {
                touched.extend(frozen.delta.conversations.keys().cloned());
            }
            (touched, Arc::clone(&state.base))
        };
        for row in base.activity(i64::MIN, i64::MAX)? {
            let (_, key, _) = row?;
            keys.insert(key);
        }
        let mut begun = Vec::new();
        for key in keys {
            if self.conversation(&key)?.is_some_and(|view| view.created_ms < before_ms) {
                begun.push(key);
            }
        }
        begun.sort_unstable();
        Ok(begun)
    }
}
