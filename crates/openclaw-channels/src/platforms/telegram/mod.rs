//! Telegram, by the Bot API: <https://core.telegram.org/bots/api>.

mod batch;
mod client;
mod convert;
mod hook;
mod place;
mod poll;
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
use openclaw_core::{
    config::ChannelConfig,
    port::{WebhookAnswer, WebhookRequest},
};
use serde_json::{Value, json};
use tracing::{debug, warn};

use self::{
    client::{ANSWER, Client, Failed},
    place::Places,
    wire::{File, Message, User},
};
use crate::{
    adapter::{Abilities, Adapter, Key, Platform, Setting, Unit},
    commands::COMMANDS,
    error::{ConnectError, Misconfigured, SendError},
    link::Link,
    markup,
    message::{Address, Body, OutFile, Outgoing, RemoteFile},
    net::Net,
    sync::lock,
};

/// What finds this folder.
pub(crate) const PLATFORM: TelegramPlatform = TelegramPlatform;

/// The option that turns the webhook on.
const WEBHOOK: &str = "webhook_url";
/// Longest typing notice; Telegram takes it back after five seconds.
const TYPING: Duration = Duration::from_secs(4);

pub(crate) struct TelegramPlatform;

impl Platform for TelegramPlatform {
    fn name(&self) -> &'static str {
        "telegram"
    }

    fn introduction(&self) -> &'static str {
        "In Telegram, write to @BotFather: send /newbot and choose a name. It answers with the bot's token.\n\
         If mentions in a group do not reach it: send @BotFather /setprivacy, choose Disable, and add it to the group anew."
    }

    fn settings(&self) -> &'static [Setting] {
        const {
            &[
                Setting::required(Key::Token, "The token that @BotFather gave you"),
                Setting::optional(
                    Key::Option(WEBHOOK),
                    "Public https address of this gateway's /api/v1/channels/telegram/webhook (empty: long polling, which needs none)",
                ),
                Setting::optional(Key::BaseUrl, "Address of your own Bot API server (empty: Telegram's)"),
            ]
        }
    }

    fn open(&self, config: &ChannelConfig, net: &Net) -> Result<Arc<dyn Adapter>, Misconfigured> {
        let token = config.token.clone().unwrap_or_else(|| "".into());
        let shape = |token: &str| {
            let (id, rest) = token.split_once(':')?;
            let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
            let is_key = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            (is_id && !rest.is_empty() && rest.bytes().all(is_key)).then_some(())
        };
        if shape(token.expose()).is_none() {
            let hint =
                "`channels.telegram.token` is no bot token: @BotFather gives one like `123456:ABC-DEF`";
            return Err(Misconfigured(hint.to_owned()));
        }
        let base =
            config.base_url.as_deref().unwrap_or("https://api.telegram.org").trim_end_matches('/').to_owned();
        let secret = hook::secret(token.expose());
        Ok(Arc::new(Telegram {
            client: Client::new(net.clone(), base, token),
            places: Places::default(),
            hook: config.options.get(WEBHOOK).filter(|url| !url.is_empty()).cloned(),
            secret,
            me: Mutex::default(),
            has_commands: AtomicBool::new(false),
        }))
    }
}

/// One bot.
struct Telegram {
    client: Client,
    places: Places,
    /// Where updates are to be posted; `None`: they are polled.
    hook: Option<String>,
    secret: String,
    me: Mutex<Option<Arc<User>>>,
    has_commands: AtomicBool,
}

/// Where a message goes.
struct Target {
    chat: i64,
    moved: bool,
    thread: Option<i64>,
}

impl Telegram {
    fn me(&self) -> Option<Arc<User>> {
        lock(&self.me).clone()
    }

    async fn who(&self) -> Result<Arc<User>, ConnectError> {
        let me: User = self.client.ask("getMe", &json!({}), ANSWER).await?;
        let me = Arc::new(me);
        *lock(&self.me) = Some(Arc::clone(&me));
        Ok(me)
    }

    /// A convenience: without it, people type them.
    async fn register(&self) {
        if self.has_commands.load(Ordering::Relaxed) {
            return;
        }
        let shown =
            |info: &crate::commands::CommandInfo| json!({"command": info.name, "description": info.about});
        let commands: Vec<Value> = COMMANDS.iter().map(shown).collect();
        match self.client.ask::<bool>("setMyCommands", &json!({"commands": commands}), ANSWER).await {
            Ok(_) => self.has_commands.store(true, Ordering::Relaxed),
            Err(error) => {
                warn!(channel = "telegram", error = %ConnectError::from(error), "the commands were not registered")
            }
        }
    }

    fn target(&self, to: &Address) -> Result<Target, SendError> {
        let chat = to
            .chat
            .parse()
            .map_err(|_| SendError::rejected(format!("`{}` is no chat on Telegram", to.chat)))?;
        let now = self.places.now(chat);
        let thread = to.thread.as_ref().and_then(|thread| thread.parse().ok());
        Ok(Target { chat: now, moved: now != chat, thread })
    }

    /// Calls a method that writes into a chat, again when the chat has moved.
    async fn write(&self, to: &Address, message: Written<'_>) -> Result<(Target, Message), SendError> {
        loop {
            let target = self.target(to)?;
            self.client.pass(target.chat).await;
            let failed = match self.call(&target, &message).await {
                Ok(sent) => return Ok((target, sent)),
                Err(failed) => failed,
            };
            if let Failed::Refused(refusal) = &failed {
                self.client.obey(target.chat, refusal);
                if let Some(new) = refusal.moved_to.filter(|new| *new != target.chat) {
                    debug!(channel = "telegram", old = target.chat, new, "the group has become a supergroup");
                    self.places.sent_away(target.chat, new);
                    continue;
                }
            }
            return Err(failed.into());
        }
    }

    async fn call(&self, target: &Target, message: &Written<'_>) -> Result<Message, Failed> {
        let (method, mut body) = match *message {
            Written::New(Outgoing { body: Body::File(file), reply_to, .. }) => {
                return self.upload(target, file, reply_to).await;
            }
            Written::New(Outgoing { body: Body::Rich(text) | Body::Plain(text), reply_to, .. }) => {
                let mut body = json!({"chat_id": target.chat, "text": text});
                if let Some(reply) = reply_to.and_then(|id| place::read(id, target.chat, target.moved)) {
                    body["reply_parameters"] =
                        json!({"message_id": reply, "allow_sending_without_reply": true});
                }
                if let Some(thread) = target.thread {
                    body["message_thread_id"] = thread.into();
                }
                ("sendMessage", body)
            }
            Written::Change(id, Body::Rich(text) | Body::Plain(text)) => {
                ("editMessageText", json!({"chat_id": target.chat, "message_id": id, "text": text}))
            }
            // Files are not changed.
            Written::Change(..) => return Ok(Message::default()),
        };
        if message.is_rich() {
            body["parse_mode"] = "HTML".into();
        }
        body["link_preview_options"] = json!({"is_disabled": true});
        self.client.ask(method, &body, ANSWER).await
    }

    async fn upload(
        &self,
        target: &Target,
        file: &OutFile,
        reply_to: Option<&str>,
    ) -> Result<Message, Failed> {
        let mut fields = vec![("chat_id", target.chat.to_string())];
        if let Some(reply) = reply_to.and_then(|id| place::read(id, target.chat, target.moved)) {
            let reply = json!({"message_id": reply, "allow_sending_without_reply": true});
            fields.push(("reply_parameters", reply.to_string()));
        }
        if let Some(thread) = target.thread {
            fields.push(("message_thread_id", thread.to_string()));
        }
        self.client.upload("sendDocument", &fields, "document", file).await
    }
}

/// What is written into a chat.
enum Written<'a> {
    New(Outgoing<'a>),
    Change(i64, Body<'a>),
}

impl Written<'_> {
    fn is_rich(&self) -> bool {
        matches!(self, Self::New(Outgoing { body: Body::Rich(_), .. }) | Self::Change(_, Body::Rich(_)))
    }
}

#[async_trait]
impl Adapter for Telegram {
    fn abilities(&self) -> Abilities {
        Abilities {
            limit: 4096,
            unit: Unit::Utf16,
            edits: Some(Duration::from_secs(1)),
            typing: Some(TYPING),
            silence: Duration::from_secs(5),
            file_bytes: 50 * 1024 * 1024,
        }
    }

    fn render(&self, markdown: &str) -> String {
        markup::render(markdown, &markup::telegram_html())
    }

    async fn probe(&self) -> Result<String, ConnectError> {
        Ok(format!("@{}", self.who().await?.username))
    }

    async fn connect(&self, link: &Link) -> Result<(), ConnectError> {
        self.places.load(link)?;
        let me = self.who().await?;
        link.alive();
        self.register().await;
        let account = format!("@{}", me.username);
        if let Some(url) = &self.hook {
            link.connected(&account);
            return hook::keep(self, url, link).await;
        }
        // A webhook that an earlier configuration left would take every update.
        let _: bool = self.client.ask("deleteWebhook", &json!({}), ANSWER).await?;
        poll::poll(self, &me, link).await
    }

    async fn send(&self, message: Outgoing<'_>) -> Result<String, SendError> {
        let (target, sent) = self.write(message.to, Written::New(message)).await?;
        Ok(place::written(target.chat, sent.message_id, target.moved))
    }

    async fn edit(&self, to: &Address, id: &str, text: Body<'_>) -> Result<(), SendError> {
        let target = self.target(to)?;
        let number = place::read(id, target.chat, target.moved).ok_or(SendError::Gone)?;
        match self.write(to, Written::Change(number, text)).await {
            Err(SendError::Rejected { reason }) if reason.contains("message is not modified") => Ok(()),
            done => done.map(|_| ()),
        }
    }

    async fn typing(&self, to: &Address) -> Result<(), SendError> {
        let target = self.target(to)?;
        if self.client.is_held(target.chat) {
            return Ok(());
        }
        let mut body = json!({"chat_id": target.chat, "action": "typing"});
        if let Some(thread) = target.thread {
            body["message_thread_id"] = thread.into();
        }
        let shown: Result<bool, Failed> = self.client.ask("sendChatAction", &body, ANSWER).await;
        if let Err(Failed::Refused(refusal)) = &shown {
            self.client.obey(target.chat, refusal);
        }
        Ok(shown.map(|_| ())?)
    }

    async fn fetch(&self, file: &RemoteFile, limit: usize) -> Result<Bytes, SendError> {
        let found: File = self.client.ask("getFile", &json!({"file_id": file.handle}), ANSWER).await?;
        let Some(path) = found.file_path else {
            return Err(SendError::rejected("Telegram does not give the file"));
        };
        if found.file_size.is_some_and(|size| size > limit as u64) {
            return Err(SendError::rejected(format!("the file has more than {limit} bytes")));
        }
        Ok(self.client.download(&path, limit).await?)
    }

    async fn webhook(&self, link: &Link, request: WebhookRequest) -> WebhookAnswer {
        hook::take(self, link, &request).await
    }
}
