use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::{
    fs::{Crash, Fault, FaultFs, FaultKind, Fs, RealFs},
    search::{
        Language,
        fusion::{Centres, Nearnesses, Shipped},
    },
};

const DIMENSIONS: usize = 384;

fn vector(seed: u64) -> Box<[f32]> {
    let mut random = fastrand_like(seed);
    let values: Vec<f32> = (0..DIMENSIONS).map(|_| random() - 0.5).collect();
    let length = values.iter().map(|v| v * v).sum::<f32>().sqrt();
    values.iter().map(|v| v / length).collect()
}

/// A small generator, so that a seed always gives the same vector.
fn fastrand_like(seed: u64) -> impl FnMut() -> f32 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1_u64 << 24) as f32
    }
}

fn key(major: u64, minor: u32) -> VectorKey {
    VectorKey { space: 0, major, minor, window: 0 }
}

fn new(major: u64) -> NewVector {
    NewVector {
        key: key(major, 0),
        vector: vector(major),
        language: (major % 3) as u8,
        at_ms: major as i64 * 1000,
        conversation: (major % 5) as u32,
        channel: (major % 2) as u16,
        text: major as u32,
        place: 7,
        length: 9,
    }
}

fn open(fs: &dyn Fs, dir: &Path) -> Vectors {
    Vectors::open(fs, dir, 7, vec![0.0; DIMENSIONS].into(), None).unwrap()
}

fn centres() -> Centres {
    Centres::new(Shipped::E5_SMALL, [])
}

/// How near a passage is to the vector of a number.
fn nearness(vectors: &Vectors, question: u64, key: VectorKey) -> Option<f32> {
    let centres = centres();
    let question = centres.question(&vector(question), Language::Other);
    vectors.nearness(&question, &Nearnesses::default(), key).unwrap().map(|nearness| nearness.plain)
}

fn nearest(vectors: &Vectors, question: &[f32], filter: VectorFilter, count: usize, exact: usize) -> Near {
    let centres = centres();
    let question = centres.question(question, Language::Other);
    vectors.nearest_of(&question, &filter, (count, 40.0), exact).unwrap()
}

#[test]
fn what_was_put_in_is_nearest_to_itself_by_rows_and_by_sketches() {
    let dir = tempfile::tempdir().unwrap();
    let vectors = open(&RealFs, dir.path());
    let batch: Vec<_> = (1..=300).map(new).collect();
    vectors.put(&batch, Some(1..301)).unwrap();
    drop(vectors);
    let vectors = open(&RealFs, dir.path());
    assert_eq!((vectors.len(), vectors.covered().first()), (300, Some(&(1..301))));
    for exact in [1000, 0] {
        for major in [1, 150, 300] {
            let near = nearest(&vectors, &vector(major), VectorFilter::default(), 3, exact);
            assert_eq!((near.best[0].key, near.best[0].place), (key(major, 0), 7), "{exact}");
            assert!((near.best[0].nearness.plain - 1.0).abs() < 0.02, "{near:?}");
            assert!(near.best[1].nearness.plain < 0.5, "{near:?}");
        }
    }
    assert!(nearness(&vectors, 9, key(9, 0)).unwrap() > 0.9);
    assert_eq!(nearness(&vectors, 9, key(9, 1)), None);
}

#[test]
fn filters_hold_for_rows_and_sketches() {
    let dir = tempfile::tempdir().unwrap();
    let vectors = open(&RealFs, dir.path());
    vectors.put(&(1..=200).map(new).collect::<Vec<_>>(), None).unwrap();
    let filter = VectorFilter {
        since_ms: Some(50_000),
        until_ms: Some(120_000),
        conversation: Some(2),
        channel: Some(1),
        space: Some(0),
    };
    for exact in [1000, 0] {
        let near = nearest(&vectors, &vector(3), filter, 200, exact);
        let mut found: Vec<u64> = near.best.iter().map(|near| near.key.major).collect();
        found.sort_unstable();
        let expected: Vec<u64> = (50..=120).filter(|n| n % 5 == 2 && n % 2 == 1).collect();
        assert_eq!(found, expected);
    }
    let other = VectorFilter { space: Some(1), ..VectorFilter::default() };
    assert_eq!(nearest(&vectors, &vector(3), other, 5, 1000).best, []);
}

#[test]
fn what_is_removed_leaves_no_byte_and_its_row_is_used_again() {
    let dir = tempfile::tempdir().unwrap();
    let vectors = open(&RealFs, dir.path());
    vectors.put(&(1..=10).map(new).collect::<Vec<_>>(), Some(1..11)).unwrap();
    let before = vectors.read_row(3).unwrap();
    assert_eq!(vectors.remove_between(key(4, 0), key(4, 0)).unwrap(), 1);
    assert!(vectors.read_row(3).unwrap().iter().all(|byte| *byte == 0));
    let rows = std::fs::read(dir.path().join("rows")).unwrap();
    assert!(!rows.windows(16).any(|window| window == &before[30..46]));
    assert_eq!(vectors.len(), 9);
    let sums: f64 = vectors.means().iter().map(|mean| mean.count as f64).sum();
    assert_eq!(sums, 9.0);
    vectors.put(&[new(11)], None).unwrap();
    assert!(nearness(&vectors, 11, key(11, 0)).unwrap() > 0.9);
    assert_eq!(vectors.read_row(3).unwrap().len(), before.len());
    assert!(vectors.read_row(3).unwrap().iter().any(|byte| *byte != 0));
    assert_eq!(vectors.remove_between(key(0, 0), key(u64::MAX, u32::MAX)).unwrap(), 10);
    assert!(vectors.means().iter().all(|mean| mean.count == 0 && mean.sum.iter().all(|sum| *sum == 0.0)));
}

#[test]
fn windows_are_one_passage() {
    let dir = tempfile::tempdir().unwrap();
    let vectors = open(&RealFs, dir.path());
    let window = |window| {
        let key = VectorKey { space: 1, major: 5, minor: 8, window };
        NewVector { key, vector: vector(u64::from(window) + 50), ..new(1) }
    };
    vectors.put(&[window(0), window(1), window(2)], None).unwrap();
    let passage = window(0).key;
    let near = nearest(&vectors, &vector(51), VectorFilter::default(), 5, 1000);
    assert_eq!(near.best.len(), 1);
    assert_eq!(near.best[0].key, passage);
    assert!(nearness(&vectors, 52, passage).unwrap() > 0.9);
    assert_eq!(vectors.remove_between(passage, passage).unwrap(), 3);
}

#[test]
fn another_model_or_a_damaged_set_begins_anew() {
    let dir = tempfile::tempdir().unwrap();
    open(&RealFs, dir.path()).put(&[new(1)], None).unwrap();
    let other = Vectors::open(&RealFs, dir.path(), 8, vec![0.0; DIMENSIONS].into(), None).unwrap();
    assert_eq!(other.len(), 0);
    other.put(&[new(1)], None).unwrap();
    drop(other);
    std::fs::write(dir.path().join("rows"), b"").unwrap();
    assert_eq!(Vectors::open(&RealFs, dir.path(), 8, vec![0.0; DIMENSIONS].into(), None).unwrap().len(), 0);
    std::fs::write(dir.path().join("keys.redb"), b"not a database").unwrap();
    assert_eq!(Vectors::open(&RealFs, dir.path(), 8, vec![0.0; DIMENSIONS].into(), None).unwrap().len(), 0);
}

/// Three changes, as far as they get; whatever fails ends it.
fn changes(fs: &FaultFs, dir: &Path) -> Result<(), VectorsError> {
    let vectors = Vectors::open(fs, dir, 7, vec![0.0; DIMENSIONS].into(), None)?;
    vectors.put(&(1..=4).map(new).collect::<Vec<_>>(), Some(1..5))?;
    vectors.remove_between(key(2, 0), key(2, 0))?;
    vectors.put(&[new(5), new(6)], Some(5..7))
}

#[test]
fn a_crash_anywhere_keeps_what_is_said_to_be_covered() {
    let dir = Path::new("/v");
    let whole = FaultFs::new();
    changes(&whole, dir).unwrap();
    let points = whole.operations();
    assert!(points > 20, "{points}");
    for at in 0..points {
        for (kind, crash) in [
            (FaultKind::CrashBefore, Crash::LoseUnsynced),
            (FaultKind::CrashBefore, Crash::Torn(at)),
            (FaultKind::CrashAfter, Crash::Torn(at + 1000)),
            (FaultKind::CrashAfter, Crash::ProcessOnly),
            (FaultKind::Tear, Crash::LoseUnsynced),
            (FaultKind::Tear, Crash::ProcessOnly),
            (FaultKind::Fail, Crash::Torn(at + 2000)),
            (FaultKind::Full, Crash::LoseUnsynced),
        ] {
            let fs = FaultFs::new();
            fs.inject(Fault { at, kind });
            let _ = changes(&fs, dir);
            let fs = fs.crash(crash);
            let when = format!("{kind:?} at {at}, {crash:?}");
            let vectors = Vectors::open(&fs, dir, 7, vec![0.0; DIMENSIONS].into(), None).expect(&when);
            let near = |major: u64| nearness(&vectors, major, key(major, 0));
            let covered = vectors.covered();
            for major in covered.iter().cloned().flatten().filter(|major| *major != 2) {
                assert!(near(major).is_some_and(|score| score > 0.9), "{when}: {major} of {covered:?}");
            }
            if covered.iter().any(|range| range.contains(&5)) {
                assert_eq!(near(2), None, "{when}");
            }
            // It goes on from there.
            vectors.put(&(1..=6).map(new).collect::<Vec<_>>(), Some(1..7)).expect(&when);
            vectors.remove_between(key(2, 0), key(2, 0)).expect(&when);
            assert!(near(1).is_some() && near(6).is_some() && near(2).is_none(), "{when}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_order_of_changes_equals_a_plain_set(steps in proptest::collection::vec((0_u8..4, 1_u64..40), 1..40)) {
        let dir = tempfile::tempdir().unwrap();
        let mut vectors = open(&RealFs, dir.path());
        let mut model = std::collections::BTreeSet::new();
        for (step, major) in steps {
            match step {
                0 | 1 => {
                    let batch: Vec<_> = (major..major + 3).map(new).collect();
                    vectors.put(&batch, Some(major..major + 3)).unwrap();
                    model.extend(major..major + 3);
                }
                2 => {
                    vectors.remove_between(key(major, 0), key(major, 0)).unwrap();
                    model.remove(&major);
                }
                _ => {
                    drop(vectors);
                    vectors = open(&RealFs, dir.path());
                }
            }
            prop_assert_eq!(vectors.len(), model.len());
        }
        let near = nearest(&vectors, &vector(7), VectorFilter::default(), 100, 1000);
        let mut found: Vec<u64> = near.best.iter().map(|near| near.key.major).collect();
        found.sort_unstable();
        prop_assert_eq!(found, model.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn sealed_vectors_answer_alike_and_show_nothing() {
    let (clear_dir, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let key = |byte| Some(crate::vault::Key::new([byte; 32]));
    let open_sealed =
        |byte| Vectors::open(&RealFs, dir.path(), 7, vec![0.0; DIMENSIONS].into(), key(byte)).unwrap();
    let clear = open(&RealFs, clear_dir.path());
    let batch: Vec<_> = (1..=300).map(new).collect();
    let mut sealed = open_sealed(1);
    for vectors in [&clear, &sealed] {
        vectors.put(&batch, Some(1..301)).unwrap();
        assert_eq!(vectors.remove_between(key_of(7), key_of(8)).unwrap(), 2);
        vectors.put(&[new(1000)], None).unwrap();
    }
    for round in 0..2 {
        for exact in [0, 1000] {
            for filter in
                [VectorFilter::default(), VectorFilter { channel: Some(1), ..VectorFilter::default() }]
            {
                for major in [1, 9, 100, 1000] {
                    let question = vector(major);
                    let found = nearest(&sealed, &question, filter, 5, exact);
                    assert_eq!(found, nearest(&clear, &question, filter, 5, exact), "{round} {major}");
                }
            }
        }
        assert_eq!((sealed.means(), sealed.covered()), (clear.means(), clear.covered()));
        drop(sealed);
        sealed = open_sealed(1);
    }
    drop(sealed);
    for name in ["rows", "sketches"] {
        let clear = std::fs::read(clear_dir.path().join(name)).unwrap();
        let sealed = std::fs::read(dir.path().join(name)).unwrap();
        let size = clear.len() / 300;
        let shows = clear.chunks(size).filter(|row| row.iter().any(|byte| *byte != 0));
        let shows = shows.map(|row| &row[size - 12..]);
        assert!(shows.clone().count() > 250);
        for part in shows {
            assert!(!sealed.windows(part.len()).any(|window| window == part), "{name}");
        }
    }
    // What can't be opened is made anew, with a key or without.
    assert_eq!(open_sealed(2).len(), 0);
    assert_eq!(open(&RealFs, dir.path()).len(), 0);
    open(&RealFs, dir.path()).put(&batch, None).unwrap();
    assert_eq!(open_sealed(2).len(), 0);
}

fn key_of(major: u64) -> VectorKey {
    key(major, 0)
}
