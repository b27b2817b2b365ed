//! A homeserver, people, an agent that follows a script, and a gateway between them that can be killed and started again.

use std::time::Duration;

use openclaw_core::{ConversationId, Secret, config::ChannelConfig};
use openclaw_platforms::{
    Proxy, Synapse,
    synapse::{Human, Said},
};
use tokio::time::Instant;

use crate::host::{Host, Patience};

/// Everything there is.
pub(crate) struct World {
    pub(crate) synapse: Synapse,
    pub(crate) proxy: Proxy,
    pub(crate) anna: Human,
    /// The assistant's own account, as somebody else with its token would use it.
    pub(crate) claw: Human,
    host: Host,
}

/// How long the channel's status is waited for.
pub(crate) const PATIENCE: Patience =
    Patience { longest: Duration::from_secs(90), look: Duration::from_millis(20) };

stands_on_its_host!(World);

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
        let config = ChannelConfig {
            token: Some(Secret::new(claw.token.clone())),
            base_url: Some(proxy.url()),
            allowed_users: vec![anna.id.clone()],
            ..ChannelConfig::default()
        };
        Self { host: Host::new("matrix", config, None, PATIENCE), synapse, proxy, anna, claw }
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

pub(crate) fn texts(said: &[Said]) -> Vec<&str> {
    said.iter().map(|said| said.text.as_str()).collect()
}
