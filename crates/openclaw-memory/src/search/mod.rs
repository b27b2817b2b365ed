//! Lexical search: words, and pairs of characters of scripts without spaces between words (Chinese,
//! Japanese, Korean, Thai, …), ranked by BM25.
//!
//! It goes through the log itself, so that it is complete at once and nothing erased can be found; an inverted index can
//! take the place of [`scan::best`] without anything else changing.

#[cfg_attr(not(test), expect(dead_code, unused_imports, reason = "wired in with the index"))]
mod fusion;
mod language;
mod passage;
mod rank;
mod scan;
mod terms;

use std::sync::atomic::AtomicBool;

use openclaw_core::{
    Timestamp,
    port::{MemoryError, MemoryType, SearchHit, SearchQuery, SearchResults},
};

pub(crate) use language::Language;
pub(crate) use passage::one_line;
use passage::passage;
use scan::{TextKey, Texts, Unit, best, paragraphs};
use terms::Terms;

use crate::{
    store::{CompactedFile, Core, compacted_files},
    wal::Pointer,
};

impl Core {
    /// Finds passages. Blocks; fails soon after `stop` was set.
    pub(crate) fn search(
        &self,
        query: &SearchQuery,
        stop: &AtomicBool,
    ) -> Result<SearchResults, MemoryError> {
        let terms = Terms::of(&query.query);
        if terms.is_empty() || query.limit == 0 {
            return Ok(SearchResults { hits: Vec::new(), total: 0 });
        }
        let mut units = Vec::new();
        if query.kind != MemoryType::Compacted {
            units.extend(self.reader().segments().into_iter().map(|segment| Unit::Records(segment.lsns)));
        }
        let mut files = Vec::new();
        if query.kind != MemoryType::Wal {
            files = compacted_files(self.dir())?;
            files.retain(|file| {
                query.since.is_none_or(|since| file.modified >= since)
                    && query.until.is_none_or(|until| file.modified <= until)
            });
            files.sort_by(|a, b| a.path.cmp(&b.path));
            units.extend(
                files.iter().zip(0..).map(|(file, index)| Unit::File { index, path: file.path.clone() }),
            );
        }
        let texts = Texts { reader: self.reader(), units, since: query.since, until: query.until, stop };
        let (found, matching) = best(&texts, &terms, query.limit)?;
        let mut hits = Vec::with_capacity(found.len());
        for scored in found {
            let hit = match scored.what {
                TextKey::Message { at, part } => self.message_hit(at, part, scored.score, &terms)?,
                TextKey::Paragraph { file, number } => files
                    .get(file as usize)
                    .and_then(|file| self.paragraph_hit(file, number, scored.score, &terms)),
            };
            hits.extend(hit);
        }
        Ok(SearchResults { hits, total: usize::try_from(matching).unwrap_or(usize::MAX) })
    }

    /// `None`: erased since it was found.
    fn message_hit(
        &self,
        at: Pointer,
        part: u32,
        score: f32,
        terms: &Terms,
    ) -> Result<Option<SearchHit>, MemoryError> {
        Ok(self.describe(at, part)?.map(|found| SearchHit {
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

    fn paragraph_hit(
        &self,
        file: &CompactedFile,
        number: u32,
        score: f32,
        terms: &Terms,
    ) -> Option<SearchHit> {
        let bytes = std::fs::read(&file.path).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        let paragraph = paragraphs(&text).nth(number as usize)?;
        let below = file.path.strip_prefix(self.dir().parent()?).ok()?;
        let source = below.to_string_lossy().into_owned();
        let timestamp: Timestamp = file.modified;
        Some(SearchHit {
            id: format!("{source}#{}", number + 1),
            kind: MemoryType::Compacted,
            content: passage(paragraph, terms),
            score,
            timestamp,
            conversation: None,
            channel: None,
            role: None,
            source: Some(source),
        })
    }
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

    #[test]
    fn paragraphs_are_what_empty_lines_separate() {
        let text = "\n# Facts\n\n- likes tea\n- lives in 서울\n\n \nlast";
        let found: Vec<_> = paragraphs(text).collect();
        assert_eq!(found, ["# Facts", "- likes tea\n- lives in 서울", "last"]);
        assert_eq!(paragraphs("").count(), 0);
    }
}
