//! `GET /status`: the gateway as a whole.

use openclaw_core::port::ChannelStatus;

use crate::{
    handle::Call,
    respond::{self, Answer},
    wire::{
        memory::mebibytes,
        status::{ChannelsStatus, GatewayStatus, MemoryStatus, ReasoningStatus, SkillsStatus, Status},
    },
};

pub(crate) async fn get(call: &Call) -> Answer {
    let app = &call.conn.app;
    let services = &app.services;
    let agent = services.agent.stats();
    let memory = services.memory.stats().await?;
    let skills = services.skills.list().await?;
    let sandbox = services.skills.sandbox();
    let channels = services.channels.list().await;
    let (mut connected, mut disconnected) = (Vec::new(), Vec::new());
    for channel in &channels {
        match channel.status {
            ChannelStatus::Connected { .. } => connected.push(channel.kind.as_str()),
            ChannelStatus::Disconnected { .. } => disconnected.push(channel.kind.as_str()),
        }
    }
    Ok(respond::ok(&Status {
        status: "running",
        version: &services.version,
        uptime_seconds: app.uptime_seconds(),
        gateway: GatewayStatus {
            port: app.local_addr.port(),
            bind: app.local_addr.ip(),
            auth_enabled: app.policy.current().config.auth.enabled,
        },
        reasoning: ReasoningStatus {
            primary_provider: agent.primary_provider.as_deref(),
            primary_model: agent.primary_model.as_deref(),
            total_requests: agent.total_requests,
            avg_latency_ms: agent.avg_latency_ms,
        },
        memory: MemoryStatus {
            wal_entries: memory.wal.entries,
            compacted_files: memory.compacted.files,
            total_size_mb: mebibytes(memory.total_bytes),
        },
        skills: SkillsStatus {
            installed: skills.len(),
            active: skills.iter().filter(|skill| skill.status == "active").count(),
            container_engine: &sandbox.engine,
            rootless: sandbox.rootless,
            problems: &sandbox.problems,
        },
        channels: ChannelsStatus { connected, disconnected },
    }))
}
