//! The configured channels: started, stopped and changed as the configuration says.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use openclaw_core::{
    ErrorCode, Failure, Timestamp,
    config::ChannelConfig,
    port::{
        AgentPort, ChannelDetail, ChannelInfo, ChannelPort, ChannelStatus, CurationPort, PairingCode,
        WebhookAnswer, WebhookRequest,
    },
};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{error, info};

use crate::{
    access::{Access, Pairing},
    adapter::{Adapter, Platform},
    health::Health,
    inbound::{Clock, Desk, DeskParts},
    journal::{Change, Journal, JournalError},
    link::Link,
    net::Net,
    notice::Notices,
    open::open,
    outbox::{Outbox, OutboxParts, TokenDied},
    supervisor::Channel,
    sync::lock,
};

/// Why a channel that is switched off is not connected.
const SWITCHED_OFF: &str = "disabled in the configuration";

/// Time between two attempts to open the journal.
const AGAIN: Duration = Duration::from_secs(30);
/// Time between two looks at whether all answers are delivered.
const LOOK: Duration = Duration::from_millis(20);

/// The configuration's `channels`, by type.
pub type ChannelConfigs = Arc<BTreeMap<String, ChannelConfig>>;

/// Finds a platform by its channel type.
pub type FindPlatform = Box<dyn Fn(&str) -> Option<&'static dyn Platform> + Send + Sync>;

/// What the channels work with.
pub struct Parts {
    /// Answers messages.
    pub agent: Arc<dyn AgentPort>,
    /// Takes in what was changed afterwards.
    pub curation: Arc<dyn CurationPort>,
    /// The journal's file; it and its directory are created when a channel is configured first.
    pub journal: PathBuf,
    /// What time it is.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    /// Whether the journal is written on the runtime's own threads, which then wait for the disk: for simulations, that must go the
    /// same way from the same seed.
    pub in_place: bool,
    /// Which platforms there are: [`crate::platform`], or an embedder's own.
    pub find: FindPlatform,
}

/// Every configured channel. Follows the configuration while [`Self::keep`] runs: a change connects what it concerns anew, and nothing
/// else.
pub struct Channels {
    config: watch::Receiver<ChannelConfigs>,
    parts: Parts,
    net: Net,
    entries: Mutex<BTreeMap<String, Entry>>,
    pairings: Mutex<BTreeMap<String, Arc<Pairing>>>,
    tasks: TaskTracker,
}

impl std::fmt::Debug for Channels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Channels").finish_non_exhaustive()
    }
}

/// One configured channel.
struct Entry {
    config: ChannelConfig,
    state: Entered,
}

enum Entered {
    Running(Arc<Channel>),
    /// It can't run, for this reason.
    Not(String),
    /// It can't run because the journal can't be used, which may pass.
    NoJournal(String),
}

impl Entry {
    /// Whether it stays as it is until the configuration changes.
    fn is_settled(_kind: &String, entry: &mut Self) -> bool {
        !matches!(entry.state, Entered::NoJournal(_))
    }
}

impl Channels {
    /// The channels of `config`. Does nothing before [`Self::keep`].
    #[must_use]
    pub fn new(config: watch::Receiver<ChannelConfigs>, parts: Parts) -> Self {
        Self {
            config,
            parts,
            net: Net::default(),
            entries: Mutex::default(),
            pairings: Mutex::default(),
            tasks: TaskTracker::new(),
        }
    }

    /// Runs the channels. When `leave` is cancelled nothing more is taken in, and what is being answered goes on; when `stop` is, all
    /// ends, and what is open goes on at the next start.
    pub async fn keep(&self, leave: CancellationToken, stop: CancellationToken) {
        let mut config = self.config.clone();
        let mut journal = None;
        loop {
            let wanted = config.borrow_and_update().clone();
            self.apply(&wanted, &mut journal).await;
            tokio::select! {
                biased;
                () = leave.cancelled() => break,
                () = sleep(AGAIN), if self.lacks_journal() => lock(&self.entries).retain(Entry::is_settled),
                changed = config.changed() => if changed.is_err() { leave.cancelled().await; break },
            }
        }
        for channel in self.running() {
            channel.hang_up();
        }
        stop.cancelled().await;
        futures_util::future::join_all(self.running().iter().map(|channel| channel.end())).await;
        lock(&self.entries).clear();
        drop(journal);
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn lacks_journal(&self) -> bool {
        lock(&self.entries).values().any(|entry| matches!(entry.state, Entered::NoJournal(_)))
    }

    /// Waits until no answer is on its way, at most so long.
    pub async fn delivered(&self, patience: Duration) {
        let until = Instant::now() + patience;
        while self.running().iter().any(|channel| channel.outbox.waiting() > 0) && Instant::now() < until {
            sleep(LOOK).await;
        }
    }

    fn running(&self) -> Vec<Arc<Channel>> {
        let entries = lock(&self.entries);
        entries
            .values()
            .filter_map(|entry| match &entry.state {
                Entered::Running(channel) => Some(Arc::clone(channel)),
                Entered::Not(_) | Entered::NoJournal(_) => None,
            })
            .collect()
    }

    async fn apply(&self, wanted: &BTreeMap<String, ChannelConfig>, journal: &mut Option<Journal>) {
        let gone: Vec<Entry> = {
            let mut entries = lock(&self.entries);
            let changed = |kind: &String, entry: &Entry| wanted.get(kind) != Some(&entry.config);
            entries.extract_if(.., |kind, entry| changed(kind, entry)).map(|(_, entry)| entry).collect()
        };
        let ending = gone.iter().filter_map(|entry| match &entry.state {
            Entered::Running(channel) => Some(channel.end()),
            Entered::Not(_) | Entered::NoJournal(_) => None,
        });
        futures_util::future::join_all(ending).await;
        for (kind, config) in wanted {
            if lock(&self.entries).contains_key(kind) {
                continue;
            }
            let state = match self.start(kind, config, journal).await {
                Ok(channel) => Entered::Running(channel),
                Err(not) => not,
            };
            lock(&self.entries).insert(kind.clone(), Entry { config: config.clone(), state });
        }
    }

    async fn start(
        &self,
        kind: &str,
        config: &ChannelConfig,
        journal: &mut Option<Journal>,
    ) -> Result<Arc<Channel>, Entered> {
        if !config.enabled {
            return Err(Entered::Not(SWITCHED_OFF.to_owned()));
        }
        let adapter = open(&self.parts.find, kind, config, &self.net).map_err(|error| {
            error!(channel = kind, %error, "the channel can't start");
            Entered::Not(error.to_string())
        })?;
        let journal = match journal {
            Some(journal) => journal.clone(),
            None => {
                let opened = self.open_journal().await.map_err(|error| {
                    error!(channel = kind, %error, "the channel can't start");
                    Entered::NoJournal(error.to_string())
                })?;
                journal.insert(opened).clone()
            }
        };
        let pairing = Arc::clone(lock(&self.pairings).entry(kind.to_owned()).or_default());
        let channel = self.build(kind, config, adapter, journal, pairing);
        channel.outbox.resume().map_err(|error| Entered::NoJournal(error.to_string()))?;
        channel.tasks.spawn(Arc::clone(&channel).keep());
        info!(channel = kind, "channel started");
        Ok(channel)
    }

    async fn open_journal(&self) -> Result<Journal, JournalError> {
        let (file, tasks, now) = (self.parts.journal.clone(), self.tasks.clone(), (self.parts.clock)());
        let in_place = self.parts.in_place;
        let opening = tokio::task::spawn_blocking(move || Journal::open(&file, &tasks, now, in_place));
        opening.await.unwrap_or_else(|error| {
            Err(JournalError { file: self.parts.journal.clone(), reason: error.to_string() })
        })
    }

    fn build(
        &self,
        kind: &str,
        config: &ChannelConfig,
        adapter: Arc<dyn Adapter>,
        journal: Journal,
        pairing: Arc<Pairing>,
    ) -> Arc<Channel> {
        let (kind, died) = (Arc::<str>::from(kind), TokenDied::default());
        let (tasks, hang_up, stop) = (TaskTracker::new(), CancellationToken::new(), CancellationToken::new());
        let health = Arc::new(Health::new(adapter.abilities().silence));
        let clock: Clock = Arc::clone(&self.parts.clock);
        let notices = Notices {
            kind: Arc::clone(&kind),
            adapter: Arc::clone(&adapter),
            died: died.clone(),
            stop: stop.clone(),
        };
        let outbox = Arc::new(Outbox::new(OutboxParts {
            kind: Arc::clone(&kind),
            adapter: Arc::clone(&adapter),
            health: Arc::clone(&health),
            journal: journal.clone(),
            agent: Arc::clone(&self.parts.agent),
            clock: Arc::clone(&clock),
            notices: notices.clone(),
            died: died.clone(),
            tasks: tasks.clone(),
            stop: stop.clone(),
            max_age: config.max_reply_age,
        }));
        let desk = Arc::new(Desk::new(DeskParts {
            kind: Arc::clone(&kind),
            config: config.clone(),
            adapter: Arc::clone(&adapter),
            journal: journal.clone(),
            agent: Arc::clone(&self.parts.agent),
            curation: Arc::clone(&self.parts.curation),
            clock,
            access: Access::new(Arc::clone(&kind), config, pairing, journal.clone()),
            notices,
            outbox: Arc::clone(&outbox),
            tasks: tasks.clone(),
            stop: stop.clone(),
        }));
        let link = Link { kind, health, desk, journal };
        Arc::new(Channel { link, adapter, outbox, died, tasks, hang_up, stop })
    }

    /// Whoever posts has not shown yet who it is: why the channel does not run is not told. One that is about to run again, with another
    /// configuration perhaps, may be asked again.
    fn takes_no_posts(&self, kind: &str) -> Failure {
        if self.config.borrow().get(kind).is_some_and(|config| config.enabled) {
            return Failure::new(
                ErrorCode::ServiceUnavailable,
                "The channel is not running; try again later",
            );
        }
        Failure::new(ErrorCode::NotFound, "No such channel takes posts here")
    }

    fn channel(&self, kind: &str) -> Result<Arc<Channel>, Failure> {
        match lock(&self.entries).get(kind).map(|entry| &entry.state) {
            Some(Entered::Running(channel)) => Ok(Arc::clone(channel)),
            Some(Entered::Not(reason) | Entered::NoJournal(reason)) => {
                let message = format!("The channel `{kind}` is not running: {reason}");
                Err(Failure::new(ErrorCode::Conflict, message).with("channel", kind))
            }
            None => {
                let message =
                    format!("The channel `{kind}` is not configured; run `gateway channel add {kind}`");
                Err(Failure::new(ErrorCode::NotFound, message).with("channel", kind))
            }
        }
    }
}

#[async_trait]
impl ChannelPort for Channels {
    async fn list(&self) -> Vec<ChannelInfo> {
        let configured = self.config.borrow().clone();
        let entries = lock(&self.entries);
        let info = |kind: &String| match entries.get(kind).map(|entry| &entry.state) {
            Some(Entered::Running(channel)) => channel.info(),
            Some(Entered::Not(reason) | Entered::NoJournal(reason)) => not_running(kind, reason),
            None => not_running(kind, "starting"),
        };
        configured.keys().map(info).collect()
    }

    async fn pair(&self, kind: &str) -> Result<PairingCode, Failure> {
        let channel = self.channel(kind)?;
        let Some(pairing) = &channel.link.desk.parts.access.pairing else {
            let message = format!("Pairing is off for `{kind}`: set `channels.{kind}.pairing: true`");
            return Err(Failure::new(ErrorCode::Forbidden, message).with("channel", kind));
        };
        pairing.begin((self.parts.clock)()).map_err(|error| {
            error!(%error, "the system gives no random bytes");
            Failure::new(ErrorCode::InternalError, "The system gives no random bytes")
        })
    }

    async fn paired(&self, kind: &str) -> Result<Vec<String>, Failure> {
        self.channel(kind)?.link.journal.paired(kind).map_err(|error| unreadable(&error))
    }

    async fn unpair(&self, kind: &str, user: &str) -> Result<bool, Failure> {
        let channel = self.channel(kind)?;
        let journal = &channel.link.journal;
        let was_paired = journal.is_paired(kind, user).map_err(|error| unreadable(&error))?;
        let change = Change::Unpaired { kind: Arc::clone(&channel.link.kind), user: user.to_owned() };
        journal.write(vec![change]).await.map_err(|error| unreadable(&error))?;
        Ok(was_paired)
    }

    async fn webhook(&self, kind: &str, request: WebhookRequest) -> Result<WebhookAnswer, Failure> {
        let channel = self.channel(kind).map_err(|_| self.takes_no_posts(kind))?;
        Ok(channel.webhook(request).await)
    }
}

fn unreadable(error: &JournalError) -> Failure {
    error!(%error, "the journal failed");
    Failure::new(ErrorCode::ServiceUnavailable, "The channels' journal can't be used; the log says why")
}

fn not_running(kind: &str, reason: &str) -> ChannelInfo {
    ChannelInfo {
        kind: kind.to_owned(),
        status: ChannelStatus::Disconnected { last_error: reason.to_owned() },
        messages_today: 0,
        detail: ChannelDetail::default(),
    }
}
