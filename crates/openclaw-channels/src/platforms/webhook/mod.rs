//! Everything else: signed JSON in and out, by Standard Webhooks.

mod sign;
mod wire;

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use openclaw_core::{
    ErrorCode, Failure, Timestamp,
    config::ChannelConfig,
    port::{WebhookAnswer, WebhookRequest},
};
use reqwest::Method;
use serde_json::json;
use tokio::time::{sleep, timeout};

use self::{
    sign::{Signed, Signer},
    wire::{OutgoingFile, Post, Posted, Posting},
};
use crate::{
    adapter::{Abilities, Adapter, Key, Platform, Resolved, Setting, Unit},
    error::{ConnectError, Misconfigured, SendError},
    link::Link,
    message::{Address, Body, Outgoing, RemoteFile},
    net::{Answer, Net},
    sync::lock,
};

/// What finds this folder.
pub(crate) const PLATFORM: WebhookPlatform = WebhookPlatform;

/// Longest a sender waits until its message is written down; it comes again then.
const ACCEPT: Duration = Duration::from_secs(20);
/// Time between two looks at whether posting fails.
const LOOK: Duration = Duration::from_secs(1);
/// How long a receiver is left alone when it says 429 without saying how long.
const LATER: Duration = Duration::from_secs(10);

pub(crate) struct WebhookPlatform;

impl Platform for WebhookPlatform {
    fn name(&self) -> &'static str {
        "webhook"
    }

    fn introduction(&self) -> &'static str {
        "Your program posts messages to /api/v1/channels/webhook/webhook of this gateway, and is posted the answers.\n\
         Both are signed as Standard Webhooks say: docs/channels.md shows how."
    }

    fn settings(&self) -> &'static [Setting] {
        const {
            &[
                Setting::required(Key::BaseUrl, "Where answers are posted to (http:// or https://)"),
                Setting::required(
                    Key::Secret("secret"),
                    "The secret that both sides sign with (whsec_… or 24 characters and more)",
                ),
                Setting::optional(
                    Key::Option("edits"),
                    "Post an answer while it is written, as edits: true or false",
                ),
            ]
        }
    }

    fn open(&self, config: &ChannelConfig, net: &Net) -> Result<Arc<dyn Adapter>, Misconfigured> {
        let secret = config.secrets.get("secret").cloned().unwrap_or_default();
        let signer = Signer::new(&secret)
            .map_err(|why| Misconfigured(format!("`channels.webhook.secrets.secret` {why}")))?;
        let edits = match config.options.get("edits").map(String::as_str) {
            None | Some("false") => None,
            Some("true") => Some(Duration::from_secs(1)),
            Some(_) => {
                return Err(Misconfigured(
                    "`channels.webhook.options.edits` must be true or false".to_owned(),
                ));
            }
        };
        let url = config.base_url.clone().unwrap_or_default();
        Ok(Arc::new(Webhook { net: net.clone(), url, signer, edits, trouble: Mutex::default() }))
    }
}

struct Webhook {
    net: Net,
    url: String,
    signer: Signer,
    edits: Option<Duration>,
    /// Why the last post failed, until a ping is answered.
    trouble: Mutex<Option<String>>,
}

impl Webhook {
    fn trouble(&self) -> MutexGuard<'_, Option<String>> {
        lock(&self.trouble)
    }

    async fn post(&self, post: &Post<'_>, delivery: &str) -> Result<Answer, SendError> {
        let body = serde_json::to_vec(post).unwrap_or_default();
        let now = u64::try_from(Timestamp::now().unix_millis() / 1000).unwrap_or(0);
        let call = self
            .net
            .call(Method::POST, self.url.as_str())
            .header("webhook-id", delivery)
            .header("webhook-timestamp", &now.to_string())
            .header("webhook-signature", &self.signer.sign(delivery, now, &body))
            .body("application/json", body);
        let answered = match call.send().await {
            Ok(answer) => judge(answer),
            Err(error) => Err(error.into()),
        };
        if let Err(error @ (SendError::NotSent { .. } | SendError::Unknown { .. })) = &answered {
            *self.trouble() = Some(error.to_string());
        }
        answered
    }
}

/// What a receiver's answer means.
fn judge(answer: Answer) -> Result<Answer, SendError> {
    let reason = format!("the receiver answered {}", answer.status);
    match answer.status {
        200..=299 => Ok(answer),
        401 | 403 => Err(SendError::Token { reason: format!("{reason}: it does not take our signature") }),
        408 | 425 | 500..=599 => Err(SendError::Unknown { reason }),
        429 => Err(SendError::Later { after: answer.retry_after().unwrap_or(LATER), reason }),
        _ => Err(SendError::Rejected { reason }),
    }
}

#[async_trait]
impl Adapter for Webhook {
    fn abilities(&self) -> Abilities {
        Abilities {
            limit: 200_000,
            unit: Unit::Bytes,
            edits: self.edits,
            typing: None,
            silence: Duration::from_secs(4),
            file_bytes: 20 * 1024 * 1024,
        }
    }

    /// Markdown as it is: what becomes of it is the receiver's business.
    fn render(&self, markdown: &str) -> String {
        markdown.to_owned()
    }

    async fn probe(&self) -> Result<String, ConnectError> {
        // A post that means nothing: who takes it takes answers too.
        let post =
            Post { kind: "ping", id: "ping", chat: "", thread: None, reply_to: None, text: None, file: None };
        match self.post(&post, &format!("ping_{:016x}", fastrand::u64(..))).await {
            Ok(_) | Err(SendError::Rejected { .. } | SendError::Later { .. }) => {
                Ok(openclaw_core::config::presentable_url(&self.url).into_owned())
            }
            Err(SendError::Token { reason }) => Err(ConnectError::Refused { reason }),
            Err(error) => Err(ConnectError::lost(error)),
        }
    }

    /// There is nothing to connect to: it counts as connected until a post fails, and then again when a ping is answered.
    async fn connect(&self, link: &Link) -> Result<(), ConnectError> {
        if self.trouble().is_some() {
            self.probe().await?;
            *self.trouble() = None;
        }
        link.connected("webhook");
        loop {
            link.alive();
            sleep(LOOK).await;
            if let Some(reason) = self.trouble().clone() {
                return Err(ConnectError::Lost { reason });
            }
        }
    }

    async fn send(&self, message: Outgoing<'_>) -> Result<String, SendError> {
        let (text, file) = match message.body {
            Body::Rich(text) | Body::Plain(text) => (Some(text), None),
            Body::File(file) => {
                let data = STANDARD.encode(&file.bytes);
                (None, Some(OutgoingFile { name: &file.name, mime_type: &file.mime_type, data }))
            }
        };
        let post = Post {
            kind: "message",
            id: message.key,
            chat: &message.to.chat,
            thread: message.to.thread.as_deref(),
            reply_to: message.reply_to,
            text,
            file,
        };
        let answer = self.post(&post, message.key).await?;
        let posting: Posting = serde_json::from_slice(&answer.body).unwrap_or_default();
        Ok(posting.id.unwrap_or_else(|| message.key.to_owned()))
    }

    async fn edit(&self, to: &Address, id: &str, text: Body<'_>) -> Result<(), SendError> {
        let (Body::Rich(text) | Body::Plain(text)) = text else { return Ok(()) };
        let (chat, thread) = (to.chat.as_str(), to.thread.as_deref());
        let post = Post { kind: "edit", id, chat, thread, reply_to: None, text: Some(text), file: None };
        match self.post(&post, &format!("edit_{:016x}", fastrand::u64(..))).await {
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn fetch(&self, file: &RemoteFile, limit: usize) -> Result<Bytes, SendError> {
        let rejected = |reason: &str| SendError::rejected(reason);
        let bytes = STANDARD.decode(&file.handle).map_err(|_| rejected("its data is no base64"))?;
        if bytes.len() > limit { Err(rejected("it is too large")) } else { Ok(bytes.into()) }
    }

    /// The same message carries the same `webhook-id`, by which receivers know repetitions.
    async fn resolve(&self, _message: Outgoing<'_>) -> Result<Resolved, SendError> {
        Ok(Resolved::NotSent)
    }

    async fn webhook(&self, link: &Link, request: WebhookRequest) -> WebhookAnswer {
        let header = |name| request.header(name).unwrap_or_default();
        let id = header("webhook-id");
        let signed =
            Signed { id, timestamp: header("webhook-timestamp"), signature: header("webhook-signature") };
        if !self.signer.is_good(&signed, &request.body, Timestamp::now()) {
            let message = "The signature does not fit, or is older than five minutes (Standard Webhooks: webhook-id, webhook-timestamp, webhook-signature)";
            return WebhookAnswer::Refused(Failure::new(ErrorCode::Unauthorized, message));
        }
        let posted: Posted = match serde_json::from_slice(&request.body) {
            Ok(posted) => posted,
            Err(error) => return WebhookAnswer::Refused(Failure::bad_field("body", error.to_string())),
        };
        if let Some(field) = posted.empty() {
            return WebhookAnswer::Refused(Failure::bad_field(field, "must not be empty"));
        }
        let taking = async { link.deliver(posted.into_event(id)).await.settled().await };
        if timeout(ACCEPT, taking).await.unwrap_or(false) {
            return WebhookAnswer::Taken(json!({"accepted": true}));
        }
        let message = "The message could not be written down; send it again";
        WebhookAnswer::Refused(Failure::new(ErrorCode::ServiceUnavailable, message))
    }
}
