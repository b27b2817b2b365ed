//! Going through all texts, on as many threads as it pays.

use std::{
    ops::Range,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};

use openclaw_core::{Lsn, Timestamp, port::MemoryError};

use super::{
    rank::{Best, Corpus, Scored, Weights},
    terms::Terms,
};
use crate::{
    lexical::fold,
    record::{Record, documents},
    store::read_error,
    wal::{Pointer, Reader},
};

/// Most threads of one search.
const THREADS: usize = 4;
/// Matches a thread remembers; when there are more, the texts are gone through a second time instead.
const REMEMBERED: usize = 32 << 10;

/// Which text: one document of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TextKey {
    pub(super) at: Pointer,
    pub(super) part: u32,
}

/// Everything to go through.
#[derive(Debug)]
pub(super) struct Texts<'a> {
    pub(super) reader: &'a Reader,
    /// What one thread goes through at a time.
    pub(super) units: Vec<Range<Lsn>>,
    pub(super) since: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
    /// Set when nobody waits for the answer any more.
    pub(super) stop: &'a AtomicBool,
}

/// Told of each text: which, its folded length, and the counts of the terms when it has any.
type Tell<'a> = dyn FnMut(TextKey, u32, Option<&[u16]>) + 'a;

/// What a first pass found.
#[derive(Debug)]
struct Pass {
    corpus: Corpus,
    /// Matches, unless there were too many; their counts lie one after another.
    matches: Vec<(TextKey, u32)>,
    counts: Vec<u16>,
    overflow: bool,
}

/// The best matches, how many there are, and the most that one could score.
pub(super) fn best(
    texts: &Texts<'_>,
    terms: &Terms,
    limit: usize,
) -> Result<(Vec<Scored<TextKey>>, u64, f32), MemoryError> {
    let passes = texts.in_parallel(|next| {
        let mut pass = Pass {
            corpus: Corpus::new(terms.len()),
            matches: Vec::new(),
            counts: Vec::new(),
            overflow: false,
        };
        texts.each_match(next, terms, &mut |key, bytes, counts| {
            pass.corpus.texts += 1;
            pass.corpus.bytes += u64::from(bytes);
            let Some(counts) = counts else { return };
            pass.corpus.matching += 1;
            for (with, count) in pass.corpus.with_term.iter_mut().zip(counts) {
                *with += u64::from(*count > 0);
            }
            if pass.matches.len() < REMEMBERED {
                pass.matches.push((key, bytes));
                pass.counts.extend_from_slice(counts);
            } else {
                pass.overflow = true;
            }
        })?;
        Ok(pass)
    })?;
    let mut corpus = Corpus::new(terms.len());
    for pass in &passes {
        corpus.add(&pass.corpus);
    }
    let weights = corpus.weights();
    let mut best = Best::new(limit);
    if passes.iter().any(|pass| pass.overflow) {
        drop(passes);
        for part in second_pass(texts, terms, &weights, limit)? {
            for scored in part.into_sorted() {
                best.offer(scored);
            }
        }
    } else {
        for pass in &passes {
            for ((key, bytes), counts) in pass.matches.iter().zip(pass.counts.chunks(terms.len())) {
                best.offer(scored(&weights, *key, *bytes, counts));
            }
        }
    }
    Ok((best.into_sorted(), corpus.matching, weights.most()))
}

fn second_pass(
    texts: &Texts<'_>,
    terms: &Terms,
    weights: &Weights,
    limit: usize,
) -> Result<Vec<Best<TextKey>>, MemoryError> {
    texts.in_parallel(|next| {
        let mut best = Best::new(limit);
        texts.each_match(next, terms, &mut |key, bytes, counts| {
            if let Some(counts) = counts {
                best.offer(scored(weights, key, bytes, counts));
            }
        })?;
        Ok(best)
    })
}

fn scored(weights: &Weights, what: TextKey, bytes: u32, counts: &[u16]) -> Scored<TextKey> {
    Scored { score: weights.score(counts, bytes), age: what.at.lsn.0, what }
}

impl Texts<'_> {
    /// Runs `work` on several threads that share the units through the counter they are given.
    fn in_parallel<T: Send>(
        &self,
        work: impl Fn(&AtomicUsize) -> Result<T, MemoryError> + Sync,
    ) -> Result<Vec<T>, MemoryError> {
        let next = AtomicUsize::new(0);
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let threads = processors.min(THREADS).min(self.units.len()).max(1);
        if threads == 1 {
            return work(&next).map(|part| vec![part]);
        }
        thread::scope(|scope| {
            let helpers: Vec<_> = (1..threads).map(|_| scope.spawn(|| work(&next))).collect();
            let mut parts = vec![work(&next)];
            for helper in helpers {
                parts.push(helper.join().unwrap_or(Err(MemoryError::Closed)));
            }
            parts.into_iter().collect()
        })
    }

    /// Tells of every text in the window.
    fn each_match(&self, next: &AtomicUsize, terms: &Terms, tell: &mut Tell<'_>) -> Result<(), MemoryError> {
        let mut buffer = String::new();
        let mut counts = vec![0_u16; terms.len()];
        let mut see = |key: TextKey, text: &str| {
            buffer.clear();
            fold(text, &mut buffer, None);
            let bytes = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
            let any = terms.count(&buffer, &mut counts);
            tell(key, bytes, any.then_some(counts.as_slice()));
        };
        while let Some(unit) = self.units.get(next.fetch_add(1, Ordering::Relaxed)) {
            self.each_message(unit, &mut see)?;
        }
        Ok(())
    }

    fn each_message(
        &self,
        range: &Range<Lsn>,
        see: &mut dyn FnMut(TextKey, &str),
    ) -> Result<(), MemoryError> {
        let (low, high) = (
            self.since.map_or(i64::MIN, Timestamp::unix_millis),
            self.until.map_or(i64::MAX, Timestamp::unix_millis),
        );
        let mut scan = self.reader.scan(range.clone());
        while let Some(found) = scan.next_record().map_err(read_error)? {
            if self.stop.load(Ordering::Relaxed) {
                return Err(MemoryError::Closed);
            }
            let at = found.pointer;
            let Some(Ok(record)) = found.payload.map(Record::decode) else { continue };
            if !(low..=high).contains(&record.times().1) {
                continue;
            }
            documents(&record, &mut |document| see(TextKey { at, part: document.part }, &document.text));
        }
        Ok(())
    }
}
