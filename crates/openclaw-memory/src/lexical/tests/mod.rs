//! The index against a model that scores everything.

mod crashes;
mod golden;
mod model;
mod properties;

use std::{
    path::Path,
    sync::{Arc, atomic::AtomicBool},
};

use super::*;
use crate::fs::{FaultFs, Fs};

const DIR: &str = "/index";

fn options() -> Options {
    // A cache so small that pages come and go.
    Options { cache_bytes: 64 << 10, key: Some(HashKey([3; 16])), ..Options::default() }
}

fn create(fs: &FaultFs) -> Lexical {
    Lexical::create(Arc::new(fs.clone()) as Arc<dyn Fs>, Path::new(DIR), options()).unwrap()
}

fn open(fs: &FaultFs) -> Result<Lexical, LexicalError> {
    Lexical::open(Arc::new(fs.clone()) as Arc<dyn Fs>, Path::new(DIR), options())
}

fn maintain(index: &Lexical) {
    while index.maintain(&AtomicBool::new(false)).unwrap() {}
}

fn search(index: &Lexical, text: &str, filter: Filter<'_>, limit: usize) -> Found {
    let query = Query { text, filter, limit, sure: limit, count_to: 1000 };
    index.search(&query, &AtomicBool::new(false)).unwrap()
}

fn keys(found: &Found) -> Vec<(u64, u32)> {
    found.candidates.iter().map(|candidate| (candidate.key.major, candidate.key.minor)).collect()
}

fn doc(major: u64, text: &str) -> NewDoc<'_> {
    NewDoc {
        key: DocKey { space: Space::Log, major, minor: 0 },
        text,
        time_ms: 1_700_000_000_000 + major as i64 * 1000,
        kind: 1,
        importance: 0,
        place: major as u32 * 100,
        conversation: b"c",
        channel: b"api",
    }
}

#[test]
fn what_is_added_is_found_at_once_and_after_a_flush_and_a_start() {
    let fs = FaultFs::new();
    let index = create(&fs);
    let texts = ["我的飲食偏好是清淡的", "사용자의 취미는 등산입니다", "Running shoes for sprinting"];
    for (major, text) in (1..).zip(texts) {
        index.add(&[doc(major, text)], major).unwrap();
    }
    let check = |index: &Lexical| {
        for (query, expected) in
            [("饮食", 1), ("취미", 2), ("run shoe", 3), ("ＳＰＲＩＮＴ", 3), ("清", 1), ("취", 2)]
        {
            let found = search(index, query, Filter::default(), 10);
            assert_eq!((keys(&found), found.total), (vec![(expected, 0)], 1), "{query}");
            assert!(found.candidates[0].lex > 0.1 && found.candidates[0].lex <= 1.0);
        }
        let found = search(index, "run shoe", Filter::default(), 10);
        assert_eq!(found.candidates[0].place, 300);
        assert!(search(index, "nothing", Filter::default(), 10).candidates.is_empty());
        assert_eq!(index.covered(), 3);
    };
    check(&index);
    index.flush().unwrap();
    assert_eq!(index.stats().in_memory, 0);
    check(&index);
    drop(index);
    check(&open(&fs).unwrap());
}

#[test]
fn filters_hold_all_at_once() {
    let fs = FaultFs::new();
    let index = create(&fs);
    for major in 1..=400 {
        let conversation = format!("c{}", major % 10);
        let channel = if major % 3 == 0 { &b"telegram"[..] } else { b"api" };
        let new = NewDoc {
            conversation: conversation.as_bytes(),
            channel,
            kind: (major % 2) as u8,
            ..doc(major, "green tea")
        };
        index.add(&[new], major).unwrap();
        if major == 200 || major == 300 {
            index.flush().unwrap();
        }
    }
    let filter = Filter {
        conversation: Some(b"c3"),
        channel: Some(b"telegram"),
        since_ms: Some(1_700_000_000_000 + 100_000),
        until_ms: Some(1_700_000_000_000 + 363_000),
        kinds: &[1, 5],
        ..Filter::default()
    };
    let found = search(&index, "tea", filter, 100);
    let expected: Vec<(u64, u32)> =
        (100..=363).rev().filter(|major| major % 10 == 3 && major % 3 == 0).map(|major| (major, 0)).collect();
    assert_eq!((keys(&found), found.total), (expected.clone(), expected.len() as u64));
    let none = Filter { conversation: Some(b"c77"), ..filter };
    assert_eq!(search(&index, "tea", none, 10).total, 0);
    assert_eq!(search(&index, "tea", Filter { kinds: &[9], ..Filter::default() }, 10).total, 0);
    let markdown = Filter { space: Some(Space::Markdown), ..Filter::default() };
    assert_eq!(search(&index, "tea", markdown, 10).total, 0);
}

#[test]
fn damage_is_an_error_and_never_an_answer() {
    let fs = FaultFs::new();
    let index = create(&fs);
    for major in 1..=3000 {
        index.add(&[doc(major, &format!("tea number {major} of {}", major % 77))], major).unwrap();
    }
    index.flush().unwrap();
    let expected = search(&index, "tea 1234 55", Filter::default(), 10);
    drop(index);
    let segment = fs.files().into_iter().find(|path| path.extension().is_some_and(|it| it == "seg")).unwrap();
    let pages = fs.contents(&segment).unwrap().len() / 4096;
    let mut noticed = 0;
    for page in 0..pages {
        fs.tamper(&segment, |bytes| bytes[page * 4096 + 100] ^= 4).unwrap();
        match open(&fs) {
            Err(error) => assert!(error.is_damage(), "{error}"),
            Ok(index) => {
                let query = Query {
                    text: "tea 1234 55",
                    filter: Filter::default(),
                    limit: 10,
                    sure: 10,
                    count_to: 1000,
                };
                match index.search(&query, &AtomicBool::new(false)) {
                    Ok(found) => assert_eq!(found, expected),
                    Err(error) => {
                        noticed += 1;
                        assert!(error.is_damage(), "{error}");
                    }
                }
            }
        }
        fs.tamper(&segment, |bytes| bytes[page * 4096 + 100] ^= 4).unwrap();
    }
    assert!(noticed > 3, "{noticed} of {pages}");
    fs.tamper(&segment, |bytes| bytes.truncate(bytes.len() - 1)).unwrap();
    // Opening reads only the first page; going through it all meets the end.
    let stop = AtomicBool::new(false);
    let index = open(&fs).unwrap();
    index.delete(&[Doomed::Keys { space: Space::Log, from: (5, 0), to: (5, 0) }]).unwrap();
    assert!(index.maintain(&stop).is_err_and(|error| error.is_damage()));
}

#[test]
fn a_search_and_a_merge_that_nobody_waits_for_end() {
    let fs = FaultFs::new();
    let index = create(&fs);
    index.add(&[doc(1, "green tea"), doc(2, "black tea")], 2).unwrap();
    index.flush().unwrap();
    index.delete(&[Doomed::Keys { space: Space::Log, from: (1, 0), to: (1, 0) }]).unwrap();
    let stop = AtomicBool::new(true);
    assert!(matches!(index.maintain(&stop), Err(LexicalError::Stopped)));
    let query = Query { text: "tea", filter: Filter::default(), limit: 5, sure: 5, count_to: 1000 };
    assert!(matches!(index.search(&query, &stop), Err(LexicalError::Stopped)));
    maintain(&index);
    assert_eq!(keys(&search(&index, "tea", Filter::default(), 5)), [(2, 0)]);
}

#[test]
fn of_documents_that_are_alike_the_latest_are_found() {
    let fs = FaultFs::new();
    let index = create(&fs);
    for major in 1..=6000 {
        index.add(&[doc(major, "the same cup of tea")], major).unwrap();
        if major == 5900 {
            index.flush().unwrap();
        }
    }
    let query = Query { text: "cup of tea", filter: Filter::default(), limit: 30, sure: 10, count_to: 50 };
    let found = index.search(&query, &AtomicBool::new(false)).unwrap();
    let majors: Vec<u64> = found.candidates.iter().map(|found| found.key.major).take(10).collect();
    assert_eq!(majors, (5991..=6000).rev().collect::<Vec<_>>());
    assert_eq!(found.total, 50);
}
