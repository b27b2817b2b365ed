//! What might be an answer: from the words, from the meaning, from the turns next to both.

use std::{collections::HashMap, sync::atomic::AtomicBool};

use openclaw_core::{
    Lsn, Timestamp,
    port::{MemoryError, MemoryType, SearchQuery},
};

use super::{
    Key, Language,
    fusion::{Candidate, Centres, Nearnesses, Shipped},
    records::Records,
    scan::{TextKey, Texts, best},
    terms::Terms,
};
use crate::{
    lexical::{self, DocKey, Space},
    record::ConvKey,
    store::{Core, LOG_SPACE, channel_hash, conversation_hash, index_error},
    vectors::{VectorFilter, VectorKey},
};

/// Passages that each side is asked for: so many for each wanted one, within bounds.
const DEPTH: usize = 8;
const LEAST: usize = 100;
/// So many, or all that are wanted when those are more, certainly have most of the words.
const SURE: usize = 20;
const MOST: usize = 1000;
/// Up to where matches are counted.
const COUNTED: u64 = 1000;
const DAY_MS: f32 = 86_400_000.0;

/// Everything to be put in order.
pub(super) struct Gathered {
    pub(super) candidates: Vec<Candidate<Key>>,
    /// Passages that match, counted up to a thousand.
    pub(super) total: usize,
    pub(super) mean_length: f32,
    /// How near passages are on the whole; `None`: meaning was not asked.
    pub(super) nearnesses: Option<Nearnesses>,
}

/// Candidates by what they are of, in the order in which they were found.
#[derive(Default)]
pub(super) struct Pool {
    pub(super) all: Vec<Candidate<Key>>,
    by_doc: HashMap<DocKey, usize>,
}

impl Pool {
    /// The candidate of a document; the first one to ask makes it.
    pub(super) fn of(&mut self, doc: DocKey, place: u32) -> &mut Candidate<Key> {
        let next = self.all.len();
        let at = *self.by_doc.entry(doc).or_insert(next);
        if at == next {
            let key = match doc.space {
                Space::Log => Key::Record { lsn: Lsn(doc.major), offset: place, part: doc.minor },
                Space::Markdown => Key::Line { file: doc.major, line: doc.minor },
            };
            self.all.push(Candidate {
                key,
                coverage: 0.0,
                nearness: None,
                length: 0,
                place: None,
                age_days: f32::MAX,
                importance: 0.5,
            });
        }
        &mut self.all[at]
    }

    pub(super) fn has(&self, doc: &DocKey) -> bool {
        self.by_doc.contains_key(doc)
    }
}

impl Core {
    pub(super) fn gather(
        &self,
        query: &SearchQuery,
        terms: &Terms,
        records: &mut Records,
        stop: &AtomicBool,
    ) -> Result<Gathered, MemoryError> {
        let depth = query.limit.saturating_mul(DEPTH).clamp(LEAST, MOST);
        let mut gathered = Gathered { candidates: Vec::new(), total: 0, mean_length: 1.0, nearnesses: None };
        let mut pool = Pool::default();
        let gap = self.by_words(query, depth, stop, &mut pool, &mut gathered)?;
        self.by_reading(query, terms, gap, stop, &mut pool, &mut gathered)?;
        self.by_meaning(query, depth, &mut pool, &mut gathered);
        self.add_turns(&mut pool, records, query, gathered.nearnesses.is_some())?;
        gathered.candidates = pool.all;
        Ok(gathered)
    }

    /// Asks the lexical index; returns the records that it does not know.
    fn by_words(
        &self,
        query: &SearchQuery,
        depth: usize,
        stop: &AtomicBool,
        pool: &mut Pool,
        gathered: &mut Gathered,
    ) -> Result<Option<std::ops::Range<Lsn>>, MemoryError> {
        let Some(index) = self.words.index() else { return Ok(None) };
        let gap = self.words.catch_up(self, &index)?;
        let conversation = query.conversation.as_ref().map(|id| ConvKey::of(id).to_bytes());
        let filter = lexical::Filter {
            space: match query.kind {
                MemoryType::All => None,
                MemoryType::Wal => Some(Space::Log),
                MemoryType::Compacted => Some(Space::Markdown),
            },
            since_ms: query.since.map(Timestamp::unix_millis),
            until_ms: query.until.map(Timestamp::unix_millis),
            conversation: conversation.as_deref(),
            channel: query.channel.as_deref().map(str::as_bytes),
            kinds: &[],
        };
        let asked = lexical::Query {
            text: &query.query,
            filter,
            limit: depth,
            sure: query.limit.max(SURE),
            count_to: COUNTED,
        };
        let found = match index.search(&asked, stop) {
            Ok(found) => found,
            Err(error) => {
                self.words.failed(&error);
                return if matches!(error, lexical::LexicalError::Stopped) {
                    Err(index_error(error))
                } else {
                    // Answered from the log this time.
                    Ok(None)
                };
            }
        };
        let now = Timestamp::now().unix_millis();
        for one in found.candidates {
            let candidate = pool.of(one.key, one.place);
            candidate.coverage = one.lex;
            candidate.length = one.length;
            candidate.age_days = now.saturating_sub(one.time_ms) as f32 / DAY_MS;
            candidate.importance = f32::from(one.importance) / 100.0;
        }
        gathered.total = usize::try_from(found.total).unwrap_or(usize::MAX);
        gathered.mean_length = found.mean_length;
        Ok(Some(gap))
    }

    /// Goes through what the index does not know: `None` is everything.
    fn by_reading(
        &self,
        query: &SearchQuery,
        terms: &Terms,
        gap: Option<std::ops::Range<Lsn>>,
        stop: &AtomicBool,
        pool: &mut Pool,
        gathered: &mut Gathered,
    ) -> Result<(), MemoryError> {
        let held = self.reader().held();
        let (start, end) = gap.map_or((held.start, held.end), |gap| (gap.start, gap.end));
        if start >= end || terms.is_empty() || query.kind == MemoryType::Compacted {
            return Ok(());
        }
        let parts = self.reader().segments().into_iter().filter_map(|segment| {
            let part = segment.lsns.start.max(start)..segment.lsns.end.min(end);
            (part.start < part.end).then_some(part)
        });
        let texts = Texts {
            reader: self.reader(),
            units: parts.collect(),
            since: query.since,
            until: query.until,
            stop,
        };
        let narrow = query.channel.is_some() || query.conversation.is_some();
        // What belongs to another conversation is left out at the end, so more has to be looked at.
        let most = if narrow { MOST * 4 } else { query.limit.saturating_mul(DEPTH).clamp(LEAST, MOST) };
        let (found, matching, all) = best(&texts, terms, most)?;
        for scored in found {
            let TextKey { at, part } = scored.what;
            let doc = DocKey { space: Space::Log, major: at.lsn.0, minor: part };
            let candidate = pool.of(doc, at.offset);
            candidate.coverage = candidate.coverage.max(if all > 0.0 { scored.score / all } else { 0.0 });
            candidate.length = gathered.mean_length as u32;
        }
        let total = (gathered.total as u64).saturating_add(matching).min(COUNTED);
        gathered.total = usize::try_from(total).unwrap_or(usize::MAX);
        Ok(())
    }

    /// Asks the vectors. Whatever fails there: words alone are an answer, too.
    fn by_meaning(&self, query: &SearchQuery, depth: usize, pool: &mut Pool, gathered: &mut Gathered) {
        let Some(semantic) = &self.semantic else { return };
        if query.kind == MemoryType::Compacted {
            return;
        }
        let vectors = match semantic.vectors() {
            Ok(Some(vectors)) if vectors.len() > 0 => vectors,
            Ok(Some(_)) => return,
            Ok(None) => return semantic.tell_missing(),
            Err(error) => {
                tracing::warn!(%error, "search goes by words alone this time");
                return;
            }
        };
        let vector = match semantic.question(&query.query) {
            Ok(Some(vector)) => vector,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, "the question can't be embedded; search goes by words alone this time");
                return;
            }
        };
        if vector.len() != Shipped::E5_SMALL.dimensions() {
            return;
        }
        let means = vectors.means();
        let centres = Centres::new(
            Shipped::E5_SMALL,
            means.iter().map(|mean| (Language::from_number(mean.language), mean.count, mean.sum.as_slice())),
        );
        let question = centres.question(&vector, Language::of(&query.query));
        let filter = VectorFilter {
            space: Some(LOG_SPACE),
            since_ms: query.since.map(Timestamp::unix_millis),
            until_ms: query.until.map(Timestamp::unix_millis),
            conversation: query.conversation.as_ref().map(|id| conversation_hash(&ConvKey::of(id))),
            channel: query.channel.as_deref().map(channel_hash),
        };
        let near = match vectors.nearest(&question, &filter, depth, gathered.mean_length) {
            Ok(near) => near,
            Err(error) => {
                tracing::warn!(%error, "search goes by words alone this time");
                return;
            }
        };
        for passage in &near.best {
            let doc = DocKey { space: Space::Log, major: passage.key.major, minor: passage.key.minor };
            let candidate = pool.of(doc, passage.place);
            candidate.nearness = Some(passage.nearness);
            if candidate.length == 0 {
                candidate.length = u32::from(passage.length);
            }
        }
        // What words found and meaning did not is compared, too.
        for candidate in pool.all.iter_mut().filter(|candidate| candidate.nearness.is_none()) {
            let Key::Record { lsn, part, .. } = candidate.key else { continue };
            let key = VectorKey { space: LOG_SPACE, major: lsn.0, minor: part, window: 0 };
            if let Ok(nearness) = vectors.nearness(&question, &near.nearnesses, key) {
                candidate.nearness = nearness;
            }
        }
        gathered.nearnesses = Some(near.nearnesses);
    }
}
