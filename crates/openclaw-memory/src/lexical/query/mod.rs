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
    analysis::Analyzer,
    dead::Dead,
    hash::{Domain, HashKey, TermHash},
    length,
    memtable::MemTable,
    page::Cursor,
    postings::{BLOCK, Posting},
    rows::Row,
    segment::Segment,
};
pub(super) use filter::Groups;
use filter::{Data, Gate};
use list::List;
use top::Top;
use weigh::{Cover, Lengths, SCALE, Weigher, idf};
use window::{Evaluator, Source};

/// Most terms of a query; what follows is ignored.
const TERMS: usize = 256;
/// Most of them that documents are scored by, the weightiest. Beyond them there are only such as nearly every document has.
const STRONGEST: usize = 32;

/// What a query looks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct QueryTerm {
    pub(super) hash: TermHash,
    weight: f32,
}

/// The terms of a query, each once.
pub(super) fn query_terms(text: &str, analyzer: &Analyzer, key: &HashKey) -> Vec<QueryTerm> {
    let mut terms: Vec<QueryTerm> = Vec::new();
    analyzer.terms(text, &mut |term, class| {
        if terms.len() < TERMS {
            let hash = key.term(Domain::Text, term);
            if terms.iter().all(|known| known.hash != hash) {
                terms.push(QueryTerm { hash, weight: analyzer.weight(term, class) });
            }
        }
    });
    terms
}

/// Documents in memory, as far as a query is concerned.
#[derive(Debug)]
pub(super) struct MemView<'a> {
    pub(super) space: Space,
    pub(super) table: &'a MemTable,
    /// For each term of the query.
    pub(super) lists: Vec<Vec<Posting>>,
    /// For each term of each group of the filter.
    pub(super) groups: Vec<Vec<Vec<Posting>>>,
}

/// What a query goes through.
#[derive(Debug)]
pub(super) struct View<'a> {
    /// In order of their documents' keys.
    pub(super) segments: Vec<(&'a Segment, Option<&'a Dead>)>,
    pub(super) memory: Vec<MemView<'a>>,
}

/// What to find, taken apart.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) terms: Vec<QueryTerm>,
    pub(super) groups: Groups,
    pub(super) filter: Filter<'a>,
    pub(super) limit: usize,
    pub(super) sure: usize,
    /// How far to count what matches.
    pub(super) count_to: u64,
}

impl<'a> View<'a> {
    fn collection(&self) -> (u64, u64) {
        let segments =
            self.segments.iter().map(|(segment, _)| (u64::from(segment.head.docs), segment.head.tokens));
        let memory = self.memory.iter().map(|view| (view.table.rows().len() as u64, view.table.tokens()));
        segments.chain(memory).fold((0, 0), |sum, part| (sum.0 + part.0, sum.1 + part.1))
    }

    /// Finds the best documents. Blocks; fails soon after `stop` was set.
    pub(super) fn search(
        mut self,
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
        let weight = |(term, frequency): (&QueryTerm, &u64)| term.weight * idf(docs, *frequency);
        let mut weights: Vec<f32> = plan.terms.iter().zip(&frequencies).map(weight).collect();
        let strong = strongest(&weights, &frequencies);
        // What is nowhere counts as missing all the same.
        let nowhere = weights.iter().zip(&frequencies).filter(|(_, frequency)| **frequency == 0);
        let nowhere: f32 = nowhere.map(|(weight, _)| weight).sum();
        weights = strong.iter().filter_map(|at| weights.get(*at).copied()).collect();
        let all = nowhere + weights.iter().sum::<f32>();
        let most = (params.k1 + 1.0) * all;
        let weighers: Vec<Weigher<'_>> =
            weights.iter().map(|weight| Weigher::new(&lengths, params.k1, *weight)).collect();
        let memory = std::mem::take(&mut self.memory);
        let mut sources = self.sources(memory, plan, &strong, &places, &weighers, &mut buffer)?;
        let cover = Cover::new(all, params.cover);
        let mut evaluator = Evaluator::new(&weighers, &cover);
        let mut top = Top::new(plan.limit, plan.sure);
        for (bound, source, window) in promising(&mut sources, &weighers, &cover) {
            if bound < top.threshold() {
                break;
            }
            check(stop)?;
            if let Some(part) = sources.get_mut(source) {
                evaluator.score(part, source as u64, window, &mut top)?;
            }
        }
        found.total = evaluator.count(&mut sources, plan.count_to, stop)?;
        let best = top.into_sorted();
        // In the order in which they lie, so that each block of rows is read once.
        let mut order: Vec<usize> = (0..best.len()).collect();
        order.sort_unstable_by_key(|at| best.get(*at).map(|(_, rank)| *rank));
        let mut candidates = vec![None; best.len()];
        let mut rows = Rows::default();
        for at in order {
            let Some((score, rank)) = best.get(at) else { continue };
            let (number, doc) = ((rank >> 32) as usize, *rank as u32);
            let Some(source) = sources.get(number) else { continue };
            let Some((row, length)) = rows.of(number, &source.data, doc)? else { continue };
            let score = *score as f32 / SCALE;
            let candidate = Candidate {
                key: DocKey { space: source.space, major: row.major, minor: row.minor },
                score,
                lex: if most > 0.0 { score / most } else { 0.0 },
                time_ms: row.time_ms,
                importance: row.importance,
                place: row.place,
                length: length::decode(length),
            };
            if let Some(slot) = candidates.get_mut(at) {
                *slot = Some(candidate);
            }
        }
        found.candidates = candidates.into_iter().flatten().collect();
        Ok(found)
    }

    /// What to go through, later documents last.
    fn sources(
        &self,
        mut memory: Vec<MemView<'a>>,
        plan: &Plan<'_>,
        strong: &[usize],
        places: &[Vec<Option<super::terms::Term>>],
        weighers: &[Weigher<'_>],
        buffer: &mut Vec<u8>,
    ) -> Result<Vec<Source<'a>>, LexicalError> {
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
                let mut lists = Vec::with_capacity(strong.len());
                for (at, weigher) in strong.iter().zip(weighers) {
                    let place = places.get(*at).cloned().flatten();
                    lists.push(List::open(segment, place, Some(weigher), buffer)?);
                }
                sources.push(Source::new(space, data, segment.head.shortest, gate, lists));
            }
            for mut view in memory.extract_if(.., |view| view.space == space) {
                let data = Data::Memory { table: view.table };
                let groups =
                    view.groups.into_iter().map(|group| group.into_iter().map(List::whole).collect());
                let Some(gate) = Gate::new(groups.collect(), &plan.filter, &data) else { continue };
                let taken = |at: &usize| view.lists.get_mut(*at).map(std::mem::take);
                let lists = strong.iter().filter_map(taken).map(List::whole).collect();
                sources.push(Source::new(space, data, view.table.shortest(), gate, lists));
            }
        }
        Ok(sources)
    }
}

/// The terms that count, of those that are somewhere: in their own order.
fn strongest(weights: &[f32], frequencies: &[u64]) -> Vec<usize> {
    let somewhere = frequencies.iter().enumerate().filter(|(_, frequency)| **frequency > 0);
    let mut order: Vec<usize> = somewhere.map(|(at, _)| at).collect();
    let weight = |at: &usize| weights.get(*at).copied().unwrap_or(0.0);
    order.sort_by(|a, b| weight(b).total_cmp(&weight(a)));
    order.truncate(STRONGEST);
    order.sort_unstable();
    order
}

/// All windows with what their documents can score at most, the most promising first, of equal ones the latest.
fn promising(sources: &mut [Source<'_>], weighers: &[Weigher<'_>], cover: &Cover) -> Vec<(u32, usize, u32)> {
    let mut all = Vec::new();
    for (index, source) in sources.iter_mut().enumerate() {
        let windows = source.promises(weighers, cover).into_iter();
        all.extend(windows.map(|(bound, window)| (bound, index, window)));
    }
    all.sort_unstable_by(|a, b| b.cmp(a));
    all
}

/// Reads rows; keeps the block it is at.
#[derive(Debug, Default)]
struct Rows {
    /// The source and the block in it.
    at: Option<(usize, u32)>,
    rows: Vec<Row>,
    lengths: Vec<u8>,
}

impl Rows {
    /// A document's row and the code of its length.
    fn of(&mut self, source: usize, data: &Data<'_>, doc: u32) -> Result<Option<(Row, u8)>, LexicalError> {
        let segment = match data {
            Data::Memory { table } => {
                return Ok(table.rows().get(doc as usize).map(|row| (row.row, row.length)));
            }
            Data::Segment { segment, .. } => segment,
        };
        let block = doc / BLOCK as u32;
        if self.at != Some((source, block)) {
            let mut cursor = Cursor::new(&segment.file);
            self.rows = segment.rows(&mut cursor, block)?;
            segment.lengths(&mut cursor, block * BLOCK as u32, self.rows.len(), &mut self.lengths)?;
            self.at = Some((source, block));
        }
        let at = doc as usize % BLOCK;
        Ok(self.rows.get(at).copied().zip(self.lengths.get(at).copied()))
    }
}

fn check(stop: &AtomicBool) -> Result<(), LexicalError> {
    if stop.load(Ordering::Relaxed) { Err(LexicalError::Stopped) } else { Ok(()) }
}
