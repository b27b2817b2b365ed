//! Matrix, by the client-server API: <https://spec.matrix.org/latest/client-server-api/>.

mod client;
mod convert;
mod errands;
mod refusal;
mod rooms;
mod send;
mod sync;
mod text;
mod walk;
mod wire;

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use openclaw_core::config::ChannelConfig;
use serde_json::{Value, json};
use tracing::debug;

use self::{
    client::{Client, Credentials, segment},
    convert::{Me, Read},
    rooms::Rooms,
    walk::Found,
    wire::Event,
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
pub(crate) const PLATFORM: MatrixPlatform = MatrixPlatform;

const USER: &str = "user";
const PASSWORD: &str = "password";
/// How long a typing notice lasts.
const TYPING: Duration = Duration::from_secs(5);
/// What a homeserver takes that does not say how much.
const FILE_BYTES: usize = 50 * 1024 * 1024;
/// Longest message, in bytes of its HTML: twice that, escaped, has room in an event.
const MESSAGE_BYTES: usize = 12_000;
/// Time between two changes of a message, and when the homeserver has asked to wait.
const PACE: Duration = Duration::from_secs(2);
const SLOW_PACE: Duration = Duration::from_secs(10);

pub(crate) struct MatrixPlatform;

impl Platform for MatrixPlatform {
    fn name(&self) -> &'static str {
        "matrix"
    }

    fn introduction(&self) -> &'static str {
        "Make an account for the assistant on your homeserver, with any Matrix client. Then give its user name and password here; or, for a \
         token, see All settings → Help & About → Access Token in Element (and do not log that session out).\n\
         Invite it to rooms without end-to-end encryption: encrypted ones it can't read yet."
    }

    fn settings(&self) -> &'static [Setting] {
        const {
            &[
                Setting::required(Key::BaseUrl, "Address of the homeserver, such as https://matrix.org"),
                Setting::optional(
                    Key::Token,
                    "Access token of the assistant's account (empty: user name and password)",
                ),
                Setting::optional(
                    Key::Option(USER),
                    "Its user name, such as @claw:matrix.org (empty: with a token)",
                ),
                Setting::optional(Key::Secret(PASSWORD), "Its password (empty: with a token)"),
            ]
        }
    }

    fn open(&self, config: &ChannelConfig, net: &Net) -> Result<Arc<dyn Adapter>, Misconfigured> {
        let token = config.token.clone().filter(|token| !token.is_empty());
        let user = config.options.get(USER).filter(|user| !user.is_empty());
        let password = config.secrets.get(PASSWORD).filter(|password| !password.is_empty());
        let credentials = match (token, user, password) {
            (Some(token), None, None) => Credentials::Token(token),
            (None, Some(user), Some(password)) => {
                Credentials::Password { user: user.clone(), password: password.clone() }
            }
            _ => {
                let hint = "give either `channels.matrix.token`, or both `channels.matrix.options.user` and `channels.matrix.secrets.password`";
                return Err(Misconfigured(hint.to_owned()));
            }
        };
        let base = config.base_url.as_deref().unwrap_or_default().trim_end_matches('/');
        if !(base.starts_with("https://") || base.starts_with("http://")) {
            let hint = "`channels.matrix.base_url` is no address: it looks like https://matrix.org";
            return Err(Misconfigured(hint.to_owned()));
        }
        Ok(Arc::new(Matrix {
            client: Client::new(net.clone(), base.to_owned(), credentials),
            rooms: Rooms::default(),
            me: Mutex::default(),
            pairing: config.pairing,
            file_bytes: AtomicUsize::new(FILE_BYTES),
            uploads: Mutex::default(),
        }))
    }
}

/// One account on a homeserver.
struct Matrix {
    client: Client,
    rooms: Rooms,
    me: Mutex<Option<Arc<Me>>>,
    pairing: bool,
    file_bytes: AtomicUsize,
    uploads: Mutex<VecDeque<(String, String)>>,
}

impl Matrix {
    fn me(&self) -> Arc<Me> {
        let me = lock(&self.me).clone();
        me.unwrap_or_else(|| Arc::new(Me::new(self.client.user(), "")))
    }

    /// Names what is kept for this account: another one begins anew.
    fn cursor(&self, what: &str, room: &str) -> String {
        format!("{what} {} {room}", self.me().id)
    }

    fn uploads(&self) -> MutexGuard<'_, VecDeque<(String, String)>> {
        lock(&self.uploads)
    }

    async fn log_in(&self, link: &Link) -> Result<(), ConnectError> {
        let device = if self.client.has_device() { Some(self.device(link).await?) } else { None };
        let user = self.client.log_in(device.as_deref()).await.map_err(client::Failed::at_login)?;
        link.alive();
        let profile: Result<Value, _> = self.client.get(&format!("profile/{}", segment(&user))).await;
        let name = profile.ok().and_then(|profile| profile["displayname"].as_str().map(str::to_owned));
        let me = Me::new(user, &name.unwrap_or_default());
        *lock(&self.me) = Some(Arc::new(me));
        link.alive();
        for path in ["/_matrix/client/v1/media/config", "/_matrix/media/v3/config"] {
            let config: Result<Value, _> = self.client.get(path).await;
            if let Some(size) = config.ok().and_then(|config| config["m.upload.size"].as_u64()) {
                self.file_bytes.store(usize::try_from(size).unwrap_or(FILE_BYTES), Ordering::Relaxed);
                break;
            }
        }
        Ok(())
    }

    /// The device that we are, the same for ever: transaction ids are known by it.
    async fn device(&self, link: &Link) -> Result<String, ConnectError> {
        if let Some(device) = link.cursor("device")? {
            return Ok(device);
        }
        let device: String = "OPENCLAW".chars().chain((0..8).map(|_| fastrand::char('A'..='Z'))).collect();
        link.save_cursor("device", &device).await?;
        Ok(device)
    }

    /// Hands a room's events to the engine, in order. What was found beside; `None`: not all of it is durable, or could be read.
    async fn hand_over(&self, link: &Link, room: &str, events: &[Event]) -> Option<Found> {
        let (mut found, mut receipts) = (Found::default(), Vec::new());
        for event in events {
            let read = convert::read(event, room, &self.me(), &self.client, &self.rooms).await;
            match read {
                Ok(Read::Event(event)) => {
                    receipts.push(link.deliver(event).await);
                }
                Ok(Read::Nothing) => {}
                Ok(Read::Sealed) => found.sealed = true,
                Ok(Read::Left) => found.left = true,
                Ok(Read::Moved(new)) => found.moved = Some((event.sender.clone(), new)),
                Err(error) => {
                    debug!(channel = "matrix", room, %error, "an event can't be read now");
                    return None;
                }
            }
            if event.sender != self.me().id && !event.id.is_empty() {
                found.last = Some(event.id.clone());
            }
        }
        for receipt in receipts {
            if !receipt.settled().await {
                return None;
            }
        }
        Some(found)
    }
}

#[async_trait]
impl Adapter for Matrix {
    fn abilities(&self) -> Abilities {
        Abilities {
            limit: MESSAGE_BYTES,
            unit: Unit::Bytes,
            edits: Some(if self.client.is_strained() { SLOW_PACE } else { PACE }),
            typing: Some(TYPING - Duration::from_secs(1)),
            silence: Duration::from_secs(5),
            file_bytes: self.file_bytes.load(Ordering::Relaxed),
        }
    }

    fn render(&self, markdown: &str) -> String {
        markup::render(markdown, &markup::html())
    }

    /// Clients keep `/` to themselves.
    fn command_mark(&self) -> char {
        '!'
    }

    async fn probe(&self) -> Result<String, ConnectError> {
        let user = self.client.log_in(None).await.map_err(client::Failed::at_login)?;
        self.client.log_out().await;
        Ok(user)
    }

    async fn connect(&self, link: &Link) -> Result<(), ConnectError> {
        self.log_in(link).await?;
        sync::keep(self, link).await
    }

    async fn send(&self, message: Outgoing<'_>) -> Result<String, SendError> {
        self.send_message(message).await
    }

    async fn edit(&self, to: &Address, id: &str, text: Body<'_>) -> Result<(), SendError> {
        self.edit_message(to, id, text).await
    }

    async fn typing(&self, to: &Address) -> Result<(), SendError> {
        if self.client.is_held() {
            return Ok(());
        }
        let path = format!("rooms/{}/typing/{}", segment(&to.chat), segment(&self.me().id));
        let typing = json!({"typing": true, "timeout": TYPING.as_millis()});
        let _: Value = self.client.put(&path, &typing).await?;
        Ok(())
    }

    async fn fetch(&self, file: &RemoteFile, limit: usize) -> Result<Bytes, SendError> {
        Ok(self.client.download(&file.handle, limit).await?)
    }

    async fn resolve(&self, message: Outgoing<'_>) -> Result<Resolved, SendError> {
        self.find(message).await
    }
}
