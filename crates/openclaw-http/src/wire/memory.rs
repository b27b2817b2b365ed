//! `/memory`.

use openclaw_core::{
    ConversationId, Role, Timestamp,
    port::{MemoryStats, MemoryType, Pruned, SearchHit},
};
use serde::{Deserialize, Serialize};

/// Bytes as MiB with one decimal.
pub(crate) fn mebibytes(bytes: u64) -> f64 {
    (bytes as f64 / (1024.0 * 1024.0) * 10.0).round() / 10.0
}

/// Which part of the memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) enum Kind {
    #[default]
    All,
    Wal,
    Compacted,
}

impl From<Kind> for MemoryType {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::All => Self::All,
            Kind::Wal => Self::Wal,
            Kind::Compacted => Self::Compacted,
        }
    }
}

impl From<MemoryType> for Kind {
    fn from(kind: MemoryType) -> Self {
        match kind {
            MemoryType::All => Self::All,
            MemoryType::Wal => Self::Wal,
            MemoryType::Compacted => Self::Compacted,
        }
    }
}

/// Sizes and counts.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "MemoryStats"))]
pub(crate) struct Stats {
    wal: Wal,
    compacted: Compacted,
    archive: Archive,
    /// MiB, one decimal.
    total_size_mb: f64,
    /// Search by meaning; null while there is no model for it.
    semantic: Option<Semantic>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "SemanticStats"))]
struct Semantic {
    /// Vectors there are.
    vectors: u64,
    /// Records of the log that wait for theirs.
    backlog: u64,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "WalStats"))]
struct Wal {
    entries: u64,
    /// MiB, one decimal.
    size_mb: f64,
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::openapi::optional_time"))]
    oldest_entry: Option<Timestamp>,
}

/// What of the log was compacted and compressed.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "ArchiveStats"))]
struct Archive {
    /// MiB, one decimal.
    size_mb: f64,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "CompactedStats"))]
struct Compacted {
    files: u64,
    /// MiB, one decimal.
    size_mb: f64,
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::openapi::optional_time"))]
    last_compaction: Option<Timestamp>,
}

impl From<MemoryStats> for Stats {
    fn from(stats: MemoryStats) -> Self {
        Self {
            wal: Wal {
                entries: stats.wal.entries,
                size_mb: mebibytes(stats.wal.bytes),
                oldest_entry: stats.wal.oldest,
            },
            compacted: Compacted {
                files: stats.compacted.files,
                size_mb: mebibytes(stats.compacted.bytes),
                last_compaction: stats.compacted.last_compaction,
            },
            archive: Archive { size_mb: mebibytes(stats.archive_bytes) },
            total_size_mb: mebibytes(stats.total_bytes),
            semantic: stats
                .semantic
                .map(|semantic| Semantic { vectors: semantic.vectors, backlog: semantic.backlog }),
        }
    }
}

/// What to find.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct SearchRequest {
    /// Words, in any language.
    #[cfg_attr(feature = "openapi", schemars(required, schema_with = "crate::openapi::search_words"))]
    pub(crate) query: Option<String>,
    /// Most results. Default 10.
    #[cfg_attr(feature = "openapi", schemars(range(min = 1, max = 100)))]
    pub(crate) limit: Option<u64>,
    #[serde(rename = "type")]
    pub(crate) kind: Option<Kind>,
    /// Only what was said at or after this.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::openapi::optional_time"))]
    pub(crate) since: Option<Timestamp>,
    /// Only what was said at or before this.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::openapi::optional_time"))]
    pub(crate) until: Option<Timestamp>,
    /// Only what was said on this channel.
    pub(crate) channel: Option<String>,
    /// Only what was said in this conversation.
    #[cfg_attr(feature = "openapi", schemars(with = "Option<String>"))]
    pub(crate) conversation_id: Option<ConversationId>,
}

/// What was found, best first.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct SearchResponse<'a> {
    pub(crate) results: Vec<SearchResult<'a>>,
    /// How many passages match in all, counted up to 1,000.
    pub(crate) total: usize,
    pub(crate) query: &'a str,
    pub(crate) took_ms: u64,
}

/// A passage that matches.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct SearchResult<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: Kind,
    content: &'a str,
    score: f32,
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::openapi::time"))]
    timestamp: Timestamp,
    #[cfg_attr(feature = "openapi", schemars(with = "Option<String>"))]
    conversation_id: Option<&'a ConversationId>,
    channel: Option<&'a str>,
    role: Option<Role>,
    /// The file of a compacted hit.
    source: Option<&'a str>,
}

impl<'a> From<&'a SearchHit> for SearchResult<'a> {
    fn from(hit: &'a SearchHit) -> Self {
        Self {
            id: &hit.id,
            kind: hit.kind.into(),
            content: &hit.content,
            score: hit.score,
            timestamp: hit.timestamp,
            conversation_id: hit.conversation.as_ref(),
            channel: hit.channel.as_deref(),
            role: hit.role,
            source: hit.source.as_deref(),
        }
    }
}

/// What to prune.
#[derive(Debug, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct PruneBody {
    /// Everything said before this.
    #[cfg_attr(feature = "openapi", schemars(required, schema_with = "crate::openapi::time"))]
    pub(crate) before: Option<Timestamp>,
    #[serde(rename = "type")]
    pub(crate) kind: Option<Kind>,
    /// Must be true; without it, 400 tells what would be pruned.
    pub(crate) confirm: Option<bool>,
}

/// What was, or would be, pruned.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct PrunedCounts {
    wal_entries: u64,
    compacted_files: u64,
    bytes: u64,
}

impl From<Pruned> for PrunedCounts {
    fn from(pruned: Pruned) -> Self {
        Self { wal_entries: pruned.wal_entries, compacted_files: pruned.compacted_files, bytes: pruned.bytes }
    }
}

/// What was pruned.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct PruneResponse {
    pub(crate) pruned: PrunedCounts,
    #[cfg_attr(feature = "openapi", schemars(schema_with = "crate::openapi::time"))]
    pub(crate) before: Timestamp,
    #[serde(rename = "type")]
    pub(crate) kind: Kind,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_one_decimal() {
        assert_eq!(mebibytes(0), 0.0);
        assert_eq!(mebibytes(1024 * 1024 * 128), 128.0);
        assert_eq!(mebibytes(47_395_635), 45.2);
        assert_eq!(serde_json::to_string(&mebibytes(1024 * 1024)).unwrap(), "1.0");
    }
}
