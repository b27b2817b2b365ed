//! Builds the parts and hands each what it needs: the only place that knows all of them.

mod late;
mod local;
mod providers;
pub(crate) mod skills;

use std::sync::Arc;

use openclaw_channels::Channels;
use openclaw_core::{
    Secret, Timestamp,
    config::{MemoryConfig, ProviderKind},
    port::{AgentPort, ToolPort},
};
use openclaw_http::{BindError, Limits, Server, Services};
use openclaw_inference::embed::{self, EmbedOptions, Embedder};
use openclaw_memory::{Memory, OpenError, OpenReport, Parts, Unlock};
use openclaw_reasoning::{Distiller, Router, routes::EnvKeys};
use openclaw_skills::Skills;
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{info, warn};

use self::late::LateAgent;
use crate::{
    compaction::{Keeper, SystemZone},
    config::{Environment, LiveConfig, Store},
    exit::{Exit, Stop},
    home::Home,
    open_files,
    persona::persona,
    telemetry::Telemetry,
};

pub(crate) use self::{
    late::ProviderInForce,
    local::{configured_file, default_file},
};

/// Variables that hold a vendor's key, in the order they are tried.
pub(crate) const KEYS: [(&str, ProviderKind); 2] =
    [("ANTHROPIC_API_KEY", ProviderKind::Anthropic), ("OPENAI_API_KEY", ProviderKind::OpenAi)];

/// Everything that runs.
pub(crate) struct System {
    pub(crate) server: Server,
    pub(crate) agent: Arc<LateAgent>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) skills: Skills,
    pub(crate) channels: Arc<Channels>,
}

/// What the environment says about providers.
pub(crate) fn env_keys(environment: &Environment) -> EnvKeys {
    let key = |name: &str| environment.non_empty(name).map(Secret::new);
    let text = |name: &str| environment.non_empty(name).map(str::to_owned);
    EnvKeys {
        anthropic: key("ANTHROPIC_API_KEY"),
        openai: key("OPENAI_API_KEY"),
        anthropic_base_url: text("ANTHROPIC_BASE_URL"),
        openai_base_url: text("OPENAI_BASE_URL"),
    }
}

/// Opens the memory, starts the agent and binds the port. Blocks while the log is replayed. Must run inside the runtime.
///
/// Looking for providers goes on in the background: a server that does not answer must not keep us from listening.
pub(crate) fn build(
    home: &Home,
    store: &Arc<Store>,
    telemetry: &Telemetry,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
) -> Result<System, Stop> {
    let agent = Arc::new(LateAgent::default());
    let search = providers::Search::new(home, store);
    let first_router = tasks.spawn({
        let search = search.clone();
        async move { search.build().await }
    });

    let config = store.config().borrow().clone();
    // Nobody answers until the first search has ended.
    let router_tx = watch::Sender::new(Arc::new(Router::default()));
    let embedder = Embedder::new(EmbedOptions::new(home.models().join(embed::FILE)));
    let parts = Parts {
        distiller: Some(Arc::new(Distiller::new(router_tx.subscribe()))),
        embedder: Some(Arc::new(embedder)),
        unlock: unlock(home, &config.memory),
    };
    let (memory, report) =
        Memory::open_with(&home.memory(), &config.memory, &parts).map_err(|error| cannot_open(&error))?;
    tell(&report);
    let memory = Arc::new(memory);
    let environment = store.loader().environment();
    let skills = Skills::open(skills::options(home, environment)?, store.skills())
        .map_err(|error| Stop::because(Exit::Failure, &error))?;
    let channels = Arc::new(Channels::new(
        store.channels(),
        openclaw_channels::Parts {
            agent: Arc::clone(&agent) as Arc<dyn AgentPort>,
            curation: Arc::clone(&memory) as _,
            journal: home.channels().join("state.redb"),
            clock: Arc::new(Timestamp::now),
            in_place: false,
            find: Box::new(openclaw_channels::platform),
        },
    ));
    let services = Services {
        agent: Arc::clone(&agent) as Arc<dyn AgentPort>,
        memory: Arc::clone(&memory) as _,
        curation: Arc::clone(&memory) as _,
        skills: Arc::new(skills.clone()),
        channels: Arc::clone(&channels) as _,
        config: Arc::new(LiveConfig(Arc::clone(store))),
        logs: Arc::new(telemetry.files()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let usual = Limits::default();
    let limits =
        Limits { connections: open_files::connections(usual.connections, open_files::raise()), ..usual };
    let server =
        Server::bind(store.gateway(), services).map_err(|error| cannot_bind(&error))?.with_limits(limits);
    tasks.spawn(providers::keep(
        search,
        first_router,
        late::Start {
            agent: Arc::clone(&agent),
            memory: Arc::clone(&memory) as _,
            curation: Arc::clone(&memory) as _,
            tools: Arc::new(skills.clone()) as Arc<dyn ToolPort>,
            persona: persona(home.soul_file()),
        },
        router_tx,
        shutdown.clone(),
    ));
    let zone = store.loader().environment().non_empty("TZ").map(str::to_owned);
    let keeper = Keeper {
        curation: Arc::clone(&memory) as _,
        memory: Arc::clone(&memory) as _,
        config: store.config(),
        zone: Arc::new(SystemZone::new(zone)),
        now: Box::new(Timestamp::now),
    };
    tasks.spawn(keeper.keep(shutdown.clone()));
    Ok(System { server, agent, memory, skills, channels })
}

/// What opens an encrypted memory; `None`: it is not to be encrypted.
pub(crate) fn unlock(home: &Home, config: &MemoryConfig) -> Option<Unlock> {
    config.encryption.then(|| match &config.passphrase {
        Some(passphrase) => Unlock::Passphrase(passphrase.clone()),
        None => Unlock::KeyFile(home.resolve(&config.key_file)),
    })
}

fn tell(report: &OpenReport) {
    for damage in &report.damaged {
        warn!(?damage, "the log is damaged here; what else it holds is intact");
    }
    if report.missing > 0 {
        warn!(records = report.missing, "records are missing from the log");
    }
    if report.cut_bytes > 0 {
        info!(bytes = report.cut_bytes, "an unfinished write at the log's end was cut off");
    }
    info!(
        replayed = report.replayed,
        rebuilt = report.rebuilt,
        pending = report.pending_runs,
        took_ms = u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX),
        "memory open"
    );
}

fn cannot_open(error: &OpenError) -> Stop {
    let exit = match error {
        OpenError::Locked { .. } => Exit::InUse,
        OpenError::Encryption(error) if error.is_mistake() => Exit::Config,
        _ => Exit::Failure,
    };
    Stop::because(exit, error)
}

fn cannot_bind(error: &BindError) -> Stop {
    match error {
        BindError::InUse { addr } => {
            let who =
                crate::run::port_owner(*addr).map(|pid| format!(" by process {pid}")).unwrap_or_default();
            Stop::new(
                Exit::InUse,
                format!(
                    "{addr} is in use{who}: stop that program (perhaps another gateway), or take another port: \
                     `gateway --port {}`, or gateway.port in gateway.yaml",
                    addr.port().checked_add(1).unwrap_or(18789)
                ),
            )
        }
        BindError::Unprotected { .. } => Stop::because(Exit::Config, error),
        _ => Stop::because(Exit::Failure, error),
    }
}
