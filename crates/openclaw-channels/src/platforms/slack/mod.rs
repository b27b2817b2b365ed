//! Slack, by Socket Mode and the Web API: <https://docs.slack.dev>.

mod catchup;
mod client;
mod connection;
mod convert;
mod directory;
mod files;
mod greeting;
mod intake;
mod listing;
mod marks;
mod resolve;
mod socket;
mod wire;

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use openclaw_core::{Secret, config::ChannelConfig};
use serde_json::{Value, json};
use tokio::time::Instant;

use self::{
    client::{As, Client, Failed},
    convert::Reader,
    directory::Directory,
    socket::Session,
    wire::{Done, Me, Place},
};
use crate::{
    adapter::{Abilities, Adapter, Key, Platform, Resolved, Setting, Unit},
    error::{ConnectError, Misconfigured, SendError},
    link::Link,
    markup,
    message::{Address, Body, Outgoing, RemoteFile},
    net::Net,
    sync::lock,
};

/// What finds this folder.
pub(crate) const PLATFORM: SlackPlatform = SlackPlatform;

/// The secret that opens connections.
const APP_TOKEN: &str = "app_token";
/// The option that says where a mention in a channel is answered.
const THREADS: &str = "threads";
/// Where the Web API is.
const SLACK: &str = "https://slack.com/api";

/// What names our metadata.
const MARK: &str = "openclaw_part";
/// Longest text of `chat.update`, with room for the line that says that a message was sent again.
const TEXT: usize = 3900;
/// `chat.update` may be called fifty times a minute, for all answers together.
const EDITS: Duration = Duration::from_secs(2);
/// A status stays for two minutes.
const TYPING: Duration = Duration::from_secs(100);
/// We ask for a sign of life every three seconds.
const SILENCE: Duration = Duration::from_secs(5);
/// So long Slack surely sends an event again: at once, after a minute, and after five.
const SENT_AGAIN: Duration = Duration::from_secs(240);
/// Largest file that is sent.
const FILE: usize = 100 * 1024 * 1024;

pub(crate) struct SlackPlatform;

impl Platform for SlackPlatform {
    fn name(&self) -> &'static str {
        "slack"
    }

    fn introduction(&self) -> &'static str {
        concat!(
            "1. Open https://api.slack.com/apps, choose Create New App, From a manifest, your workspace, YAML, and paste this:\n\n",
            include_str!("manifest.yaml"),
            "\n2. Under Install App, install it to the workspace, and copy the Bot User OAuth Token (xoxb-…).\n",
            "3. Under Basic Information, App-Level Tokens, generate one with the scope connections:write, and copy it (xapp-…)."
        )
    }

    fn settings(&self) -> &'static [Setting] {
        const {
            &[
                Setting::required(Key::Token, "The Bot User OAuth Token (xoxb-…)"),
                Setting::required(
                    Key::Secret(APP_TOKEN),
                    "The app-level token with the scope connections:write (xapp-…)",
                ),
                Setting::optional(
                    Key::Option(THREADS),
                    "Answer a mention in a channel in a thread of its own, or in the channel? (`thread` or `channel`; empty: thread)",
                ),
                Setting::optional(Key::BaseUrl, "Address of the Web API (empty: Slack's)"),
            ]
        }
    }

    fn open(&self, config: &ChannelConfig, net: &Net) -> Result<Arc<dyn Adapter>, Misconfigured> {
        let secret = |secret: Option<&Secret>| secret.cloned().unwrap_or_else(|| "".into());
        let bot = secret(config.token.as_ref());
        if !bot.expose().starts_with("xox") {
            let hint = "`channels.slack.token` is no bot token: it begins with `xoxb-`, and is under Install App at api.slack.com/apps";
            return Err(Misconfigured(hint.to_owned()));
        }
        let app = secret(config.secrets.get(APP_TOKEN));
        if !app.expose().starts_with("xapp-") {
            let hint = "`channels.slack.secrets.app_token` is no app-level token: it begins with `xapp-`, and is under Basic Information at api.slack.com/apps";
            return Err(Misconfigured(hint.to_owned()));
        }
        let threads = match config.options.get(THREADS).map_or("", String::as_str) {
            "" | "thread" => true,
            "channel" => false,
            other => {
                let hint =
                    format!("`channels.slack.options.threads` is `{other}`; it can be `thread` or `channel`");
                return Err(Misconfigured(hint));
            }
        };
        let base = config.base_url.as_deref().unwrap_or(SLACK).trim_end_matches('/').to_owned();
        Ok(Arc::new(Slack {
            client: Client::new(net.clone(), base, bot, app),
            directory: Directory::default(),
            threads,
            me: Mutex::default(),
            statuses: Mutex::default(),
            no_status: AtomicBool::new(false),
            heard: Mutex::default(),
            hint: Mutex::default(),
        }))
    }
}

/// One app in one workspace.
struct Slack {
    client: Client,
    directory: Directory,
    threads: bool,
    me: Mutex<String>,
    /// Where a status is shown that nothing has taken away yet.
    statuses: Mutex<HashSet<Address>>,
    /// Slack lets this app show none.
    no_status: AtomicBool,
    /// When Slack was heard last, with everything before fetched; `None`: there may be something to fetch.
    heard: Mutex<Option<Instant>>,
    /// What the owner should know while the connection stands.
    hint: Mutex<Option<String>>,
}

impl Slack {
    async fn who(&self) -> Result<Me, Failed> {
        let me: Me = self.client.ask("auth.test", json!({})).await?;
        lock(&self.me).clone_from(&me.user_id);
        Ok(me)
    }

    async fn me(&self) -> Result<String, Failed> {
        let known = lock(&self.me).clone();
        if known.is_empty() { Ok(self.who().await?.user_id) } else { Ok(known) }
    }

    /// Whether more may have been missed than Slack sends again.
    fn was_away(&self) -> bool {
        let heard = lock(&self.heard);
        heard.is_none_or(|heard| heard.elapsed() > SENT_AGAIN)
    }

    /// Slack is heard, and nothing is left to be fetched.
    fn hears(&self) {
        *lock(&self.heard) = Some(Instant::now());
    }

    async fn status(&self, to: &Address, text: &str) -> Result<(), Failed> {
        let Some(thread) = &to.thread else { return Ok(()) };
        let body = json!({"channel_id": to.chat, "thread_ts": thread, "status": text});
        self.client.ask::<Done>("assistant.threads.setStatus", body).await.map(|Done {}| ())
    }

    /// Whether a status was shown there until now.
    fn forget_status(&self, to: &Address) -> bool {
        lock(&self.statuses).remove(to)
    }
}

/// The part of a message's body that is its text.
fn text(body: Body<'_>) -> Option<Value> {
    match body {
        Body::Rich(text) => Some(json!({"text": text, "mrkdwn": true})),
        Body::Plain(text) => Some(json!({"text": escaped(text), "mrkdwn": false})),
        Body::File(_) => None,
    }
}

/// Text in which Slack finds no mention and no link of its own form.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[async_trait]
impl Adapter for Slack {
    fn abilities(&self) -> Abilities {
        Abilities {
            limit: TEXT,
            unit: Unit::Utf16,
            edits: Some(EDITS),
            typing: Some(TYPING),
            silence: SILENCE,
            file_bytes: FILE,
        }
    }

    fn render(&self, markdown: &str) -> String {
        markup::render(markdown, &markup::slack_mrkdwn())
    }

    fn command_mark(&self) -> char {
        '!'
    }

    async fn probe(&self) -> Result<String, ConnectError> {
        let me = self.who().await?;
        // The other token is as easily wrong.
        self.client.ask_as::<Done>(As::App, "apps.connections.open", json!({})).await?;
        Ok(format!("@{} in {}", me.user, me.team))
    }

    async fn connect(&self, link: &Link) -> Result<(), ConnectError> {
        let me = self.who().await?;
        link.alive();
        let reader = Reader { me: me.user_id.clone(), threads: self.threads };
        Session::new(self, link, &reader, &me).run().await
    }

    async fn send(&self, message: Outgoing<'_>) -> Result<String, SendError> {
        self.directory.joined(message.to);
        let Some(mut body) = (match message.body {
            Body::File(file) => return files::send(self, message.to, file).await,
            text_body => text(text_body),
        }) else {
            return Err(SendError::rejected("there is nothing to send"));
        };
        body["channel"] = message.to.chat.as_str().into();
        if let Some(thread) = &message.to.thread {
            body["thread_ts"] = thread.as_str().into();
        }
        body["metadata"] = json!({"event_type": MARK, "event_payload": {"key": message.key}});
        body["unfurl_links"] = false.into();
        body["unfurl_media"] = false.into();
        let sent: Place = self.client.ask("chat.postMessage", body).await?;
        // A message in the thread takes its status away.
        self.forget_status(message.to);
        Ok(sent.ts)
    }

    async fn edit(&self, to: &Address, id: &str, body: Body<'_>) -> Result<(), SendError> {
        // The message of a file is not known to us, and can't be changed.
        let Some(mut body) = text(body).filter(|_| !id.starts_with('F')) else { return Err(SendError::Gone) };
        body["channel"] = to.chat.as_str().into();
        body["ts"] = id.into();
        self.client.ask::<Place>("chat.update", body).await?;
        if self.forget_status(to) {
            // A courtesy, as the status was.
            let _ = self.status(to, "").await;
        }
        Ok(())
    }

    async fn typing(&self, to: &Address) -> Result<(), SendError> {
        if to.thread.is_none() || self.no_status.load(Ordering::Relaxed) {
            return Ok(());
        }
        match self.status(to, "is thinking…").await {
            Ok(()) => {
                lock(&self.statuses).insert(to.clone());
                Ok(())
            }
            Err(Failed::Refused(refusal)) => {
                // Of a thread that has none, or of the whole app?
                let whole = ["missing_scope", "unknown_method", "feature_not_enabled", "access_denied"];
                self.no_status.fetch_or(whole.contains(&refusal.error.as_str()), Ordering::Relaxed);
                Ok(())
            }
            Err(failed) => Err(failed.into()),
        }
    }

    async fn fetch(&self, file: &RemoteFile, limit: usize) -> Result<Bytes, SendError> {
        files::fetch(self, file, limit).await
    }

    async fn resolve(&self, message: Outgoing<'_>) -> Result<Resolved, SendError> {
        let me = self.me().await?;
        resolve::resolve(self, &me, message).await
    }
}
