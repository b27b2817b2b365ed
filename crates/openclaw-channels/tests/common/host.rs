//! A gateway's channels with one channel and an agent that follows a script, which can be killed and started again: what the
//! tests of every platform stand on.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use openclaw_channels::{ChannelConfigs, Channels, Parts, platform};
use openclaw_core::{
    Timestamp,
    config::ChannelConfig,
    port::{ChannelInfo, ChannelPort as _, ChannelStatus},
};
use openclaw_testkit::{FakeAgent, FakeCuration, FakeMemory};
use tempfile::TempDir;
use tokio::{sync::watch, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

/// The gateway's machine: what outlives its process.
pub(crate) struct Host {
    kind: &'static str,
    pub(crate) agent: Arc<FakeAgent>,
    pub(crate) memory: Arc<FakeMemory>,
    pub(crate) config: watch::Sender<ChannelConfigs>,
    pub(crate) gateway: Option<Gateway>,
    directory: TempDir,
    begins_at: Option<i64>,
    begun: Instant,
    patience: Patience,
}

/// How long the channel's status is waited for.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) longest: Duration,
    /// Time between two looks.
    pub(crate) look: Duration,
}

/// A gateway's channels at work.
pub(crate) struct Gateway {
    pub(crate) channels: Arc<Channels>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Host {
    /// With one channel, before the gateway is started. Its clock goes as Tokio's from `begins_at`, Unix milliseconds, or is the
    /// system's.
    pub(crate) fn new(
        kind: &'static str,
        config: ChannelConfig,
        begins_at: Option<i64>,
        patience: Patience,
    ) -> Self {
        let memory = Arc::new(FakeMemory::new());
        Self {
            kind,
            agent: Arc::new(FakeAgent::new(Arc::clone(&memory))),
            memory,
            config: watch::Sender::new(Arc::new(BTreeMap::from([(kind.to_owned(), config)]))),
            gateway: None,
            directory: TempDir::new().unwrap(),
            begins_at,
            begun: Instant::now(),
            patience,
        }
    }

    pub(crate) fn configure(&self, change: impl FnOnce(&mut ChannelConfig)) {
        self.config.send_modify(|config| change(Arc::make_mut(config).get_mut(self.kind).unwrap()));
    }

    fn clock(&self) -> Arc<dyn Fn() -> Timestamp + Send + Sync> {
        let Some(begins_at) = self.begins_at else { return Arc::new(Timestamp::now) };
        let begun = self.begun;
        Arc::new(move || Timestamp::from_unix_millis(begins_at).saturating_add(begun.elapsed()))
    }

    /// A new process.
    pub(crate) fn start(&mut self) {
        let parts = Parts {
            agent: self.agent.clone(),
            curation: Arc::new(FakeCuration::new(Arc::clone(&self.memory))),
            journal: self.directory.path().join("channels/state.redb"),
            clock: self.clock(),
            find: Box::new(platform),
            in_place: false,
        };
        let channels = Arc::new(Channels::new(self.config.subscribe(), parts));
        let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
        let (kept, leave, end) = (Arc::clone(&channels), stop.clone(), stop.clone());
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
            assert!(begun.elapsed() < self.patience.longest, "the channel stays `{trouble}`");
            tokio::time::sleep(self.patience.look).await;
        }
    }

    pub(crate) async fn until_connected(&self) -> Duration {
        self.until_trouble(str::is_empty).await
    }

    /// The texts that the agent was told, in order.
    pub(crate) fn told(&self) -> Vec<String> {
        self.agent.submissions().into_iter().map(|submission| submission.text).collect()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
