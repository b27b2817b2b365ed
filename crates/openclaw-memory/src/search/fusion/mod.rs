//! One order from two opinions: how much of the question's words a passage has, and how near its meaning is.
//!
//! Pure: candidates with their scores go in, an order comes out. What the figures mean is written at [`Weights`]; how a cosine
//! is freed of the languages it is between, at [`Centres`]. How they were found, and what each of them brings, is in
//! `docs/design/ranking.md`.

mod centre;
mod spread;
#[cfg(test)]
mod tests;

use std::{cmp::Ordering, collections::HashMap};

pub(crate) use centre::{CentredQuestion, Centres, Shipped};
pub(crate) use spread::Nearnesses;

/// A passage that at least one side has found, with the scores of both.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Candidate<K> {
    /// Whatever the caller knows it by.
    pub(crate) key: K,
    /// How much of the question it covers, 0 to 1: its lexical score over the most that one could be.
    pub(crate) coverage: f32,
    /// How near its meaning is; `None` while it has no vector.
    pub(crate) nearness: Option<Nearness>,
    /// Its length as the lexical side counts: words, and characters of scripts without spaces.
    pub(crate) length: u32,
    /// Where it was said, if in a conversation: its neighbours there lend it score. `None` for documents.
    pub(crate) place: Option<Place>,
    /// How old it is, in days, and how important (0 to 1): these decide between passages that are as good as equal.
    pub(crate) age_days: f32,
    pub(crate) importance: f32,
}

/// Cosines between a question and a passage.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Nearness {
    /// Between their vectors as they are: prefers passages in the question's own language.
    pub(crate) plain: f32,
    /// Between what is left of them without the means of their languages: finds other languages as well.
    pub(crate) centred: f32,
}

/// A turn of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    /// Which conversation: any number that no other one has.
    pub(crate) conversation: u64,
    /// The turn's number in it; neighbours' numbers follow each other.
    pub(crate) turn: u64,
}

/// A passage in its final place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ranked<K> {
    pub(crate) key: K,
    /// Above 0; comparable within one answer only.
    pub(crate) score: f32,
}

/// What is known of all passages together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Corpus<'a> {
    /// Mean of their lengths.
    pub(crate) mean_length: f32,
    /// How near they are to the question on the whole; `None`: there is no model, and words alone count.
    pub(crate) nearnesses: Option<&'a Nearnesses>,
}

/// The formula's constants. All optima are flat: a third more or less of any of them moves no column of the benchmark by more
/// than a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Weights {
    /// The share of words, when what is nearest is in the question's own language, and when it is in another one: there words
    /// say nothing.
    pub(crate) share: (f32, f32),
    /// By how much the nearest passage without languages is nearer than the nearest with them in either case.
    pub(crate) abroad: (f32, f32),
    /// From which coverage of the best passage on words are to be believed all the same, and from which on entirely: a name is the
    /// same in every language.
    pub(crate) believed: (f32, f32),
    /// Brings coverage to the range of nearness.
    pub(crate) gain: f32,
    /// What another language costs: the centred nearness counts where it is higher than the plain one by more than this.
    pub(crate) foreign: f32,
    /// What each e-fold of length costs, since the vector of a long text is near to everything, and the lengths between which
    /// that holds.
    pub(crate) long: f32,
    pub(crate) lengths: (f32, f32),
    /// What the turns next to one lend it, and those after the next, of what they have above a part of the best score.
    pub(crate) neighbours: [f32; 2],
    pub(crate) above: f32,
    /// What youth and importance can add each: less than a difference that means something.
    pub(crate) near_tie: f32,
    /// Days after which youth counts half.
    pub(crate) half_life_days: f32,
}

impl Weights {
    pub(crate) const DEFAULT: Self = Self {
        share: (0.6, 0.33),
        abroad: (0.15, 0.3),
        believed: (0.25, 0.4),
        gain: 2.0,
        foreign: 0.15,
        long: 0.105,
        lengths: (16.0, 512.0),
        neighbours: [0.2, 0.1],
        above: 0.5,
        near_tie: 0.005,
        half_life_days: 30.0,
    };

    /// The share of words for a question whose nearest passages are so near, and whose best one by words covers so much of it.
    fn share_of_words(&self, nearest: Nearness, covered: f32) -> f32 {
        let part = |value: f32, (from, to): (f32, f32)| ((value - from) / (to - from)).clamp(0.0, 1.0);
        let abroad =
            part(nearest.centred - nearest.plain, self.abroad) * (1.0 - part(covered, self.believed));
        self.share.0 + (self.share.1 - self.share.0) * abroad
    }

    /// How near a passage of a length is, above what is usual.
    pub(crate) fn meaning(
        &self,
        nearness: Nearness,
        length: u32,
        nearnesses: &Nearnesses,
        mean_length: f32,
    ) -> f32 {
        nearnesses.standard(nearness, self.foreign) - self.length_cost(length as f32, mean_length)
    }

    fn length_cost(&self, length: f32, mean: f32) -> f32 {
        let (least, most) = self.lengths;
        self.long * (length.clamp(least, most) / mean.clamp(least, most)).ln()
    }
}

/// Orders candidates, best first. Those that neither side says anything for are left out; of equal ones, the one that came first
/// is first. A turn can only be lent score by turns that are candidates too, so give the neighbours of the best along.
pub(crate) fn rank<K>(
    candidates: Vec<Candidate<K>>,
    corpus: &Corpus<'_>,
    weights: &Weights,
) -> Vec<Ranked<K>> {
    let own = own_scores(&candidates, corpus, weights);
    let floor = weights.above * own.iter().copied().fold(0.0, f32::max);
    let can_lend: HashMap<Place, f32> = candidates
        .iter()
        .zip(&own)
        .filter_map(|(candidate, score)| Some((candidate.place?, score - floor)))
        .filter(|(_, score)| *score > 0.0)
        .collect();
    let mut ranked: Vec<Ranked<K>> = candidates
        .into_iter()
        .zip(own)
        .filter_map(|(candidate, own)| {
            let found = own + candidate.place.map_or(0.0, |place| lent(place, &can_lend, weights));
            let youth = (-finite(candidate.age_days).max(0.0) / weights.half_life_days).exp2();
            let extra = weights.near_tie * (youth + finite(candidate.importance).clamp(0.0, 1.0));
            (found > 0.0).then_some(Ranked { key: candidate.key, score: found + extra })
        })
        .collect();
    openclaw_core::sort_by(&mut ranked, |a, b| b.score.partial_cmp(&a.score).unwrap_or(Ordering::Equal));
    ranked
}

fn finite(value: f32) -> f32 {
    if value.is_finite() { value } else { 0.0 }
}

/// Each candidate's score without its neighbours.
fn own_scores<K>(candidates: &[Candidate<K>], corpus: &Corpus<'_>, weights: &Weights) -> Vec<f32> {
    let coverage = |candidate: &Candidate<K>| finite(candidate.coverage).clamp(0.0, 1.0);
    let best = candidates.iter().map(coverage).fold(0.0, f32::max);
    let share = weights.share_of_words(nearest(candidates, corpus), best);
    let score = |candidate: &Candidate<K>| {
        let words = weights.gain * coverage(candidate);
        match (corpus.nearnesses, candidate.nearness) {
            (Some(nearnesses), Some(nearness)) => {
                let meaning = weights.meaning(nearness, candidate.length, nearnesses, corpus.mean_length);
                share * words + (1.0 - share) * meaning
            }
            // Not embedded yet: its meaning is taken to be as near as its words are.
            (Some(_), None) => share * words + (1.0 - share) * words.min(1.0),
            (None, _) => words,
        }
    };
    candidates.iter().map(score).collect()
}

/// The highest of each view, above what is usual.
fn nearest<K>(candidates: &[Candidate<K>], corpus: &Corpus<'_>) -> Nearness {
    let Some(nearnesses) = corpus.nearnesses else { return Nearness::default() };
    let views = candidates.iter().filter_map(|candidate| Some(nearnesses.views(candidate.nearness?)));
    let higher = |best: Option<Nearness>, view: Nearness| {
        let best = best.unwrap_or(view);
        Some(Nearness { plain: best.plain.max(view.plain), centred: best.centred.max(view.centred) })
    };
    views.fold(None, higher).unwrap_or_default()
}

/// What a turn's neighbours lend it.
fn lent(place: Place, can_lend: &HashMap<Place, f32>, weights: &Weights) -> f32 {
    let of = |turn: Option<u64>| {
        turn.and_then(|turn| can_lend.get(&Place { turn, ..place })).copied().unwrap_or_default()
    };
    let sides = |distance| of(place.turn.checked_sub(distance)) + of(place.turn.checked_add(distance));
    (1..).zip(weights.neighbours).map(|(distance, part)| part * sides(distance)).sum()
}
