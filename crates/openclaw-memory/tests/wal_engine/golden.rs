//! Files of every format version that ever was, as they were written then.

use std::{fs, path::Path, sync::Arc};

use openclaw_core::Lsn;
use openclaw_memory::engine::{ReadError, RealFs, ReplayFrom, WalOptions};

use crate::kit::{append_all, close, open_at};

const FILES: [&str; 2] = ["manifest", "00000000000000000001.wal"];

fn fixture() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/wal-v1")
}

fn payloads() -> Vec<Vec<u8>> {
    vec![
        b"the first record".to_vec(),
        "第二筆紀錄 · 두 번째 기록".as_bytes().to_vec(),
        Vec::new(),
        b"this one was erased".to_vec(),
        vec![0xD1; 128],
        (0..=255).collect(),
    ]
}

#[test]
fn version_1_opens() {
    let dir = tempfile::tempdir().unwrap();
    for name in FILES {
        fs::copy(fixture().join(name), dir.path().join(name)).unwrap();
    }
    let log = open_at(Arc::new(RealFs), dir.path(), WalOptions::default(), ReplayFrom::Beginning).unwrap();
    let mut expected: Vec<_> = payloads().into_iter().map(Some).collect();
    expected[3] = None;
    assert_eq!(log.seen.iter().map(|(_, payload)| payload.clone()).collect::<Vec<_>>(), expected);
    assert!(log.report.cut.is_none() && log.report.damages.is_empty() && log.report.gaps.is_empty());
    assert!(matches!(log.wal.reader().read(log.seen[3].0), Err(ReadError::Erased(Lsn(4)))));
    assert_eq!(append_all(&log, &[b"and on it goes".to_vec()])[0].lsn, Lsn(7));
}

#[test]
#[ignore = "writes the fixture; run once per format version, by hand"]
fn write_version_1() {
    fs::create_dir_all(fixture()).unwrap();
    let log = open_at(Arc::new(RealFs), &fixture(), WalOptions::default(), ReplayFrom::Beginning).unwrap();
    let pointers = append_all(&log, &payloads());
    log.wal.erase(&pointers[3..4]).unwrap();
    close(&log);
}
