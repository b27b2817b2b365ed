//! Discord, by its gateway and REST API, version 10: <https://docs.discord.com/developers>.

mod client;
mod commands;
mod convert;
mod directs;
mod entrance;
mod files;
mod gaps;
mod gateway;
mod heart;
mod intake;
mod places;
mod progress;
mod refusal;
mod resolve;
mod wire;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use openclaw_core::{Secret, config::ChannelConfig};
use reqwest::Method;
use serde_json::{Value, json};

use self::{
    client::{Ask, Client, Failed, Refusal, UNKNOWN_MESSAGE},
    commands::Waiting,
    places::{Places, channel_of},
    resolve::Attempts,
    wire::{Application, Done, Message, User, number},
};
use crate::{
    adapter::{Abilities, Adapter, Key, Platform, Resolved, Setting, Unit},
    error::{ConnectError, Misconfigured, SendError},
    link::Link,
    markup::{self, Rules as _},
    message::{Address, Body, Outgoing, RemoteFile},
    net::Net,
    sync::lock,
};

/// What finds this folder.
pub(crate) const PLATFORM: DiscordPlatform = DiscordPlatform;

/// Where the REST API is.
const DISCORD: &str = "https://discord.com/api";

/// Longest message: 2000 characters, with room for the line that says that it was sent again.
const TEXT: usize = 1900;
/// What Discord takes at most.
const MOST: usize = 2000;
/// Five messages or changes in five seconds, in one channel.
const EDITS: Duration = Duration::from_millis(1500);
/// A typing notice stays for ten seconds.
const TYPING: Duration = Duration::from_secs(8);
/// Where nothing comes a heartbeat is sent after half of this.
const SILENCE: Duration = Duration::from_secs(5);
/// Largest file that is sent.
const FILE: usize = 10 * 1024 * 1024;
/// The flag of a message whose links get no preview.
const NO_PREVIEWS: u64 = 1 << 2;
/// The app may read what messages say: for all, or for apps that are in few servers.
const CONTENT_FLAGS: u64 = 1 << 18 | 1 << 19;

pub(crate) struct DiscordPlatform;

impl Platform for DiscordPlatform {
    fn name(&self) -> &'static str {
        "discord"
    }

    fn introduction(&self) -> &'static str {
        "1. Open https://discord.com/developers/applications and choose New Application.\n\
         2. Under Bot, switch on Message Content Intent (Privileged Gateway Intents), then choose Reset Token and copy it.\n\
         3. Under OAuth2, URL Generator, choose the scopes bot and applications.commands, and the permissions View Channels, Send \
         Messages, Send Messages in Threads, Attach Files and Read Message History; open the address it makes, and add the bot to your server."
    }

    fn settings(&self) -> &'static [Setting] {
        const {
            &[
                Setting::required(Key::Token, "The bot's token"),
                Setting::optional(Key::BaseUrl, "Address of the REST API (empty: Discord's)"),
            ]
        }
    }

    fn open(&self, config: &ChannelConfig, net: &Net) -> Result<Arc<dyn Adapter>, Misconfigured> {
        let token = config.token.clone().unwrap_or_else(|| "".into());
        // People copy it from examples as it stands there.
        let token = Secret::new(token.expose().trim().trim_start_matches("Bot ").to_owned());
        if token.is_empty() || token.expose().bytes().any(|byte| !byte.is_ascii_graphic()) {
            let hint = "`channels.discord.token` is no bot token: copy one at https://discord.com/developers/applications, under Bot, Reset Token";
            return Err(Misconfigured(hint.to_owned()));
        }
        let base = config.base_url.as_deref().unwrap_or(DISCORD).trim_end_matches('/');
        Ok(Arc::new(Discord {
            client: Client::new(net.clone(), format!("{base}/v10"), token.clone()),
            token,
            me: Mutex::default(),
            places: Places::default(),
            waiting: Waiting::default(),
            attempts: Attempts::default(),
            registered: AtomicBool::new(false),
        }))
    }
}

/// One bot.
struct Discord {
    client: Client,
    token: Secret,
    me: Mutex<Option<Arc<Me>>>,
    places: Places,
    waiting: Waiting,
    attempts: Attempts,
    /// Whether Discord knows our commands.
    registered: AtomicBool,
}

/// Who we are.
#[derive(Debug, Clone)]
struct Me {
    id: String,
    name: String,
    /// The app's id.
    app: String,
    /// Whether the app may read what messages say.
    reads: bool,
}

impl Discord {
    fn me(&self) -> Option<Arc<Me>> {
        lock(&self.me).clone()
    }

    fn my_id(&self) -> String {
        self.me().map(|me| me.id.clone()).unwrap_or_default()
    }

    fn registered(&self) -> bool {
        self.registered.load(Ordering::Relaxed)
    }

    fn set_registered(&self) {
        self.registered.store(true, Ordering::Relaxed);
    }

    /// Who we are; asked once.
    async fn who(&self) -> Result<Arc<Me>, Failed> {
        match self.me() {
            Some(me) => Ok(me),
            None => self.ask_who().await,
        }
    }

    async fn ask_who(&self) -> Result<Arc<Me>, Failed> {
        let User { id, username, .. } = self.client.ask(Ask::get("/users/@me", &[])).await?;
        let app: Application = self.client.ask(Ask::get("/applications/@me", &[])).await?;
        let me = Arc::new(Me { id, name: username, app: app.id, reads: app.flags & CONTENT_FLAGS != 0 });
        *lock(&self.me) = Some(Arc::clone(&me));
        Ok(me)
    }

    /// The body of a message that is to be sent.
    fn compose(&self, message: &Outgoing<'_>, channel: &str) -> Value {
        let mut body = json!({"flags": NO_PREVIEWS, "allowed_mentions": {"parse": []}});
        if let Some(text) = text(message.body) {
            body["content"] = text.into();
        }
        if let Some(question) = message.reply_to.filter(|id| number(id) > 0) {
            // Its author is told of an answer, not of every piece of it.
            body["allowed_mentions"]["replied_user"] = (!self.places.goes_on(channel, question)).into();
            body["message_reference"] = json!({"message_id": question, "fail_if_not_exists": false});
        }
        body
    }

    async fn post(&self, channel: &str, message: &Outgoing<'_>, body: Value) -> Result<Message, Failed> {
        let ids = [channel];
        let mut ask = Ask::new(Method::POST, "/channels/{}/messages", &ids);
        match message.body {
            Body::File(file) => {
                ask.body = files::form(body, file);
                ask.patience = Some(files::FILE);
            }
            Body::Rich(_) | Body::Plain(_) => ask = ask.json(body),
        }
        self.client.ask(ask).await
    }
}

/// The text of a message; `None`: it is a file.
fn text(body: Body<'_>) -> Option<String> {
    match body {
        Body::Rich(text) => Some(text.to_owned()),
        Body::Plain(text) => {
            let mut escaped = String::new();
            markup::discord().text(text, &mut escaped);
            Some(if Unit::Utf16.length(&escaped) > MOST { text.to_owned() } else { escaped })
        }
        Body::File(_) => None,
    }
}

#[async_trait]
impl Adapter for Discord {
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
        markup::render(markdown, &markup::discord())
    }

    async fn probe(&self) -> Result<String, ConnectError> {
        let me = self.ask_who().await?;
        if !me.reads {
            return Err(ConnectError::refused(refusal::NO_CONTENT));
        }
        Ok(format!("@{}", me.name))
    }

    async fn connect(&self, link: &Link) -> Result<(), ConnectError> {
        gateway::run(self, link).await
    }

    async fn send(&self, message: Outgoing<'_>) -> Result<String, SendError> {
        let channel = channel_of(message.to);
        let mut body = self.compose(&message, channel);
        if let (Some(question), Some(_)) = (message.reply_to, body.get("content"))
            && let Some(id) = commands::answer(self, question, &body).await
        {
            return Ok(id);
        }
        self.attempts.note(message.key);
        body["nonce"] = message.key.into();
        body["enforce_nonce"] = true.into();
        let wanted = body["content"].as_str().unwrap_or_default().trim().to_owned();
        let sent = match self.post(channel, &message, body.clone()).await {
            // Somebody deleted the message that had this nonce. It is sent anew.
            Err(Failed::Refused(Refusal { code: UNKNOWN_MESSAGE, .. })) => {
                body["enforce_nonce"] = false.into();
                self.post(channel, &message, body).await?
            }
            sent => sent?,
        };
        self.places.said(channel, &sent.id, message.reply_to.unwrap_or_default());
        // The nonce was known: this is the message of an earlier attempt, which may say less.
        if sent.content.trim() != wanted {
            let not_changed = |error: SendError| match error {
                SendError::Unknown { reason } => SendError::NotSent { reason },
                error => error,
            };
            self.edit(message.to, &sent.id, message.body).await.map_err(not_changed)?;
        }
        Ok(sent.id)
    }

    async fn edit(&self, to: &Address, id: &str, body: Body<'_>) -> Result<(), SendError> {
        let Some(text) = text(body) else { return Ok(()) };
        let ids = [channel_of(to), id];
        let ask = Ask::new(Method::PATCH, "/channels/{}/messages/{}", &ids);
        let body = json!({"content": text, "allowed_mentions": {"parse": []}});
        self.client.ask::<Done>(ask.json(body)).await.map(|Done {}| ()).map_err(SendError::from)
    }

    async fn typing(&self, to: &Address) -> Result<(), SendError> {
        let ids = [channel_of(to)];
        let ask = Ask::new(Method::POST, "/channels/{}/typing", &ids);
        self.client.ask::<Done>(ask).await.map(|Done {}| ()).map_err(SendError::from)
    }

    async fn fetch(&self, file: &RemoteFile, limit: usize) -> Result<Bytes, SendError> {
        files::fetch(self, file, limit).await
    }

    async fn resolve(&self, message: Outgoing<'_>) -> Result<Resolved, SendError> {
        resolve::resolve(self, message).await
    }
}
