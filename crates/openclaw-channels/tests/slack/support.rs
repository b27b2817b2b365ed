//! A gateway's channels, with an agent that follows a script.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use openclaw_channels::{ChannelConfigs, Channels, Parts, platform};
use openclaw_core::{
    Secret, Timestamp,
    config::ChannelConfig,
    port::{ChannelInfo, ChannelPort as _, ChannelStatus},
};
use openclaw_platforms::{Slack, slack::Post};
use openclaw_testkit::{FakeAgent, FakeCuration, FakeMemory};
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

pub(crate) const BOT: &str = "xoxb-test";
pub(crate) const APP: &str = "xapp-test";
pub(crate) const ANNA: &str = "U0ANNA";
/// The channel that the bot is in.
pub(crate) const GENERAL: &str = "C0GEN";

/// Time between two looks.
const POLL: Duration = Duration::from_millis(100);

/// Slack, an agent, and a gateway between them that can be killed and started again.
pub(crate) struct World {
    pub(crate) slack: Slack,
    pub(crate) agent: Arc<FakeAgent>,
    pub(crate) memory: Arc<FakeMemory>,
    /// The chat with Anna.
    pub(crate) im: String,
    config: watch::Sender<ChannelConfigs>,
    gateway: Option<Gateway>,
    directory: TempDir,
    begun: Instant,
}

struct Gateway {
    channels: Arc<Channels>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl World {
    /// Anna may talk.
    pub(crate) async fn new() -> Self {
        let mut world = Self::stopped().await;
        world.start();
        world.until_connected().await;
        world
    }

    /// The same before the gateway is started.
    pub(crate) async fn stopped() -> Self {
        let slack = Slack::start(BOT, APP).await;
        slack.user(ANNA, "Anna");
        slack.user("U0EVE", "Eve");
        slack.channel(GENERAL);
        let memory = Arc::new(FakeMemory::new());
        let config = ChannelConfig {
            token: Some(Secret::new(BOT)),
            secrets: BTreeMap::from([("app_token".to_owned(), Secret::new(APP))]),
            base_url: Some(format!("{}/api", slack.url())),
            allowed_users: vec![ANNA.to_owned()],
            ..ChannelConfig::default()
        };
        Self {
            agent: Arc::new(FakeAgent::new(Arc::clone(&memory))),
            memory,
            im: slack.im(ANNA),
            config: watch::Sender::new(Arc::new(BTreeMap::from([("slack".to_owned(), config)]))),
            slack,
            gateway: None,
            directory: TempDir::new().unwrap(),
            begun: Instant::now(),
        }
    }

    pub(crate) fn configure(&self, change: impl FnOnce(&mut ChannelConfig)) {
        self.config.send_modify(|config| change(Arc::make_mut(config).get_mut("slack").unwrap()));
    }

    /// A new process.
    pub(crate) fn start(&mut self) {
        let begun = self.begun;
        let parts = Parts {
            agent: self.agent.clone(),
            curation: Arc::new(FakeCuration::new(Arc::clone(&self.memory))),
            journal: self.directory.path().join("channels/state.redb"),
            clock: Arc::new(move || {
                Timestamp::from_unix_millis(1_800_000_000_000).saturating_add(begun.elapsed())
            }),
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
            assert!(begun.elapsed() < Duration::from_secs(600), "the channel stays `{trouble}`");
            tokio::time::sleep(POLL).await;
        }
    }

    pub(crate) async fn until_connected(&self) -> Duration {
        self.until_trouble(str::is_empty).await
    }

    /// The texts that the agent was told, in order.
    pub(crate) fn told(&self) -> Vec<String> {
        self.agent.submissions().into_iter().map(|submission| submission.text).collect()
    }

    /// Waits until it is so, as long as a virtual hour.
    pub(crate) async fn until(&self, what: &str, reached: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !reached(self) {
            assert!(
                begun.elapsed() < Duration::from_secs(3600),
                "{what}: never; the agent was told {:?}, {} envelopes are open",
                self.told(),
                self.slack.unacked()
            );
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits for answers in a channel.
    pub(crate) async fn until_answers(&self, channel: &str, reached: impl Fn(&[Post]) -> bool) -> Vec<Post> {
        let begun = Instant::now();
        loop {
            let answers = self.slack.answers(channel);
            if reached(&answers) {
                return answers;
            }
            assert!(begun.elapsed() < Duration::from_secs(3600), "the bot posted {answers:#?}");
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until nothing is on its way any more.
    pub(crate) async fn settled(&self) {
        self.until("every envelope is acknowledged", |world| world.slack.unacked() == 0).await;
        while self.info().await.detail.waiting > 0 {
            tokio::time::sleep(POLL).await;
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(crate) fn texts(posts: &[Post]) -> Vec<&str> {
    posts.iter().map(|post| post.text.as_str()).collect()
}

pub(crate) async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}
