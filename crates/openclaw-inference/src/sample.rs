//! Choosing the next token.

/// Likeliest tokens that are looked at. Small models' tails are noise.
const TOP_K: usize = 40;
/// Share of the likelihood that is looked at.
const TOP_P: f32 = 0.9;
/// By how much a token said lately becomes less likely: models of this size fall into loops otherwise.
const REPEAT_PENALTY: f32 = 1.1;
/// How far back "lately" reaches, in tokens of the answer.
const REPEAT_WINDOW: usize = 64;

/// Chooses tokens by one temperature and one sequence of random numbers.
#[derive(Debug)]
pub(super) struct Sampler {
    temperature: f32,
    random: fastrand::Rng,
    candidates: Vec<(u32, f32)>,
}

impl Sampler {
    pub(super) fn new(temperature: f32, seed: Option<u64>) -> Self {
        let random = seed.map_or_else(fastrand::Rng::new, fastrand::Rng::with_seed);
        Self { temperature, random, candidates: Vec::new() }
    }

    /// The next token. `said` is the answer so far.
    pub(super) fn next(&mut self, logits: &mut [f32], said: &[u32]) -> u32 {
        if self.temperature <= 0.0 {
            return likeliest(logits);
        }
        for (index, token) in said.iter().rev().take(REPEAT_WINDOW).enumerate() {
            let lately = &said[said.len() - index..];
            if lately.contains(token) {
                continue;
            }
            if let Some(logit) = logits.get_mut(*token as usize) {
                *logit = if *logit > 0.0 { *logit / REPEAT_PENALTY } else { *logit * REPEAT_PENALTY };
            }
        }
        let candidates = &mut self.candidates;
        candidates.clear();
        candidates.extend(logits.iter().enumerate().map(|(token, logit)| (token as u32, *logit)));
        if candidates.len() > TOP_K {
            candidates.select_nth_unstable_by(TOP_K, |a, b| b.1.total_cmp(&a.1));
            candidates.truncate(TOP_K);
        }
        candidates.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let most = candidates.first().map_or(0.0, |first| first.1);
        let mut sum = 0f32;
        for candidate in candidates.iter_mut() {
            candidate.1 = ((candidate.1 - most) / self.temperature).exp();
            sum += candidate.1;
        }
        let mut covered = 0f32;
        let enough = candidates.iter().position(|candidate| {
            covered += candidate.1;
            covered >= TOP_P * sum
        });
        candidates.truncate(enough.map_or(candidates.len(), |last| last + 1));
        let mut point = self.random.f32() * covered;
        for (token, share) in candidates.iter() {
            point -= share;
            if point <= 0.0 {
                return *token;
            }
        }
        candidates.last().map_or(0, |last| last.0)
    }
}

fn likeliest(logits: &[f32]) -> u32 {
    let mut best = (0usize, f32::NEG_INFINITY);
    for (token, logit) in logits.iter().enumerate() {
        if *logit > best.1 {
            best = (token, *logit);
        }
    }
    best.0 as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temperature_zero_takes_the_likeliest() {
        let mut sampler = Sampler::new(0.0, None);
        assert_eq!(sampler.next(&mut [0.1, 3.0, -1.0], &[1, 1, 1]), 1);
    }

    #[test]
    fn a_seed_repeats_an_answer_and_unlikely_tokens_never_come() {
        let draw = |seed| {
            let mut sampler = Sampler::new(1.0, Some(seed));
            (0..64).map(|_| sampler.next(&mut [2.0, 2.0, 1.9, -9.0], &[])).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        let all: Vec<_> = (0..20).flat_map(draw).collect();
        assert!(!all.contains(&3));
        assert!([0, 1, 2].iter().all(|token| all.contains(token)));
    }

    #[test]
    fn what_was_said_lately_becomes_less_likely_once() {
        let mut logits = [1.1, 1.0];
        let mut sampler = Sampler::new(0.5, Some(1));
        sampler.next(&mut logits, &[0, 0, 0, 0]);
        assert!((logits[0] - 1.0).abs() < 1e-6, "{logits:?}");
    }
}
