//! Laws of recovery, for any records and any damage.

use std::collections::BTreeMap;

use openclaw_core::Lsn;
use openclaw_memory::engine::{Crash, FaultFs, encode_segment, walk_segment};
use proptest::{collection::vec, prelude::*};

use crate::kit::{append_all, open, segments, small};

const LOG: [u8; 16] = *b"the log's own id";

fn records() -> impl Strategy<Value = Vec<Vec<u8>>> {
    // Some small, some over the length where a number takes another digit, some full of marker bytes.
    let payload = prop_oneof![
        vec(any::<u8>(), 0..40),
        vec(any::<u8>(), 120..140),
        vec(prop_oneof![Just(0xD1), Just(0xDE), Just(0xE3), Just(0), any::<u8>()], 0..400),
    ];
    vec(payload, 0..30)
}

fn encode(first: u64, records: &[Vec<u8>]) -> Vec<u8> {
    encode_segment(LOG, Lsn(first), records.iter().map(Vec::as_slice))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_written_is_read(first in 1u64..1 << 60, records in records(), zeros in 0usize..3000) {
        let mut bytes = encode(first, &records);
        let end = bytes.len();
        bytes.resize(end + zeros, 0);
        let content = walk_segment(&bytes, LOG, Lsn(first)).unwrap();
        prop_assert_eq!(content.end, end as u64);
        prop_assert_eq!((content.dirty, content.damages.len()), (0, 0));
        let payloads: Vec<_> = content.records.iter().filter_map(|(_, payload)| payload.clone()).collect();
        prop_assert_eq!(payloads, records);
        prop_assert!(content.records.iter().zip(first..).all(|((at, _), lsn)| at.lsn.0 == lsn));
    }

    #[test]
    fn a_cut_anywhere_keeps_every_whole_record(records in records(), cut in any::<prop::sample::Index>()) {
        let bytes = encode(1, &records);
        let whole = walk_segment(&bytes, LOG, Lsn(1)).unwrap();
        let cut = 64 + cut.index(bytes.len() - 63);
        let content = walk_segment(&bytes[..cut], LOG, Lsn(1)).unwrap();
        prop_assert_eq!(&content.records[..], &whole.records[..content.records.len()]);
        prop_assert!(content.damages.is_empty());
        let next = whole.records.get(content.records.len() + 1).map_or(bytes.len() as u64, |next| next.0.offset.into());
        prop_assert!(next > cut as u64 || content.records.len() == whole.records.len());
    }

    #[test]
    fn damage_loses_what_it_hits_and_nothing_else(
        records in records(),
        hits in vec((any::<prop::sample::Index>(), 1u8..=255), 1..6),
    ) {
        let bytes = encode(7, &records);
        prop_assume!(bytes.len() > 64);
        let whole: BTreeMap<_, _> = walk_segment(&bytes, LOG, Lsn(7)).unwrap().records.into_iter().collect();
        let mut damaged = bytes.clone();
        for (at, flip) in &hits {
            let at = 64 + at.index(bytes.len() - 64);
            damaged[at] ^= flip;
        }
        let content = walk_segment(&damaged, LOG, Lsn(7)).unwrap();
        let found: BTreeMap<_, _> = content.records.iter().cloned().collect();
        for (pointer, payload) in &found {
            prop_assert_eq!(whole.get(pointer), Some(payload), "a record that was never written");
        }
        let pointers: Vec<_> = whole.keys().copied().collect();
        for (n, pointer) in pointers.iter().enumerate() {
            let from = pointer.offset as usize;
            let to = pointers.get(n + 1).map_or(bytes.len(), |next| next.offset as usize);
            if bytes[from..to] == damaged[from..to] {
                prop_assert!(found.contains_key(pointer), "{:?} was not hit", pointer);
            } else {
                prop_assert!(!found.contains_key(pointer), "{:?} was hit", pointer);
            }
        }
        let lost: u64 = content.damages.iter().map(|(_, lost)| lost.end.0 - lost.start.0).sum();
        prop_assert!(lost + found.len() as u64 <= whole.len() as u64);
    }

    #[test]
    fn any_bytes_are_survived_and_hold_no_record(noise in vec(any::<u8>(), 0..4000), first in any::<u32>()) {
        let content = walk_segment(&noise, LOG, Lsn(first.into())).unwrap();
        prop_assert!(content.records.is_empty());
    }

    #[test]
    fn another_place_or_log_reads_nothing(records in records(), shift in 1usize..50) {
        prop_assume!(!records.is_empty());
        let bytes = encode(1, &records);
        let mut shifted = bytes[..64].to_vec();
        shifted.resize(64 + shift, 1);
        shifted.extend_from_slice(&bytes[64..]);
        prop_assert!(walk_segment(&shifted, LOG, Lsn(1)).unwrap().records.is_empty());
        prop_assert!(walk_segment(&bytes, *b"another log's id", Lsn(1)).unwrap().records.is_empty());
        prop_assert!(walk_segment(&bytes, LOG, Lsn(2 + records.len() as u64)).unwrap().records.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_whole_log_survives_any_damage_to_any_file(
        records in vec(vec(any::<u8>(), 1..600), 1..40),
        hits in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1u8..=255), 0..5),
        cut in proptest::option::of((any::<prop::sample::Index>(), any::<prop::sample::Index>())),
    ) {
        let fs = FaultFs::new();
        let log = open(&fs, small());
        let pointers = append_all(&log, &records);
        drop(log);
        let files = segments(&fs);
        for (file, at, flip) in &hits {
            fs.tamper(&files[file.index(files.len())], |bytes| {
                let at = at.index(bytes.len());
                bytes[at] ^= flip;
            }).unwrap();
        }
        if let Some((file, len)) = &cut {
            fs.tamper(&files[file.index(files.len())], |bytes| bytes.truncate(len.index(bytes.len()))).unwrap();
        }
        let log = open(&fs.crash(Crash::LoseUnsynced), small());
        for (pointer, payload) in &log.seen {
            let at = pointers.binary_search(pointer).unwrap();
            prop_assert_eq!(payload.as_ref(), Some(&records[at]));
        }
        prop_assert!(log.seen.is_sorted());
        let whole = log.seen.len() == records.len();
        let report = &log.report;
        let quiet = report.damages.is_empty() && report.gaps.is_empty() && report.cut.is_none();
        // A tail cut off exactly between two records is the one loss that the log alone can't see.
        prop_assert!(whole || !quiet || cut.is_some(), "{:?}", report);
        let next = append_all(&log, &[b"next".to_vec()])[0];
        prop_assert_eq!(next.lsn, report.next);
    }
}
