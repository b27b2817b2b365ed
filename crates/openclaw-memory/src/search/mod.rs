//! Search: what has the words of a question, and what means the like of it, in one order.
//!
//! The lexical index gives the passages that have most of the words, the vectors those that are nearest; each is asked about what
//! the other found, neighbouring turns are looked up, and [`fusion`] makes one order of it. What the index does not know
//! yet is gone through word by word, so that an answer is complete even while the index is built anew.

pub(crate) mod fusion;
mod gather;
mod language;
mod passage;
mod rank;
mod records;
mod scan;
mod terms;
mod turns;

use std::{path::Path, sync::atomic::AtomicBool};

use openclaw_core::{
    Lsn, Timestamp,
    port::{MemoryError, MemoryType, SearchHit, SearchQuery, SearchResults},
};

use fusion::{Corpus, Weights, rank};
use gather::Gathered;
pub(crate) use language::Language;
pub(crate) use passage::one_line;
use passage::passage;
use records::{Read, Records};
use terms::Terms;

use crate::{compaction::passage_of, store::Core};

/// Which passage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    /// A record's document, and the offset at which the record lies in its segment.
    Record { lsn: Lsn, offset: u32, part: u32 },
    /// A line of a Markdown file, by the file's number in the index.
    Line { file: u64, line: u32 },
}

impl Core {
    /// Finds passages. Blocks; fails soon after `stop` was set.
    pub(crate) fn search(
        &self,
        query: &SearchQuery,
        stop: &AtomicBool,
    ) -> Result<SearchResults, MemoryError> {
        if query.limit == 0 || query.query.trim().is_empty() {
            return Ok(SearchResults { hits: Vec::new(), total: 0 });
        }
        let terms = Terms::of(&query.query);
        let mut records = Records::default();
        let gathered = self.gather(query, &terms, &mut records, stop)?;
        let Gathered { candidates, total, mean_length, nearnesses } = gathered;
        let corpus = Corpus { mean_length, nearnesses: nearnesses.as_ref() };
        let mut hits = Vec::with_capacity(query.limit);
        for ranked in rank(candidates, &corpus, &Weights::DEFAULT) {
            if hits.len() == query.limit {
                break;
            }
            let hit = match ranked.key {
                Key::Record { lsn, offset, part } => match records.get(self, lsn, offset)? {
                    Some(record) => self.record_hit(record, part, ranked.score, &terms)?,
                    None => None,
                },
                Key::Line { file, line } => self.line_hit(file, line, ranked.score, &terms),
            };
            hits.extend(hit.filter(|hit| is_wanted(hit, query)));
        }
        let total = total.max(hits.len());
        Ok(SearchResults { hits, total })
    }

    /// `None`: erased since it was found.
    fn record_hit(
        &self,
        record: &mut Read,
        part: u32,
        score: f32,
        terms: &Terms,
    ) -> Result<Option<SearchHit>, MemoryError> {
        let conversation = record.conversation(self)?.cloned();
        Ok(self.describe(record.at, &record.payload, conversation, part)?.map(|found| SearchHit {
            id: found.id,
            kind: MemoryType::Wal,
            content: passage(&found.text, terms),
            score,
            timestamp: found.timestamp,
            conversation: found.conversation.map(|key| key.id()),
            channel: found.channel,
            role: found.role,
            source: None,
        }))
    }

    fn line_hit(&self, file: u64, line: u32, score: f32, terms: &Terms) -> Option<SearchHit> {
        let file = self.words.file(file)?;
        let path = self.dir().join(&file.path);
        let modified = std::fs::metadata(&path).and_then(|metadata| metadata.modified()).ok()?;
        let bytes = std::fs::read(&path).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        let found = passage_of(&self.markdown_name(&path), &text, line as usize)?;
        let memory = self.dir().file_name().map(Path::new)?;
        let source = memory.join(&file.path).to_string_lossy().into_owned();
        Some(SearchHit {
            id: format!("{source}#{line}"),
            kind: MemoryType::Compacted,
            content: passage(&found.text, terms),
            score,
            timestamp: found.date.unwrap_or_else(|| Timestamp::from(modified)),
            conversation: None,
            channel: None,
            role: None,
            source: Some(source),
        })
    }
}

/// Whether a passage is what was asked for. The indexes have seen to that already, but for hashes that are alike by chance and
/// for seconds cut off.
fn is_wanted(hit: &SearchHit, query: &SearchQuery) -> bool {
    query.since.is_none_or(|since| hit.timestamp >= since)
        && query.until.is_none_or(|until| hit.timestamp <= until)
        && (query.channel.is_none() || hit.channel == query.channel)
        && (query.conversation.is_none() || hit.conversation == query.conversation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_search_that_nobody_waits_for_ends() {
        use openclaw_core::{Metadata, NewRun, RunId, config::MemoryConfig, port::MemoryPort as _};

        let dir = tempfile::tempdir().unwrap();
        let config = MemoryConfig { min_free_mb: 0, ..MemoryConfig::default() };
        let memory = crate::Memory::open(dir.path(), &config).unwrap().0;
        let id = RunId::generate();
        let run = NewRun {
            id,
            conversation: id.new_conversation_id(),
            channel: "api".to_owned(),
            text: "green tea".to_owned(),
            metadata: Metadata::default(),
            idempotency_key: None,
        };
        memory.accept_run(run).await.unwrap();
        let query = SearchQuery { query: "tea".to_owned(), limit: 5, ..SearchQuery::default() };
        let stop = AtomicBool::new(false);
        assert_eq!(memory.core().search(&query, &stop).unwrap().total, 1);
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(matches!(memory.core().search(&query, &stop), Err(MemoryError::Closed)));
    }
}
