//! Carrying out a call: a place, a sandbox, the words with the skill, and what the model is told.

mod job;
mod outcome;
mod patience;
mod places;
mod servers;
mod sessions;
mod warm;

use std::{sync::Arc, time::Duration};

use openclaw_core::config::SkillsConfig;
use serde_json::Value;
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};

pub use self::job::Variables;
pub(crate) use self::{job::Host, outcome::Outcome};
use self::{
    job::{Draft, GrantError, draft},
    outcome::Allowed,
    patience::Patience,
    places::{Place, Places},
    sessions::Sessions,
    warm::{Prepared, Warm},
};
use crate::{
    catalog::Skill,
    egress::{Egress, EgressError},
    limits::{ARGUMENT_BYTES, CALL_TIME, OUTPUT_BYTES, READ_BYTES, WAIT_TIME, WAITING, WARM_TIME},
    protocol::{
        mcp::McpError,
        stdio::{Exchange, exchange},
    },
    sandbox::{Ended, Engine, EngineError, Selection, reader_argv},
};

/// The signals by which the kernel tells a process that its bound on processor time or file size is met (signal(7)).
const SIGXCPU: u8 = 24;
const SIGXFSZ: u8 = 25;

/// Runs skills.
#[derive(Debug)]
pub(crate) struct Executor {
    /// What runs them; `None` until one has proved itself.
    selection: watch::Receiver<Option<Selection>>,
    egress: Egress,
    config: watch::Receiver<Arc<SkillsConfig>>,
    host: Host,
    places: Places,
    warm: Warm,
    sessions: Sessions,
    patience: Patience,
    tasks: TaskTracker,
    /// Told when a sandbox could not be made, which may be the engine's fault.
    trouble: Notify,
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
    #[error(
        "all {places} places for skills are taken; it waited {seconds} s for one (skills.limits.concurrent)"
    )]
    Busy { places: usize, seconds: u64 },
    #[error(
        "all {places} places for skills are taken, and {WAITING} calls wait for one already (skills.limits.concurrent)"
    )]
    Crowded { places: usize },
    #[error("another call is starting its server; it waited {seconds} s for that")]
    Starting { seconds: u64 },
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
        let places = Places::new(size(&config.borrow()));
        Self {
            selection,
            egress,
            config,
            host,
            places,
            warm: Warm::default(),
            sessions: Sessions::default(),
            patience: Patience::default(),
            tasks,
            trouble: Notify::new(),
        }
    }

    /// Calls a skill's program with `arguments`; from when it runs, it has at most `most` time. Dropping the future ends the program.
    pub(crate) async fn call(
        self: &Arc<Self>,
        skill: &Arc<Skill>,
        argv: &[String],
        arguments: &Value,
        most: Duration,
    ) -> Outcome {
        let input = arguments.to_string();
        if input.len() > ARGUMENT_BYTES {
            return Outcome::failed(format!("The arguments are longer than {} KiB.", ARGUMENT_BYTES / 1024));
        }
        let config = Arc::clone(&self.config.borrow());
        let time = time_of(skill, &config).min(most);
        tell(skill, None, self.exchange(skill, argv, input.as_bytes(), &config, time)).await
    }

    async fn exchange(
        self: &Arc<Self>,
        skill: &Arc<Skill>,
        argv: &[String],
        input: &[u8],
        config: &SkillsConfig,
        time: Duration,
    ) -> Result<Outcome, RunError> {
        // Also a prepared sandbox is not used when its engine is not in force any more.
        self.engine()?;
        let (prepared, was_warm) = match self.warm.take(&skill.name, skill.stamp) {
            Some(prepared) => (prepared, true),
            None => {
                let place = self.place(skill, WAIT_TIME).await?;
                (self.prepare(skill, argv.to_vec(), WARM_TIME + time, time, place).await?, false)
            }
        };
        debug!(skill = skill.name, was_warm, "calling");
        if let Some(lease) = &prepared.lease {
            lease.activate();
        }
        let Prepared { sandbox, lease, secrets, unset, place } = prepared;
        let mut exchange = exchange(sandbox, input, time).await;
        for secret in &secrets {
            exchange.complaint = secret.scrub(&exchange.complaint);
        }
        drop(lease);
        drop(place);
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
        // The commands of container engines tell their own failures by 125, which a skill can forge; then the engine is looked at in vain.
        if matches!(exchange.ended, Some(Ended::NoSandbox | Ended::Exited(125))) {
            self.trouble.notify_one();
        }
        let why = match exchange.ended {
            _ if exchange.cut => "it wrote without end",
            None | Some(Ended::Time) => "its time was over",
            Some(Ended::Memory) => "it needed more memory than its bound",
            Some(Ended::Processes) => "it started more processes than its bound",
            Some(Ended::Signalled(SIGXCPU)) => "it needed more processor time than its bound",
            Some(Ended::Signalled(SIGXFSZ)) => "it wrote a larger file than its bound",
            Some(Ended::Signalled(_)) => "a signal ended it",
            Some(Ended::Killed) => "it complained without end, or the system ended it",
            Some(Ended::NoSandbox | Ended::NoProgram) => "the sandbox or its program could not be started",
            Some(Ended::Exited(_)) => return,
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
            let Some(place) = executor.places.spare() else { return };
            match executor.prepare(&skill, argv, WARM_TIME + time, time, place).await {
                Ok(prepared) if !executor.tasks.is_closed() => {
                    executor.warm.keep(skill.name.clone(), skill.stamp, prepared, most);
                    executor.make_room();
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
        place: Place,
    ) -> Result<Prepared, RunError> {
        let engine = self.engine()?;
        let Draft { mut job, hosts, unset } = self.draft(skill, argv, life, cpu).await?;
        let lease = if hosts.is_empty() { None } else { Some(self.egress.lease(&skill.name, hosts)?) };
        job.egress = lease.as_ref().map(|lease| lease.path().to_owned());
        let secrets = job.env.iter().map(|(_, value)| value.clone()).collect();
        let sandbox = engine.spawn(&job).await.inspect_err(|error| {
            if !matches!(error, EngineError::Plan(_) | EngineError::NoImage { .. }) {
                self.trouble.notify_one();
            }
        })?;
        Ok(Prepared { sandbox, lease, secrets, unset, place })
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
            Some(selection) => Err(RunError::NoEngine(match selection.told().as_slice() {
                [] => "no sandbox engine works here; `gateway doctor` says what to do".to_owned(),
                problems => problems.join("; "),
            })),
        }
    }

    /// A place for a sandbox. Whoever waits for a call has to leave it to who has one.
    async fn place(&self, skill: &Skill, most: Duration) -> Result<Place, RunError> {
        self.places.resize(size(&self.config.borrow()));
        if let Some(place) = self.places.spare() {
            return Ok(place);
        }
        let begun = Instant::now();
        let place = self.places.wait(most, || self.evict()).await?;
        debug!(skill = skill.name, waited_ms = millis(begun), "a call waited for a place");
        Ok(place)
    }

    /// Ends a sandbox that waits for a call; whether there was one.
    fn evict(&self) -> bool {
        self.warm.evict() || self.sessions.evict()
    }

    /// For when something has become idle: whoever waits for a place has looked for that before.
    fn make_room(&self) {
        if self.places.somebody_waits() {
            self.evict();
        }
    }

    /// Comes back when a sandbox could not be made since the last time.
    pub(crate) async fn in_trouble(&self) {
        self.trouble.notified().await;
    }

    /// Reads a file of a skill, through a sandbox that sees nothing but the skill.
    pub(crate) async fn read(self: &Arc<Self>, skill: &Arc<Skill>, path: &str) -> Outcome {
        let time = Duration::from_secs(10);
        let bare = Arc::new(skill.without_grants());
        let read = async {
            let place = self.place(skill, WAIT_TIME).await?;
            let Prepared { sandbox, place: _place, .. } =
                self.prepare(&bare, reader_argv(path), time, time, place).await?;
            Ok::<_, RunError>(exchange(sandbox, b"", time).await)
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

/// Tells the log of a call.
async fn tell(
    skill: &Skill,
    tool: Option<&str>,
    work: impl Future<Output = Result<Outcome, RunError>>,
) -> Outcome {
    let begun = Instant::now();
    let (name, version) = (&skill.name, &skill.version);
    let outcome = work.await.unwrap_or_else(|error| {
        warn!(skill = name, tool, %error, "a skill could not be run");
        Outcome::failed(format!("`{name}` could not be run: {error}"))
    });
    let (failed, took_ms) = (outcome.is_error, millis(begun));
    info!(skill = name, version, tool, failed, took_ms, "a skill was called");
    outcome
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// How many sandboxes there may be.
fn size(config: &SkillsConfig) -> usize {
    usize::try_from(config.limits.concurrent).unwrap_or(1)
}

/// How long a call may take: what the skill says of itself, else the configured time.
fn time_of(skill: &Skill, config: &SkillsConfig) -> Duration {
    let configured = Duration::from_secs(u64::from(config.limits.timeout_seconds));
    skill.package.manifest.timeout.unwrap_or(configured).min(CALL_TIME)
}
