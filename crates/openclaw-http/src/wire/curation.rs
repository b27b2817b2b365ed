//! `/memory`: compaction, garbage, integrity.

use openclaw_core::port::{CompactRequest, CompactionHistory, CompactionReport, Verification};
use serde::{Deserialize, Serialize};

/// What to compact.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct CompactBody {
    /// By extraction even if a model could be asked. Default false.
    offline: Option<bool>,
    /// Only say what would be done; waits. Default false.
    dry_run: Option<bool>,
    /// The newest segment, too. Default false.
    everything: Option<bool>,
    /// Whether to answer when it is done instead of when it begins. Default false.
    wait: Option<bool>,
}

impl CompactBody {
    pub(crate) fn waits(&self) -> bool {
        self.wait.unwrap_or(false) || self.dry_run.unwrap_or(false)
    }

    pub(crate) fn request(&self) -> CompactRequest {
        CompactRequest {
            offline: self.offline.unwrap_or(false),
            dry_run: self.dry_run.unwrap_or(false),
            everything: self.everything.unwrap_or(false),
        }
    }
}

/// A compaction has begun.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct CompactionBegun {
    /// `running`
    pub(crate) status: &'static str,
    pub(crate) poll_url: &'static str,
}

/// Past compactions, and the one under way.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "CompactionHistory"))]
pub(crate) struct History {
    /// Null when none is under way.
    running: Option<RunningCompaction>,
    /// Newest first.
    compactions: Vec<CompactionReport>,
}

/// How far a compaction is.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
struct RunningCompaction {
    segments_done: u64,
    segments: u64,
}

impl From<CompactionHistory> for History {
    fn from(history: CompactionHistory) -> Self {
        let running =
            history.running.map(|(segments_done, segments)| RunningCompaction { segments_done, segments });
        Self { running, compactions: history.reports }
    }
}

/// What a check of the whole memory found.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct Verified {
    /// Whether nothing is wrong.
    sound: bool,
    #[serde(flatten)]
    found: Verification,
}

impl From<Verification> for Verified {
    fn from(found: Verification) -> Self {
        Self { sound: found.is_sound(), found }
    }
}
