//! Calls of the client-server API: one way in, one place where refusals are told apart, one limiter for all who send.

use std::{sync::Mutex, time::Duration};

use bytes::Bytes;
use openclaw_core::Secret;
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::Instant;

pub(super) use super::refusal::Failed;
use super::{
    refusal::Refusal,
    wire::{Session, Uploaded, text},
};
use crate::{
    net::{Answer, Call, Net, NetError},
    rate::{Limiter, Rule},
    sync::lock,
};

/// Longest wait for the answer to a small call.
pub(super) const ANSWER: Duration = Duration::from_secs(20);
/// Longest wait until a file is sent or fetched.
const FILE: Duration = Duration::from_secs(120);
/// The homeserver says how much it takes when it is too much: until then nothing is held back.
const FREE: Rule = Rule::new(1000, Duration::from_secs(1));
/// What passes before a message is sent; what is said of one message is true of all.
const MESSAGES: &str = "messages";
/// How long a homeserver that asked to wait is spared small changes.
const STRAINED: Duration = Duration::from_secs(600);

/// How we come by a session.
#[derive(Debug)]
pub(super) enum Credentials {
    Token(Secret),
    Password { user: String, password: Secret },
}

/// Speaks with a homeserver as one account.
#[derive(Debug)]
pub(super) struct Client {
    net: Net,
    base: Mutex<String>,
    credentials: Credentials,
    session: Mutex<Option<(Secret, String)>>,
    limiter: Limiter,
    strained: Mutex<Option<Instant>>,
}

impl Client {
    pub(super) fn new(net: Net, base: String, credentials: Credentials) -> Self {
        let (base, session, strained) = (Mutex::new(base), Mutex::default(), Mutex::default());
        Self { net, base, credentials, session, limiter: Limiter::default(), strained }
    }

    /// Finds the homeserver: at the address that was given, or where that one says.
    /// <https://spec.matrix.org/latest/client-server-api/#well-known-uri>
    async fn discover(&self) -> Result<(), Failed> {
        let versions =
            self.call(Method::GET, "/_matrix/client/versions").send().await.map_err(Failed::Net)?;
        if versions.json::<Value>().is_ok_and(|said| said.is_object()) {
            return Ok(());
        }
        let said = self.call(Method::GET, "/.well-known/matrix/client").send().await.map_err(Failed::Net)?;
        let said: Value = said.json().unwrap_or_default();
        let elsewhere = text(&said["m.homeserver"]["base_url"]);
        let elsewhere = elsewhere.trim_end_matches('/');
        // A token must not travel in the open when it was not meant to.
        let secure = lock(&self.base).starts_with("https://");
        if elsewhere.starts_with("https://") || (elsewhere.starts_with("http://") && !secure) {
            elsewhere.clone_into(&mut lock(&self.base));
            return Ok(());
        }
        let reason = format!(
            "there is no Matrix homeserver at `channels.matrix.base_url` (status {})",
            versions.status
        );
        Err(Failed::Net(NetError::Unknown { reason }))
    }

    /// Sees to it that there is a session; whose it is. A password gets one on `device`, the same each time: its older sessions end.
    pub(super) async fn log_in(&self, device: Option<&str>) -> Result<String, Failed> {
        if let Some((_, user)) = &*lock(&self.session) {
            return Ok(user.clone());
        }
        self.discover().await?;
        let (token, user) = match &self.credentials {
            Credentials::Token(token) => {
                let who = self.call(Method::GET, "account/whoami").header("authorization", &bearer(token));
                let session: Session = self.finish(who).await?;
                (token.clone(), session.user_id)
            }
            Credentials::Password { user, password } => {
                let mut body = json!({
                    "type": "m.login.password", "password": password.expose(),
                    "identifier": {"type": "m.id.user", "user": user},
                    "initial_device_display_name": "OpenClaw Gateway",
                });
                if let Some(device) = device {
                    body["device_id"] = device.into();
                }
                let session: Session = self.finish(self.call(Method::POST, "login").json(&body)).await?;
                (Secret::new(session.access_token), session.user_id)
            }
        };
        *lock(&self.session) = Some((token, user.clone()));
        Ok(user)
    }

    /// Whether a password, and with it a device, is used.
    pub(super) fn has_device(&self) -> bool {
        matches!(self.credentials, Credentials::Password { .. })
    }

    /// Ends the session that was only tried.
    pub(super) async fn log_out(&self) {
        if self.has_device() {
            let _: Result<Value, _> = self.post("logout", &json!({})).await;
            *lock(&self.session) = None;
        }
    }

    /// Who we are.
    pub(super) fn user(&self) -> String {
        lock(&self.session).as_ref().map(|(_, user)| user.clone()).unwrap_or_default()
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failed> {
        self.get_within(path, ANSWER).await
    }

    pub(super) async fn get_within<T: DeserializeOwned>(
        &self,
        path: &str,
        timeout: Duration,
    ) -> Result<T, Failed> {
        // A first sync tells of every room.
        self.ask(self.call(Method::GET, path).timeout(timeout).limit(64 << 20)).await
    }

    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, Failed> {
        self.ask(self.call(Method::POST, path).json(body)).await
    }

    pub(super) async fn put<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, Failed> {
        self.ask(self.call(Method::PUT, path).json(body)).await
    }

    /// Sends a message, when messages may be sent.
    pub(super) async fn say<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, Failed> {
        self.limiter.pass(&[(MESSAGES, FREE)]).await;
        self.obey(self.put(path, body).await)
    }

    /// Uploads a file; its `mxc://` address.
    pub(super) async fn upload(&self, name: &str, mime_type: &str, bytes: Bytes) -> Result<String, Failed> {
        self.limiter.pass(&[(MESSAGES, FREE)]).await;
        let path = format!("/_matrix/media/v3/upload?filename={}", segment(name));
        let call = self.call(Method::POST, &path).body(mime_type, bytes).timeout(FILE);
        let uploaded: Uploaded = self.obey(self.ask(call).await)?;
        Ok(uploaded.content_uri)
    }

    /// The bytes behind `SERVER/ID`. A homeserver may keep them elsewhere, where our token is nobody's business.
    pub(super) async fn download(&self, file: &str, limit: usize) -> Result<Bytes, Failed> {
        let mut answer = None;
        for path in ["/_matrix/client/v1/media/download", "/_matrix/media/v3/download"] {
            let call = self.call(Method::GET, &format!("{path}/{file}")).timeout(FILE).limit(limit);
            let call = call.header("authorization", &bearer(&self.token()?));
            let got = call.send().await.map_err(Failed::Net)?;
            // Homeservers older than v1.11 of the specification know the second way only.
            let is_unknown = got.status == 404 && self.refusal(&got).code == "M_UNRECOGNIZED";
            answer = Some(got);
            if !is_unknown {
                break;
            }
        }
        let mut answer = answer.ok_or_else(|| Failed::Net(not_now()))?;
        let secure = lock(&self.base).starts_with("https://");
        if let (301..=308, Some(elsewhere)) = (answer.status, answer.header("location"))
            && (!secure || elsewhere.starts_with("https://"))
        {
            let call = self.net.call(Method::GET, elsewhere).timeout(FILE).limit(limit);
            answer = call.send().await.map_err(Failed::Net)?;
        }
        if answer.is_success() { Ok(answer.body) } else { Err(Failed::Refused(self.refusal(&answer))) }
    }

    /// Whether the homeserver asked to wait not long ago.
    pub(super) fn is_strained(&self) -> bool {
        lock(&self.strained).is_some_and(|since| since.elapsed() < STRAINED)
    }

    /// Whether nothing may be sent at the moment.
    pub(super) fn is_held(&self) -> bool {
        !self.limiter.held(MESSAGES).is_zero()
    }

    /// Waits until `route` has room.
    pub(super) async fn pass(&self, route: &str, rule: Rule) {
        self.limiter.pass(&[(route, rule)]).await;
    }

    fn obey<T>(&self, done: Result<T, Failed>) -> Result<T, Failed> {
        if let Err(Failed::Refused(refusal)) = &done
            && refusal.status == 429
        {
            self.limiter.hold(MESSAGES, refusal.wait());
            *lock(&self.strained) = Some(Instant::now());
        }
        done
    }

    /// `path` stands below `/_matrix/client/v3/`, unless it begins with a slash.
    fn call(&self, method: Method, path: &str) -> Call {
        let below = if path.starts_with('/') { "" } else { "/_matrix/client/v3/" };
        self.net.call(method, format!("{}{below}{path}", lock(&self.base))).timeout(ANSWER)
    }

    fn token(&self) -> Result<Secret, Failed> {
        let session = lock(&self.session);
        session.as_ref().map(|(token, _)| token.clone()).ok_or_else(|| Failed::Net(not_now()))
    }

    async fn ask<T: DeserializeOwned>(&self, call: Call) -> Result<T, Failed> {
        let token = self.token()?;
        let done = self.finish(call.header("authorization", &bearer(&token))).await;
        if let Err(Failed::Refused(refusal)) = &done
            && refusal.is_about_token()
        {
            // Unless there is a newer one meanwhile.
            lock(&self.session).take_if(|(now, _)| now.expose() == token.expose());
        }
        done
    }

    async fn finish<T: DeserializeOwned>(&self, call: Call) -> Result<T, Failed> {
        let answer = call.send().await.map_err(Failed::Net)?;
        if answer.is_success() {
            return answer.json().map_err(Failed::Net);
        }
        let refusal = self.refusal(&answer);
        if refusal.code.is_empty() {
            // A proxy between us and the homeserver, or something that is none.
            let reason = format!("the homeserver answers with status {}", answer.status);
            return Err(Failed::Net(NetError::Unknown { reason }));
        }
        Err(Failed::Refused(refusal))
    }

    fn refusal(&self, answer: &Answer) -> Refusal {
        Refusal::read(answer, self.has_device())
    }
}

fn bearer(token: &Secret) -> String {
    format!("Bearer {}", token.expose())
}

fn not_now() -> NetError {
    NetError::NotSent { reason: "there is no session with the homeserver at the moment".to_owned() }
}

/// Text as a part of a path.
pub(super) fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
