//! Port of the memory's care: remembering and forgetting on purpose, compaction, import and export, integrity.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::MemoryError;
use crate::{
    ConversationId, ForeignMemory, ForeignMessage, ForeignNote, Lsn, MemoryEntry, MemoryId, MemoryKind,
    MessageId, Timestamp,
};

/// Looks after the memory. Writes are durable when they return, and have happened as a whole or not at all.
#[async_trait]
pub trait CurationPort: Send + Sync {
    /// Remembers something. The same content of the same kind, live, is not stored twice: the earlier entry is returned.
    async fn remember(&self, memory: crate::NewMemory) -> Result<MemoryEntry, MemoryError>;

    /// Remembers what was noted elsewhere, each from when it was noted. What is known already is passed over, as above. A crash may
    /// leave a part of it, which the same call then completes.
    async fn remember_all(&self, notes: Vec<ForeignNote>) -> Result<Imported, MemoryError>;

    /// Erases an entry everywhere: log, Markdown, index. `None` when there is none of that id.
    async fn forget(&self, id: MemoryId) -> Result<Option<MemoryEntry>, MemoryError>;

    /// Marks a task as done. `None` when there is no such task.
    async fn complete(&self, id: MemoryId) -> Result<Option<MemoryEntry>, MemoryError>;

    /// One entry, superseded and expired ones included.
    async fn entry(&self, id: MemoryId) -> Result<Option<MemoryEntry>, MemoryError>;

    /// Lists entries, newest first.
    async fn entries(&self, filter: EntryFilter) -> Result<EntryPage, MemoryError>;

    /// Takes in messages that were said elsewhere, as many as one durable batch; ids that are there already are passed over.
    async fn import(&self, messages: Vec<ForeignMessage>) -> Result<Imported, MemoryError>;

    /// Takes in entries that were remembered elsewhere, or here before, under their ids. Of one that is there already only what
    /// became of it since is taken: that it was completed, or superseded. Which entry has whose place counts where both are
    /// there. A crash may leave a part of it, which the same call then completes.
    async fn restore(&self, memories: Vec<ForeignMemory>) -> Result<Imported, MemoryError>;

    /// Gives out messages and remembered entries in the order of the log: at most `limit`, and fewer when they would be over
    /// [`limits::EXPORT_BYTES`](crate::limits::EXPORT_BYTES) of text together, but at least one while there are any. An entry
    /// that an older one superseded comes a second time, when both have been given out. What can't be read is passed over and
    /// counted.
    async fn export(&self, after: Option<ExportCursor>, limit: usize) -> Result<ExportPage, MemoryError>;

    /// Makes Markdown of what the log holds; [`MemoryError::UnderWay`] when that is being done already. Returns when it is
    /// done; dropping the call leaves it running.
    async fn compact(&self, request: CompactRequest) -> Result<CompactionReport, MemoryError>;

    /// Past compactions, newest first, and the one under way.
    async fn history(&self, limit: usize) -> Result<CompactionHistory, MemoryError>;

    /// Removes what has outlived its kind, and what is left over. Reports what went.
    async fn collect_garbage(&self) -> Result<Collected, MemoryError>;

    /// Checks every record, the chain across segments, the index and the Markdown's citations.
    async fn verify(&self) -> Result<Verification, MemoryError>;
}

/// Which entries to list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntryFilter {
    /// Only this kind.
    pub kind: Option<MemoryKind>,
    /// Only those with this tag.
    pub tag: Option<String>,
    /// Only those of this conversation.
    pub conversation: Option<ConversationId>,
    /// Superseded and expired ones too.
    pub all: bool,
    /// At most this many.
    pub limit: usize,
    /// Skip this many first.
    pub offset: usize,
}

/// A page of entries.
#[derive(Debug, Clone, PartialEq)]
pub struct EntryPage {
    /// The page.
    pub entries: Vec<MemoryEntry>,
    /// How many the filter matches in all.
    pub total: usize,
}

/// What an import did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Imported {
    /// Messages and entries taken in.
    pub imported: u64,
    /// Those that were there already.
    pub skipped: u64,
}

/// Where an export goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExportCursor(pub Lsn);

/// Part of an export.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExportPage {
    /// The messages; all have an id.
    pub messages: Vec<ForeignMessage>,
    /// What is remembered, superseded and expired entries included.
    pub memories: Vec<ForeignMemory>,
    /// Where to go on; `None`: this was all.
    pub next: Option<ExportCursor>,
    /// Places of the log that could not be read since the page before: what they held is missing here. An export goes on behind
    /// them.
    pub unreadable: u64,
}

/// What to compact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CompactRequest {
    /// By extraction even if a model could be asked.
    pub offline: bool,
    /// Only say what would be done.
    pub dry_run: bool,
    /// The newest segment, too: it is sealed for that.
    pub everything: bool,
}

/// One compaction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CompactionReport {
    /// When it began.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub started_at: Timestamp,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Segments compacted.
    pub segments: u64,
    /// Messages read.
    pub messages: u64,
    /// Lines written.
    pub added: u64,
    /// Lines struck because a newer one says otherwise.
    pub superseded: u64,
    /// Proposals refused: without a citation, citing what does not exist, or saying what the cited messages do not.
    pub rejected: u64,
    /// Bytes of the log before.
    pub wal_bytes_before: u64,
    /// Bytes of the log after.
    pub wal_bytes_after: u64,
    /// `model`, `extractive`, or `mixed` when the model failed for a part.
    pub method: String,
    /// Files written, relative to the data directory; with a dry run, those that would be.
    pub files: Vec<String>,
    /// Whether it was a dry run.
    pub dry_run: bool,
}

/// Past compactions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CompactionHistory {
    /// Newest first.
    pub reports: Vec<CompactionReport>,
    /// Segments done and in all, of the one under way.
    pub running: Option<(u64, u64)>,
}

/// What garbage collection removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Collected {
    /// Entries past their time.
    pub expired_entries: u64,
    /// Conversations past `memory.retention.conversation_days`.
    pub expired_conversations: u64,
    /// Bytes freed.
    pub bytes: u64,
}

/// What a check of the whole memory found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Verification {
    /// Records checked.
    pub records: u64,
    /// Bytes checked.
    pub bytes: u64,
    /// What is wrong, each with the file, the place and what to do. Empty: all is well.
    pub problems: Vec<String>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

impl Verification {
    /// Whether all is well.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Turns messages into lines worth keeping: a model behind a prompt. The memory checks every proposal; a model that lies
/// writes nothing.
#[async_trait]
pub trait DistillPort: Send + Sync {
    /// Whether a model could be asked now.
    fn is_ready(&self) -> bool;

    /// Proposes lines for these messages. `deadline` bounds the whole call; dropping it cancels. What the model could not be
    /// asked about in time, or answered without sense, is among [`Distilled::missed`].
    ///
    /// # Errors
    /// [`DistillError`], when nothing at all came of it.
    async fn distill(&self, material: Material, deadline: Duration) -> Result<Distilled, DistillError>;
}

/// What a model is shown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Material {
    /// Messages of one conversation, oldest first: id, who, when, text.
    pub messages: Vec<(MessageId, crate::Role, Timestamp, String)>,
    /// Lines that exist, so that they are not proposed again.
    pub known: Vec<KnownLine>,
}

/// A line that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownLine {
    /// By which a proposal can supersede it; `None`: a person wrote or edited it, and it stays.
    pub reference: Option<String>,
    /// Which file it is in.
    pub section: Section,
    /// What it says.
    pub text: String,
}

/// What a model made of the material.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Distilled {
    /// The lines it proposes.
    pub proposals: Vec<Proposal>,
    /// Messages it was not asked about, or gave no answer that could be read to.
    pub missed: Vec<MessageId>,
    /// Lines of its answers that were no proposals.
    pub unreadable: u64,
}

/// A line that a model proposes.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// Which file.
    pub section: Section,
    /// The line, without markup.
    pub text: String,
    /// The messages it comes from; at least one.
    pub sources: Vec<MessageId>,
    /// The reference of the line of the same section in [`Material::known`] whose place it takes.
    pub supersedes: Option<String>,
    /// 0 to 1.
    pub importance: f32,
}

/// The Markdown file that a line belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Section {
    /// `user-profile.md`: who the user is.
    Profile,
    /// `preferences.md`.
    Preferences,
    /// `facts.md`.
    Facts,
    /// `tasks.md`.
    Tasks,
    /// `conversation-summaries/YYYY-MM-DD.md`.
    Summary,
}

impl Section {
    /// Every section.
    pub const ALL: [Self; 5] = [Self::Profile, Self::Preferences, Self::Facts, Self::Tasks, Self::Summary];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::Preferences => "preferences",
            Self::Facts => "facts",
            Self::Tasks => "tasks",
            Self::Summary => "summary",
        }
    }
}

/// Why a model proposed nothing.
#[derive(Debug, thiserror::Error)]
#[error("the model could not be asked to sum up: {reason}")]
pub struct DistillError {
    /// What happened, without secrets.
    pub reason: String,
}
