//! Calls of the REST API: one way in, one place where Discord's refusals are told apart, one limiter for all who call.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use bytes::Bytes;
use openclaw_core::Secret;
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::timeout;

use super::wire::{self, Refused};
use crate::{
    error::{ConnectError, SendError},
    net::{Answer, Net, NetError},
    rate::{Limiter, Rule},
    sync::lock,
};

/// All calls together: fifty a second, a burst counted in. Those of interactions do not count.
/// <https://docs.discord.com/developers/topics/rate-limits#global-rate-limit>
const ALL: Rule = Rule::new(10, Duration::from_millis(250));
/// Messages, and changes of them, in one channel. Discord tells its limits in headers only, which are obeyed beside this: several calls at
/// once would otherwise all take the last place.
const MESSAGES: Rule = Rule::new(5, Duration::from_secs(5));
/// Other calls about one channel.
const OTHERS: Rule = Rule::new(5, Duration::from_secs(1));
/// Longest wait for our turn. Whoever has to wait longer is told so, and may have something newer to say then.
const TURN: Duration = Duration::from_secs(2);
/// Wait when Discord says "later" and not when.
const LATER: Duration = Duration::from_secs(10);
/// What holds everybody.
const EVERYBODY: &str = "all";
/// Most routes whose buckets are remembered.
const ROUTES: usize = 256;

/// Speaks with the REST API as one bot.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) net: Net,
    base: String,
    token: Secret,
    limiter: Limiter,
    /// Which bucket a route shares with others.
    buckets: Mutex<HashMap<String, String>>,
}

/// A call that is to be made.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    /// The path, with `{}` where ids stand.
    pub(super) route: &'static str,
    /// The ids. The first is what limits are counted by.
    pub(super) ids: &'a [&'a str],
    pub(super) query: String,
    pub(super) body: Body,
    pub(super) patience: Option<Duration>,
}

/// The body of a call.
pub(super) enum Body {
    None,
    Json(Value),
    /// Content type and bytes.
    Form(String, Bytes),
}

impl<'a> Ask<'a> {
    pub(super) fn new(method: Method, route: &'static str, ids: &'a [&'a str]) -> Self {
        Self { method, route, ids, query: String::new(), body: Body::None, patience: None }
    }

    pub(super) fn get(route: &'static str, ids: &'a [&'a str]) -> Self {
        Self::new(Method::GET, route, ids)
    }

    pub(super) fn json(mut self, body: Value) -> Self {
        self.body = Body::Json(body);
        self
    }

    fn path(&self) -> String {
        let mut ids = self.ids.iter();
        let mut path = String::new();
        for (at, piece) in self.route.split("{}").enumerate() {
            if at > 0 {
                // Ids are Discord's, or a person's who configured one: nothing but their own place may be reached by them.
                let id = ids.next().copied().unwrap_or_default();
                let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.=@".contains(&byte);
                path.extend(id.bytes().filter(|byte| is_plain(*byte)).map(char::from));
            }
            path.push_str(piece);
        }
        path
    }

    /// Whether the path holds a token of its own, and limits of the bot's do not count.
    fn is_free(&self) -> bool {
        self.route.starts_with("/interactions") || self.route.starts_with("/webhooks")
    }
}

/// Why a call failed.
#[derive(Debug, Clone)]
pub(super) enum Failed {
    /// There is no answer, or none of Discord's.
    Net(NetError),
    /// Too many calls.
    Later(Duration),
    /// The token is not taken.
    Token,
    /// Discord said no.
    Refused(Refusal),
}

/// What Discord said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// Discord's code: <https://docs.discord.com/developers/topics/opcodes-and-status-codes#json>
    pub(super) code: u64,
    pub(super) message: String,
}

/// Codes that mean something to us.
pub(super) const UNKNOWN_CHANNEL: u64 = 10003;
pub(super) const UNKNOWN_MESSAGE: u64 = 10008;
pub(super) const ACKNOWLEDGED: u64 = 40060;
const MISSING_ACCESS: u64 = 50001;
const NO_DIRECT_MESSAGES: u64 = 50007;
const MISSING_PERMISSION: u64 = 50013;
const ARCHIVED: u64 = 50083;

impl Client {
    pub(super) fn new(net: Net, base: String, token: Secret) -> Self {
        Self { net, base, token, limiter: Limiter::default(), buckets: Mutex::default() }
    }

    /// Makes a call; what it answers.
    pub(super) async fn ask<T: DeserializeOwned>(&self, ask: Ask<'_>) -> Result<T, Failed> {
        Ok(self.ask_dated(ask).await?.0)
    }

    /// The same, with Discord's clock in Unix milliseconds, as far as it tells.
    pub(super) async fn ask_dated<T: DeserializeOwned>(
        &self,
        ask: Ask<'_>,
    ) -> Result<(T, Option<u64>), Failed> {
        let name = format!("{} {}", ask.method, ask.route);
        let is_question = ask.method == Method::GET;
        let answer = self.call(&name, ask).await?;
        let unreadable = |reason: String| {
            if is_question { NetError::NotSent { reason } } else { NetError::Unknown { reason } }
        };
        let value: Value = if answer.body.is_empty() {
            Value::Object(serde_json::Map::new())
        } else {
            answer.json().map_err(|error| unreadable(error.to_string()))?
        };
        let read = wire::read(value);
        let read =
            read.map_err(|error| unreadable(format!("Discord's answer to `{name}` can't be read: {error}")))?;
        Ok((read, answer.date()))
    }

    async fn call(&self, name: &str, ask: Ask<'_>) -> Result<Answer, Failed> {
        let is_free = ask.is_free();
        let major = ask.ids.first().copied().unwrap_or_default();
        let key = format!("{} {major}", self.bucket(name));
        self.turn(name, &key, is_free).await?;
        let is_question = ask.method == Method::GET;
        let mut call = self.net.call(ask.method.clone(), format!("{}{}{}", self.base, ask.path(), ask.query));
        call = call
            .header("user-agent", concat!("DiscordBot (openclaw-gateway, ", env!("CARGO_PKG_VERSION"), ")"));
        if !is_free {
            call = call.header("authorization", &format!("Bot {}", self.token.expose()));
        }
        if let Some(patience) = ask.patience {
            call = call.timeout(patience);
        }
        let call = match ask.body {
            Body::None => call,
            Body::Json(body) => call.json(&body),
            Body::Form(kind, bytes) => call.body(&kind, bytes),
        };
        let answer = call.send().await?;
        self.learn(name, &key, major, &answer);
        match answer.status {
            200..300 => Ok(answer),
            401 if !is_free => Err(Failed::Token),
            429 => {
                let told = refused(&answer);
                let told_after =
                    Duration::try_from_secs_f64(told.retry_after).ok().filter(|wait| !wait.is_zero());
                let wait = told_after.or(answer.retry_after()).unwrap_or(LATER);
                // Without a body it is not Discord's own word, but that of what stands before it: it is for everybody.
                let all = !is_free && (told.global || told.message.is_empty());
                self.limiter.hold(if all { EVERYBODY } else { &key }, wait);
                Err(Failed::Later(wait))
            }
            status @ 500.. => {
                let reason = format!("Discord answered `{name}` with status {status}");
                Err(if is_question { NetError::NotSent { reason } } else { NetError::Unknown { reason } }
                    .into())
            }
            status => {
                let told = refused(&answer);
                Err(Failed::Refused(Refusal { status, code: told.code, message: told.message }))
            }
        }
    }

    fn bucket(&self, name: &str) -> String {
        let buckets = lock(&self.buckets);
        buckets.get(name).cloned().unwrap_or_else(|| name.to_owned())
    }

    /// Waits until limits let us pass, and Discord's own word if it gave one.
    async fn turn(&self, name: &str, key: &str, is_free: bool) -> Result<(), Failed> {
        let everybody = if is_free { Duration::ZERO } else { self.limiter.held(EVERYBODY) };
        let held = self.limiter.held(key).max(everybody);
        if held > TURN {
            return Err(Failed::Later(held));
        }
        let rule = match name {
            "POST /channels/{}/messages" | "PATCH /channels/{}/messages/{}" => MESSAGES,
            _ => OTHERS,
        };
        let routes: &[(&str, Rule)] = if is_free { &[(key, rule)] } else { &[(EVERYBODY, ALL), (key, rule)] };
        timeout(TURN, self.limiter.pass(routes)).await.map_err(|_| Failed::Later(TURN))
    }

    /// What the headers say of the limit that was met.
    fn learn(&self, name: &str, key: &str, major: &str, answer: &Answer) {
        let mut key = key.to_owned();
        if let Some(bucket) = answer.header("x-ratelimit-bucket") {
            let mut buckets = lock(&self.buckets);
            if buckets.len() < ROUTES {
                buckets.insert(name.to_owned(), bucket.to_owned());
            }
            drop(buckets);
            key = format!("{} {major}", self.bucket(name));
        }
        let reset = answer.header("x-ratelimit-reset-after").and_then(|seconds| seconds.parse::<f64>().ok());
        if answer.header("x-ratelimit-remaining") == Some("0")
            && let Some(reset) = reset.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        {
            self.limiter.hold(&key, reset);
        }
    }

    /// Whether files may be fetched from this address: Discord's own, or what was configured.
    pub(super) fn is_discords(&self, url: &str) -> bool {
        let (Ok(url), Ok(base)) = (reqwest::Url::parse(url), reqwest::Url::parse(&self.base)) else {
            return false;
        };
        let host = url.host_str().unwrap_or_default();
        url.origin() == base.origin()
            || (url.scheme() == "https" && ["cdn.discordapp.com", "media.discordapp.net"].contains(&host))
    }
}

fn refused(answer: &Answer) -> Refused {
    answer.json::<Value>().ok().and_then(|told| wire::read(told).ok()).unwrap_or_default()
}

impl From<NetError> for Failed {
    fn from(error: NetError) -> Self {
        Self::Net(error)
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { status, code, message } = self;
        match *code {
            MISSING_PERMISSION => f.write_str(
                "the bot lacks a permission in this Discord channel: give its role View Channel, Send Messages, Send Messages in Threads, Attach Files and Read Message History there",
            ),
            MISSING_ACCESS => f.write_str("the bot may not see this Discord channel: give its role View Channel there"),
            NO_DIRECT_MESSAGES => f.write_str("this person takes no direct messages from the bot"),
            UNKNOWN_CHANNEL => f.write_str("there is no such Discord channel any more"),
            0 if message.is_empty() => write!(f, "Discord answered with status {status}"),
            code => write!(f, "Discord says `{message}` ({code})"),
        }
    }
}

/// What to do about a token that is not taken.
pub(super) fn bad_token() -> String {
    "Discord does not take the token (401): copy a new one at https://discord.com/developers/applications, under Bot, Reset Token, into `channels.discord.token`"
        .to_owned()
}

impl From<Failed> for SendError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Net(error) => error.into(),
            Failed::Later(after) => Self::Later { after, reason: "Discord asks to wait".to_owned() },
            Failed::Token => Self::Token { reason: bad_token() },
            Failed::Refused(Refusal { code: UNKNOWN_MESSAGE | ARCHIVED, .. }) => Self::Gone,
            Failed::Refused(refusal) => Self::Rejected { reason: refusal.to_string() },
        }
    }
}

impl From<Failed> for ConnectError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Net(error) => error.into(),
            Failed::Later(after) => Self::Later { after, reason: "Discord asks to wait".to_owned() },
            Failed::Token => Self::Refused { reason: bad_token() },
            Failed::Refused(refusal) => Self::Lost { reason: refusal.to_string() },
        }
    }
}
