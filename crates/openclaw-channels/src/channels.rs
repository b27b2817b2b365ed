//! The configured channels and how they stand.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use openclaw_core::{
    config::ChannelConfig,
    port::{ChannelInfo, ChannelPort, ChannelStatus},
};
use tokio::sync::watch;

/// Why a channel that should be connected is not.
const NOT_BUILT: &str = "adapter not built in this version";
/// Why a channel that is switched off is not connected.
const SWITCHED_OFF: &str = "disabled in the configuration";

/// Every configured channel. Follows the configuration: a channel that is added to it is listed with the next call.
#[derive(Debug)]
pub struct Channels {
    config: watch::Receiver<Arc<BTreeMap<String, ChannelConfig>>>,
}

impl Channels {
    /// The channels of `config`, by their type.
    #[must_use]
    pub fn new(config: watch::Receiver<Arc<BTreeMap<String, ChannelConfig>>>) -> Self {
        Self { config }
    }
}

fn info((kind, config): (&String, &ChannelConfig)) -> ChannelInfo {
    let last_error = if config.enabled { NOT_BUILT } else { SWITCHED_OFF }.to_owned();
    ChannelInfo { kind: kind.clone(), status: ChannelStatus::Disconnected { last_error }, messages_today: 0 }
}

#[async_trait]
impl ChannelPort for Channels {
    async fn list(&self) -> Vec<ChannelInfo> {
        self.config.borrow().iter().map(info).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(list: &[ChannelInfo]) -> Vec<(&str, &str)> {
        let mut shown = Vec::new();
        for info in list {
            let ChannelStatus::Disconnected { last_error } = &info.status else { panic!("{info:?}") };
            shown.push((info.kind.as_str(), last_error.as_str()));
        }
        shown
    }

    #[tokio::test]
    async fn lists_what_is_configured_and_says_why_it_is_not_connected() {
        let off = ChannelConfig { enabled: false, ..ChannelConfig::default() };
        let first =
            BTreeMap::from([("telegram".to_owned(), ChannelConfig::default()), ("discord".to_owned(), off)]);
        let (config_tx, config) = watch::channel(Arc::new(first));
        let channels = Channels::new(config);
        let list = channels.list().await;
        assert_eq!(shown(&list), [("discord", SWITCHED_OFF), ("telegram", NOT_BUILT)]);
        assert!(list.iter().all(|info| info.messages_today == 0));

        config_tx.send_replace(Arc::default());
        assert!(channels.list().await.is_empty());
    }
}
