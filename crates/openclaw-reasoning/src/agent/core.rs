//! A run from its acceptance to its end.

use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::FutureExt as _;
use openclaw_core::{
    AttachmentSource, ContentBlock, Erased, ErrorCode, Failure, Message, Metadata, NewRun, Role,
    RunEventKind, RunOutcome,
    port::{Accepted, MemoryError, MemoryPort, ToolPort},
};
use tokio::{
    sync::{Notify, Semaphore, SemaphorePermit, oneshot, watch},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

use super::{AgentOptions, Persona};
use crate::{
    JoinedTools, MemoryTools, Router,
    runs::{Live, Place, Queue, Registry, last_event, limits},
    turn::{Equipment, Finish, Task, Turn},
};

/// What all runs share.
pub(super) struct Core {
    max_steps: usize,
    pub(super) memory: Arc<dyn MemoryPort>,
    /// All tools, those of the memory among them.
    tools: Arc<dyn ToolPort>,
    memory_tools: Arc<MemoryTools>,
    pub(super) router: watch::Receiver<Arc<Router>>,
    persona: Persona,
    pub(super) queue: Arc<Queue>,
    pub(super) registry: Registry,
    permits: Semaphore,
    /// Fires when the runs of an earlier process have their places.
    pub(super) ready: CancellationToken,
    /// Fires when no further run shall begin.
    pub(super) closing: CancellationToken,
    /// Whether a run that is stopped stays pending.
    abandoned: AtomicBool,
    /// Told when a run has ended.
    ended: Notify,
}

/// One accepted message on its way.
pub(super) struct Job {
    place: Place,
    live: Arc<Live>,
    channel: String,
    message: Arc<Message>,
    has_history: bool,
    begun: Begun,
}

/// When the message was accepted: by the steady clock, or by the calendar when another process did.
pub(super) enum Begun {
    Here(Instant),
    Earlier,
}

/// Whether a run begins.
enum Begin<'a> {
    Now(SemaphorePermit<'a>),
    Cancelled,
    /// The process is shutting down.
    NotHere,
}

/// Bytes of a message that stay in memory until it is answered.
pub(super) fn held_bytes(text: &str, metadata: &Metadata) -> usize {
    let bytes = |source: &AttachmentSource| match source {
        AttachmentSource::Data(bytes) => bytes.len(),
        AttachmentSource::Url(url) => url.len(),
    };
    text.len() + metadata.attachments.iter().map(|attachment| bytes(&attachment.source)).sum::<usize>()
}

impl Job {
    pub(super) fn new(
        new: &NewRun,
        live: Arc<Live>,
        place: Place,
        begun: Instant,
        has_history: bool,
    ) -> Self {
        Self { begun: Begun::Here(begun), ..Self::earlier(new, live, place, has_history) }
    }

    pub(super) fn earlier(new: &NewRun, live: Arc<Live>, place: Place, has_history: bool) -> Self {
        let message = Message {
            id: new.id.user_message_id(),
            role: Role::User,
            content: vec![ContentBlock::Text(new.text.clone())],
            timestamp: new.id.accepted_at(),
            metadata: new.metadata.clone(),
        };
        let (channel, message) = (new.channel.clone(), Arc::new(message));
        Self { place, live, channel, message, has_history, begun: Begun::Earlier }
    }

    fn latency_ms(&self) -> u64 {
        let elapsed = match self.begun {
            Begun::Here(begun) => begun.elapsed(),
            Begun::Earlier => openclaw_core::Timestamp::now().duration_since(self.place.run.accepted_at()),
        };
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Core {
    pub(super) fn new(
        options: AgentOptions,
        memory: Arc<dyn MemoryPort>,
        tools: Arc<dyn ToolPort>,
        router: watch::Receiver<Arc<Router>>,
        persona: Persona,
    ) -> Self {
        let memory_tools = Arc::new(MemoryTools::new(Arc::clone(&memory), options.curation));
        let tools = JoinedTools::new(vec![Arc::clone(&memory_tools) as _, tools]);
        Self {
            max_steps: options.max_steps.max(1),
            memory,
            tools: Arc::new(tools),
            memory_tools,
            router,
            persona,
            queue: Arc::default(),
            registry: Registry::default(),
            permits: Semaphore::new(limits::RUNNING),
            ready: CancellationToken::new(),
            closing: CancellationToken::new(),
            abandoned: AtomicBool::new(false),
            ended: Notify::new(),
        }
    }

    /// Makes the message durable, in its place, tells the submitter, and carries the run out.
    pub(super) async fn accept(
        self: Arc<Self>,
        new: NewRun,
        mut job: Job,
        accepted_tx: oneshot::Sender<Result<Accepted, MemoryError>>,
    ) {
        job.place.before_accepted().await;
        let accepted = self.memory.accept_run(new).await;
        job.place.set_accepted();
        let is_new = matches!(accepted, Ok(Accepted::New));
        if is_new {
            let (id, conversation) = (job.place.run, job.live.conversation.clone());
            job.live.log.push(RunEventKind::Start { id, conversation });
        } else {
            self.registry.remove(job.place.run);
            job.live.log.close();
        }
        // The submitter may be gone; the run is carried out all the same.
        let _ = accepted_tx.send(accepted);
        if is_new {
            self.carry_out(job).await;
        } else {
            job.place.leave().await;
        }
    }

    /// Carries an accepted run out, when its turn has come, up to its durable end.
    pub(super) async fn carry_out(&self, mut job: Job) {
        let begin = self.wait_for_turn(&mut job).await;
        job.place.stop_waiting();
        match begin {
            Begin::Now(permit) => {
                // A panic is a fault of this program; it must cost this run only, and its readers must hear of it.
                // On the heap while it goes on: what waits for its turn, a thousand at once perhaps, has no use for its room.
                let worked = AssertUnwindSafe(Box::pin(self.work(&job))).catch_unwind().await;
                let finish = worked.unwrap_or_else(|_| panicked(&job));
                self.end(&job, finish).await;
                drop(permit);
            }
            Begin::Cancelled => self.end(&job, Finish { outcome: RunOutcome::Cancelled, rest: None }).await,
            Begin::NotHere => self.leave_pending(&job),
        }
        job.place.leave().await;
    }

    async fn wait_for_turn(&self, job: &mut Job) -> Begin<'_> {
        if job.place.is_next()
            && !self.closing.is_cancelled()
            && !job.live.cancel.is_cancelled()
            && let Ok(permit) = self.permits.try_acquire()
        {
            return Begin::Now(permit);
        }
        let place = &mut job.place;
        let turn = async {
            place.turn().await;
            self.permits.acquire().await
        };
        tokio::select! {
            biased;
            () = job.live.cancel.cancelled() => Begin::Cancelled,
            () = self.closing.cancelled() => Begin::NotHere,
            permit = turn => permit.map_or(Begin::NotHere, Begin::Now),
        }
    }

    /// The next start finds the run pending; its readers are told that nothing follows here.
    fn leave_pending(&self, job: &Job) {
        debug!(run = %job.place.run, "left pending");
        job.live.log.close();
        self.registry.remove(job.place.run);
    }

    async fn work(&self, job: &Job) -> Finish {
        let live = &*job.live;
        let router = match live.cancel.run_until_cancelled(self.router()).await {
            Some(router) => router,
            None => return Finish { outcome: RunOutcome::Cancelled, rest: None },
        };
        let with = Equipment {
            memory: &*self.memory,
            tools: &*self.tools,
            memory_tools: &self.memory_tools,
            router: &router,
            max_steps: self.max_steps,
        };
        let task = Task {
            run: job.place.run,
            conversation: live.conversation.clone(),
            channel: job.channel.clone(),
            message: Arc::clone(&job.message),
            has_history: job.has_history,
            persona: (self.persona)(),
        };
        let deadline = Instant::now() + limits::RUN_TIME;
        let mut finish = Turn::new(with, live, deadline).carry_out(task).await;
        if let RunOutcome::Completed(reply) = &mut finish.outcome {
            reply.latency_ms = job.latency_ms();
        }
        finish
    }

    /// The providers in force. When there are none (they may be on their way, after a start or a change of the
    /// configuration), waits a while; the request then says what to do.
    async fn router(&self) -> Arc<Router> {
        let now = Arc::clone(&self.router.borrow());
        if !now.is_empty() {
            return now;
        }
        let mut changes = self.router.clone();
        match tokio::time::timeout(limits::PROVIDER_WAIT, changes.wait_for(|router| !router.is_empty())).await
        {
            Ok(Ok(router)) => Arc::clone(&router),
            _ => now,
        }
    }

    /// Makes the end durable, and only then tells it.
    async fn end(&self, job: &Job, finish: Finish) {
        let (run, live) = (job.place.run, &*job.live);
        let Finish { outcome, rest } = finish;
        if outcome == RunOutcome::Cancelled && self.abandoned.load(Ordering::Acquire) {
            return self.leave_pending(job);
        }
        match &outcome {
            RunOutcome::Completed(reply) => {
                debug!(%run, latency_ms = reply.latency_ms, output = reply.usage.output, "answered");
            }
            // Its words may repeat what was said; the record has them, and is erased with it.
            RunOutcome::Failed(failure) => {
                let reason = failure.details.get("reason").and_then(serde_json::Value::as_str);
                warn!(%run, code = %failure.code, reason, "failed");
            }
            RunOutcome::Cancelled => debug!(%run, "cancelled"),
        }
        if let Some(text) = rest {
            // What was said before the end belongs to the record, so that it can be told again. A fault here shows in the
            // next write as well.
            if let Err(error) = self.memory.append_steps(run, vec![ContentBlock::Text(text)]).await {
                warn!(%run, %error, "an unfinished answer can't be stored");
            }
        }
        let last = match self.memory.end_run(run, outcome.clone()).await {
            Ok(()) => last_event(run, &live.conversation, outcome),
            Err(error) => {
                error!(%run, %error, "the end of a run can't be stored; it is taken up again at the next start");
                RunEventKind::Error((&error).into())
            }
        };
        live.log.push(last);
        self.registry.ended(run, live);
        self.ended.notify_one();
    }

    /// Stops everything without ending it in the log.
    pub(super) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Release);
        for live in self.registry.all() {
            live.cancel.cancel();
        }
    }

    /// Cancels what a conversation has before this place, waits for it, erases; what comes after waits in turn.
    pub(super) async fn erase(&self, mut place: Place) -> Result<Option<Erased>, MemoryError> {
        let id = place.conversation.clone();
        for live in self.registry.before(&id, place.run) {
            live.cancel.cancel();
        }
        place.before_accepted().await;
        place.turn().await;
        let erased = self.memory.erase_conversation(&id).await;
        if erased.is_ok() {
            self.registry.forget(&id);
        }
        place.leave().await;
        erased
    }
}

/// The end of a run whose work panicked. What it told last is in nobody's record yet.
fn panicked(job: &Job) -> Finish {
    error!(run = %job.place.run, "the work on a run panicked");
    let failure = Failure::new(
        ErrorCode::InternalError,
        "The gateway made a mistake while working on this message; send it again, and report it if it happens again",
    );
    let rest = job.live.log.spoken();
    Finish {
        outcome: RunOutcome::Failed(failure.with("reason", "panic")),
        rest: (!rest.is_empty()).then_some(rest),
    }
}

/// Forgets ended runs when their time has come.
pub(super) async fn expire(core: Arc<Core>) {
    loop {
        let next = core.registry.expire();
        let wait = async {
            match next {
                Some(at) => tokio::time::sleep_until(at).await,
                None => core.ended.notified().await,
            }
        };
        if core.closing.run_until_cancelled(wait).await.is_none() {
            return;
        }
    }
}
