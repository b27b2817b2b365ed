//! What an owner says about the server.

use std::sync::Arc;

use openclaw_core::config::ChannelConfig;

use super::Irc;
use crate::{Adapter, Key, Limiter, Misconfigured, Platform, Setting, net::Net};

/// What finds this folder.
pub(crate) struct IrcPlatform;

impl Platform for IrcPlatform {
    fn name(&self) -> &'static str {
        "irc"
    }

    fn introduction(&self) -> &'static str {
        "An IRC server needs no registration: choose a nickname that is free there.\n\
         allowed_users are accounts (with services) or whole masks like anna!~anna@host.example: nicknames alone anybody can take."
    }

    fn settings(&self) -> &'static [Setting] {
        const {
            &[
                Setting::required(Key::BaseUrl, "The server, such as ircs://irc.libera.chat:6697"),
                Setting::required(Key::Option("nick"), "The assistant's nickname"),
                Setting::optional(Key::Option("channels"), "Channels to join, separated by commas"),
                Setting::optional(Key::Secret("password"), "The server's password"),
            ]
        }
    }

    fn open(&self, config: &ChannelConfig, net: &Net) -> Result<Arc<dyn Adapter>, Misconfigured> {
        let url = reqwest::Url::parse(config.base_url.as_deref().unwrap_or_default()).ok();
        let url = url.filter(|url| matches!(url.scheme(), "irc" | "ircs") && url.host_str().is_some());
        let hint = "`channels.irc.base_url` must be like ircs://irc.libera.chat:6697";
        let url = url.ok_or_else(|| Misconfigured(hint.to_owned()))?;
        let option = |name: &str| config.options.get(name).cloned().unwrap_or_default();
        let (nick, tls) = (option("nick"), url.scheme() == "ircs");
        if nick.contains(|c: char| c.is_whitespace() || c.is_control() || c == ':') {
            return Err(Misconfigured("`channels.irc.options.nick` is no nickname".to_owned()));
        }
        let channels = option("channels");
        let channels = channels.split([',', ' ', '\n']).map(str::trim).filter(|name| !name.is_empty());
        Ok(Arc::new(Irc {
            net: net.clone(),
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port().unwrap_or(if tls { 6697 } else { 6667 }),
            tls,
            nick,
            channels: channels.map(str::to_owned).collect(),
            password: config.secrets.get("password").cloned(),
            limiter: Limiter::default(),
            out: Default::default(),
            receipt: Default::default(),
            turn: Default::default(),
        }))
    }
}
