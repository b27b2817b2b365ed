//! What the engine must not forget between two starts: where reading goes on, what was seen, which answers are on their way, who
//! was let in. Ids and states only: every word that was said is in the memory's log, and nowhere else.
//!
//! One file, `state.redb`; byte by byte in `docs/formats.md`. Writes that come in together become durable together.

mod disk;
mod error;
mod read;
mod records;
mod write;

use std::{path::Path, sync::Arc};

use openclaw_core::{ConversationId, RunId, Timestamp};
use redb::{Database, TableDefinition};
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

pub use self::error::JournalError;
pub(crate) use self::records::{Delivery, Part, State};
use self::{
    disk::{Disk, Opener},
    write::Request,
};
use crate::message::Address;

/// `KIND \0 NAME` → where reading goes on.
const CURSORS: TableDefinition<'_, &str, &str> = TableDefinition::new("cursors");
/// `KIND \0 CHAT \0 MESSAGE` → Unix seconds: what is settled.
const SEEN: TableDefinition<'_, &str, u64> = TableDefinition::new("seen");
/// Run → [`Delivery`] as JSON.
const DELIVERIES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("deliveries");
/// `KIND \0 CHAT \0 THREAD \0 USER` → conversation.
const CHATS: TableDefinition<'_, &str, &str> = TableDefinition::new("chats");
/// `KIND \0 USER` → Unix seconds of the pairing.
const PAIRED: TableDefinition<'_, &str, u64> = TableDefinition::new("paired");
/// `KIND \0 USER or CHAT` → Unix seconds of the last polite line.
const GREETED: TableDefinition<'_, &str, u64> = TableDefinition::new("greeted");
/// `KIND \0 YYYY-MM-DD` → messages received.
const DAYS: TableDefinition<'_, &str, u64> = TableDefinition::new("days");

/// Memory that the file's pages may take, in bytes.
const CACHE_BYTES: usize = 1024 * 1024;
/// Most writes that wait.
const WAITING: usize = 256;
/// How long what is settled is remembered, in seconds: longer than any platform repeats a message.
const KEPT_SECONDS: u64 = 14 * 24 * 60 * 60;

/// The journal. Cloning gives another handle of the same.
#[derive(Clone)]
pub(crate) struct Journal {
    disk: Arc<Disk>,
    requests_tx: mpsc::Sender<Request>,
}

/// One change. Those of one call become durable together.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Cursor {
        kind: Arc<str>,
        name: String,
        value: String,
    },
    Seen {
        kind: Arc<str>,
        chat: String,
        id: String,
        at: Timestamp,
    },
    /// A new or changed delivery.
    Delivery(Delivery),
    Conversation {
        kind: Arc<str>,
        chat: ChatKey,
        id: ConversationId,
    },
    Paired {
        kind: Arc<str>,
        user: String,
        at: Timestamp,
    },
    Unpaired {
        kind: Arc<str>,
        user: String,
    },
    Greeted {
        kind: Arc<str>,
        who: String,
        at: Timestamp,
    },
    /// One more message of that day.
    Received {
        kind: Arc<str>,
        at: Timestamp,
    },
}

/// What has a conversation of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ChatKey {
    pub(crate) address: Address,
    /// In a group where each member has one.
    pub(crate) user: Option<String>,
}

impl Journal {
    /// Opens the journal, or creates it; `tasks` owns its writer, which ends with the last handle. Blocks. See
    /// [`crate::Parts::in_place`].
    pub(crate) fn open(
        file: &Path,
        tasks: &TaskTracker,
        now: Timestamp,
        in_place: bool,
    ) -> Result<Self, JournalError> {
        if let Some(directory) = file.parent() {
            create_private(directory)
                .map_err(|error| JournalError { file: file.to_owned(), reason: error.to_string() })?;
        }
        let path = file.to_owned();
        let opener = move || {
            let mut builder = Database::builder();
            builder.set_cache_size(CACHE_BYTES);
            Ok(builder.create(&path)?)
        };
        Self::open_with(Box::new(opener), file, tasks, now, in_place)
    }

    fn open_with(
        opener: Opener,
        file: &Path,
        tasks: &TaskTracker,
        now: Timestamp,
        in_place: bool,
    ) -> Result<Self, JournalError> {
        let disk = Arc::new(Disk::new(opener));
        let begun = disk.with(|database| write::begin(database, now));
        begun.map_err(|error| JournalError { file: file.to_owned(), reason: error.to_string() })?;
        let (requests_tx, requests) = mpsc::channel(WAITING);
        tasks.spawn(write::keep(Arc::clone(&disk), file.to_owned(), requests, in_place));
        Ok(Self { disk, requests_tx })
    }

    /// Makes `changes` durable, all or none.
    ///
    /// Cancel safe: a dropped call may have happened, as a whole.
    pub(crate) async fn write(&self, changes: Vec<Change>) -> Result<(), JournalError> {
        let (done_tx, done) = oneshot::channel();
        let closed =
            || JournalError { file: "state.redb".into(), reason: "the gateway is leaving".to_owned() };
        self.requests_tx.send((changes, done_tx)).await.map_err(|_| closed())?;
        done.await.map_err(|_| closed())?
    }

    pub(crate) async fn save_cursor(
        &self,
        kind: &Arc<str>,
        name: &str,
        value: &str,
    ) -> Result<(), JournalError> {
        let (kind, name, value) = (Arc::clone(kind), name.to_owned(), value.to_owned());
        self.write(vec![Change::Cursor { kind, name, value }]).await
    }

    pub(crate) async fn save(&self, delivery: &Delivery) -> Result<(), JournalError> {
        self.write(vec![Change::Delivery(delivery.clone())]).await
    }
}

/// The directory is for its owner only: ids say who talks with whom.
fn create_private(directory: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

/// Key of a delivery.
fn run_key(run: RunId) -> [u8; 16] {
    run.to_bytes()
}

/// Parts of a key, none of which holds a zero byte that matters: ids of platforms have none.
fn key(parts: &[&str]) -> String {
    let mut key = String::with_capacity(parts.iter().map(|part| part.len() + 1).sum());
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            key.push('\0');
        }
        key.extend(part.chars().filter(|c| *c != '\0'));
    }
    key
}

fn seconds(at: Timestamp) -> u64 {
    u64::try_from(at.unix_millis() / 1000).unwrap_or(0)
}

/// `YYYY-MM-DD`.
fn day(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

#[cfg(test)]
mod tests;
