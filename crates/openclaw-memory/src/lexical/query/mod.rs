//! Finding the best documents without scoring all.
//!
//! Documents are looked at in windows of 2,048, those first whose terms promise most, so that the worst of the best so far
//! soon beats what most windows can offer. Inside a window, the terms that can't lift a document among the best by
//! themselves are only looked up for documents that others found (MaxScore: Turtle and Flood, 1995).

mod filter;
mod list;
mod top;
mod weigh;
mod window;

use std::sync::atomic::{AtomicBool, Ordering};

use super::{
    Candidate, DocKey, Filter, Found, LexicalError, Params, Space,
    analysis::{Analyzer, Weight},
    dead::Dead,
    hash::{Domain, HashKey, TermHash},
    length,
    memtable::MemRow,
    page::Cursor,
    postings::{BLOCK, Posting},
    rows::Row,
    segment::Segment,
};
pub(super) use filter::Groups;
use filter::{Data, Gate};
use list::{List, WINDOW};
use top::Top;
use weigh::{Cover, Lengths, SCALE, Sum, Weigher, idf};
use window::{Evaluator, Source};

/// Most terms of a query; what follows is ignored. Those that find documents and those that only weigh are counted apart.
const TERMS: usize = 96;

/// What a query looks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct QueryTerm {
    pub(super) hash: TermHash,
    weight: f32,
    /// Whether a document that has nothing else is found.
    finds: bool,
}

/// The terms of a query, each once.
pub(super) fn query_terms(text: &str, analyzer: &Analyzer, key: &HashKey) -> Vec<QueryTerm> {
    let mut terms: Vec<QueryTerm> = Vec::new();
    analyzer.terms(text, &mut |term, class| {
        let Weight { weight, finds } = analyzer.weight(term, class);
        let hash = key.term(Domain::Text, term);
        if let Some(known) = terms.iter_mut().find(|known| known.hash == hash) {
            if finds && !known.finds {
                *known = QueryTerm { hash, weight, finds };
            }
        } else if weight > 0.0 && terms.iter().filter(|known| known.finds == finds).count() < TERMS {
            terms.push(QueryTerm { hash, weight, finds });
        }
    });
    // A query of nothing but such words means them.
    if terms.iter().all(|term| !term.finds) {
        terms.iter_mut().for_each(|term| term.finds = true);
    }
    terms
}

/// Documents in memory, as far as a query is concerned.
#[derive(Debug)]
pub(super) struct MemView {
    pub(super) space: Space,
    pub(super) rows: Vec<MemRow>,
    /// For each term of the query.
    pub(super) lists: Vec<Vec<Posting>>,
    /// For each term of each group of the filter.
    pub(super) groups: Vec<Vec<Vec<Posting>>>,
    pub(super) tokens: u64,
}

/// What a query goes through.
#[derive(Debug)]
pub(super) struct View<'a> {
    /// In order of their documents' keys.
    pub(super) segments: Vec<(&'a Segment, Option<&'a Dead>)>,
    pub(super) memory: Vec<MemView>,
}

/// What to find, taken apart.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) terms: Vec<QueryTerm>,
    pub(super) groups: Groups,
    pub(super) filter: Filter<'a>,
    pub(super) limit: usize,
    /// How far to count what matches.
    pub(super) count_to: u64,
}

impl View<'_> {
    fn collection(&self) -> (u64, u64) {
        let segments =
            self.segments.iter().map(|(segment, _)| (u64::from(segment.head.docs), segment.head.tokens));
        let memory = self.memory.iter().map(|view| (view.rows.len() as u64, view.tokens));
        segments.chain(memory).fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1))
    }

    /// Finds the best documents. Blocks; fails soon after `stop` was set.
    pub(super) fn search(
        &self,
        plan: &Plan<'_>,
        params: &Params,
        stop: &AtomicBool,
    ) -> Result<Found, LexicalError> {
        let (docs, tokens) = self.collection();
        let mean = if docs == 0 { 0.0 } else { tokens as f32 / docs as f32 };
        let mut found = Found { candidates: Vec::new(), total: 0, documents: docs, mean_length: mean };
        if plan.terms.is_empty() || docs == 0 {
            return Ok(found);
        }
        // Where each term is, in every segment: how rare it is counts over all of them.
        let mut buffer = Vec::new();
        let mut places = Vec::with_capacity(self.segments.len());
        let mut frequencies = vec![0_u64; plan.terms.len()];
        for (segment, _) in &self.segments {
            let mut cursor = Cursor::new(&segment.file);
            let mut here = Vec::with_capacity(plan.terms.len());
            for (term, frequency) in plan.terms.iter().zip(&mut frequencies) {
                let place = segment.find(&mut cursor, term.hash, &mut buffer)?;
                *frequency += place.as_ref().map_or(0, |place| u64::from(place.documents));
                here.push(place);
            }
            places.push(here);
            check(stop)?;
        }
        for view in &self.memory {
            for (list, frequency) in view.lists.iter().zip(&mut frequencies) {
                *frequency += list.len() as u64;
            }
        }
        let lengths = Lengths::new(params.k1, params.b, mean);
        let weights = plan.terms.iter().zip(&frequencies);
        let weights: Vec<f32> =
            weights.map(|(term, frequency)| term.weight * idf(docs, *frequency)).collect();
        let all: f32 = weights.iter().sum();
        let most = (params.k1 + 1.0) * all;
        let weighers: Vec<Weigher<'_>> =
            weights.iter().map(|weight| Weigher::new(&lengths, params.k1, *weight)).collect();
        let mut sources = self.sources(plan, &places, &weighers, &mut buffer)?;
        let cover = Cover::new(all, params.cover);
        let mut evaluator = Evaluator::new(&weighers, &plan.terms, &cover);
        let mut top = Top::new(plan.limit);
        for (bound, source, window) in promising(&sources, &weighers, &cover) {
            if bound < top.threshold() {
                break;
            }
            check(stop)?;
            if let Some(part) = sources.get_mut(source) {
                evaluator.score(part, source as u64, window, &mut top)?;
            }
        }
        found.total = evaluator.count(&mut sources, plan.count_to, stop)?;
        for (score, rank) in top.into_sorted() {
            let (source, doc) = ((rank >> 32) as usize, rank as u32);
            let Some(source) = sources.get(source) else { continue };
            let score = score as f32 / SCALE;
            let Some((row, length)) = row(&source.data, doc)? else { continue };
            found.candidates.push(Candidate {
                key: DocKey { space: source.space, major: row.major, minor: row.minor },
                score,
                lex: if most > 0.0 { score / most } else { 0.0 },
                time_ms: row.time_ms,
                kind: row.kind,
                importance: row.importance,
                place: row.place,
                length: length::decode(length),
                previous: row.major.checked_sub(row.back).filter(|_| row.back > 0),
            });
        }
        Ok(found)
    }

    /// What to go through, later documents last.
    fn sources(
        &self,
        plan: &Plan<'_>,
        places: &[Vec<Option<super::terms::Term>>],
        weighers: &[Weigher<'_>],
        buffer: &mut Vec<u8>,
    ) -> Result<Vec<Source<'_>>, LexicalError> {
        let mut sources = Vec::new();
        for space in [Space::Markdown, Space::Log] {
            if plan.filter.space.is_some_and(|wanted| wanted != space) {
                continue;
            }
            for ((segment, dead), places) in self.segments.iter().zip(places) {
                if segment.head.space != space {
                    continue;
                }
                let mut cursor = Cursor::new(&segment.file);
                let mut groups = Vec::new();
                for group in &plan.groups.0 {
                    let mut lists = Vec::new();
                    for hash in group {
                        let term = segment.find(&mut cursor, *hash, buffer)?;
                        lists.push(List::open(segment, term, None, buffer)?);
                    }
                    groups.push(lists);
                }
                let data = Data::Segment { segment, dead: *dead };
                let Some(gate) = Gate::new(groups, &plan.filter, &data) else { continue };
                let mut lists = Vec::with_capacity(places.len());
                for (place, weigher) in places.iter().zip(weighers) {
                    lists.push(List::open(segment, place.clone(), Some(weigher), buffer)?);
                }
                sources.push(Source::new(space, data, segment.head.shortest, gate, lists));
            }
            for view in self.memory.iter().filter(|view| view.space == space) {
                let whole = |postings: &Vec<Posting>| {
                    if postings.is_empty() { List::Absent } else { List::Whole(postings.clone()) }
                };
                let data = Data::Memory { rows: view.rows.clone() };
                let groups = view.groups.iter().map(|group| group.iter().map(whole).collect()).collect();
                let Some(gate) = Gate::new(groups, &plan.filter, &data) else { continue };
                let shortest = view.rows.iter().map(|row| row.length).min().unwrap_or(0);
                let lists = view.lists.iter().map(whole).collect();
                sources.push(Source::new(space, data, shortest, gate, lists));
            }
        }
        Ok(sources)
    }
}

/// All windows with what their documents can score at most, the most promising first, of equal ones the latest.
fn promising(sources: &[Source<'_>], weighers: &[Weigher<'_>], cover: &Cover) -> Vec<(u32, usize, u32)> {
    let mut all = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        let count = source.data.docs().div_ceil(WINDOW) as usize;
        let mut sums = vec![Sum::default(); count];
        let mut bounds = vec![0_u32; count];
        for (list, weigher) in source.lists.iter().zip(weighers) {
            list.windows(Some(weigher), source.shortest, &mut |window, bound| {
                if let Some(known) = bounds.get_mut(window as usize) {
                    *known = (*known).max(bound);
                }
            });
            for (sum, bound) in sums.iter_mut().zip(&mut bounds) {
                *sum = sum.plus(weigher.most(std::mem::take(bound)));
            }
        }
        let closed = source.gate.close_windows(count);
        let open =
            sums.into_iter().zip(closed).zip(0..).filter(|((sum, closed), _)| sum.score() > 0 && !closed);
        all.extend(open.map(|((sum, _), window)| (cover.bound(sum), index, window)));
    }
    all.sort_unstable_by(|a, b| b.cmp(a));
    all
}

/// A document's row and the code of its length.
fn row(data: &Data<'_>, doc: u32) -> Result<Option<(Row, u8)>, LexicalError> {
    match data {
        Data::Memory { rows } => Ok(rows.get(doc as usize).map(|row| (row.row, row.length))),
        Data::Segment { segment, .. } => {
            let mut cursor = Cursor::new(&segment.file);
            let rows = segment.rows(&mut cursor, doc / BLOCK as u32)?;
            let mut lengths = Vec::new();
            segment.lengths(&mut cursor, doc, 1, &mut lengths)?;
            Ok(rows.get(doc as usize % BLOCK).copied().zip(lengths.first().copied()))
        }
    }
}

fn check(stop: &AtomicBool) -> Result<(), LexicalError> {
    if stop.load(Ordering::Relaxed) { Err(LexicalError::Stopped) } else { Ok(()) }
}
