//! The ports: traits that one crate implements and another uses. Handles to them are `Arc<dyn …>`, made once by the binary.

mod admin;
mod agent;
mod channels;
mod curation;
mod embed;
mod memory;
mod memory_error;
mod skills;

pub use admin::{ConfigPort, ConfigUpdate, LogFilter, LogLevel, LogLine, LogPage, LogPort};
pub use agent::{AgentPort, AgentStats, Approval, Decision, EventStream, RunHandle, Submission, SubmitError};
pub use channels::{
    ChannelDetail, ChannelInfo, ChannelPort, ChannelStatus, PairingCode, WebhookAnswer, WebhookRequest,
};
pub use curation::{
    Collected, CompactRequest, CompactionHistory, CompactionReport, CurationPort, DistillError, DistillPort,
    Distilled, EntryFilter, EntryPage, ExportCursor, ExportPage, Imported, KnownLine, Material, Proposal,
    Section, Verification,
};
pub use embed::{EmbedError, EmbedModel, EmbedPort, EmbedSide, Embedding};
pub use memory::{
    Accepted, CompactedStats, ContextCut, ContextMemory, ContextNote, MemoryPort, MemoryStats, MemoryType,
    PruneRequest, Pruned, RecallQuery, Recalled, SearchHit, SearchQuery, SearchResults, SemanticStats,
    StoreHealth, WalStats,
};
pub use memory_error::{MemoryError, is_disk_full};
pub use skills::{
    Judgement, SandboxInfo, SkillInfo, SkillInstall, SkillPermissions, SkillPort, SkillsError, ToolContext,
    ToolPort,
};
