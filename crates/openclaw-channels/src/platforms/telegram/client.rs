//! Calls of the Bot API: one way in, one place where its refusals are told apart, one limiter for all who send.

use std::{sync::Mutex, time::Duration};

use bytes::Bytes;
use openclaw_core::Secret;
use reqwest::Method;
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::Instant;

use super::wire::Answer;
use crate::{
    error::{ConnectError, SendError},
    message::OutFile,
    net::{Form, Net, NetError},
    rate::{Limiter, Rule},
    sync::lock,
};

/// Longest wait for the answer to a small call.
pub(super) const ANSWER: Duration = Duration::from_secs(20);
/// Longest wait until a file is sent or fetched.
pub(super) const FILE: Duration = Duration::from_secs(120);

/// Telegram: 30 messages a second in all, one a second in a chat, 20 a minute in a group. A burst is counted in, so that no window has
/// more: 5 at once and 15 a minute. <https://core.telegram.org/bots/faq>
const ALL: Rule = Rule::new(1, Duration::from_millis(34));
const CHAT: Rule = Rule::new(1, Duration::from_millis(1020));
const GROUP: Rule = Rule::new(5, Duration::from_millis(20_200));
/// The route that everything passes.
const EVERYTHING: &str = "all";

/// Speaks with the Bot API as one bot.
#[derive(Debug)]
pub(super) struct Client {
    net: Net,
    base: String,
    token: Secret,
    limiter: Limiter,
    /// The chat that was held last, and until when.
    flooded: Mutex<Option<(i64, Instant)>>,
}

/// Why a call failed.
#[derive(Debug)]
pub(super) enum Failed {
    /// There is no answer, or none of Telegram's.
    Net(NetError),
    /// Telegram said no.
    Refused(Refusal),
}

/// What Telegram said.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: u16,
    pub(super) description: String,
    pub(super) retry_after: Option<Duration>,
    pub(super) moved_to: Option<i64>,
}

impl Client {
    pub(super) fn new(net: Net, base: String, token: Secret) -> Self {
        Self { net, base, token, limiter: Limiter::default(), flooded: Mutex::default() }
    }

    /// Calls a method; what it answers.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        method: &str,
        body: &impl Serialize,
        timeout: Duration,
    ) -> Result<T, Failed> {
        self.finish(self.call(method).json(body).timeout(timeout)).await
    }

    /// Sends a file.
    pub(super) async fn upload<T: DeserializeOwned>(
        &self,
        method: &str,
        fields: &[(&str, String)],
        field: &str,
        file: &OutFile,
    ) -> Result<T, Failed> {
        let form = fields.iter().fold(Form::default(), |form, (name, value)| form.field(name, None, value));
        let (kind, body) = form.file(field, file).finish();
        let call = self.call(method).body(&kind, body);
        self.finish(call.timeout(FILE)).await
    }

    /// The bytes of a file on Telegram's side.
    pub(super) async fn download(&self, path: &str, limit: usize) -> Result<Bytes, Failed> {
        let url = format!("{}/file/bot{}/{path}", self.base, self.token.expose());
        let answer = self.net.call(Method::GET, url).timeout(FILE).limit(limit).send().await;
        let answer = answer.map_err(Failed::Net)?;
        if answer.is_success() {
            return Ok(answer.body);
        }
        let description = format!("the file can't be fetched (status {})", answer.status);
        Err(Failed::Refused(Refusal { code: answer.status, description, retry_after: None, moved_to: None }))
    }

    fn call(&self, method: &str) -> crate::net::Call {
        self.net.call(Method::POST, format!("{}/bot{}/{method}", self.base, self.token.expose()))
    }

    async fn finish<T: DeserializeOwned>(&self, call: crate::net::Call) -> Result<T, Failed> {
        let answer = call.send().await.map_err(Failed::Net)?;
        let wrong = |reason: String| Failed::Net(NetError::Unknown { reason });
        let said: Answer = match answer.json() {
            Ok(said) => said,
            // A proxy between us and Telegram, or something that is not Telegram.
            Err(_) if !answer.is_success() => {
                return Err(wrong(format!("Telegram answers with status {}", answer.status)));
            }
            Err(error) => return Err(Failed::Net(error)),
        };
        if said.ok {
            return serde_json::from_value(said.result)
                .map_err(|error| wrong(format!("Telegram's answer can't be read: {error}")));
        }
        let retry_after =
            said.parameters.retry_after.map(Duration::from_secs).or_else(|| answer.retry_after());
        Err(Failed::Refused(Refusal {
            code: if said.error_code == 0 { answer.status } else { said.error_code },
            description: said.description,
            retry_after,
            moved_to: said.parameters.migrate_to_chat_id,
        }))
    }

    /// Waits until a message may go to `chat`.
    pub(super) async fn pass(&self, chat: i64) {
        let (own, minute) = (chat.to_string(), format!("group{chat}"));
        let mut routes = vec![(EVERYTHING, ALL), (own.as_str(), CHAT)];
        if chat < 0 {
            routes.push((&minute, GROUP));
        }
        self.limiter.pass(&routes).await;
    }

    /// Whether Telegram asked to wait there.
    pub(super) fn is_held(&self, chat: i64) -> bool {
        [EVERYTHING, &chat.to_string()].iter().any(|route| !self.limiter.held(route).is_zero())
    }

    /// Obeys a "too many requests". It does not say whether the chat or the bot is meant: the chat at first, everything as soon as
    /// another chat hears the same meanwhile.
    pub(super) fn obey(&self, chat: i64, refusal: &Refusal) {
        if refusal.code != 429 {
            return;
        }
        let time = refusal.retry_after.unwrap_or(Duration::from_secs(1));
        self.limiter.hold(&chat.to_string(), time);
        let mut flooded = lock(&self.flooded);
        let now = Instant::now();
        if flooded.is_some_and(|(other, until)| other != chat && until > now) {
            self.limiter.hold(EVERYTHING, time);
        }
        *flooded = Some((chat, now + time));
    }
}

impl Refusal {
    /// Whether Telegram does not know the bot.
    fn is_about_token(&self) -> bool {
        self.code == 401 || (self.code == 404 && self.description == "Not Found")
    }

    fn has(&self, words: &str) -> bool {
        self.description.contains(words)
    }

    fn reason(&self) -> String {
        format!("Telegram: {}", self.description)
    }
}

fn dead_token(refusal: &Refusal) -> String {
    format!(
        "Telegram does not take the token ({} {}); ask @BotFather for a new one and put it into `channels.telegram.token`",
        refusal.code, refusal.description
    )
}

impl From<Failed> for ConnectError {
    fn from(failed: Failed) -> Self {
        let refusal = match failed {
            Failed::Net(error) => return error.into(),
            Failed::Refused(refusal) => refusal,
        };
        if refusal.is_about_token() {
            return Self::Refused { reason: dead_token(&refusal) };
        }
        match refusal.code {
            409 if refusal.has("getUpdates request") => {
                let reason = "another program polls with the same token (409); only one can: stop it, or give this gateway a bot of its own";
                Self::Lost { reason: reason.to_owned() }
            }
            429 => Self::Later {
                after: refusal.retry_after.unwrap_or(Duration::from_secs(1)),
                reason: refusal.reason(),
            },
            _ => Self::Lost { reason: refusal.reason() },
        }
    }
}

impl From<Failed> for SendError {
    fn from(failed: Failed) -> Self {
        let refusal = match failed {
            Failed::Net(error) => return error.into(),
            Failed::Refused(refusal) => refusal,
        };
        if refusal.is_about_token() {
            return Self::Token { reason: dead_token(&refusal) };
        }
        let reason = refusal.reason();
        match refusal.code {
            429 => Self::Later { after: refusal.retry_after.unwrap_or(Duration::from_secs(1)), reason },
            409 => Self::NotSent { reason },
            400 if refusal.has("can't parse entities") => Self::Markup { reason },
            400 if ["message to edit not found", "message can't be edited", "MESSAGE_ID_INVALID"]
                .iter()
                .any(|words| refusal.has(words)) =>
            {
                Self::Gone
            }
            500.. => Self::Unknown { reason },
            _ => Self::Rejected { reason },
        }
    }
}
