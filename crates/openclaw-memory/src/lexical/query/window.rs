//! Scoring the documents of one window.

use std::sync::atomic::AtomicBool;

use super::{
    super::{LexicalError, Space, page::Cursor, postings::Unpacked},
    QueryTerm, check,
    filter::{Bits, Data, Gate, each, set},
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
        Self { space, data, shortest, gate, lists, cursor }
    }

    fn lengths(&mut self, window: u32, out: &mut Vec<u8>) -> Result<(), LexicalError> {
        let first = window * WINDOW;
        let count = self.data.docs().saturating_sub(first).min(WINDOW) as usize;
        match (&self.data, &mut self.cursor) {
            (Data::Segment { segment, .. }, Some(cursor)) => segment.lengths(cursor, first, count, out),
            (Data::Memory { rows }, _) => {
                out.clear();
                out.extend(rows.iter().skip(first as usize).take(count).map(|row| row.length));
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
    finds: bool,
}

/// Scores windows; holds the buffers.
#[derive(Debug)]
pub(super) struct Evaluator<'a> {
    weighers: &'a [Weigher<'a>],
    terms: &'a [QueryTerm],
    cover: &'a Cover,
    scores: Vec<Sum>,
    lengths: Vec<u8>,
    here: Vec<Here>,
    unpacked: Unpacked,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(weighers: &'a [Weigher<'a>], terms: &'a [QueryTerm], cover: &'a Cover) -> Self {
        Self {
            weighers,
            terms,
            cover,
            scores: vec![Sum::default(); WINDOW as usize],
            lengths: Vec::new(),
            here: Vec::new(),
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
        each(&found, |doc| {
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
        for (term, ((list, weigher), query)) in
            source.lists.iter().zip(self.weighers).zip(self.terms).enumerate()
        {
            let bound = list.bound_in(window, weigher, source.shortest);
            if bound > 0 {
                self.here.push(Here { bound, term, finds: query.finds });
            }
        }
        self.here.sort_unstable_by_key(|here| (here.finds, here.bound));
        let mut sum = Sum::default();
        let (weighers, cover) = (self.weighers, self.cover);
        let optional = self.here.iter().take_while(|here| {
            if let Some(weigher) = weighers.get(here.term) {
                sum = sum.plus(weigher.most(here.bound));
            }
            !here.finds || cover.bound(sum) < threshold
        });
        let optional = optional.count();
        if let Some(first) = self.here.get_mut(..optional) {
            first.sort_unstable_by_key(|here| here.bound);
        }
        optional
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
        let most =
            |here: &Here| self.weighers.get(here.term).map_or(Sum::default(), |it| it.most(here.bound));
        // What this and all weaker terms can add.
        let mut left: Vec<Sum> = Vec::with_capacity(optional);
        for here in self.here.iter().take(optional) {
            left.push(left.last().copied().unwrap_or_default().plus(most(here)));
        }
        for (here, left) in self.here.iter().zip(left).take(optional).rev() {
            let mut kept: Bits = [0; WINDOW as usize / 64];
            each(found, |doc| {
                if self.scores.get(doc).is_some_and(|sum| self.cover.bound(sum.plus(left)) >= threshold) {
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
            let finding = source.lists.iter().zip(self.terms).filter(|(_, term)| term.finds);
            let longest = finding.map(|(list, _)| list.documents()).max().unwrap_or(0);
            if source.gate.is_open() { longest.saturating_sub(source.data.dead()) as u64 } else { 0 }
        };
        if sources.iter().map(at_least).sum::<u64>() >= limit {
            return Ok(limit);
        }
        for source in sources {
            let windows = source.data.docs().div_ceil(WINDOW);
            let mut open = source.gate.close_windows(windows as usize);
            let mut having = vec![false; windows as usize];
            for (list, _) in source.lists.iter().zip(self.terms).filter(|(_, term)| term.finds) {
                list.windows(None, 0, &mut |window, _| {
                    if let Some(having) = having.get_mut(window as usize) {
                        *having = true;
                    }
                });
            }
            open.iter_mut().zip(having).for_each(|(open, having)| *open = !*open && having);
            // The latest first: a filter often wants those.
            for (window, _) in (0..windows).zip(open).rev().filter(|(_, open)| *open) {
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
        for (list, term) in source.lists.iter_mut().zip(self.terms) {
            if term.finds {
                let wanted = |from: u32, to: u32| any(&allowed, from as usize, to as usize);
                list.visit(window, &mut self.unpacked, wanted, |doc, _| set(&mut found, doc))?;
            }
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
