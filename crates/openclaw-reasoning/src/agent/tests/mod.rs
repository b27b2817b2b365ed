//! The agent against a memory in memory, a model by script and tools by script, on a paused clock.

mod approvals;
mod end;
mod memory;
mod order;
mod restart;
mod tool_loop;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use openclaw_core::{
    ConversationId, EventId, Metadata, Reply, RunEvent, RunEventKind, RunId, RunOutcome, RunState,
    TokenUsage,
    config::ProviderKind,
    port::{AgentPort as _, EventStream, MemoryPort as _, RunHandle, Submission, SubmitError},
};
use openclaw_testkit::{FakeCuration, FakeMemory, FakeTools};
use tokio::sync::watch;

use crate::{
    Agent, AgentOptions, ModelEvent, ModelInfo, ModelRequest, ModelStream, Provider, ProviderError, Route,
    Router, StopReason,
};

/// What a scripted model does next.
#[derive(Debug, Clone)]
pub(super) enum Beat {
    Say(&'static str),
    Call(&'static str, &'static str),
    CallWith(&'static str, &'static str, serde_json::Value),
    Wait(u64),
    Fail(ProviderError),
    Hang,
    Panic,
    Usage(u64, u64),
    Done(StopReason),
}

use Beat::{Call, CallWith, Done, Fail, Hang, Panic, Say, Usage, Wait};

type Script = Box<dyn Fn(&ModelRequest) -> Vec<Beat> + Send + Sync>;

/// A model that plays what its script makes of each request.
struct Model {
    script: Script,
    requests: Mutex<Vec<ModelRequest>>,
}

#[async_trait]
impl Provider for Model {
    fn model(&self) -> ModelInfo {
        ModelInfo { name: "m-1".into(), context_window: 8192, max_tokens: 4096, vision: false, tools: true }
    }

    async fn stream(&self, request: &ModelRequest) -> Result<ModelStream, ProviderError> {
        self.requests.lock().unwrap().push(request.clone());
        let beats = (self.script)(request);
        let play = |beat: Beat| async move {
            Some(match beat {
                Say(text) => Ok(ModelEvent::Text(text.to_owned())),
                Call(id, name) => Ok(ModelEvent::ToolCall(openclaw_core::ToolCall {
                    id: id.into(),
                    name: name.into(),
                    arguments: serde_json::json!({ "for": id }),
                })),
                CallWith(id, name, arguments) => Ok(ModelEvent::ToolCall(openclaw_core::ToolCall {
                    id: id.into(),
                    name: name.into(),
                    arguments,
                })),
                Usage(input, output) => Ok(ModelEvent::Usage(TokenUsage { input, output })),
                Done(stop) => Ok(ModelEvent::Done(stop)),
                Fail(error) => Err(error),
                Hang => std::future::pending().await,
                Panic => panic!("as told"),
                Wait(ms) => {
                    tokio::time::sleep(Duration::from_millis(ms)).await;
                    return None;
                }
            })
        };
        Ok(Box::pin(stream::iter(beats).filter_map(play)))
    }
}

pub(super) struct Rig {
    memory: Arc<FakeMemory>,
    curation: Arc<FakeCuration>,
    tools: Arc<FakeTools>,
    model: Arc<Model>,
    router: watch::Sender<Arc<Router>>,
    agent: Arc<Agent>,
}

fn rig(script: impl Fn(&ModelRequest) -> Vec<Beat> + Send + Sync + 'static) -> Rig {
    Rig::over(Arc::default(), FakeTools::new(), script)
}

impl Rig {
    fn over(
        memory: Arc<FakeMemory>,
        tools: FakeTools,
        script: impl Fn(&ModelRequest) -> Vec<Beat> + Send + Sync + 'static,
    ) -> Self {
        let model = Arc::new(Model { script: Box::new(script), requests: Mutex::default() });
        let tools = Arc::new(tools);
        let (router, routers) = watch::channel(Arc::new(Router::new(vec![route(&model)])));
        let curation = Arc::new(FakeCuration::new(Arc::clone(&memory)));
        let options = AgentOptions { curation: Some(Arc::clone(&curation) as _), ..AgentOptions::default() };
        let agent = start(options, &memory, &tools, routers);
        Self { memory, curation, tools, model, router, agent }
    }

    async fn submit(&self, conversation: Option<&str>, text: &str) -> Result<RunHandle, SubmitError> {
        self.agent.submit(submission(conversation, text)).await
    }

    fn requests(&self) -> Vec<ModelRequest> {
        self.model.requests.lock().unwrap().clone()
    }

    async fn outcome(&self, run: RunId) -> Option<RunOutcome> {
        match self.memory.run(run).await.unwrap().unwrap().state {
            RunState::Ended { outcome, .. } => Some(outcome),
            RunState::Pending { .. } => None,
        }
    }

    /// The run told from its record alone, by an agent that never saw it live.
    async fn retold(&self, run: RunId, after: Option<EventId>) -> Vec<Arc<RunEvent>> {
        let (_, routers) = watch::channel(Arc::new(Router::default()));
        let other = start(AgentOptions::default(), &self.memory, &self.tools, routers);
        collect(other.events(run, after).await.unwrap().unwrap()).await
    }
}

fn start(
    options: AgentOptions,
    memory: &Arc<FakeMemory>,
    tools: &Arc<FakeTools>,
    routers: watch::Receiver<Arc<Router>>,
) -> Arc<Agent> {
    let persona = Arc::new(|| "You are Claw.".to_owned());
    Agent::start(options, Arc::clone(memory) as _, Arc::clone(tools) as _, routers, persona)
}

fn route(model: &Arc<Model>) -> Route {
    let provider = Arc::clone(model) as Arc<dyn Provider>;
    Route { name: "primary".into(), kind: ProviderKind::Anthropic, max_retries: 0, provider }
}

fn submission(conversation: Option<&str>, text: &str) -> Submission {
    Submission {
        channel: "api".to_owned(),
        text: text.to_owned(),
        conversation: conversation.map(|id| id.parse().unwrap()),
        metadata: Metadata::default(),
        idempotency_key: None,
    }
}

fn conversation(id: &str) -> ConversationId {
    id.parse().unwrap()
}

fn answer(text: &'static str) -> Vec<Beat> {
    vec![Say(text), Usage(3, 5), Done(StopReason::EndTurn)]
}

async fn collect(events: EventStream) -> Vec<Arc<RunEvent>> {
    events.collect().await
}

fn text_of(events: &[Arc<RunEvent>]) -> String {
    let text = |event: &Arc<RunEvent>| match &event.kind {
        RunEventKind::Token(text) => Some(text.clone()),
        _ => None,
    };
    events.iter().filter_map(text).collect()
}

fn failure_of(events: &[Arc<RunEvent>]) -> &openclaw_core::Failure {
    match &events.last().unwrap().kind {
        RunEventKind::Error(failure) => failure,
        other => panic!("not a failure: {other:?}"),
    }
}

fn reply_of(events: &[Arc<RunEvent>]) -> &Reply {
    match &events.last().unwrap().kind {
        RunEventKind::End { reply, .. } => reply,
        other => panic!("not an end: {other:?}"),
    }
}

/// What a reader has seen by now, without letting anything else run.
fn ready_now(events: &mut EventStream) -> Vec<Arc<RunEvent>> {
    let mut seen = Vec::new();
    while let Some(Some(event)) = futures_util::FutureExt::now_or_never(events.next()) {
        seen.push(event);
    }
    seen
}
