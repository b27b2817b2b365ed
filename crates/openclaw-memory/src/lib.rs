//! What was said, durably: a write-ahead log with group commit, an index derived from it, and search, behind
//! [`MemoryPort`](openclaw_core::port::MemoryPort).
//!
//! ```
//! use openclaw_core::{Metadata, NewRun, RunId, config::MemoryConfig, port::MemoryPort};
//! use openclaw_memory::Memory;
//!
//! # let home = tempfile::tempdir().unwrap();
//! # let directory = home.path().join("memory");
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let (memory, _report) = Memory::open(&directory, &MemoryConfig::default())?;
//! let id = RunId::generate();
//! memory
//!     .accept_run(NewRun {
//!         id,
//!         conversation: id.new_conversation_id(),
//!         channel: "api".to_owned(),
//!         text: "明天서울的天氣如何?".to_owned(),
//!         metadata: Metadata::default(),
//!         idempotency_key: None,
//!     })
//!     .await?;
//! // From here on a power cut loses nothing.
//! let recent = memory.recent(&id.new_conversation_id(), 10, 10_000).await?;
//! assert_eq!(recent[0].text(), "明天서울的天氣如何?");
//! memory.close().await;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! The log is the truth; the index holds positions, ids and counters, never content, and is rebuilt when it is missing. So
//! erasing a conversation means overwriting its records in place, and nothing else has to be hunted down.
//!
//! This crate must never know about HTTP, providers, channels or skills. It reads no environment, spawns no task, and has
//! two threads of its own: the log's committer and the one that takes checkpoints. Memory use does not grow with history.

mod compaction;
mod fs;
mod index;
mod integrity;
mod lexical;
mod lock;
mod poison;
mod record;
mod search;
mod store;
mod vault;
mod vectors;
mod wal;

pub use integrity::{
    CheckProgress, LostRecord, RepairReport, VerifyReport, repair, repair_with, verify, verify_with,
};
pub use store::{LogBytes, Memory, OpenError, OpenReport, Parts, Past};
pub use vault::{Unlock, VaultError};
pub use wal::{ChangeError, Damage, OpenError as LogOpenError, Problem, ProblemKind, Severity};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// What becomes of the log in Markdown, for this crate's tests, benches and fuzz targets. No stable interface.
#[doc(hidden)]
pub mod markdown {
    pub use crate::compaction::{
        CompactionError, Dangling, Input, Method, Options, Outcome, Passage, Refused, Removed, Spoken,
        Written, check_citations, compact, erase_citations, passages, prune_before,
    };
}

/// The log by itself, for this crate's tests, benches and fuzz targets. No stable interface.
#[doc(hidden)]
pub mod engine {
    #[cfg(any(test, feature = "testing"))]
    pub use crate::{
        fs::{Crash, Fault, FaultFs, FaultKind},
        wal::{encode_segment, read_archive},
    };
    pub use crate::{
        fs::{Fs, FsFile, RealFs},
        lexical::{
            Candidate, DocKey, Doomed, Filter, Found, HashKey, Lexical, LexicalError, NewDoc, Options,
            Params, Query, Space, Stats,
        },
        lock::{Lock, LockError},
        wal::{
            AppendError, ArchiveReport, ChainProgress, ChangeError, Committed, Cut, Damage, Gap, LogHealth,
            Observer, OpenError, Pointer, ReadError, Reader, Record, Recovery, ReplayFrom, Scanner,
            SegmentContent, SegmentInfo, Slot, Ticket, Wal, WalOptions, walk_segment,
        },
    };
}
