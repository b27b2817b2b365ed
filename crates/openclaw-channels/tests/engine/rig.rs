//! A process with one channel, which can be killed and started again.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use openclaw_channels::{Address, Channels, Event, Inbound, Parts, Platform, Sender};
use openclaw_core::{
    Timestamp,
    config::ChannelConfig,
    port::{ChannelInfo, ChannelPort as _},
};
use openclaw_testkit::{FakeCuration, FakeMemory};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    agent::{Log, SimAgent},
    world::{Sim, World},
};

/// Everything, and the disk it lives on.
pub(crate) struct Rig {
    pub(crate) world: Arc<World>,
    pub(crate) log: Arc<Mutex<Log>>,
    pub(crate) memory: Arc<FakeMemory>,
    pub(crate) config: ChannelConfig,
    pub(crate) token_delay: Duration,
    directory: tempfile::TempDir,
    platform: &'static Sim,
    begun: Instant,
    /// How far the clock on the wall was set forward.
    pub(crate) jump: Arc<Mutex<Duration>>,
    tasks: TaskTracker,
    process: Option<Process>,
}

struct Process {
    channels: Arc<Channels>,
    agent: Arc<SimAgent>,
    config_tx: watch::Sender<Arc<BTreeMap<String, ChannelConfig>>>,
    stop: CancellationToken,
}

impl Rig {
    pub(crate) fn new(seed: u64) -> Self {
        let world = World::new(seed);
        // The engine's pauses are as random, and as repeatable, as everything else.
        fastrand::seed(seed);
        Self {
            platform: Box::leak(Box::new(Sim(Arc::clone(&world)))),
            world,
            log: Arc::default(),
            memory: Arc::new(FakeMemory::new()),
            config: ChannelConfig {
                allowed_users: vec!["ann".to_owned(), "bob".to_owned()],
                ..ChannelConfig::default()
            },
            token_delay: Duration::from_millis(50),
            directory: tempfile::tempdir().unwrap(),
            begun: Instant::now(),
            jump: Arc::default(),
            tasks: TaskTracker::new(),
            process: None,
        }
    }

    pub(crate) fn start(&mut self) {
        assert!(self.process.is_none());
        SimAgent::restart(&self.log);
        let agent = Arc::new(SimAgent {
            world: Arc::clone(&self.world),
            log: Arc::clone(&self.log),
            token_delay: self.token_delay,
        });
        let (config_tx, config) = watch::channel(self.configs());
        let (begun, jump, platform) = (self.begun, Arc::clone(&self.jump), self.platform);
        let channels = Arc::new(Channels::new(
            config,
            Parts {
                agent: Arc::clone(&agent) as _,
                curation: Arc::new(FakeCuration::new(Arc::clone(&self.memory))),
                journal: self.directory.path().join("channels/state.redb"),
                clock: Arc::new(move || {
                    let passed = begun.elapsed() + *jump.lock().unwrap();
                    Timestamp::from_unix_millis(1_800_000_000_000).saturating_add(passed)
                }),
                in_place: true,
                find: Box::new(move |kind| (kind == "irc").then_some(platform as &dyn Platform)),
            },
        ));
        let stop = CancellationToken::new();
        *self.world.process.lock().unwrap() = stop.clone();
        self.tasks.spawn({
            let (channels, stop) = (Arc::clone(&channels), stop.clone());
            async move { channels.keep(stop.clone(), stop).await }
        });
        self.process = Some(Process { channels, agent, config_tx, stop });
    }

    fn configs(&self) -> Arc<BTreeMap<String, ChannelConfig>> {
        Arc::new(BTreeMap::from([("irc".to_owned(), self.config.clone())]))
    }

    /// Ends the process where it stands. What it had in memory is gone.
    pub(crate) async fn kill(&mut self) {
        let Some(process) = self.process.take() else { return };
        process.stop.cancel();
        drop(process);
        self.tasks.close();
        self.tasks.wait().await;
        self.tasks.reopen();
    }

    pub(crate) async fn restart(&mut self) {
        self.kill().await;
        self.start();
    }

    /// Whether a step killed the process.
    pub(crate) fn is_dead(&self) -> bool {
        self.process.as_ref().is_none_or(|process| process.stop.is_cancelled())
    }

    pub(crate) fn reconfigure(&mut self, config: ChannelConfig) {
        self.config = config;
        let configs = self.configs();
        self.process.as_ref().unwrap().config_tx.send_replace(configs);
    }

    pub(crate) fn channels(&self) -> &Channels {
        &self.process.as_ref().unwrap().channels
    }

    pub(crate) fn agent(&self) -> &SimAgent {
        &self.process.as_ref().unwrap().agent
    }

    pub(crate) async fn info(&self) -> ChannelInfo {
        self.channels().list().await.remove(0)
    }

    /// Waits until the bot has said this often something in a chat.
    pub(crate) async fn until_said(&self, chat: &str, count: usize) -> Vec<String> {
        self.until(|world| world.said(chat).len() >= count).await;
        self.world.said(chat)
    }

    /// Waits until it is so, for at most an hour of virtual time.
    pub(crate) async fn until(&self, is_so: impl Fn(&World) -> bool) {
        let waiting = async {
            while !is_so(&self.world) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        if timeout(Duration::from_secs(3600), waiting).await.is_err() {
            panic!("it never came to be; the bot said {:?}", self.world.sent());
        }
    }

    /// Lets time pass.
    pub(crate) async fn pass(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
}

/// A message of a person who may talk, in a direct chat of their own.
pub(crate) fn direct(user: &str, id: &str, text: &str) -> Event {
    Event::Message(Inbound {
        id: id.to_owned(),
        address: Address::chat(user),
        direct: true,
        addressed: true,
        sender: Sender { id: user.to_owned(), name: user.to_uppercase(), is_bot: false },
        text: text.to_owned(),
        files: Vec::new(),
        quoted: None,
        sent_at: None,
    })
}
