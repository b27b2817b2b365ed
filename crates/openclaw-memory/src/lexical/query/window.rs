//! Scoring the documents of one window.

use std::sync::atomic::AtomicBool;

use super::{
    super::{LexicalError, Space, page::Cursor, postings::Unpacked},
    check,
    filter::{Bits, Data, Gate, each, each_back, set},
    list::{List, WINDOW},
    top::Top,
    weigh::{Cover, Sum, Weigher},
};

/// One segment, or the documents in memory, with the query's terms in it.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) space: Space,
    pub(super) data: Data<'a>,
    /// Code of the length of its shortest document.
    pub(super) shortest: u8,
    pub(super) gate: Gate<'a>,
    pub(super) lists: Vec<List<'a>>,
    /// The most that a document of each window can score, for each list: all windows of the first, then those of the second, ….
    bounds: Vec<u32>,
    cursor: Option<Cursor<'a>>,
}

impl<'a> Source<'a> {
    pub(super) fn new(
        space: Space,
        data: Data<'a>,
        shortest: u8,
        gate: Gate<'a>,
        lists: Vec<List<'a>>,
    ) -> Self {
        let cursor = match &data {
            Data::Segment { segment, .. } => Some(Cursor::new(&segment.file)),
            Data::Memory { .. } => None,
        };
        Self { space, data, shortest, gate, lists, bounds: Vec::new(), cursor }
    }

    fn windows(&self) -> usize {
        self.data.docs().div_ceil(WINDOW) as usize
    }

    /// Works out what bounds the scores in each window; returns the most that a document of each can score, where there is one.
    pub(super) fn promises(&mut self, weighers: &[Weigher<'_>], cover: &Cover) -> Vec<(u32, u32)> {
        let count = self.windows();
        self.bounds = vec![0; self.lists.len() * count];
        let mut sums = vec![Sum::default(); count];
        for ((list, weigher), bounds) in
            self.lists.iter().zip(weighers).zip(self.bounds.chunks_mut(count.max(1)))
        {
            list.windows(Some(weigher), self.shortest, &mut |window, bound| {
                if let Some(known) = bounds.get_mut(window as usize) {
                    *known = (*known).max(bound);
                }
            });
            for (sum, bound) in sums.iter_mut().zip(bounds) {
                *sum = sum.plus(weigher.most(*bound));
            }
        }
        let closed = self.gate.close_windows(count);
        let open = (0..).zip(sums).zip(closed).filter(|((_, sum), closed)| sum.score() > 0 && !closed);
        open.map(|((window, sum), _)| (cover.bound(sum), window)).collect()
    }

    fn lengths(&mut self, window: u32, out: &mut Vec<u8>) -> Result<(), LexicalError> {
        let first = window * WINDOW;
        let count = self.data.docs().saturating_sub(first).min(WINDOW) as usize;
        match (&self.data, &mut self.cursor) {
            (Data::Segment { segment, .. }, Some(cursor)) => segment.lengths(cursor, first, count, out),
            (Data::Memory { table }, _) => {
                out.clear();
                out.extend(table.rows().part(first as usize, count).map(|row| row.length));
                Ok(())
            }
            (Data::Segment { .. }, None) => Ok(()),
        }
    }
}

/// A term that occurs in a window, and the most it gives there.
#[derive(Debug, Clone, Copy)]
struct Here {
    bound: u32,
    term: usize,
}

/// Scores windows; holds the buffers.
#[derive(Debug)]
pub(super) struct Evaluator<'a> {
    weighers: &'a [Weigher<'a>],
    cover: &'a Cover,
    scores: Vec<Sum>,
    lengths: Vec<u8>,
    here: Vec<Here>,
    /// What each of these and all weaker ones can give together.
    left: Vec<Sum>,
    unpacked: Unpacked,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(weighers: &'a [Weigher<'a>], cover: &'a Cover) -> Self {
        Self {
            weighers,
            cover,
            scores: vec![Sum::default(); WINDOW as usize],
            lengths: Vec::new(),
            here: Vec::new(),
            left: Vec::new(),
            unpacked: Unpacked::default(),
        }
    }

    /// Offers the best documents of a window.
    pub(super) fn score(
        &mut self,
        source: &mut Source<'_>,
        index: u64,
        window: u32,
        top: &mut Top,
    ) -> Result<(), LexicalError> {
        let threshold = top.threshold();
        let optional = self.divide(source, window, threshold);
        if optional == self.here.len() {
            return Ok(());
        }
        let allowed = source.gate.allowed(&source.data, window, &mut self.unpacked)?;
        if allowed.iter().all(|word| *word == 0) {
            return Ok(());
        }
        source.lengths(window, &mut self.lengths)?;
        self.scores.fill(Sum::default());
        let mut found: Bits = [0; WINDOW as usize / 64];
        for here in self.here.iter().skip(optional) {
            let (Some(list), Some(weigher)) = (source.lists.get_mut(here.term), self.weighers.get(here.term))
            else {
                continue;
            };
            let (scores, lengths) = (self.scores.as_mut_slice(), self.lengths.as_slice());
            let wanted = |from: usize, to: usize| any(&allowed, from, to);
            let tell = |doc: usize, count: u8| {
                if let (Some(score), Some(length)) = (scores.get_mut(doc), lengths.get(doc)) {
                    *score += weigher.sum(count, *length);
                    set(&mut found, doc);
                }
            };
            list.visit(window, &mut self.unpacked, |from, to| wanted(from as usize, to as usize), tell)?;
        }
        found.iter_mut().zip(allowed).for_each(|(found, allowed)| *found &= allowed);
        self.complete(source, window, optional, threshold, &mut found)?;
        let rank = index << 32 | u64::from(window * WINDOW);
        // The later first: of those that are alike, only the first are offered.
        each_back(&found, |doc| {
            if let Some(sum) = self.scores.get(doc).filter(|sum| sum.score() >= top.threshold()) {
                top.offer(self.cover.apply(*sum), rank + doc as u64);
            }
        });
        Ok(())
    }

    /// Puts the window's terms in order: first, as many as returned, those that lift no document over the threshold by
    /// themselves, the weakest first.
    fn divide(&mut self, source: &Source<'_>, window: u32, threshold: u32) -> usize {
        self.here.clear();
        let bounds = source.bounds.iter().skip(window as usize).step_by(source.windows().max(1));
        self.here.extend(
            bounds
                .enumerate()
                .filter(|(_, bound)| **bound > 0)
                .map(|(term, bound)| Here { bound: *bound, term }),
        );
        self.here.sort_unstable_by_key(|here| here.bound);
        let mut sum = Sum::default();
        self.left.clear();
        for here in &self.here {
            sum = sum.plus(self.weighers.get(here.term).map_or(Sum::default(), |it| it.most(here.bound)));
            self.left.push(sum);
        }
        self.left.iter().take_while(|left| self.cover.bound(**left) < threshold).count()
    }

    /// Adds what the optional terms give to the documents that were found, dropping those that can't make it.
    fn complete(
        &mut self,
        source: &mut Source<'_>,
        window: u32,
        optional: usize,
        threshold: u32,
        found: &mut Bits,
    ) -> Result<(), LexicalError> {
        for (here, left) in self.here.iter().zip(&self.left).take(optional).rev() {
            let mut kept: Bits = [0; WINDOW as usize / 64];
            each(found, |doc| {
                if self.scores.get(doc).is_some_and(|sum| self.cover.bound(sum.plus(*left)) >= threshold) {
                    set(&mut kept, doc);
                }
            });
            *found = kept;
            if kept.iter().all(|word| *word == 0) {
                return Ok(());
            }
            let (Some(list), Some(weigher)) = (source.lists.get_mut(here.term), self.weighers.get(here.term))
            else {
                continue;
            };
            let (scores, lengths) = (self.scores.as_mut_slice(), self.lengths.as_slice());
            let tell = |doc: usize, count: u8| {
                let wanted = kept.get(doc / 64).is_some_and(|word| word >> (doc % 64) & 1 == 1);
                if let (true, Some(score), Some(length)) = (wanted, scores.get_mut(doc), lengths.get(doc)) {
                    *score += weigher.sum(count, *length);
                }
            };
            list.visit(window, &mut self.unpacked, |from, to| any(&kept, from as usize, to as usize), tell)?;
        }
        Ok(())
    }

    /// How many documents match, up to a number.
    pub(super) fn count(
        &mut self,
        sources: &mut [Source<'_>],
        limit: u64,
        stop: &AtomicBool,
    ) -> Result<u64, LexicalError> {
        let mut total = 0;
        // Where nothing is filtered, the longest list says what there is at least.
        let at_least = |source: &Source<'_>| {
            let longest = source.lists.iter().map(List::documents).max().unwrap_or(0);
            if source.gate.is_open() { longest.saturating_sub(source.data.dead()) as u64 } else { 0 }
        };
        if sources.iter().map(at_least).sum::<u64>() >= limit {
            return Ok(limit);
        }
        for source in sources {
            let windows = source.windows();
            let mut open = source.gate.close_windows(windows);
            let mut having = vec![false; windows];
            for list in &source.lists {
                list.windows(None, 0, &mut |window, _| {
                    if let Some(having) = having.get_mut(window as usize) {
                        *having = true;
                    }
                });
            }
            open.iter_mut().zip(having).for_each(|(open, having)| *open = !*open && having);
            // The latest first: a filter often wants those.
            for (window, _) in (0..windows as u32).zip(open).rev().filter(|(_, open)| *open) {
                if total >= limit {
                    return Ok(limit);
                }
                check(stop)?;
                total += self.count_window(source, window)?;
            }
        }
        Ok(total.min(limit))
    }

    fn count_window(&mut self, source: &mut Source<'_>, window: u32) -> Result<u64, LexicalError> {
        let allowed = source.gate.allowed(&source.data, window, &mut self.unpacked)?;
        let mut found: Bits = [0; WINDOW as usize / 64];
        for list in &mut source.lists {
            let wanted = |from: u32, to: u32| any(&allowed, from as usize, to as usize);
            list.visit(window, &mut self.unpacked, wanted, |doc, _| set(&mut found, doc))?;
        }
        let both =
            found.iter().zip(allowed).map(|(found, allowed)| u64::from((found & allowed).count_ones()));
        Ok(both.sum())
    }
}

/// Whether any document of a range is in the set.
fn any(bits: &Bits, from: usize, to: usize) -> bool {
    let words = bits.iter().enumerate().take(to.div_ceil(64)).skip(from / 64);
    words.into_iter().any(|(at, word)| {
        let below = from.saturating_sub(at * 64);
        let above = (at * 64 + 64).saturating_sub(to);
        let mask =
            u64::MAX.checked_shl(below as u32).unwrap_or(0) & u64::MAX.checked_shr(above as u32).unwrap_or(0);
        word & mask != 0
    })
}
