//! What the server answers from.

use std::sync::Arc;

use openclaw_core::port::{AgentPort, ChannelPort, ConfigPort, CurationPort, LogPort, MemoryPort, SkillPort};

/// The ports behind the routes, and what the gateway calls itself.
#[derive(Clone)]
pub struct Services {
    /// Runs messages.
    pub agent: Arc<dyn AgentPort>,
    /// Remembers them.
    pub memory: Arc<dyn MemoryPort>,
    /// Looks after what is remembered.
    pub curation: Arc<dyn CurationPort>,
    /// Manages skills.
    pub skills: Arc<dyn SkillPort>,
    /// Knows what is connected.
    pub channels: Arc<dyn ChannelPort>,
    /// Reads and changes the configuration.
    pub config: Arc<dyn ConfigPort>,
    /// Reads the gateway's log.
    pub logs: Arc<dyn LogPort>,
    /// Version that `/health` and `/status` tell.
    pub version: String,
}
