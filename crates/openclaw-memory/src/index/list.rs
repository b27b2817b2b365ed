//! Listing conversations by activity: what is in memory merged with what is on the disk.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{Below, ConvDelta, IndexError, Projections, Snapshot};
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

/// What a listing needs of a conversation's part of a delta.
#[derive(Debug, Clone)]
struct Brief {
    below: Below,
    /// `None`: this part, taken alone, is no conversation.
    last: Option<(Channel, i64)>,
}

impl Brief {
    fn of(part: &ConvDelta) -> Self {
        let last = part.exists().then(|| (part.channel.clone(), part.last_ms));
        Self { below: part.below, last }
    }
}

/// What one conversation's layers come to.
struct Touched {
    /// Channel and last message; `None`: there is no such conversation.
    now: Option<(Channel, i64)>,
    /// Its channel in the index on disk, if it is there; looked up only when it matters.
    on_disk: Option<Channel>,
}

/// The layers of one conversation as one, with at most one look into the index on disk.
fn combine(
    key: &ConvKey,
    (live, frozen): (Option<&Brief>, Option<&Brief>),
    base: &Snapshot,
    counted: bool,
) -> Result<Touched, IndexError> {
    let open = |part: &&Brief| part.below == Below::Unknown;
    // Whether the conversation can be on the disk is for the lowest part to say, whether that counts for all of them.
    let begins = frozen.or(live).is_some_and(|part| part.below == Below::Nothing);
    let lower = if live.as_ref().is_none_or(open) { frozen } else { None };
    let reaches = live.as_ref().is_none_or(open) && lower.as_ref().is_none_or(open);
    let row = if !begins && (reaches || counted) { base.conversation_head(key)? } else { None };
    let on_disk = row.as_ref().map(|head| head.channel.clone());
    let mut now = row.filter(|_| reaches).map(|head| (head.channel, head.last_ms));
    for (channel, last_ms) in [lower, live].into_iter().flatten().filter_map(|part| part.last.as_ref()) {
        now = Some(match now {
            Some((first, before)) => (first, before.max(*last_ms)),
            None => (channel.clone(), *last_ms),
        });
    }
    Ok(Touched { now, on_disk })
}

impl Projections {
    pub(crate) fn list(&self, listing: &Listing) -> Result<Listed, IndexError> {
        // Under the lock, which every commit takes, only what changes is copied.
        let (live, frozen, base) = {
            let state = self.lock();
            let parts = state.live.conversations.iter();
            let live: Vec<(ConvKey, Brief)> =
                parts.map(|(key, part)| (key.clone(), Brief::of(part))).collect();
            (live, state.frozen.clone(), Arc::clone(&state.base))
        };
        let frozen = frozen.as_ref().map(|frozen| &frozen.delta.conversations);
        let mut touched: HashMap<&ConvKey, Option<&Brief>> =
            live.iter().map(|(key, part)| (key, Some(part))).collect();
        for key in frozen.into_iter().flat_map(HashMap::keys) {
            touched.entry(key).or_insert(None);
        }
        let since = listing.since_ms.unwrap_or(i64::MIN);
        let until = listing.until_ms.unwrap_or(i64::MAX);
        let wanted = |channel: &Channel| listing.channel.as_ref().is_none_or(|wanted| wanted == channel);
        // Without a range of time the total follows from counters; with one the range is walked.
        let counted = listing.since_ms.is_none() && listing.until_ms.is_none();
        let mut on_disk = base.summary.conversations(listing.channel.as_ref());
        let mut recent: Vec<(i64, ConvKey)> = Vec::new();
        for (key, live) in &touched {
            let frozen = frozen.and_then(|parts| parts.get(key)).map(Brief::of);
            let found = combine(key, (*live, frozen.as_ref()), &base, counted)?;
            if let Some((channel, last_ms)) = found.now
                && wanted(&channel)
                && (since..=until).contains(&last_ms)
            {
                recent.push((last_ms, (*key).clone()));
            }
            if counted && found.on_disk.is_some_and(|channel| wanted(&channel)) {
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
            if !wanted(&channel) || touched.contains_key(&key) {
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

    /// When the oldest conversation began, and with it the oldest message was said.
    pub(crate) fn oldest(&self) -> Result<Option<i64>, IndexError> {
        let (touched, base) = self.touched();
        let mut oldest = base.oldest(|key| touched.contains(key))?;
        for key in touched {
            if let Some(view) = self.conversation(&key)? {
                oldest = Some(oldest.map_or(view.created_ms, |oldest| oldest.min(view.created_ms)));
            }
        }
        Ok(oldest)
    }

    /// What was said in since the last checkpoint, and the index as that left it.
    fn touched(&self) -> (HashSet<ConvKey>, Arc<Snapshot>) {
        let state = self.lock();
        let mut touched: HashSet<ConvKey> = state.live.conversations.keys().cloned().collect();
        if let Some(frozen) = &state.frozen {
            touched.extend(frozen.delta.conversations.keys().cloned());
        }
        (touched, Arc::clone(&state.base))
    }

    /// Every conversation whose first message is older than `before_ms`, latest activity first, in batches.
    pub(crate) fn begun_before(&self, before_ms: i64) -> Result<Vec<ConvKey>, IndexError> {
        let (mut keys, base) = self.touched();
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
