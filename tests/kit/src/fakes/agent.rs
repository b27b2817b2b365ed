//! An agent that follows a script: for tests of what sits in front of one.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::stream;
use openclaw_core::{
    CallStage, ContentBlock, ConversationId, Erased, EventId, Failure, NewRun, Reply, RunEvent, RunEventKind,
    RunId, RunOutcome, RunRecord, TokenUsage, ToolCall, ToolResult,
    port::{
        Accepted, AgentPort, AgentStats, Approval, Decision, EventStream, MemoryError, MemoryPort, RunHandle,
        Submission, SubmitError,
    },
    skill_of,
};
use serde_json::Value;
use tokio::{
    sync::{oneshot, watch},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{FakeMemory, lock};

/// How a scripted run goes.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentScript {
    /// The answer; `None` says `You said: ` and the message.
    pub reply: Option<String>,
    /// Into how many tokens the answer is cut (fewer when it is shorter).
    pub tokens: usize,
    /// Time before the first token.
    pub first_delay: Duration,
    /// Time before each further token.
    pub token_delay: Duration,
    /// Skills that are called before the answer.
    pub skills: Vec<ScriptedSkill>,
    /// How it ends.
    pub end: ScriptEnd,
}

/// A call of a skill in a script. `..ScriptedSkill::default()` fills in what a test does not care about.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScriptedSkill {
    /// The tool's name.
    pub name: String,
    /// The arguments.
    pub arguments: Value,
    /// Whether it fails.
    pub is_error: bool,
    /// Why a person has to allow it first; one that is denied fails.
    pub approval: Option<String>,
}

/// How a scripted run ends after its tokens.
#[derive(Debug, Clone, PartialEq)]
pub enum ScriptEnd {
    /// With the answer.
    Complete,
    /// With this failure.
    Fail(Failure),
    /// Not before it is cancelled.
    Hang,
}

impl Default for AgentScript {
    fn default() -> Self {
        Self {
            reply: None,
            tokens: 4,
            first_delay: Duration::ZERO,
            token_delay: Duration::ZERO,
            skills: Vec::new(),
            end: ScriptEnd::Complete,
        }
    }
}

struct Live {
    conversation: ConversationId,
    events: watch::Sender<Vec<Arc<RunEvent>>>,
    cancel: CancellationToken,
    ended: CancellationToken,
    waiting: Mutex<Vec<(Approval, oneshot::Sender<bool>)>>,
}

impl Live {
    fn publish(&self, kind: RunEventKind) {
        self.events.send_modify(|events| {
            let before = events.last().map_or(0, |event| event.id.position);
            let id = EventId { attempt: 0, position: before + kind.units() };
            events.push(Arc::new(RunEvent { id, kind }));
        });
    }

    /// Asks about the call and waits for the answer.
    async fn is_allowed(&self, call: &ToolCall, reason: &str) -> bool {
        let (word_tx, word) = oneshot::channel();
        let approval = Approval {
            call_id: call.id.clone(),
            tool: call.name.clone(),
            arguments: call.arguments.clone(),
            reason: reason.to_owned(),
        };
        lock(&self.waiting).push((approval, word_tx));
        self.publish(told(call, CallStage::Awaiting(reason.to_owned())));
        let allowed = word.await.unwrap_or(false);
        if allowed {
            self.publish(told(call, CallStage::Allowed));
        }
        allowed
    }
}

/// An [`AgentPort`] that answers by script, without queues or models; what it accepts and says goes into its [`FakeMemory`].
pub struct FakeAgent {
    memory: Arc<FakeMemory>,
    default: Mutex<AgentScript>,
    next: Mutex<VecDeque<AgentScript>>,
    refuse: Mutex<Option<SubmitError>>,
    submissions: Mutex<Vec<Submission>>,
    live: Mutex<HashMap<RunId, Arc<Live>>>,
    tracker: TaskTracker,
}

impl FakeAgent {
    /// An agent that echoes at once.
    #[must_use]
    pub fn new(memory: Arc<FakeMemory>) -> Self {
        Self {
            memory,
            default: Mutex::default(),
            next: Mutex::default(),
            refuse: Mutex::default(),
            submissions: Mutex::default(),
            live: Mutex::default(),
            tracker: TaskTracker::new(),
        }
    }

    /// Every run without a script of its own follows this one.
    pub fn always(&self, script: AgentScript) {
        *lock(&self.default) = script;
    }

    /// The next run (after those that have a script already) follows this one.
    pub fn then(&self, script: AgentScript) {
        lock(&self.next).push_back(script);
    }

    /// The next submission is refused with this.
    pub fn refuse_next(&self, error: SubmitError) {
        *lock(&self.refuse) = Some(error);
    }

    /// Every accepted submission, in order.
    #[must_use]
    pub fn submissions(&self) -> Vec<Submission> {
        lock(&self.submissions).clone()
    }

    fn script(&self) -> AgentScript {
        let next = lock(&self.next).pop_front();
        next.unwrap_or_else(|| lock(&self.default).clone())
    }
}

fn pieces(text: &str, count: usize) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let size = chars.len().div_ceil(count.max(1)).max(1);
    chars.chunks(size).map(|piece| piece.iter().collect()).collect()
}

fn told(call: &ToolCall, stage: CallStage) -> RunEventKind {
    let ToolCall { id, name, arguments } = call.clone();
    RunEventKind::SkillCall { call_id: id, tool: name, arguments, stage }
}

async fn play(memory: &FakeMemory, live: &Live, script: AgentScript, run: &NewRun) -> RunOutcome {
    let begun = Instant::now();
    live.publish(RunEventKind::Start { id: run.id, conversation: run.conversation.clone() });
    let mut skills_used = Vec::new();
    for (index, skill) in script.skills.iter().enumerate() {
        let call_id = format!("call_{index}");
        let (name, arguments) = (skill.name.clone(), skill.arguments.clone());
        let call = ToolCall { id: call_id.clone(), name: name.clone(), arguments };
        let is_allowed = match &skill.approval {
            Some(reason) => live.is_allowed(&call, reason).await,
            None => true,
        };
        let is_error = skill.is_error || !is_allowed;
        let result = ToolResult {
            call_id: call_id.clone(),
            name: name.clone(),
            content: "scripted".to_owned(),
            is_error,
        };
        let steps = vec![ContentBlock::ToolCall(call.clone()), ContentBlock::ToolResult(result)];
        if let Err(error) = memory.append_steps(run.id, steps).await {
            return RunOutcome::Failed((&error).into());
        }
        if skill.approval.is_none() {
            live.publish(told(&call, CallStage::Invoking));
        }
        live.publish(RunEventKind::SkillResult { call_id, tool: name.clone(), is_error });
        let used = skill_of(&name).to_owned();
        if is_allowed && !skills_used.contains(&used) {
            skills_used.push(used);
        }
    }
    let content = script.reply.unwrap_or_else(|| format!("You said: {}", run.text));
    for (index, piece) in pieces(&content, script.tokens).into_iter().enumerate() {
        tokio::time::sleep(if index == 0 { script.first_delay } else { script.token_delay }).await;
        live.publish(RunEventKind::Token(piece));
    }
    match script.end {
        ScriptEnd::Complete => {
            let words = |text: &str| text.split_whitespace().count() as u64;
            RunOutcome::Completed(Reply {
                usage: TokenUsage { input: words(&run.text), output: words(&content) },
                content,
                skills_used,
                latency_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
                model: "fake-model".to_owned(),
            })
        }
        ScriptEnd::Fail(failure) => RunOutcome::Failed(failure),
        ScriptEnd::Hang => std::future::pending().await,
    }
}

fn last_event(id: RunId, conversation: &ConversationId, outcome: RunOutcome) -> RunEventKind {
    match outcome {
        RunOutcome::Completed(reply) => RunEventKind::End { id, conversation: conversation.clone(), reply },
        RunOutcome::Failed(failure) => RunEventKind::Error(failure),
        RunOutcome::Cancelled => RunEventKind::Cancelled,
    }
}

fn follow(live: &Live, after: Option<EventId>) -> EventStream {
    let position = after.map_or(0, |id| id.position);
    Box::pin(stream::unfold((live.events.subscribe(), 0), move |(mut events, mut index)| async move {
        loop {
            let next = events.borrow_and_update().get(index).cloned();
            match next {
                Some(event) => {
                    index += 1;
                    // A position beyond the end is not from this stream: it gets the end at least.
                    let at = event.id.position;
                    let is_unnumbered = at == position && event.kind.units() == 0;
                    if at > position || is_unnumbered || (event.kind.is_last() && at < position) {
                        return Some((event, (events, index)));
                    }
                }
                None if index > 0 && events.borrow().last().is_some_and(|last| last.kind.is_last()) => {
                    return None;
                }
                None => events.changed().await.ok()?,
            }
        }
    }))
}

#[async_trait]
impl AgentPort for FakeAgent {
    async fn submit(&self, submission: Submission) -> Result<RunHandle, SubmitError> {
        if let Some(error) = lock(&self.refuse).take() {
            return Err(error);
        }
        let id = RunId::generate();
        let new = NewRun {
            id,
            conversation: submission.conversation.clone().unwrap_or_else(|| id.new_conversation_id()),
            channel: submission.channel.clone(),
            text: submission.text.clone(),
            metadata: submission.metadata.clone(),
            idempotency_key: submission.idempotency_key.clone(),
        };
        match self.memory.accept_run(new.clone()).await? {
            Accepted::New => {}
            Accepted::Conflict(earlier) => return Err(SubmitError::KeyReused(earlier)),
            Accepted::Duplicate(earlier) => {
                let unknown = || MemoryError::UnknownRun(earlier);
                let record = self.memory.run(earlier).await?.ok_or_else(unknown)?;
                let events = self.events(earlier, None).await?.ok_or_else(unknown)?;
                let conversation = record.conversation;
                return Ok(RunHandle { id: earlier, conversation, replayed: true, events });
            }
        }
        lock(&self.submissions).push(submission);
        let live = Arc::new(Live {
            conversation: new.conversation.clone(),
            events: watch::Sender::new(Vec::new()),
            cancel: CancellationToken::new(),
            ended: CancellationToken::new(),
            waiting: Mutex::default(),
        });
        lock(&self.live).insert(id, Arc::clone(&live));
        let events = follow(&live, None);
        let conversation = new.conversation.clone();
        let (script, memory) = (self.script(), Arc::clone(&self.memory));
        self.tracker.spawn(async move {
            let outcome = tokio::select! {
                outcome = play(&memory, &live, script, &new) => outcome,
                () = live.cancel.cancelled() => RunOutcome::Cancelled,
            };
            let ended = memory.end_run(id, outcome.clone()).await;
            let last = match ended {
                Ok(()) => last_event(id, &new.conversation, outcome),
                Err(error) => RunEventKind::Error((&error).into()),
            };
            live.publish(last);
            live.ended.cancel();
        });
        Ok(RunHandle { id, conversation, replayed: false, events })
    }

    async fn run(&self, id: RunId) -> Result<Option<RunRecord>, MemoryError> {
        self.memory.run(id).await
    }

    async fn events(&self, id: RunId, after: Option<EventId>) -> Result<Option<EventStream>, MemoryError> {
        Ok(lock(&self.live).get(&id).map(|live| follow(live, after)))
    }

    async fn cancel(&self, id: RunId) -> Result<Option<RunRecord>, MemoryError> {
        let before = self.memory.run(id).await?;
        let live = lock(&self.live).get(&id).cloned();
        if let Some(live) = live {
            live.cancel.cancel();
            live.ended.cancelled().await;
        }
        Ok(before)
    }

    async fn approvals(&self, id: RunId) -> Vec<Approval> {
        let Some(live) = lock(&self.live).get(&id).cloned() else { return Vec::new() };
        let waiting = lock(&live.waiting);
        let open = waiting.iter().filter(|(_, word_tx)| !word_tx.is_closed());
        open.map(|(approval, _)| approval.clone()).collect()
    }

    async fn approve(&self, id: RunId, decision: Decision) -> Result<Option<Vec<String>>, MemoryError> {
        let Some(live) = lock(&self.live).get(&id).cloned() else { return Ok(None) };
        // A run that was cancelled asks no more.
        let is_meant = |(approval, word_tx): &mut (Approval, oneshot::Sender<bool>)| {
            !word_tx.is_closed() && decision.call_id.as_ref().is_none_or(|call| *call == approval.call_id)
        };
        let decided: Vec<_> = lock(&live.waiting).extract_if(.., is_meant).collect();
        let tell = |(approval, word_tx): (Approval, oneshot::Sender<bool>)| {
            // The run may be cancelled this moment.
            let _ = word_tx.send(decision.approve);
            approval.call_id
        };
        Ok(Some(decided.into_iter().map(tell).collect()))
    }

    async fn erase_conversation(&self, id: &ConversationId) -> Result<Option<Erased>, MemoryError> {
        for (new, _) in self.memory.pending_runs().await? {
            if new.conversation == *id {
                self.cancel(new.id).await?;
            }
        }
        let erased = self.memory.erase_conversation(id).await?;
        lock(&self.live).retain(|_, live| live.conversation != *id);
        Ok(erased)
    }

    fn stats(&self) -> AgentStats {
        let (total_requests, latency) = self.memory.totals();
        AgentStats {
            primary_provider: Some("fake".to_owned()),
            primary_model: Some("fake-model".to_owned()),
            total_requests,
            avg_latency_ms: latency.checked_div(total_requests).unwrap_or(0),
            active_runs: lock(&self.live).values().filter(|live| !live.ended.is_cancelled()).count(),
        }
    }

    async fn drain(&self, deadline: Duration) {
        self.tracker.close();
        if tokio::time::timeout(deadline, self.tracker.wait()).await.is_err() {
            for live in lock(&self.live).values() {
                live.cancel.cancel();
            }
        }
    }
}
