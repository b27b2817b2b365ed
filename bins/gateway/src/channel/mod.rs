//! `gateway channel`: chat platforms. What is added and removed goes into gateway.yaml, which a running gateway follows at once; codes
//! and pairings are asked of the running gateway.

mod add;
pub(crate) mod args;
mod look;
mod prompt;

use std::{path::Path, time::Duration};

use hyper::Method;
use openclaw_core::{
    config::{ChannelConfig, Config},
    port::ChannelStatus,
};
use serde_json::{Value, json};

use self::args::Channel;
use crate::{
    cli::Options,
    client::{Client, ClientError},
    config::{Environment, Store},
    exit::{Exit, Stop},
    output::{complain, harmless, line},
    run_file, settings,
};

/// How long a change may take to show at a running gateway.
const FOLLOW: Duration = Duration::from_secs(15);
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(250);
/// How long the running gateway may take to see that its file has changed.
const TAKEN_UP: Duration = Duration::from_secs(2);

/// Runs the command.
pub(crate) async fn channel(
    command: Channel,
    options: &Options,
    environment: &Environment,
) -> Result<Exit, Stop> {
    match command {
        Channel::Add(add) => add::add(&Here::open(options, environment, true)?, add).await,
        Channel::List { json } => look::list(&Here::open(options, environment, false)?, json).await,
        Channel::Test { kind, to } => {
            look::test(&Here::open(options, environment, false)?, &kind, to.as_deref()).await
        }
        Channel::Pair { kind } => pair(&Here::open(options, environment, false)?, &kind).await,
        Channel::Paired { kind, remove } => {
            look::paired(&Here::open(options, environment, false)?, &kind, remove.as_deref()).await
        }
        Channel::Remove { kind, yes } => remove(&Here::open(options, environment, false)?, &kind, yes).await,
    }
}

/// The data directory's configuration, and the gateway that runs in it, if one does.
struct Here {
    store: Store,
    client: Option<Client>,
}

impl Here {
    /// `begin`: the first start, if there was none.
    fn open(options: &Options, environment: &Environment, begin: bool) -> Result<Self, Stop> {
        let home = settings::home(options, environment)?;
        if begin {
            crate::config::first_start(&home).map_err(|error| Stop::because(Exit::Failure, &error))?;
        }
        let loaded = settings::load_existing(&home, options, environment, Exit::Config)?;
        let running = run_file::running(&home).filter(|_| options.port.is_none());
        let is_asked_for = running.is_some() || options.port.is_some();
        let client = is_asked_for.then(|| Client::new(running.as_ref(), &loaded.config.gateway));
        let loader = settings::loader(&home, options, environment);
        Ok(Self { store: Store::new(loader, loaded, Box::new(|_| ())), client })
    }

    fn config(&self) -> std::sync::Arc<Config> {
        self.store.config().borrow().clone()
    }

    fn channel(&self, kind: &str) -> Result<ChannelConfig, Stop> {
        let known = |name: &&str| self.config().channels.contains_key(*name);
        if let Some(config) = self.config().channels.get(kind) {
            return Ok(config.clone());
        }
        let names: Vec<_> = openclaw_channels::platforms().map(|platform| platform.name()).collect();
        let message = if names.contains(&kind) {
            format!("{kind} is not configured; connect it with: gateway channel add {kind}")
        } else {
            let configured: Vec<&str> = names.iter().filter(|name| known(name)).copied().collect();
            let those = if configured.is_empty() { &names } else { &configured };
            format!("there is no channel {}; there are: {}", harmless(kind), those.join(", "))
        };
        Err(Stop::new(Exit::Failure, message))
    }

    /// The running gateway, which has to be there.
    fn gateway(&self) -> Result<&Client, Stop> {
        self.client.as_ref().ok_or_else(|| {
            Stop::new(Exit::NotRunning, "no gateway is running; start one in another terminal: gateway")
        })
    }

    fn file(&self) -> &Path {
        self.store.loader().file()
    }

    /// Writes a change into gateway.yaml.
    fn change(&self, kind: &str, channel: &Value) -> Result<(), Stop> {
        let patch = json!({"channels": {kind: channel}});
        self.store.apply(&patch).map_err(|failure| Stop::new(Exit::Failure, failure.message))?;
        Ok(())
    }

    /// Waits until the running gateway has the channel connected, or says why not; without a gateway, nothing. `was_there`: what it says at
    /// first may be about the configuration before.
    async fn follow(&self, kind: &str, was_there: bool) -> Option<ChannelStatus> {
        let client = self.client.as_ref()?;
        if was_there {
            tokio::time::sleep(TAKEN_UP).await;
        }
        let until = tokio::time::Instant::now() + FOLLOW;
        loop {
            let told = client.json(Method::GET, &format!("/channels/{kind}/status"), None).await.ok();
            let is_late = tokio::time::Instant::now() >= until;
            if let Some(status) = told.as_ref().and_then(status_of) {
                let passing = matches!(
                    &status,
                    ChannelStatus::Disconnected { last_error } if ["starting", "connecting"].contains(&last_error.as_str())
                );
                if !passing || is_late {
                    return Some(status);
                }
            } else if is_late {
                return None;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// What `GET /channels/:type/status` says of the connection.
fn status_of(told: &Value) -> Option<ChannelStatus> {
    match told["status"].as_str()? {
        "connected" => {
            Some(ChannelStatus::Connected { since: told["connected_since"].as_str()?.parse().ok()? })
        }
        _ => {
            let last_error = told["last_error"].as_str().unwrap_or_default().to_owned();
            Some(ChannelStatus::Disconnected { last_error })
        }
    }
}

async fn pair(here: &Here, kind: &str) -> Result<Exit, Stop> {
    here.channel(kind)?;
    let code = here.gateway()?.json(Method::POST, &format!("/channels/{kind}/pair"), None).await;
    let code = code.map_err(|error| stop(&error))?;
    line(&harmless(code["code"].as_str().unwrap_or_default()));
    complain(&format!(
        "Whoever sends this to the bot on {kind}, in a direct chat, within ten minutes may talk to the assistant from then on. \
         It works once; five wrong codes void it."
    ));
    Ok(Exit::Ok)
}

async fn remove(here: &Here, kind: &str, yes: bool) -> Result<Exit, Stop> {
    here.channel(kind)?;
    if !yes {
        let mut asked = prompt::Prompt::new();
        if !asked.is_person_there() {
            let message = format!("say --yes to remove {kind} from {}", here.file().display());
            return Err(Stop::new(Exit::Usage, message));
        }
        let question = format!("Remove {kind} from {}? [y/N] ", here.file().display());
        let answer = asked.ask(&question).await?;
        if !matches!(answer.to_lowercase().as_str(), "y" | "yes") {
            return Err(Stop::new(Exit::Failure, "nothing was changed"));
        }
    }
    here.change(kind, &Value::Null)?;
    line(&format!("{kind} is removed from {}", here.file().display()));
    Ok(Exit::Ok)
}

fn stop(error: &ClientError) -> Stop {
    let exit = if matches!(error, ClientError::NotRunning(_)) { Exit::NotRunning } else { Exit::Failure };
    Stop::new(exit, harmless(&error.to_string()))
}
