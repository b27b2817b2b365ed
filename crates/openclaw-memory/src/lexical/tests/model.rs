//! The model: every document, scored one by one.

use std::collections::{BTreeMap, HashMap};

use super::super::{Filter, Found, Params, Space, analysis::Analyzer, length};

#[derive(Debug, Clone)]
pub(super) struct Doc {
    pub(super) key: (Space, u64, u32),
    pub(super) time_ms: i64,
    pub(super) kind: u8,
    pub(super) conversation: String,
    pub(super) channel: String,
    pub(super) dead: bool,
    pub(super) flushed: bool,
    length: f64,
    terms: HashMap<Vec<u8>, u32>,
}

#[derive(Debug)]
pub(super) struct Model {
    pub(super) docs: Vec<Doc>,
    analyzer: Analyzer,
}

impl Model {
    pub(super) fn new() -> Self {
        Self { docs: Vec::new(), analyzer: Analyzer::new() }
    }

    pub(super) fn add(
        &mut self,
        key: (Space, u64, u32),
        text: &str,
        time_ms: i64,
        kind: u8,
        of: (&str, &str),
    ) {
        let mut terms = HashMap::new();
        let mut count = 0;
        self.analyzer.terms(text, &mut |term, class| {
            *terms.entry(term.to_vec()).or_default() += 1;
            count += class.length();
        });
        self.docs.push(Doc {
            key,
            time_ms,
            kind,
            conversation: of.0.to_owned(),
            channel: of.1.to_owned(),
            dead: false,
            flushed: false,
            length: f64::from(length::decode(length::encode(count))),
            terms,
        });
    }

    /// Deleted documents that were only in memory leave with a flush.
    pub(super) fn flush(&mut self) {
        self.docs.retain(|doc| doc.flushed || !doc.dead);
        self.docs.iter_mut().for_each(|doc| doc.flushed = true);
    }

    /// Those in segments leave with a merge.
    pub(super) fn maintain(&mut self) {
        self.docs.retain(|doc| !doc.flushed || !doc.dead);
    }

    /// Documents that match, and their scores.
    fn scores(&self, query: &str, filter: &Filter<'_>) -> BTreeMap<(Space, u64, u32), f64> {
        let params = Params::default();
        let mut terms: Vec<(Vec<u8>, f64)> = Vec::new();
        self.analyzer.terms(query, &mut |term, class| {
            if terms.iter().all(|known| known.0 != term) {
                terms.push((term.to_vec(), f64::from(self.analyzer.weight(term, class))));
            }
        });
        let all = self.docs.len() as f64;
        let mean = (self.docs.iter().map(|doc| doc.length).sum::<f64>() / all).max(1.0);
        let (k1, b) = (f64::from(params.k1), f64::from(params.b));
        let mut scores = BTreeMap::new();
        let mut whole = 0.0;
        for (term, weight) in &terms {
            let having = self.docs.iter().filter(|doc| doc.terms.contains_key(term)).count() as f64;
            let idf = (1.0 + (all - having + 0.5) / (having + 0.5)).ln();
            whole += weight * idf;
            for doc in self.docs.iter().filter(|doc| !doc.dead && passes(doc, filter)) {
                let Some(count) = doc.terms.get(term) else { continue };
                let count = f64::from((*count).min(127));
                let norm = k1 * (1.0 - b + b * doc.length / mean);
                let entry: &mut (f64, f64) = scores.entry(doc.key).or_default();
                entry.0 += weight * idf * count * (k1 + 1.0) / (count + norm);
                entry.1 += weight * idf;
            }
        }
        scores
            .into_iter()
            .map(|(key, (score, has))| (key, score * (has / whole).powf(f64::from(params.cover))))
            .collect()
    }

    /// Checks an answer; an error says what is wrong with it.
    pub(super) fn check(
        &self,
        found: &Found,
        query: &str,
        filter: &Filter<'_>,
        limit: usize,
    ) -> Result<(), String> {
        let scores = self.scores(query, filter);
        if found.documents != self.docs.len() as u64 {
            return Err(format!("{} documents, not {}", found.documents, self.docs.len()));
        }
        if found.total != (scores.len() as u64).min(1000) {
            return Err(format!("{} match, not {}", found.total, scores.len()));
        }
        let mut best: Vec<f64> = scores.values().copied().collect();
        best.sort_by(|a, b| b.total_cmp(a));
        best.truncate(limit);
        if found.candidates.len() != best.len() {
            return Err(format!("{} found, not {}", found.candidates.len(), best.len()));
        }
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-3 * (1.0 + a.abs());
        for (candidate, expected) in found.candidates.iter().zip(&best) {
            let key = (candidate.key.space, candidate.key.major, candidate.key.minor);
            let Some(own) = scores.get(&key) else { return Err(format!("{key:?} does not match")) };
            let score = f64::from(candidate.score);
            if !near(score, *own) || !near(score, *expected) {
                return Err(format!("{key:?} scores {score}, should {own}, and {expected} at its place"));
            }
        }
        // Of equal ones the later.
        let sorted =
            found.candidates.is_sorted_by(|a, b| a.score > b.score || a.score == b.score && a.key > b.key);
        if sorted { Ok(()) } else { Err("not in order".to_owned()) }
    }
}

fn passes(doc: &Doc, filter: &Filter<'_>) -> bool {
    filter.space.is_none_or(|space| space == doc.key.0)
        && filter.since_ms.is_none_or(|since| doc.time_ms >= since)
        && filter.until_ms.is_none_or(|until| doc.time_ms <= until)
        && filter.conversation.is_none_or(|id| id == doc.conversation.as_bytes())
        && filter.channel.is_none_or(|channel| channel == doc.channel.as_bytes())
        && (filter.kinds.is_empty() || filter.kinds.contains(&doc.kind))
}
