//! A gateway's channels, with an agent that follows a script.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use openclaw_channels::{ChannelConfigs, Channels, Parts, platform};
use openclaw_core::{
    ConversationId, Secret, Timestamp,
    config::ChannelConfig,
    port::{ChannelInfo, ChannelPort as _, ChannelStatus},
};
use openclaw_platforms::{
    Discord,
    discord::{Sent, User},
};
use openclaw_testkit::{FakeAgent, FakeCuration, FakeMemory};
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

pub(crate) const TOKEN: &str = "discord-test-token";
/// The Unix time at which each test begins, in milliseconds.
const BEGIN: u64 = 1_790_000_000_000;

/// Discord, an agent, and a gateway between them that can be killed and started again.
pub(crate) struct World {
    pub(crate) discord: Discord,
    pub(crate) agent: Arc<FakeAgent>,
    memory: Arc<FakeMemory>,
    pub(crate) config: watch::Sender<ChannelConfigs>,
    pub(crate) gateway: Option<Gateway>,
    directory: TempDir,
    begun: Instant,
}

/// A gateway's channels at work.
pub(crate) struct Gateway {
    pub(crate) channels: Arc<Channels>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl World {
    /// Everybody with these ids may talk.
    pub(crate) async fn new(users: &[&str]) -> Self {
        let mut world = Self::stopped(users).await;
        world.start();
        world.until_connected().await;
        world
    }

    /// The same before the gateway is started.
    pub(crate) async fn stopped(users: &[&str]) -> Self {
        let discord = Discord::start(TOKEN).await;
        discord.set_time(BEGIN);
        let memory = Arc::new(FakeMemory::new());
        let config = ChannelConfig {
            token: Some(Secret::new(TOKEN)),
            base_url: Some(format!("{}/api", discord.url())),
            allowed_users: users.iter().map(ToString::to_string).collect(),
            ..ChannelConfig::default()
        };
        Self {
            agent: Arc::new(FakeAgent::new(Arc::clone(&memory))),
            memory,
            config: watch::Sender::new(Arc::new(BTreeMap::from([("discord".to_owned(), config)]))),
            discord,
            gateway: None,
            directory: TempDir::new().unwrap(),
            begun: Instant::now(),
        }
    }

    pub(crate) fn configure(&self, change: impl FnOnce(&mut ChannelConfig)) {
        self.config.send_modify(|config| {
            change(Arc::make_mut(config).get_mut("discord").unwrap());
        });
    }

    /// A new process.
    pub(crate) fn start(&mut self) {
        let begun = self.begun;
        let clock = move || Timestamp::from_unix_millis(BEGIN as i64).saturating_add(begun.elapsed());
        let parts = Parts {
            agent: self.agent.clone(),
            curation: Arc::new(FakeCuration::new(Arc::clone(&self.memory))),
            journal: self.directory.path().join("channels/state.redb"),
            clock: Arc::new(clock),
            find: Box::new(platform),
            in_place: false,
        };
        let channels = Arc::new(Channels::new(self.config.subscribe(), parts));
        let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
        let (kept, leave) = (Arc::clone(&channels), stop.clone());
        let end = stop.clone();
        tasks.spawn(async move { kept.keep(leave, end).await });
        self.gateway = Some(Gateway { channels, stop, tasks });
    }

    /// Everything is cut off wherever it is.
    pub(crate) async fn kill(&mut self) {
        let mut gateway = self.gateway.take().unwrap();
        gateway.stop.cancel();
        while gateway.tasks.join_next().await.is_some() {}
    }

    pub(crate) async fn info(&self) -> ChannelInfo {
        self.gateway.as_ref().unwrap().channels.list().await.remove(0)
    }

    /// Why it is not connected; empty: it is.
    pub(crate) async fn trouble(&self) -> String {
        match self.info().await.status {
            ChannelStatus::Connected { .. } => String::new(),
            ChannelStatus::Disconnected { last_error } => last_error,
        }
    }

    /// Waits until `reached` is true of the trouble; how long that took.
    pub(crate) async fn until_trouble(&self, mut reached: impl FnMut(&str) -> bool) -> Duration {
        let begun = Instant::now();
        loop {
            let trouble = self.trouble().await;
            if reached(&trouble) {
                return begun.elapsed();
            }
            assert!(begun.elapsed() < Duration::from_secs(300), "the channel stays `{trouble}`");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) async fn until_connected(&self) -> Duration {
        self.until_trouble(str::is_empty).await
    }

    /// The texts that the agent was told, in order.
    pub(crate) fn told(&self) -> Vec<String> {
        self.agent.submissions().into_iter().map(|submission| submission.text).collect()
    }

    /// What a conversation holds.
    pub(crate) fn transcript(&self, conversation: &ConversationId) -> Vec<String> {
        self.memory.transcript(conversation)
    }

    /// Waits until the agent was told so many things.
    pub(crate) async fn until_told(&self, count: usize) -> Vec<String> {
        let begun = Instant::now();
        while self.told().len() < count {
            assert!(begun.elapsed() < Duration::from_secs(600), "the agent was told {:?} only", self.told());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.told()
    }

    /// Waits for answers in `channel`, as long as a virtual ten minutes.
    pub(crate) async fn until_sent(
        &self,
        channel: u64,
        mut reached: impl FnMut(&[Sent]) -> bool,
    ) -> Vec<Sent> {
        let done =
            self.discord.wait(Duration::from_secs(600), |discord| reached(&discord.sent_in(channel))).await;
        let sent = self.discord.sent_in(channel);
        assert!(done, "in {channel} the bot sent {sent:#?}; the agent was told {:?}", self.told());
        sent
    }

    /// Waits until every answer is there.
    pub(crate) async fn until_idle(&self) {
        while self.info().await.detail.waiting > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(crate) fn anna() -> User {
    User::new(7, "Anna")
}

pub(crate) fn texts(sent: &[Sent]) -> Vec<&str> {
    sent.iter().filter(|sent| !sent.deleted).map(|sent| sent.text.as_str()).collect()
}

/// Lets time pass.
pub(crate) async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}
