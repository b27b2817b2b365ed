//! A gateway's channels, with an agent that follows a script.

use std::time::Duration;

use openclaw_core::{ConversationId, Secret, config::ChannelConfig};
use openclaw_platforms::{
    Discord,
    discord::{Sent, User},
};
use tokio::time::Instant;

use crate::host::{Host, Patience};

pub(crate) const TOKEN: &str = "discord-test-token";
/// The Unix time at which each test begins, in milliseconds.
const BEGIN: u64 = 1_790_000_000_000;

/// Discord, an agent, and a gateway between them that can be killed and started again.
pub(crate) struct World {
    pub(crate) discord: Discord,
    host: Host,
}

/// How long the channel's status is waited for.
const PATIENCE: Patience = Patience { longest: Duration::from_secs(300), look: Duration::from_millis(50) };

stands_on_its_host!(World);

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
        let config = ChannelConfig {
            token: Some(Secret::new(TOKEN)),
            base_url: Some(format!("{}/api", discord.url())),
            allowed_users: users.iter().map(ToString::to_string).collect(),
            ..ChannelConfig::default()
        };
        Self { host: Host::new("discord", config, Some(BEGIN as i64), PATIENCE), discord }
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
