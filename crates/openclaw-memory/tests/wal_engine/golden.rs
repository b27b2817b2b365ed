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

const ARCHIVED: [&str; 4] =
    ["manifest", "chain", "archive/00000000000000000001.arc", "00000000000000000008.wal"];

fn archived() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/archive-v1")
}

/// The same records, then one too large for what is left of the segment, so that it is sealed.
fn more() -> Vec<Vec<u8>> {
    let mut more = payloads();
    let text = "The quick brown fox · 敏捷的棕色狐狸 · 빠른 갈색 여우 · 素早い茶色の狐 · ";
    more.push(text.repeat(600).into_bytes());
    more.push(b"in the next segment".to_vec());
    more
}

#[test]
fn archives_and_chains_of_version_1_open() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("archive")).unwrap();
    for name in ARCHIVED {
        fs::copy(archived().join(name), dir.path().join(name)).unwrap();
    }
    let options = WalOptions { segment_bytes: 4096, ..WalOptions::default() };
    let log = open_at(Arc::new(RealFs), dir.path(), options, ReplayFrom::Beginning).unwrap();
    let mut expected: Vec<_> = more().into_iter().map(Some).collect();
    expected[3] = None;
    assert_eq!(log.seen.iter().map(|(_, payload)| payload.clone()).collect::<Vec<_>>(), expected);
    assert!(log.report.cut.is_none() && log.report.damages.is_empty() && log.report.gaps.is_empty());
    let infos = log.wal.reader().segments();
    assert_eq!(infos.iter().map(|info| info.archived.is_some()).collect::<Vec<_>>(), [true, false]);
    // The chain knows the sealed segment: nothing to add.
    let chained = log.wal.extend_chain(&|| false).unwrap();
    assert_eq!((chained.added, chained.complete), (0, true));
    assert_eq!(fs::read(dir.path().join("chain")).unwrap(), fs::read(archived().join("chain")).unwrap());
}

#[test]
#[ignore = "writes the fixture, once per format version: cargo test -p openclaw-memory --test wal_engine write_archive_version_1 -- --ignored"]
fn write_archive_version_1() {
    fs::create_dir_all(archived()).unwrap();
    let options = WalOptions { segment_bytes: 4096, ..WalOptions::default() };
    let log = open_at(Arc::new(RealFs), &archived(), options, ReplayFrom::Beginning).unwrap();
    let pointers = append_all(&log, &more());
    log.wal.extend_chain(&|| false).unwrap();
    log.wal.archive(Lsn(1)).unwrap();
    log.wal.erase(&pointers[3..4]).unwrap();
    log.wal.extend_chain(&|| false).unwrap();
    close(&log);
}

#[test]
#[ignore = "writes the fixture, once per format version: cargo test -p openclaw-memory --test wal_engine write_version_1 -- --ignored"]
fn write_version_1() {
    fs::create_dir_all(fixture()).unwrap();
    let log = open_at(Arc::new(RealFs), &fixture(), WalOptions::default(), ReplayFrom::Beginning).unwrap();
    let pointers = append_all(&log, &payloads());
    log.wal.erase(&pointers[3..4]).unwrap();
    close(&log);
}
