//! In-memory implementations of the ports: they keep to the ports' words, hold everything in memory, and can be told to
//! fail.

mod admin;
mod agent;
mod channels;
mod curation;
mod memory;
mod memory_model;
mod skills;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use admin::{FakeConfig, FakeLogs};
pub use agent::{AgentScript, FakeAgent, ScriptEnd, ScriptedSkill};
pub use channels::FakeChannels;
pub use curation::FakeCuration;
pub use memory::{FakeMemory, MemoryOp};
pub use skills::{FakeSkills, FakeTools, ToolBehaviour};

/// The guarded value, also after a test thread panicked while holding it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use futures_util::StreamExt as _;
    use openclaw_core::{
        Metadata, RunEventKind, RunState,
        port::{AgentPort as _, ConfigPort as _, Submission},
    };
    use serde_json::json;

    use super::*;

    fn hello() -> Submission {
        Submission {
            channel: "api".to_owned(),
            text: "hello there".to_owned(),
            conversation: None,
            metadata: Metadata::default(),
            idempotency_key: Some("key".to_owned()),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_agent_plays_its_script_and_remembers() {
        let memory = Arc::new(FakeMemory::new());
        let agent = FakeAgent::new(Arc::clone(&memory));
        agent.then(AgentScript { token_delay: Duration::from_secs(1), ..AgentScript::default() });
        let run = agent.submit(hello()).await.unwrap();
        let events: Vec<_> = run.events.collect().await;
        let text: String = events
            .iter()
            .filter_map(|event| match &event.kind {
                RunEventKind::Token(text) => Some(text.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(text, "You said: hello there");
        assert!(
            matches!(&events.last().unwrap().kind, RunEventKind::End { reply, .. } if reply.latency_ms == 3000)
        );
        assert_eq!(memory.transcript(&run.conversation).len(), 2);

        let again = agent.submit(hello()).await.unwrap();
        assert!(again.replayed);
        assert_eq!((again.id, again.events.collect::<Vec<_>>().await), (run.id, events));
    }

    #[tokio::test(start_paused = true)]
    async fn a_hanging_run_can_be_cancelled() {
        let agent = FakeAgent::new(Arc::default());
        agent.always(AgentScript { end: ScriptEnd::Hang, ..AgentScript::default() });
        let run = agent.submit(hello()).await.unwrap();
        let before = agent.cancel(run.id).await.unwrap().unwrap();
        assert_eq!(before.state, RunState::Pending { called_tools: false });
        let last = run.events.collect::<Vec<_>>().await.pop().unwrap();
        assert_eq!(last.kind, RunEventKind::Cancelled);
        agent.drain(Duration::from_secs(1)).await;
    }

    #[tokio::test]
    async fn the_configuration_merges_and_hides() {
        let config = FakeConfig::new(json!({"gateway": {"port": 1, "auth": {"token": "abc"}}, "a": 1}));
        let patch = json!({"gateway": {"port": 2, "auth": {"token": "***REDACTED***"}}, "a": null});
        let update = config.patch(patch).await.unwrap();
        assert_eq!(update.updated, ["gateway.port", "a"]);
        assert_eq!(update.restart_required_for, ["gateway.port"]);
        assert_eq!(update.config, json!({"gateway": {"port": 2, "auth": {"token": "***REDACTED***"}}}));
    }
}
