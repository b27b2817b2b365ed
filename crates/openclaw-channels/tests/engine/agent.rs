//! An agent whose log survives its process: what it accepted is answered, by it or by the next one.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::stream;
use openclaw_core::{
    CallStage, ConversationId, Erased, ErrorCode, EventId, Failure, Reply, RunEvent, RunEventKind, RunId,
    RunRecord, RunState, TokenUsage,
    port::{
        AgentPort, AgentStats, Approval, Decision, EventStream, MemoryError, RunHandle, Submission,
        SubmitError,
    },
};
use tokio::time::Instant;

use crate::world::World;

/// What is on the disk.
#[derive(Default)]
pub(crate) struct Log {
    runs: BTreeMap<RunId, Run>,
    pub(crate) full: bool,
}

#[derive(Clone)]
struct Run {
    submission: Submission,
    cancelled: bool,
    /// When its answer is complete, on the virtual clock; a restart begins anew.
    begins: Instant,
    allowed: Option<bool>,
}

pub(crate) struct SimAgent {
    pub(crate) world: Arc<World>,
    pub(crate) log: Arc<Mutex<Log>>,
    pub(crate) token_delay: Duration,
}

impl SimAgent {
    pub(crate) fn submissions(&self) -> Vec<Submission> {
        self.log.lock().unwrap().runs.values().map(|run| run.submission.clone()).collect()
    }

    /// A new process takes pending runs up again.
    pub(crate) fn restart(log: &Mutex<Log>) {
        for run in log.lock().unwrap().runs.values_mut() {
            run.begins = Instant::now();
        }
    }

    fn script(text: &str) -> Vec<String> {
        let answer = match text.strip_prefix("long ") {
            Some(count) => {
                (0..count.parse::<usize>().unwrap()).map(|n| format!("Paragraph {n}.\n\n")).collect()
            }
            None => format!("You said: {text}"),
        };
        answer.split_inclusive(' ').map(str::to_owned).collect()
    }
}

#[async_trait]
impl AgentPort for SimAgent {
    async fn submit(&self, submission: Submission) -> Result<RunHandle, SubmitError> {
        self.world.step().await;
        if self.log.lock().unwrap().full {
            return Err(SubmitError::Memory(MemoryError::Full { reason: "the disk is full".to_owned() }));
        }
        if submission.text == "no provider" {
            return Err(SubmitError::NoProvider(Failure::new(
                ErrorCode::ServiceUnavailable,
                "there is no model",
            )));
        }
        let (id, replayed) = {
            let mut log = self.log.lock().unwrap();
            let key = &submission.idempotency_key;
            let known = log.runs.iter().find(|(_, run)| run.submission.idempotency_key == *key);
            match known.map(|(id, run)| (*id, run.submission == submission)) {
                Some((id, false)) => return Err(SubmitError::KeyReused(id)),
                Some((id, true)) => (id, true),
                None => {
                    // In the order of their making, also within one millisecond.
                    let id = RunId::from_bytes(
                        (1_800_000_000_000_u128 << 80 | log.runs.len() as u128).to_be_bytes(),
                    );
                    let run = Run {
                        submission: submission.clone(),
                        cancelled: false,
                        begins: Instant::now(),
                        allowed: None,
                    };
                    log.runs.insert(id, run);
                    (id, false)
                }
            }
        };
        self.world.step().await;
        let events = self.events(id, None).await?.unwrap();
        Ok(RunHandle { id, conversation: submission.conversation.unwrap(), replayed, events })
    }

    async fn run(&self, _id: RunId) -> Result<Option<RunRecord>, MemoryError> {
        Ok(None)
    }

    async fn events(&self, id: RunId, _after: Option<EventId>) -> Result<Option<EventStream>, MemoryError> {
        self.world.step().await;
        let Some(run) = self.log.lock().unwrap().runs.get(&id).cloned() else { return Ok(None) };
        let text = run.submission.text.clone();
        let conversation = run.submission.conversation.clone().unwrap();
        let tokens = Self::script(&text);
        let content: String = tokens.concat();
        let mut kinds: Vec<RunEventKind> = tokens.into_iter().map(RunEventKind::Token).collect();
        if text == "ask first" {
            let (call_id, tool) = ("call_0".to_owned(), "files".to_owned());
            let stage = CallStage::Awaiting("It writes files.".to_owned());
            kinds.insert(
                0,
                RunEventKind::SkillCall { call_id, tool, arguments: serde_json::json!({"a": 1}), stage },
            );
        }
        kinds.push(match text.as_str() {
            "fail" => {
                RunEventKind::Error(Failure::new(ErrorCode::ServiceUnavailable, "the model does not answer"))
            }
            _ => RunEventKind::End {
                id,
                conversation,
                reply: Reply {
                    content,
                    skills_used: Vec::new(),
                    usage: TokenUsage::default(),
                    latency_ms: 1,
                    model: "sim".to_owned(),
                },
            },
        });
        let (log, delay) = (Arc::clone(&self.log), self.token_delay);
        let (hang, asks) = (text == "hang", text == "ask first");
        let events = stream::unfold((kinds.into_iter(), 0_u32), move |(mut kinds, at)| {
            let log = Arc::clone(&log);
            async move {
                let due = run.begins + delay * at;
                tokio::time::sleep_until(due).await;
                let is_cancelled = || log.lock().unwrap().runs.get(&id).is_none_or(|run| run.cancelled);
                let kind = kinds.next()?;
                let waits = at == 1 && asks;
                let hangs = hang && kinds.len() == 0;
                while (hangs || waits) && !is_cancelled() {
                    if waits && log.lock().unwrap().runs[&id].allowed.is_some() {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                let kind = if is_cancelled() {
                    kinds = Vec::new().into_iter();
                    RunEventKind::Cancelled
                } else {
                    kind
                };
                let event = RunEvent { id: EventId { attempt: 0, position: u64::from(at) + 1 }, kind };
                Some((Arc::new(event), (kinds, at + 1)))
            }
        });
        Ok(Some(Box::pin(events)))
    }

    async fn cancel(&self, id: RunId) -> Result<Option<RunRecord>, MemoryError> {
        let mut log = self.log.lock().unwrap();
        let Some(run) = log.runs.get_mut(&id) else { return Ok(None) };
        run.cancelled = true;
        Ok(Some(RunRecord {
            id,
            conversation: run.submission.conversation.clone().unwrap(),
            state: RunState::Pending { called_tools: false },
            steps: Vec::new(),
        }))
    }

    async fn approvals(&self, _id: RunId) -> Vec<Approval> {
        Vec::new()
    }

    async fn approve(&self, id: RunId, decision: Decision) -> Result<Option<Vec<String>>, MemoryError> {
        let mut log = self.log.lock().unwrap();
        Ok(log.runs.get_mut(&id).map(|run| {
            let waits = run.submission.text == "ask first" && run.allowed.is_none();
            run.allowed = Some(decision.approve);
            if waits { vec!["call_0".to_owned()] } else { Vec::new() }
        }))
    }

    async fn erase_conversation(&self, id: &ConversationId) -> Result<Option<Erased>, MemoryError> {
        self.log.lock().unwrap().runs.retain(|_, run| run.submission.conversation.as_ref() != Some(id));
        Ok(None)
    }

    fn stats(&self) -> AgentStats {
        AgentStats::default()
    }

    async fn drain(&self, _deadline: Duration) {}
}
