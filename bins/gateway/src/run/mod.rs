//! `gateway run`: start, serve, leave.

mod banner;
mod owner;
mod port_owner;
mod rest;

use std::{io::IsTerminal as _, sync::Arc, time::Duration};

use openclaw_core::{Secret, port::AgentPort as _};
use tokio::{runtime, sync::Notify};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{error, info, warn};

pub(crate) use port_owner::port_owner;

use crate::{
    cli::Options,
    config::{self, Environment, Store, first_start, near_misses, openness},
    exit::{Exit, Stop},
    home::Home,
    output,
    run_file::RunFile,
    settings,
    signal::Signals,
    telemetry::{Screen, Telemetry},
    wire::{self, System},
};

/// How long connections may take to end once we leave.
const DRAIN_CONNECTIONS: Duration = Duration::from_secs(5);
/// How long runs may take at the same time. Shorter, so that whoever waits for a run that does not end can still be told.
const DRAIN_RUNS: Duration = Duration::from_secs(3);
/// How long channels may go on delivering after the last run has ended.
const LAST_ANSWERS: Duration = Duration::from_secs(1);
/// How long channels may take to end.
const END_CHANNELS: Duration = Duration::from_secs(4);
/// How long sandboxes may take to end after that.
const END_SKILLS: Duration = Duration::from_secs(3);
/// How long our own tasks may take to notice that all is over.
const LAST_TASKS: Duration = Duration::from_secs(1);
/// When we are gone, whatever hangs. The log is crash-proof: nothing acknowledged is lost by it.
const LEAVE: Duration = Duration::from_secs(12);
/// Threads that serve: more only adds memory, the work is short and the model computes elsewhere.
const WORKERS: std::ops::RangeInclusive<usize> = 2..=4;
/// Threads for blocking work (files).
const BLOCKING_THREADS: usize = 32;

/// Runs the gateway until a signal ends it.
pub(crate) fn run(options: &Options, environment: &Environment) -> Result<Exit, Stop> {
    let home = settings::home(options, environment)?;
    let start = first_start(&home).map_err(|error| Stop::because(Exit::Failure, &error))?;
    let loader = settings::loader(&home, options, environment);
    let loaded = settings::load(&loader)?;
    // Before the log: it belongs to whoever holds the directory.
    owner::refuse_second(&home)?;
    let logging = &loaded.config.gateway.logging;
    let log = home.resolve(&logging.file);
    let telemetry = Telemetry::start(&log, logging.level, screen(environment)).map_err(|error| {
        Stop::new(Exit::Failure, format!("can't write the log {}: {error}", log.display()))
    })?;
    let keys: Vec<Secret> =
        wire::KEYS.iter().filter_map(|(name, _)| environment.non_empty(name)).map(Secret::new).collect();
    telemetry.hide(&keys);
    telemetry.hide(loaded.config.secrets());

    info!(version = env!("CARGO_PKG_VERSION"), home = %home.root().display(), pid = std::process::id(), "starting");
    for warning in &start.warnings {
        warn!("{warning}");
    }
    for warning in openness(&loaded.config.gateway) {
        warn!("{warning}");
    }
    for name in near_misses(environment) {
        warn!(
            variable = name,
            "set but read by nobody: sections are parted by two underscores, as in OPENCLAW_GATEWAY__PORT"
        );
    }
    let store = Arc::new(Store::new(loader, loaded, {
        let telemetry = telemetry.clone();
        Box::new(move |config| {
            telemetry.hide(config.secrets());
            telemetry.set_level(config.gateway.logging.level);
        })
    }));
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(
            std::thread::available_parallelism()
                .map_or(2, usize::from)
                .clamp(*WORKERS.start(), *WORKERS.end()),
        )
        .max_blocking_threads(BLOCKING_THREADS)
        .enable_all()
        .build()
        .map_err(|error| Stop::because(Exit::Failure, &error))?;
    let ended = runtime.block_on(serve(&home, &store, &telemetry, options, start.created));
    // Nothing that is still blocked may keep the process.
    runtime.shutdown_background();
    if let Err(stop) = &ended {
        error!(reason = stop.message, "stopped");
    }
    telemetry.flush();
    ended
}

fn screen(environment: &Environment) -> Screen {
    if std::io::stderr().is_terminal() {
        Screen::Human { colour: environment.non_empty("NO_COLOR").is_none() }
    } else {
        Screen::Json
    }
}

async fn serve(
    home: &Home,
    store: &Arc<Store>,
    telemetry: &Telemetry,
    options: &Options,
    first: bool,
) -> Result<Exit, Stop> {
    let (leave, at_once) = (CancellationToken::new(), CancellationToken::new());
    let (tasks, reload, done) = (TaskTracker::new(), Arc::new(Notify::new()), CancellationToken::new());
    let signals = Signals::listen().map_err(|error| Stop::because(Exit::Failure, &error))?;
    let handling = signals.handle(leave.clone(), at_once.clone(), Arc::clone(&reload));
    tasks.spawn(done.clone().run_until_cancelled_owned(handling));

    let System { server, agent, memory, skills, channels } =
        wire::build(home, store, telemetry, &tasks, &leave)?;
    let address = server.local_addr();
    let _run_file = RunFile::write(home, address)
        .map_err(|error| warn!(%error, "can't say where we listen: other commands need --port"));
    info!(%address, "listening");
    tasks.spawn(config::watch(Arc::clone(store), reload, leave.clone()));
    let stop_skills = CancellationToken::new();
    let skills_kept = tasks.spawn(skills.keep(stop_skills.clone()));
    let stop_channels = CancellationToken::new();
    let channels_kept = tasks.spawn({
        let (channels, leave, stop) = (Arc::clone(&channels), leave.clone(), stop_channels.clone());
        async move { channels.keep(leave, stop).await }
    });
    tasks.spawn(rest::watch(leave.clone(), || openclaw_heap::give_back() | openclaw_heap::give_back_code()));
    tasks.spawn({
        let (agent, home, explicit) = (Arc::clone(&agent), home.clone(), options.home.is_some());
        let telemetry = telemetry.clone();
        async move {
            let provider = agent.provider().await;
            telemetry.started();
            output::print(&banner::banner(&banner::program(), &home, address, first, explicit, provider));
        }
    });

    let serving = async {
        let served = server.serve(leave.clone(), DRAIN_CONNECTIONS).await;
        // The listener may have ended by itself.
        leave.cancel();
        served
    };
    let draining = async {
        leave.cancelled().await;
        agent.drain(DRAIN_RUNS).await;
    };
    let leaving = async {
        // Side by side: a client that waits for a run is answered when the run ends, or is put off to the next start.
        let (served, ()) = tokio::join!(serving, draining);
        // Runs are over, or put off: whatever still acts for them ends before the log does. Answers that have just been given are
        // on their way a moment longer; those that are not delivered then go on at the next start.
        channels.delivered(LAST_ANSWERS).await;
        stop_channels.cancel();
        if tokio::time::timeout(END_CHANNELS, channels_kept).await.is_err() {
            warn!("channels did not end in time; what they had to deliver goes on at the next start");
        }
        stop_skills.cancel();
        if tokio::time::timeout(END_SKILLS, skills_kept).await.is_err() {
            warn!("sandboxes did not end in time; they end with the gateway");
        }
        memory.close().await;
        done.cancel();
        tasks.close();
        if tokio::time::timeout(LAST_TASKS, tasks.wait()).await.is_err() {
            warn!(tasks = tasks.len(), "some tasks did not end in time");
        }
        served
    };
    let overdue = async {
        leave.cancelled().await;
        tokio::time::sleep(LEAVE).await;
    };
    tokio::select! {
        biased;
        () = at_once.cancelled() => Ok(Exit::Interrupted),
        served = leaving => {
            served.map_err(|error| Stop::because(Exit::Failure, &error))?;
            info!("stopped; everything is written");
            Ok(Exit::Ok)
        }
        () = overdue => {
            warn!("stopped at the deadline; what was acknowledged is safe, runs under way go on at the next start");
            Ok(Exit::Ok)
        }
    }
}
