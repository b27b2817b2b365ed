//! Any interleaving of append, archive, erase, drop, crash and opening anew equals a plain list in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use openclaw_core::Lsn;
use openclaw_memory::engine::{Crash, FaultFs, Pointer, ReadError, read_archive};
use proptest::{collection::vec, prelude::*};

use crate::kit::{DIR, Log, append_all, archives, contains, open, run, segments, small};

#[derive(Debug, Clone)]
enum Op {
    Append(Vec<usize>),
    Archive(prop::sample::Index),
    Erase(Vec<prop::sample::Index>),
    Chain,
    Drop(prop::sample::Index),
    Reopen,
    Crash(Crash),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        6 => vec(0usize..1500, 1..12).prop_map(Op::Append),
        4 => any::<prop::sample::Index>().prop_map(Op::Archive),
        3 => vec(any::<prop::sample::Index>(), 1..6).prop_map(Op::Erase),
        2 => Just(Op::Chain),
        1 => any::<prop::sample::Index>().prop_map(Op::Drop),
        2 => Just(Op::Reopen),
        2 => prop_oneof![
            Just(Crash::ProcessOnly),
            Just(Crash::LoseUnsynced),
            any::<u64>().prop_map(Crash::Torn),
        ].prop_map(Op::Crash),
    ];
    vec(op, 1..40)
}

/// The log as a list.
#[derive(Debug, Default)]
struct Model {
    records: BTreeMap<Pointer, Option<Vec<u8>>>,
    written: u64,
    gone: BTreeSet<Vec<u8>>,
}

impl Model {
    fn payload(&mut self, len: usize) -> Vec<u8> {
        self.written += 1;
        let mut payload = format!("payload {:05} ", self.written).into_bytes();
        let letter = b'a' + (self.written % 26) as u8;
        payload.extend((0..len).map(|at| if at % 3 == 0 { letter } else { (at * 31 + len) as u8 }));
        payload
    }

    fn check(&self, fs: &FaultFs, log: &Log) {
        let reader = log.wal.reader();
        let mut scan = reader.scan(Lsn(0)..Lsn(u64::MAX));
        let mut found = BTreeMap::new();
        while let Some(record) = scan.next_record().unwrap() {
            found.insert(record.pointer, record.payload.map(<[u8]>::to_vec));
        }
        assert!(scan.damages().is_empty(), "{:?}", scan.damages());
        assert!(found == self.records);
        for (pointer, payload) in &self.records {
            let read = reader.read(*pointer);
            match payload {
                Some(payload) => assert_eq!(&read.unwrap(), payload),
                None => {
                    assert!(matches!(read, Err(ReadError::Erased(lsn)) if lsn == pointer.lsn), "{read:?}")
                }
            }
        }
        assert_eq!(reader.held().end, Lsn(self.written + 1));
        for info in reader.segments() {
            let bytes = match info.archived {
                Some(_) => read_archive(fs, Path::new(DIR), info.lsns.start).unwrap(),
                None => fs.contents(&info.path).unwrap(),
            };
            assert!(self.gone.iter().all(|payload| !contains(&bytes, &payload[..13])), "{info:?}");
        }
        assert_eq!(archives(fs).len() + segments(fs).len(), reader.segments().len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_interleaving_equals_a_list(ops in ops()) {
        let mut fs = FaultFs::new();
        let mut log = Some(open(&fs, small()));
        let mut model = Model::default();
        for op in ops {
            let open_log = log.as_ref().unwrap();
            match op {
                Op::Append(lens) => {
                    let payloads: Vec<_> = lens.into_iter().map(|len| model.payload(len)).collect();
                    let pointers = append_all(open_log, &payloads);
                    model.records.extend(pointers.into_iter().zip(payloads.into_iter().map(Some)));
                }
                Op::Archive(which) => {
                    let sealed: Vec<_> =
                        open_log.wal.reader().segments().into_iter().filter(|info| info.sealed).collect();
                    if !sealed.is_empty() {
                        open_log.wal.archive(which.get(&sealed).lsns.start).unwrap();
                    }
                }
                Op::Erase(which) => {
                    let all: Vec<_> = model.records.keys().copied().collect();
                    let victims: Vec<_> =
                        if all.is_empty() { Vec::new() } else { which.iter().map(|at| *at.get(&all)).collect() };
                    open_log.wal.erase(&victims).unwrap();
                    for victim in victims {
                        model.gone.extend(model.records.insert(victim, None).flatten());
                    }
                }
                Op::Chain => prop_assert!(open_log.wal.extend_chain(&|| false).unwrap().complete),
                Op::Drop(which) => {
                    let infos = open_log.wal.reader().segments();
                    let from = which.get(&infos).lsns.start;
                    open_log.wal.drop_before(from).unwrap();
                    model.records.retain(|at, _| at.lsn >= from);
                }
                Op::Reopen => {
                    run(open_log.wal.close());
                    log = None;
                }
                Op::Crash(crash) => {
                    fs = fs.crash(crash);
                    log = None;
                }
            }
            if log.is_none() {
                let opened = open(&fs, small());
                let report = &opened.report;
                prop_assert!(report.damages.is_empty() && report.gaps.is_empty(), "{:?}", report);
                log = Some(opened);
            }
            model.check(&fs, log.as_ref().unwrap());
        }
    }
}
