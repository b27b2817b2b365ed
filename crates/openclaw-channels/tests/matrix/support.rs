//! A homeserver, people, an agent that follows a script, and a gateway between them that can be killed and started again.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use openclaw_channels::{ChannelConfigs, Channels, Parts, platform};
use openclaw_core::{
    ConversationId, Secret, Timestamp,
    config::ChannelConfig,
    port::{ChannelInfo, ChannelPort as _, ChannelStatus},
};
use openclaw_platforms::{
    Proxy, Synapse,
    synapse::{Human, Said},
};
use openclaw_testkit::{FakeAgent, FakeCuration, FakeMemory};
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

/// Everything there is.
pub(crate) struct World {
    pub(crate) synapse: Synapse,
    pub(crate) proxy: Proxy,
    pub(crate) anna: Human,
    /// The assistant's own account, as somebody else with its token would use it.
    pub(crate) claw: Human,
    pub(crate) agent: Arc<FakeAgent>,
    memory: Arc<FakeMemory>,
    pub(crate) config: watch::Sender<ChannelConfigs>,
    pub(crate) gateway: Option<Gateway>,
    directory: TempDir,
}

/// A gateway's channels at work.
pub(crate) struct Gateway {
    pub(crate) channels: Arc<Channels>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl World {
    /// Anna may talk. `None`: there is no Synapse.
    pub(crate) async fn new() -> Option<Self> {
        let mut world = Self::stopped().await?;
        world.start();
        world.until_connected().await;
        Some(world)
    }

    /// The same before the gateway is started.
    pub(crate) async fn stopped() -> Option<Self> {
        Some(Self::on(Synapse::start().await?).await)
    }

    pub(crate) async fn on(synapse: Synapse) -> Self {
        let proxy = Proxy::start(&synapse).await;
        let (anna, claw) = (synapse.register("anna", "pw").await, synapse.register("claw", "pw").await);
        let memory = Arc::new(FakeMemory::new());
        let config = ChannelConfig {
            token: Some(Secret::new(claw.token.clone())),
            base_url: Some(proxy.url()),
            allowed_users: vec![anna.id.clone()],
            ..ChannelConfig::default()
        };
        Self {
            synapse,
            proxy,
            anna,
            claw,
            agent: Arc::new(FakeAgent::new(Arc::clone(&memory))),
            memory,
            config: watch::Sender::new(Arc::new(BTreeMap::from([("matrix".to_owned(), config)]))),
            gateway: None,
            directory: TempDir::new().unwrap(),
        }
    }

    pub(crate) fn configure(&self, change: impl FnOnce(&mut ChannelConfig)) {
        self.config.send_modify(|config| {
            change(Arc::make_mut(config).get_mut("matrix").unwrap());
        });
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.directory.path().join("channels/state.redb")
    }

    /// A new process.
    pub(crate) fn start(&mut self) {
        let gateway = Gateway::start(&self.config, &self.agent, &self.memory, self.journal());
        self.gateway = Some(gateway);
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
            assert!(begun.elapsed() < Duration::from_secs(90), "the channel stays `{trouble}`");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn until_connected(&self) -> Duration {
        self.until_trouble(str::is_empty).await
    }

    /// The texts that the agent was told, in order.
    pub(crate) fn told(&self) -> Vec<String> {
        self.agent.submissions().into_iter().map(|submission| submission.text).collect()
    }

    /// Waits until the agent was told so many things.
    pub(crate) async fn until_told(&self, count: usize) -> Vec<String> {
        let begun = Instant::now();
        while self.told().len() < count {
            assert!(begun.elapsed() < Duration::from_secs(90), "the agent was told {:?} only", self.told());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.told()
    }

    /// What a conversation holds.
    pub(crate) fn transcript(&self, conversation: &ConversationId) -> Vec<String> {
        self.memory.transcript(conversation)
    }

    /// Waits until a conversation holds a line with this in it.
    pub(crate) async fn until_recorded(&self, conversation: &ConversationId, part: &str) {
        let begun = Instant::now();
        while !self.transcript(conversation).iter().any(|line| line.contains(part)) {
            assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", self.transcript(conversation));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until nothing is on its way.
    pub(crate) async fn until_quiet(&self) {
        let begun = Instant::now();
        while self.info().await.detail.waiting > 0 {
            assert!(begun.elapsed() < Duration::from_secs(90), "answers stay on their way");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A direct chat of Anna's, which the assistant has joined.
    pub(crate) async fn chat(&self) -> String {
        let room = self.anna.direct(&self.claw.id).await;
        self.until_member(&self.anna, &room).await;
        room
    }

    /// Waits until the assistant is in a room.
    pub(crate) async fn until_member(&self, who: &Human, room: &str) {
        let begun = Instant::now();
        while !who.members(room).await.contains(&self.claw.id) {
            assert!(begun.elapsed() < Duration::from_secs(60), "it does not join {room}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What the assistant said in a room.
    pub(crate) async fn said(&self, room: &str) -> Vec<Said> {
        let mut said = self.anna.timeline(room).await;
        said.retain(|said| said.sender == self.claw.id && !said.kind.is_empty());
        said
    }

    /// Waits for what the assistant says in a room.
    pub(crate) async fn until_said(&self, room: &str, mut reached: impl FnMut(&[Said]) -> bool) -> Vec<Said> {
        let own = |said: &[Said]| {
            let own = said.iter().filter(|said| said.sender == self.claw.id && !said.kind.is_empty());
            own.cloned().collect::<Vec<_>>()
        };
        own(&self.anna.until(room, |said| reached(&own(said))).await)
    }
}

impl Gateway {
    pub(crate) fn start(
        config: &watch::Sender<ChannelConfigs>,
        agent: &Arc<FakeAgent>,
        memory: &Arc<FakeMemory>,
        journal: PathBuf,
    ) -> Self {
        let parts = Parts {
            agent: Arc::clone(agent) as _,
            curation: Arc::new(FakeCuration::new(Arc::clone(memory))),
            journal,
            clock: Arc::new(Timestamp::now),
            find: Box::new(platform),
            in_place: false,
        };
        let channels = Arc::new(Channels::new(config.subscribe(), parts));
        let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
        let (kept, leave, end) = (Arc::clone(&channels), stop.clone(), stop.clone());
        tasks.spawn(async move { kept.keep(leave, end).await });
        Self { channels, stop, tasks }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(crate) fn texts(said: &[Said]) -> Vec<&str> {
    said.iter().map(|said| said.text.as_str()).collect()
}
