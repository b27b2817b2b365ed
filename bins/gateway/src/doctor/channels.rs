//! Chat platforms.

use std::time::Duration;

use openclaw_core::config::Config;
use tokio::time::timeout;

use super::Finding;
use crate::output::harmless;

/// Longest wait for a platform.
const PATIENCE: Duration = Duration::from_secs(8);

/// Asks every platform that is switched on who we are there, all at once.
pub(super) async fn channels(config: &Config) -> Vec<Finding> {
    const ABOUT: &str = "channel";
    let enabled = config.channels.iter().filter(|(_, channel)| channel.enabled);
    let asking = enabled.map(|(kind, channel)| async move {
        match timeout(PATIENCE, openclaw_channels::probe(kind, channel)).await {
            Ok(Ok(account)) => Finding::ok(ABOUT, harmless(&format!("{kind}: the bot is {account} there"))),
            Ok(Err(reason)) => Finding::fail(ABOUT, harmless(&format!("{kind}: {reason}"))),
            Err(_) => Finding::fail(ABOUT, format!("{kind} did not answer within {} s", PATIENCE.as_secs())),
        }
    });
    futures_util::future::join_all(asking).await
}

#[cfg(test)]
mod tests {
    use openclaw_core::config::ChannelConfig;

    use super::*;

    #[tokio::test]
    async fn what_is_switched_on_is_asked() {
        let mut config = Config::default();
        let off = ChannelConfig { enabled: false, ..ChannelConfig::default() };
        config.channels.insert("telegram".to_owned(), off);
        assert_eq!(channels(&config).await, []);
        config.channels.insert("telegram".to_owned(), ChannelConfig::default());
        let [finding] = channels(&config).await.try_into().unwrap();
        assert_eq!(
            finding,
            Finding::fail(
                "channel",
                "telegram: `channels.telegram.token` is missing; `gateway channel add telegram` asks for it"
            )
        );
    }
}
