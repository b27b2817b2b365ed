use proptest::prelude::*;

use super::*;
use crate::search::language::Language;

const WEIGHTS: Weights = Weights::DEFAULT;

fn words(key: &'static str, coverage: f32) -> Candidate<&'static str> {
    Candidate { key, coverage, nearness: None, length: 50, place: None, age_days: 0.0, importance: 0.0 }
}

fn meant(key: &'static str, coverage: f32, plain: f32, centred: f32) -> Candidate<&'static str> {
    Candidate { nearness: Some(Nearness { plain, centred }), ..words(key, coverage) }
}

fn turn(key: &'static str, coverage: f32, conversation: u64, turn: u64) -> Candidate<&'static str> {
    Candidate { place: Some(Place { conversation, turn }), ..words(key, coverage) }
}

fn order(candidates: Vec<Candidate<&'static str>>, nearnesses: Option<&Nearnesses>) -> Vec<&'static str> {
    let corpus = Corpus { mean_length: 50.0, nearnesses };
    rank(candidates, &corpus, &WEIGHTS).into_iter().map(|ranked| ranked.key).collect()
}

/// A thousand passages that have little to do with the question.
fn crowd() -> Nearnesses {
    let mut nearnesses = Nearnesses::default();
    for number in 0..1000 {
        let wave = (number as f32 / 7.0).sin();
        nearnesses.add(Nearness { plain: 0.75 + 0.035 * wave, centred: 0.14 * wave });
    }
    nearnesses
}

#[test]
fn without_a_model_words_decide() {
    let found = order(vec![words("little", 0.1), words("much", 0.6), words("nothing", 0.0)], None);
    assert_eq!(found, ["much", "little"]);
    assert!(order(Vec::new(), None).is_empty());
    let found = order(vec![meant("vector of a model that is gone", 0.0, 0.9, 0.9)], None);
    assert!(found.is_empty());
}

#[test]
fn meaning_decides_where_words_say_little() {
    let crowd = crowd();
    let candidates = vec![meant("a chance word", 0.08, 0.76, 0.0), meant("what was meant", 0.0, 0.88, 0.5)];
    assert_eq!(order(candidates, Some(&crowd)), ["what was meant", "a chance word"]);
}

#[test]
fn chance_words_count_less_where_the_nearest_is_in_another_language() {
    let crowd = crowd();
    // Of the question's own language, with some of its words; and what was meant, in another.
    let chance = |coverage| meant("chance", coverage, 0.8, 0.12);
    let near = |centred| meant("meant", 0.0, 0.79, centred);
    assert_eq!(order(vec![chance(0.2), near(0.25)], Some(&crowd)), ["chance", "meant"]);
    assert_eq!(order(vec![chance(0.2), near(0.5)], Some(&crowd)), ["meant", "chance"]);
    // A name that is there word for word is no chance.
    assert_eq!(order(vec![chance(0.5), near(0.5)], Some(&crowd)), ["chance", "meant"]);
    let share = |plain, centred, covered| WEIGHTS.share_of_words(Nearness { plain, centred }, covered);
    assert!(share(0.9, 1.0, 0.1) > share(0.7, 0.93, 0.1) && share(0.7, 0.93, 0.1) > share(0.5, 0.9, 0.1));
    assert!(share(0.4, 1.0, 0.3) > share(0.4, 1.0, 0.2) && share(0.4, 1.0, 0.5) > share(0.4, 1.0, 0.3));
    assert_eq!((share(1.0, 0.4, 0.1), share(0.4, 1.0, 0.1)), WEIGHTS.share);
}

#[test]
fn words_decide_where_they_say_much() {
    let crowd = crowd();
    let candidates = vec![meant("much alike", 0.05, 0.84, 0.3), meant("the very words", 0.5, 0.82, 0.25)];
    assert_eq!(order(candidates, Some(&crowd)), ["the very words", "much alike"]);
}

#[test]
fn another_language_is_found_by_what_is_left_without_languages() {
    let crowd = crowd();
    let candidates =
        vec![meant("own language, other thing", 0.0, 0.8, 0.1), meant("other language", 0.0, 0.74, 0.6)];
    assert_eq!(order(candidates, Some(&crowd))[0], "other language");
}

#[test]
fn a_short_note_comes_before_a_long_text_that_is_as_near() {
    let crowd = crowd();
    let long = Candidate { length: 500, ..meant("long", 0.0, 0.85, 0.4) };
    let note = Candidate { length: 20, ..meant("note", 0.0, 0.85, 0.4) };
    assert_eq!(order(vec![long, note], Some(&crowd)), ["note", "long"]);
    let nothing = Candidate { length: 0, ..meant("ok", 0.0, 0.85, 0.4) };
    let corpus = Corpus { mean_length: 0.0, nearnesses: Some(&crowd) };
    let score = rank(vec![nothing], &corpus, &WEIGHTS)[0].score;
    assert!(score.is_finite() && score < 2.0, "{score}");
}

#[test]
fn a_passage_without_a_vector_is_not_held_back() {
    let crowd = crowd();
    let candidates = vec![meant("embedded", 0.3, 0.76, 0.0), words("just said", 0.5)];
    assert_eq!(order(candidates, Some(&crowd)), ["just said", "embedded"]);
}

#[test]
fn neighbours_of_a_good_turn_are_lifted_and_those_of_other_conversations_are_not() {
    let found = order(
        vec![
            turn("answer", 0.20, 1, 8),
            turn("question", 0.5, 1, 7),
            turn("elsewhere", 0.25, 2, 8),
            turn("silent", 0.0, 1, 5),
            turn("too far", 0.0, 1, 4),
            turn("first", 0.0, 3, 0),
        ],
        None,
    );
    assert_eq!(found, ["question", "answer", "elsewhere", "silent"]);
}

#[test]
fn what_is_only_so_so_lends_nothing() {
    let alone = order(vec![words("best", 0.8), words("note", 0.31)], None);
    let mut candidates = vec![words("best", 0.8), words("note", 0.31)];
    candidates.extend((0..5).map(|number| turn("chatter", 0.3, 1, number)));
    let crowded = order(candidates, None);
    assert_eq!(alone[..2], crowded[..2]);
}

#[test]
fn youth_and_importance_decide_near_ties_only() {
    let old = |coverage| Candidate { age_days: 400.0, ..words("old", coverage) };
    assert_eq!(order(vec![old(0.4), words("new", 0.4)], None), ["new", "old"]);
    assert_eq!(order(vec![words("new", 0.4), old(0.42)], None), ["old", "new"]);
    let important = Candidate { importance: 1.0, ..words("important", 0.4) };
    assert_eq!(order(vec![words("plain", 0.4), important.clone()], None), ["important", "plain"]);
    assert_eq!(order(vec![important, words("better", 0.42)], None), ["better", "important"]);
    assert_eq!(order(vec![words("first", 0.4), words("second", 0.4)], None), ["first", "second"]);
}

#[test]
fn a_handful_of_passages_is_ranked_like_many() {
    for count in 0..5 {
        let mut few = Nearnesses::default();
        for _ in 0..count {
            few.add(Nearness { plain: 0.8, centred: 0.1 });
        }
        let candidates = vec![meant("other", 0.0, 0.79, 0.05), meant("meant", 0.0, 0.86, 0.4)];
        assert_eq!(order(candidates, Some(&few))[0], "meant", "{count}");
    }
}

#[test]
fn what_is_no_number_does_no_harm() {
    let mut crowd = crowd();
    crowd.add(Nearness { plain: f32::NAN, centred: f32::INFINITY });
    let odd = Candidate {
        age_days: f32::NAN,
        importance: f32::INFINITY,
        ..meant("odd", f32::NAN, f32::NAN, f32::NEG_INFINITY)
    };
    let found = order(vec![odd, meant("sound", 0.5, 0.85, 0.3)], Some(&crowd));
    assert_eq!(found[0], "sound");
}

fn unit(values: &[f32]) -> Vec<f32> {
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    values.iter().map(|value| value / length).collect()
}

#[test]
fn the_shipped_means_are_means_of_vectors_of_length_one() {
    let centres = Centres::new(Shipped::E5_SMALL, []);
    assert_eq!(Shipped::E5_SMALL.dimensions(), 384);
    for language in Language::ALL {
        let question = centres.question(&vec![0.05; 384], language);
        let mean = question.vectors(language)[2];
        let length = mean.iter().map(|value| value * value).sum::<f32>().sqrt();
        // Shorter than 1, as vectors that differ do not add up; not much, as those of one language are alike.
        assert!((0.8..1.0).contains(&length), "{language:?} {length}");
    }
}

#[test]
fn the_centred_cosine_is_that_of_what_is_left() {
    let (n, language) = (384, Language::Korean);
    let wave = |seed: f32| -> Vec<f32> {
        unit(&(0..n).map(|at| (at as f32 * seed).sin() + 0.3).collect::<Vec<_>>())
    };
    let (question, passage) = (wave(0.7), wave(1.3));
    let centres = Centres::new(Shipped::E5_SMALL, []);
    let ready = centres.question(&question, language);
    let found = ready.nearness(&passage, language);
    let minus = |a: &[f32], b: &[f32]| -> Vec<f32> { a.iter().zip(b).map(|(a, b)| a - b).collect() };
    let own = centres.question(&vec![0.0; n], language);
    // A question of nothing but zeros, centred, is minus its mean.
    let mean_of_questions: Vec<f32> = own.vectors(language)[1].iter().map(|value| -value).collect();
    let scale = Shipped::E5_SMALL.mean(0, language).iter().map(|value| value * value).sum::<f32>().sqrt();
    let mean_of_questions: Vec<f32> = mean_of_questions.iter().map(|value| value * scale).collect();
    let left = unit(&minus(&question, &mean_of_questions));
    let passage_left = unit(&minus(&passage, ready.vectors(language)[2]));
    let expected: f32 = left.iter().zip(&passage_left).map(|(a, b)| a * b).sum();
    assert!((found.centred - expected).abs() < 1e-4, "{} {expected}", found.centred);
    let plain: f32 = question.iter().zip(&passage).map(|(a, b)| a * b).sum();
    assert!((found.plain - plain).abs() < 1e-5);
}

#[test]
fn the_means_follow_the_passages_there_are() {
    let sum: Vec<f64> = (0..384).map(|at| if at == 0 { 10_000.0 } else { 0.0 }).collect();
    let centres = Centres::new(Shipped::E5_SMALL, [(Language::Japanese, 10_000, sum.as_slice())]);
    let question = centres.question(&vec![0.05; 384], Language::Other);
    assert!(question.vectors(Language::Japanese)[2][0] > 0.99);
    assert!(question.vectors(Language::Chinese)[2][0] < 0.2);
    // A passage that is its language's mean says nothing, and is nowhere near.
    let mean: Vec<f32> = sum.iter().map(|value| (*value / 10_000.0) as f32).collect();
    assert!(question.nearness(&mean, Language::Japanese).centred.is_finite());
}

proptest! {
    #[test]
    fn every_candidate_has_a_finite_score_or_is_left_out(
        candidates in proptest::collection::vec(
            (0.0_f32..=1.0, proptest::option::of((-1.0_f32..=1.0, -1.0_f32..=1.0)), 0_u32..5000, proptest::option::of((0_u64..3, 0_u64..20))),
            0..40,
        ),
        seen in proptest::collection::vec((-1.0_f32..=1.0, -1.0_f32..=1.0), 0..40),
        mean_length in 0.0_f32..2000.0,
    ) {
        let mut nearnesses = Nearnesses::default();
        for (plain, centred) in seen {
            nearnesses.add(Nearness { plain, centred });
        }
        let count = candidates.len();
        let candidates: Vec<Candidate<usize>> = candidates.into_iter().enumerate().map(|(key, (coverage, near, length, place))| Candidate {
            key,
            coverage,
            nearness: near.map(|(plain, centred)| Nearness { plain, centred }),
            length,
            place: place.map(|(conversation, turn)| Place { conversation, turn }),
            age_days: key as f32,
            importance: 0.5,
        }).collect();
        let covered: Vec<usize> = candidates.iter().filter(|candidate| candidate.coverage > 0.0).map(|candidate| candidate.key).collect();
        for nearnesses in [None, Some(&nearnesses)] {
            let ranked = rank(candidates.clone(), &Corpus { mean_length, nearnesses }, &WEIGHTS);
            let mut keys: Vec<usize> = ranked.iter().map(|ranked| ranked.key).collect();
            prop_assert!(ranked.iter().all(|ranked| ranked.score.is_finite() && ranked.score > 0.0));
            prop_assert!(ranked.is_sorted_by(|a, b| a.score >= b.score));
            keys.sort_unstable();
            keys.dedup();
            prop_assert_eq!(keys.len(), ranked.len());
            prop_assert!(ranked.len() <= count);
            if nearnesses.is_none() {
                prop_assert!(covered.iter().all(|key| keys.contains(key)));
            }
        }
    }
}
