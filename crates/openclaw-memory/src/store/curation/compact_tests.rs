//! A run and its parts.

use openclaw_core::{
    Role,
    config::MemoryConfig,
    port::{CurationPort as _, MemoryPort as _},
};

use super::*;
use crate::store::Memory;

#[tokio::test]
async fn a_run_in_several_parts_is_one_in_the_history() {
    let dir = tempfile::tempdir().unwrap();
    let config = MemoryConfig { min_free_mb: 0, ..MemoryConfig::default() };
    let memory = Memory::open(dir.path(), &config).unwrap().0;
    let everything = CompactRequest { offline: true, everything: true, ..CompactRequest::default() };
    let said = async |n: u32| {
        let message = ForeignMessage {
            conversation: "c".parse().unwrap(),
            channel: "api".to_owned(),
            role: Role::User,
            content: format!("I like tea number {n}. My cat is called Momo {n}."),
            timestamp: Timestamp::from_unix_millis(1_774_000_000_000 + i64::from(n)),
            id: Some(format!("m{n}").parse().unwrap()),
        };
        memory.import(vec![message]).await.unwrap();
        memory.core().wal.seal().await.unwrap();
    };
    for n in 0..3 {
        said(n).await;
    }
    let compact = async |bytes| {
        memory.blocking(move |core| core.compact_in(bytes, everything, &Handle::current())).await.unwrap()
    };
    let run = compact(1).await;
    assert_eq!((run.segments, run.messages), (3, 3));
    assert_eq!(memory.core().compactions(9).unwrap().len(), 3, "each part is marked");
    let told = memory.history(9).await.unwrap().reports;
    let [one] = told.as_slice() else { panic!("{told:?}") };
    let plain = |report: &CompactionReport| CompactionReport {
        took_ms: 0,
        wal_bytes_before: 0,
        wal_bytes_after: 0,
        ..report.clone()
    };
    assert_eq!(plain(one), plain(&run));
    assert!(one.took_ms <= run.took_ms && one.wal_bytes_before == run.wal_bytes_before, "{one:?} {run:?}");
    let last = memory.stats().await.unwrap().compacted.last_compaction.unwrap();
    assert_eq!(last, one.started_at.saturating_add(Duration::from_millis(one.took_ms)));

    // The next run is another one, however few are asked for.
    said(3).await;
    let next = compact(PART_BYTES).await;
    let told = memory.history(1).await.unwrap().reports;
    assert_eq!((told.len(), plain(&told[0])), (1, plain(&next)));
    let told = memory.history(9).await.unwrap().reports;
    assert_eq!((told.len(), &told[1]), (2, one));
}
