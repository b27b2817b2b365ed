//! A gateway's channels, with an agent that follows a script.

use std::{collections::BTreeMap, time::Duration};

use openclaw_core::{Secret, config::ChannelConfig};
use openclaw_platforms::{Slack, slack::Post};
use tokio::time::Instant;

use crate::host::{Host, Patience};

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
    /// The chat with Anna.
    pub(crate) im: String,
    host: Host,
}

/// How long the channel's status is waited for.
const PATIENCE: Patience = Patience { longest: Duration::from_secs(600), look: Duration::from_millis(100) };

stands_on_its_host!(World);

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
        let config = ChannelConfig {
            token: Some(Secret::new(BOT)),
            secrets: BTreeMap::from([("app_token".to_owned(), Secret::new(APP))]),
            base_url: Some(format!("{}/api", slack.url())),
            allowed_users: vec![ANNA.to_owned()],
            ..ChannelConfig::default()
        };
        Self {
            host: Host::new("slack", config, Some(1_800_000_000_000), PATIENCE),
            im: slack.im(ANNA),
            slack,
        }
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

pub(crate) fn texts(posts: &[Post]) -> Vec<&str> {
    posts.iter().map(|post| post.text.as_str()).collect()
}

pub(crate) async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}
