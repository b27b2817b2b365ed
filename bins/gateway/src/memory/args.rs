//! The command line of `gateway memory`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use openclaw_core::{ConversationId, MemoryKind, Timestamp};

/// What to do with the memory.
#[derive(Debug, Subcommand)]
pub(crate) enum Memory {
    /// Find what was said, remembered and written down
    Search(Search),
    /// List what is remembered on purpose
    List(List),
    /// Show what is remembered under an id
    Show {
        /// mem_… of an entry
        id: String,
        /// Print the API's answer as it is
        #[arg(long)]
        json: bool,
    },
    /// Remember something
    Store(Store),
    /// Mark a task as done
    Complete {
        /// mem_… of the task
        id: String,
    },
    /// Erase what is remembered under an id: from the log, the Markdown and the index
    Forget {
        /// mem_… of the entry
        id: String,
    },
    /// Sizes and counts
    Stats(Output),
    /// Past compactions and the one under way
    History {
        /// At most so many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=100))]
        limit: u16,
        #[command(flatten)]
        output: Output,
    },
    /// Make Markdown of what the log holds
    Compact(Compact),
    /// Remove what has outlived its kind
    Gc(Output),
    /// Check every record, the chain across segments and the index; changes nothing
    Verify(Output),
    /// Put a damaged memory in order, keeping every sound record; no gateway may run
    Repair(Output),
    /// What the prompt of an answer was made of: memories, scores, cuts
    Why {
        /// Id of the answer, of the message it answers, or of the run
        id: String,
        #[command(flatten)]
        output: Output,
    },
    /// Take in what was said elsewhere: JSON Lines, an export of ChatGPT or Claude (ZIP or conversations.json), a workspace
    Import {
        /// Files, archives or directories, or - for standard input; what they are is told by their content
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Give out every message and remembered entry as JSON Lines
    Export {
        /// A file that is not there yet, or - [default: standard output]
        file: Option<PathBuf>,
    },
    /// Look at the memory as it was; no gateway may run
    Rewind(Rewind),
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Output {
    /// Print JSON, for programs
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Search {
    /// Words, in any language
    #[arg(required = true, value_name = "WORDS")]
    pub(crate) words: Vec<String>,
    /// At most so many results
    #[arg(long, short = 'n', default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub(crate) limit: u16,
    /// Only in this part of the memory
    #[arg(long = "type", value_name = "TYPE", default_value = "all")]
    pub(crate) kind: Part,
    /// Only what was said at or after this time (RFC 3339, or a date)
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<Timestamp>,
    /// Only what was said at or before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<Timestamp>,
    /// Only what was said on this channel
    #[arg(long, value_name = "NAME")]
    pub(crate) channel: Option<String>,
    /// Only what was said in this conversation
    #[arg(long, short, value_name = "ID")]
    pub(crate) conversation: Option<ConversationId>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    All,
    Wal,
    Compacted,
}

impl Part {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Wal => "wal",
            Self::Compacted => "compacted",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only this kind
    #[arg(long, value_enum)]
    pub(crate) kind: Option<Kind>,
    /// Only those with this tag
    #[arg(long)]
    pub(crate) tag: Option<String>,
    /// Only those of this conversation
    #[arg(long, short, value_name = "ID")]
    pub(crate) conversation: Option<ConversationId>,
    /// Superseded and expired ones, too
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Store {
    /// What to remember
    #[arg(required = true, value_name = "TEXT")]
    pub(crate) text: Vec<String>,
    /// What sort
    #[arg(long, value_enum, default_value = "fact")]
    pub(crate) kind: Kind,
    /// 0 (trivial) to 1 (vital)
    #[arg(long, default_value_t = 0.5)]
    pub(crate) importance: f32,
    /// A word to find it by; may be given several times
    #[arg(long = "tag", value_name = "TAG")]
    pub(crate) tags: Vec<String>,
    /// When it stops counting
    #[arg(long, value_name = "TIME")]
    pub(crate) expires: Option<Timestamp>,
    /// The entry whose place it takes
    #[arg(long, value_name = "ID")]
    pub(crate) supersedes: Option<String>,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// The kinds, as arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    Preference,
    Fact,
    Task,
    Conversation,
    Ephemeral,
}

impl From<Kind> for MemoryKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Preference => Self::Preference,
            Kind::Fact => Self::Fact,
            Kind::Task => Self::Task,
            Kind::Conversation => Self::Conversation,
            Kind::Ephemeral => Self::Ephemeral,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Compact {
    /// By extraction even if a model could be asked
    #[arg(long)]
    pub(crate) offline: bool,
    /// Only say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The newest part of the log, too
    #[arg(long)]
    pub(crate) everything: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Rewind {
    /// The time to go back to (RFC 3339, or a date)
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Timestamp,
    #[command(subcommand)]
    pub(crate) look: Look,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Look {
    /// List the conversations of then
    List(Output),
    /// Show a conversation as it was
    Show {
        /// Its id
        conversation: ConversationId,
        #[command(flatten)]
        output: Output,
    },
    /// Find what had been said by then
    Search(Search),
}
