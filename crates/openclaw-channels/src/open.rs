//! From a configuration to an adapter.

use std::sync::Arc;

use openclaw_core::config::ChannelConfig;

use crate::{
    adapter::{Adapter, Key, Platform},
    channels::FindPlatform,
    error::Misconfigured,
    message::{Address, Body, Outgoing},
    net::Net,
    platforms::platform,
};

/// The adapter of a channel, after a look at what is missing and at names that nobody reads.
pub(crate) fn open(
    find: &FindPlatform,
    kind: &str,
    config: &ChannelConfig,
    net: &Net,
) -> Result<Arc<dyn Adapter>, Misconfigured> {
    let platform = find(kind)
        .ok_or_else(|| Misconfigured(format!("there is no adapter for `{kind}` in this version")))?;
    for name in config.secrets.keys() {
        known(
            platform,
            kind,
            "secrets",
            name,
            |key| if let Key::Secret(name) = key { Some(name) } else { None },
        )?;
    }
    for name in config.options.keys() {
        known(
            platform,
            kind,
            "options",
            name,
            |key| if let Key::Option(name) = key { Some(name) } else { None },
        )?;
    }
    for setting in platform.settings().iter().filter(|setting| !setting.optional) {
        if !is_set(config, setting.key) {
            let path = setting.key;
            let hint =
                format!("`channels.{kind}.{path}` is missing; `gateway channel add {kind}` asks for it");
            return Err(Misconfigured(hint));
        }
    }
    platform.open(config, net)
}

fn known(
    platform: &dyn Platform,
    kind: &str,
    section: &str,
    name: &str,
    wanted: fn(Key) -> Option<&'static str>,
) -> Result<(), Misconfigured> {
    let names: Vec<&str> = platform.settings().iter().filter_map(|setting| wanted(setting.key)).collect();
    if names.contains(&name) {
        return Ok(());
    }
    let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Err(Misconfigured(format!("`channels.{kind}.{section}.{name}` is not known; known: {known}")))
}

fn is_set(config: &ChannelConfig, key: Key) -> bool {
    match key {
        Key::Token => config.token.as_ref().is_some_and(|token| !token.is_empty()),
        Key::BaseUrl => config.base_url.as_ref().is_some_and(|url| !url.is_empty()),
        Key::Secret(name) => config.secrets.get(name).is_some_and(|value| !value.is_empty()),
        Key::Option(name) => config.options.get(name).is_some_and(|value| !value.is_empty()),
    }
}

/// Asks a platform, with this configuration, who we are there: the bot's name. What `gateway channel test` does.
///
/// # Errors
/// What is wrong with the configuration, or what the platform says.
pub async fn probe(kind: &str, config: &ChannelConfig) -> Result<String, String> {
    let find: FindPlatform = Box::new(platform);
    let adapter = open(&find, kind, config, &Net::default()).map_err(|error| error.to_string())?;
    adapter.probe().await.map_err(|error| error.to_string())
}

/// Sends a line to a chat, by the platform's id of it. What `gateway channel test --to` does.
///
/// # Errors
/// What is wrong with the configuration, or what the platform says.
pub async fn say(kind: &str, config: &ChannelConfig, chat: &str, markdown: &str) -> Result<(), String> {
    let find: FindPlatform = Box::new(platform);
    let adapter = open(&find, kind, config, &Net::default()).map_err(|error| error.to_string())?;
    // Some adapters learn who they are first.
    adapter.probe().await.map_err(|error| error.to_string())?;
    let (to, text) = (Address::chat(chat), adapter.render(markdown));
    let key = format!("t{:016x}", fastrand::u64(..));
    let message = Outgoing { to: &to, body: Body::Rich(&text), reply_to: None, key: &key };
    adapter.send(message).await.map(drop).map_err(|error| error.to_string())
}
