//! The agent, which starts a moment after the server: when it is known who answers.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use openclaw_core::{
    ConversationId, Erased, EventId, RunEvent, RunId, RunRecord,
    port::{
        AgentPort, AgentStats, Approval, CurationPort, Decision, EventStream, MemoryError, MemoryPort,
        RunHandle, Submission, SubmitError, ToolPort,
    },
};
use openclaw_reasoning::{Agent, AgentOptions, Persona, Router};
use tokio::sync::{SetOnce, watch};

/// What the agent starts from.
pub(super) struct Start {
    pub(super) agent: Arc<LateAgent>,
    pub(super) memory: Arc<dyn MemoryPort>,
    pub(super) curation: Arc<dyn CurationPort>,
    pub(super) tools: Arc<dyn ToolPort>,
    pub(super) persona: Persona,
}

impl Start {
    pub(super) fn go(self, router: watch::Receiver<Arc<Router>>) {
        let options = AgentOptions { curation: Some(self.curation), ..AgentOptions::default() };
        let agent = Agent::start(options, self.memory, self.tools, router, self.persona);
        // Only one task starts it, once.
        let _ = self.agent.0.set(agent);
    }
}

/// Waits for the agent with whatever needs it. The wait is the search for providers: less than half a second.
#[derive(Default)]
pub(crate) struct LateAgent(SetOnce<Arc<Agent>>);

/// Which provider is asked first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProviderInForce {
    pub(crate) kind: String,
    pub(crate) model: String,
}

impl LateAgent {
    async fn agent(&self) -> &Arc<Agent> {
        match self.0.get() {
            Some(agent) => agent,
            None => self.0.wait().await,
        }
    }

    /// Who answers, once that is known; `None` when nobody does.
    pub(crate) async fn provider(&self) -> Option<ProviderInForce> {
        let stats = self.agent().await.stats();
        Some(ProviderInForce { kind: stats.primary_provider?, model: stats.primary_model? })
    }
}

#[async_trait]
impl AgentPort for LateAgent {
    async fn submit(&self, submission: Submission) -> Result<RunHandle, SubmitError> {
        self.agent().await.submit(submission).await
    }

    async fn run(&self, id: RunId) -> Result<Option<RunRecord>, MemoryError> {
        self.agent().await.run(id).await
    }

    async fn events(&self, id: RunId, after: Option<EventId>) -> Result<Option<EventStream>, MemoryError> {
        self.agent().await.events(id, after).await
    }

    async fn last_event(&self, run: RunId, events: EventStream) -> Option<Arc<RunEvent>> {
        self.agent().await.last_event(run, events).await
    }

    async fn cancel(&self, id: RunId) -> Result<Option<RunRecord>, MemoryError> {
        self.agent().await.cancel(id).await
    }

    async fn approvals(&self, id: RunId) -> Vec<Approval> {
        self.agent().await.approvals(id).await
    }

    async fn approve(&self, id: RunId, decision: Decision) -> Result<Option<Vec<String>>, MemoryError> {
        self.agent().await.approve(id, decision).await
    }

    async fn erase_conversation(&self, id: &ConversationId) -> Result<Option<Erased>, MemoryError> {
        self.agent().await.erase_conversation(id).await
    }

    fn stats(&self) -> AgentStats {
        self.0.get().map(|agent| agent.stats()).unwrap_or_default()
    }

    async fn drain(&self, deadline: Duration) {
        let until = tokio::time::Instant::now() + deadline;
        // Whoever waits for the start has sent a message already. An agent that never starts has nothing under way.
        if let Ok(agent) = tokio::time::timeout_at(until, self.agent()).await {
            agent.drain(until.saturating_duration_since(tokio::time::Instant::now())).await;
        }
    }
}
