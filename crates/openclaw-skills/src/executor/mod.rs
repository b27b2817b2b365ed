//! Carrying out a call: a place, a sandbox, the words with the skill, and what the model is told.

mod job;
mod outcome;
mod patience;
mod sessions;
mod warm;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use openclaw_core::{ConversationId, config::SkillsConfig};
use serde_json::{Map, Value};
use tokio::{
    sync::{Semaphore, SemaphorePermit, watch},
    time::{Instant, timeout},
};
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

pub use self::job::Variables;
pub(crate) use self::{job::Host, outcome::Outcome};
use self::{
    job::{Draft, GrantError, draft},
    outcome::Allowed,
    patience::Patience,
    sessions::{Key, Server, Sessions},
    warm::{Prepared, Warm},
};
use crate::{
    catalog::Skill,
    egress::{Egress, EgressError},
    limits::{
        ARGUMENT_BYTES, CALL_TIME, OUTPUT_BYTES, READ_BYTES, SESSION_LIFE, WAIT_TIME, WAITING, WARM_TIME,
    },
    package::Shape,
    protocol::{
        mcp::{McpError, ServerTool, Session},
        stdio::{Exchange, exchange},
    },
    sandbox::{Ended, Engine, EngineError, Selection, reader_argv},
};

/// Runs skills.
#[derive(Debug)]
pub(crate) struct Executor {
    /// What runs them; `None` until one has proved itself.
    selection: watch::Receiver<Option<Selection>>,
    egress: Egress,
    config: watch::Receiver<Arc<SkillsConfig>>,
    host: Host,
    places: Semaphore,
    /// How many places there are; follows the configuration.
    size: AtomicUsize,
    waiting: AtomicUsize,
    warm: Warm,
    sessions: Sessions,
    patience: Patience,
    tasks: TaskTracker,
}

/// Why a skill could not even be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error("skills can't run: {0}")]
    NoEngine(String),
    #[error("the sandbox engines are still being tried; ask again in a moment")]
    Probing,
    #[error("{0}")]
    Grant(#[from] GrantError),
    #[error("{0}")]
    Engine(#[from] EngineError),
    #[error("{0}")]
    Egress(#[from] EgressError),
    #[error("{0}")]
    Mcp(#[from] McpError),
    #[error("too many skills run already; it waited {} s for a place", WAIT_TIME.as_secs())]
    Busy,
    #[error("the work was interrupted")]
    Interrupted,
}

impl Executor {
    pub(crate) fn new(
        selection: watch::Receiver<Option<Selection>>,
        egress: Egress,
        config: watch::Receiver<Arc<SkillsConfig>>,
        host: Host,
        tasks: TaskTracker,
    ) -> Self {
        let size = usize::try_from(config.borrow().limits.concurrent).unwrap_or(1);
        Self {
            selection,
            egress,
            config,
            host,
            places: Semaphore::new(size),
            size: AtomicUsize::new(size),
            waiting: AtomicUsize::new(0),
            warm: Warm::default(),
            sessions: Sessions::default(),
            patience: Patience::default(),
            tasks,
        }
    }

    /// Calls a skill's program with `arguments`. Dropping the future ends the program.
    pub(crate) async fn call(
        self: &Arc<Self>,
        skill: &Arc<Skill>,
        argv: &[String],
        arguments: &Value,
    ) -> Outcome {
        let input = arguments.to_string();
        if input.len() > ARGUMENT_BYTES {
            return Outcome::failed(format!("The arguments are longer than {} KiB.", ARGUMENT_BYTES / 1024));
        }
        let config = Arc::clone(&self.config.borrow());
        self.in_its_place(skill, None, self.exchange(skill, argv, input.as_bytes(), &config)).await
    }

    /// Does the work of a call once there is a place for it, and tells the log of it.
    async fn in_its_place(
        &self,
        skill: &Skill,
        tool: Option<&str>,
        work: impl Future<Output = Result<Outcome, RunError>>,
    ) -> Outcome {
        let begun = Instant::now();
        let outcome = match self.place().await {
            Err(error) => Err(error),
            Ok(_place) => work.await,
        };
        let (name, version) = (&skill.name, &skill.version);
        let outcome = outcome.unwrap_or_else(|error| {
            warn!(skill = name, tool, %error, "a skill could not be run");
            Outcome::failed(format!("`{name}` could not be run: {error}"))
        });
        let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        info!(skill = name, version, tool, failed = outcome.is_error, took_ms, "a skill was called");
        outcome
    }

    async fn exchange(
        self: &Arc<Self>,
        skill: &Arc<Skill>,
        argv: &[String],
        input: &[u8],
        config: &SkillsConfig,
    ) -> Result<Outcome, RunError> {
        let time = time_of(skill, config);
        // Also a prepared sandbox is not used when its engine is not in force any more.
        self.engine()?;
        let (prepared, was_warm) = match self.warm.take(&skill.name, skill.stamp) {
            Some(prepared) => (prepared, true),
            None => (self.prepare(skill, argv.to_vec(), WARM_TIME + time, time).await?, false),
        };
        debug!(skill = skill.name, was_warm, "calling");
        if let Some(lease) = &prepared.lease {
            lease.activate();
        }
        let Prepared { sandbox, lease, secrets, unset } = prepared;
        let mut exchange = exchange(sandbox, input, time).await;
        for secret in &secrets {
            exchange.complaint = secret.scrub(&exchange.complaint);
        }
        drop(lease);
        self.prepare_next(skill, argv, time, config);
        let allowed = Allowed {
            time,
            memory_mb: config.limits.memory_mb,
            processes: config.limits.processes,
            output_bytes: OUTPUT_BYTES,
            shell: skill.has_shell(),
        };
        self.tell_end(skill, &exchange);
        let mut outcome = Outcome::of_exchange(&skill.name, &exchange, &allowed);
        if outcome.is_error && !unset.is_empty() {
            outcome.content.push_str(&format!(
                "\n(It may read {}, which nobody has set: skills.env in gateway.yaml, or the gateway's environment.)",
                unset.join(", ")
            ));
        }
        Ok(outcome.scrubbed(secrets.iter()))
    }

    /// What an operator wants to see in the log of a skill that was stopped.
    fn tell_end(&self, skill: &Skill, exchange: &Exchange) {
        let why = match exchange.ended {
            _ if exchange.cut => "it wrote without end",
            None | Some(Ended::Time) => "its time was over",
            Some(Ended::Memory) => "it needed more memory than its bound",
            Some(Ended::Processes) => "it started more processes than its bound",
            Some(Ended::NoSandbox | Ended::NoProgram) => "the sandbox or its program could not be started",
            _ => return,
        };
        warn!(skill = skill.name, why, said = exchange.complaint, "a skill was ended by the sandbox");
    }

    /// Starts one more for the next call, if that is wanted.
    fn prepare_next(
        self: &Arc<Self>,
        skill: &Arc<Skill>,
        argv: &[String],
        time: Duration,
        config: &SkillsConfig,
    ) {
        let most = usize::try_from(config.limits.warm).unwrap_or(0);
        if most == 0 || self.tasks.is_closed() {
            return;
        }
        let (executor, skill, argv) = (Arc::clone(self), Arc::clone(skill), argv.to_vec());
        self.tasks.spawn(async move {
            let Some(_begun) = executor.warm.begin(&skill.name) else { return };
            match executor.prepare(&skill, argv, WARM_TIME + time, time).await {
                Ok(prepared) if !executor.tasks.is_closed() => {
                    executor.warm.keep(skill.name.clone(), skill.stamp, prepared, most);
                }
                Ok(_) => {}
                Err(error) => debug!(skill = skill.name, %error, "no sandbox is kept ready"),
            }
        });
    }

    /// A sandbox whose program has been started.
    async fn prepare(
        &self,
        skill: &Arc<Skill>,
        argv: Vec<String>,
        life: Duration,
        cpu: Duration,
    ) -> Result<Prepared, RunError> {
        let engine = self.engine()?;
        let Draft { mut job, hosts, unset } = self.draft(skill, argv, life, cpu).await?;
        let lease = if hosts.is_empty() { None } else { Some(self.egress.lease(&skill.name, hosts)?) };
        job.egress = lease.as_ref().map(|lease| lease.path().to_owned());
        let secrets = job.env.iter().map(|(_, value)| value.clone()).collect();
        let sandbox = engine.spawn(&job).await?;
        Ok(Prepared { sandbox, lease, secrets, unset })
    }

    /// Why a skill can't be called: a folder that it was granted does not answer.
    pub(crate) fn silence(&self, skill: &Skill) -> Option<String> {
        self.patience.is_over(&skill.name).then(|| GrantError::silent(skill).to_string())
    }

    /// Granted folders may lie on a disk that sleeps, or on a server that is gone: looked at off the async threads, and not for ever.
    async fn draft(
        &self,
        skill: &Arc<Skill>,
        argv: Vec<String>,
        life: Duration,
        cpu: Duration,
    ) -> Result<Draft, RunError> {
        let config = Arc::clone(&self.config.borrow());
        let (own, host) = (Arc::clone(skill), self.host.clone());
        let work = move || draft(&own, argv, &host, &config, life, cpu);
        let drafted = self.patience.look(&skill.name, work).await?;
        Ok(drafted.ok_or_else(|| GrantError::silent(skill))??)
    }

    fn engine(&self) -> Result<Arc<dyn Engine>, RunError> {
        match &*self.selection.borrow() {
            None => Err(RunError::Probing),
            Some(Selection { engine: Some(engine), .. }) => Ok(Arc::clone(engine)),
            Some(Selection { engine: None, problems }) => {
                Err(RunError::NoEngine(match problems.as_slice() {
                    [] => "no sandbox engine works here; `gateway doctor` says what to do".to_owned(),
                    problems => problems.join("; "),
                }))
            }
        }
    }

    /// A place among those that run at the same time.
    async fn place(&self) -> Result<SemaphorePermit<'_>, RunError> {
        self.resize();
        if let Ok(place) = self.places.try_acquire() {
            return Ok(place);
        }
        let _waits = Waits::begin(&self.waiting).ok_or(RunError::Busy)?;
        match timeout(WAIT_TIME, self.places.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(RunError::Busy),
        }
    }

    /// Follows `skills.limits.concurrent`.
    fn resize(&self) {
        let wanted = usize::try_from(self.config.borrow().limits.concurrent).unwrap_or(1);
        let had = self.size.swap(wanted, Ordering::AcqRel);
        if wanted > had {
            self.places.add_permits(wanted - had);
        } else if wanted < had {
            let gone = self.places.forget_permits(had - wanted);
            // Places in use can't be taken back now: counted on, and taken by a later call.
            self.size.fetch_add(had - wanted - gone, Ordering::AcqRel);
        }
    }

    /// Reads a file of a skill, through a sandbox that sees nothing but the skill.
    pub(crate) async fn read(self: &Arc<Self>, skill: &Arc<Skill>, path: &str) -> Outcome {
        let time = Duration::from_secs(10);
        let bare = Arc::new(skill.without_grants());
        let read = async {
            let _place = self.place().await?;
            let prepared = self.prepare(&bare, reader_argv(path), time, time).await?;
            Ok::<_, RunError>(exchange(prepared.sandbox, b"", time).await)
        };
        match read.await {
            Err(error) => Outcome::failed(format!("`{path}` of `{}` can't be read: {error}", skill.name)),
            Ok(read) if read.ended == Some(Ended::Exited(0)) => {
                let text = String::from_utf8_lossy(&read.output);
                let shown = text.get(..text.floor_char_boundary(READ_BYTES)).unwrap_or_default();
                let cut = if shown.len() < text.len() || read.cut { "\n[cut off]" } else { "" };
                Outcome { content: format!("{shown}{cut}"), is_error: false }
            }
            Ok(read) => {
                Outcome::failed(format!("`{path}` of `{}` can't be read: {}", skill.name, read.complaint))
            }
        }
    }

    /// Calls a tool of a skill that is an MCP server.
    pub(crate) async fn call_tool(
        self: &Arc<Self>,
        skill: &Arc<Skill>,
        tool: &str,
        arguments: &Value,
        conversation: &ConversationId,
    ) -> Outcome {
        let Value::Object(arguments) = arguments else {
            return Outcome::failed("The arguments must be a JSON object.");
        };
        self.in_its_place(skill, Some(tool), self.ask_server(skill, tool, arguments.clone(), conversation))
            .await
    }

    async fn ask_server(
        self: &Arc<Self>,
        skill: &Arc<Skill>,
        tool: &str,
        arguments: Map<String, Value>,
        conversation: &ConversationId,
    ) -> Result<Outcome, RunError> {
        let config = Arc::clone(&self.config.borrow());
        let time = time_of(skill, &config);
        let key = Key {
            skill: skill.name.clone(),
            conversation: (!skill.package.manifest.stateless).then(|| conversation.clone()),
            stamp: skill.stamp,
        };
        self.engine()?;
        let server = match self.sessions.get(&key) {
            Some(server) => server,
            None => {
                let turn = self.sessions.starting(&key);
                let _mine = turn.lock().await;
                match self.sessions.get(&key) {
                    Some(server) => server,
                    None => {
                        let server = Arc::new(self.start_server(skill).await?);
                        self.sessions.keep(key, Arc::clone(&server));
                        server
                    }
                }
            }
        };
        // A call that is dropped half-way ends the server: nobody knows what it is still doing.
        let unless_done = EndUnlessDone { sessions: &self.sessions, server: &server, armed: true };
        let answer = server.session.call(tool, arguments, time).await;
        let outcome = match answer {
            Some(Ok(answer)) => {
                unless_done.disarm();
                let mut content = answer.text;
                if content.len() > OUTPUT_BYTES {
                    content.truncate(content.floor_char_boundary(OUTPUT_BYTES));
                    content.push_str("\n[cut off]");
                }
                Outcome { content, is_error: answer.is_error }
            }
            Some(Err(error)) => {
                if server.session.is_open() {
                    unless_done.disarm();
                }
                Outcome::failed(format!("`{}` failed: {error}", skill.name))
            }
            None => Outcome::failed(format!(
                "`{}` did not answer within {} s and was ended",
                skill.name,
                time.as_secs_f32()
            )),
        };
        Ok(outcome.scrubbed(server.secrets.iter()))
    }

    async fn start_server(&self, skill: &Arc<Skill>) -> Result<Server, RunError> {
        let Shape::Mcp(argv) = &skill.package.shape else {
            return Err(RunError::NoEngine(format!("`{}` is no MCP server", skill.name)));
        };
        let prepared = self.prepare(skill, argv.clone(), SESSION_LIFE, SESSION_LIFE / 4).await?;
        if let Some(lease) = &prepared.lease {
            lease.activate();
        }
        let Prepared { sandbox, lease, secrets, .. } = prepared;
        let session = Session::begin(sandbox, &skill.name, &self.tasks).await?;
        Ok(Server::new(session, lease, secrets))
    }

    /// Starts a server only to ask what it offers.
    pub(crate) async fn tools_of(&self, skill: &Arc<Skill>) -> Result<Vec<ServerTool>, RunError> {
        let _place = self.place().await?;
        let server = self.start_server(skill).await?;
        let mut tools = server.session.tools(&skill.name).await?;
        for tool in &mut tools {
            for secret in &server.secrets {
                tool.description = secret.scrub(&tool.description);
            }
        }
        Ok(tools)
    }

    /// Ends what nobody has used for a while.
    pub(crate) fn sweep(&self) {
        self.warm.sweep(WARM_TIME - Duration::from_secs(5));
        self.sessions.sweep();
    }

    /// Ends the way out of what still runs, and waits for its connections.
    pub(crate) async fn close_egress(&self) {
        self.egress.close().await;
    }

    /// Ends what waits for calls of skills that `is_current` does not know with this stamp.
    pub(crate) fn retain(&self, is_current: impl Fn(&str, u64) -> bool) {
        self.warm.retain(&is_current);
        self.sessions.retain(&is_current);
    }

    /// Ends everything that runs or waits, but for calls under way: their futures own them.
    pub(crate) fn clear(&self) {
        self.warm.clear();
        self.sessions.clear();
    }
}

/// How long a call may take: what the skill says of itself, else the configured time.
fn time_of(skill: &Skill, config: &SkillsConfig) -> Duration {
    let configured = Duration::from_secs(u64::from(config.limits.timeout_seconds));
    skill.package.manifest.timeout.unwrap_or(configured).min(CALL_TIME)
}

/// Counts one of those that wait for a place.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn begin(count: &'a AtomicUsize) -> Option<Self> {
        let before = count.fetch_add(1, Ordering::AcqRel);
        let waits = Self(count);
        (before < WAITING).then_some(waits)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

struct EndUnlessDone<'a> {
    sessions: &'a Sessions,
    server: &'a Arc<Server>,
    armed: bool,
}

impl EndUnlessDone<'_> {
    fn disarm(mut self) {
        self.armed = false;
    }
}

impl Drop for EndUnlessDone<'_> {
    fn drop(&mut self) {
        if self.armed {
            self.sessions.end(self.server);
        }
    }
}
