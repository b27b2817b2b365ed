//! Calls of a platform's HTTP API.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{
    Method,
    header::{HeaderMap, HeaderName, HeaderValue},
};

use super::Net;
use crate::error::{ConnectError, SendError};

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// Longest wait for an answer, unless the call says otherwise.
const ANSWER: Duration = Duration::from_secs(20);
/// Largest answer, unless the call says otherwise.
const ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(50);

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetError {
    /// It surely was not carried out.
    #[error("{reason}")]
    NotSent {
        /// What happened.
        reason: String,
    },
    /// It may have been carried out.
    #[error("{reason}")]
    Unknown {
        /// What happened.
        reason: String,
    },
}

impl From<NetError> for SendError {
    fn from(error: NetError) -> Self {
        match error {
            NetError::NotSent { reason } => Self::NotSent { reason },
            NetError::Unknown { reason } => Self::Unknown { reason },
        }
    }
}

impl From<NetError> for ConnectError {
    fn from(error: NetError) -> Self {
        Self::Lost { reason: error.to_string() }
    }
}

/// A request that is being put together. `host` in errors is the server's name alone: paths may hold tokens.
#[derive(Debug)]
pub struct Call {
    net: Net,
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Bytes,
    timeout: Duration,
    limit: usize,
}

/// An answer, read whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// A header's value, when it is there and text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether the status is 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// [`NetError::Unknown`] when it is none: the platform is not what it should be, and what it did is anybody's guess.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, NetError> {
        serde_json::from_slice(&self.body).map_err(|error| NetError::Unknown {
            reason: format!("the answer (status {}) can't be read: {error}", self.status),
        })
    }

    /// What time it is there, in Unix milliseconds, as far as the platform tells (`Sun, 06 Nov 1994 08:49:37 GMT`).
    #[must_use]
    pub fn date(&self) -> Option<u64> {
        let format = &time::format_description::well_known::Rfc2822;
        let read = time::OffsetDateTime::parse(self.header("date")?, format).ok()?;
        u64::try_from(read.unix_timestamp()).ok()?.checked_mul(1000)
    }

    /// How long the `Retry-After` header asks to wait; a date counts as none.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let seconds: f64 = self.header("retry-after")?.trim().parse().ok()?;
        Duration::try_from_secs_f64(seconds).ok()
    }
}

impl Net {
    /// A call of `url`.
    #[must_use]
    pub fn call(&self, method: Method, url: impl Into<String>) -> Call {
        Call {
            net: self.clone(),
            method,
            url: url.into(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            timeout: ANSWER,
            limit: ANSWER_BYTES,
        }
    }

    fn http(&self) -> Result<&reqwest::Client, NetError> {
        let built = self.shared.http.get_or_init(|| {
            let tls = self.tls().map_err(|error| error.to_string())?;
            reqwest::Client::builder()
                .tls_backend_preconfigured((*tls).clone())
                // A token must not follow a redirect to another host.
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(CONNECT)
                .pool_idle_timeout(IDLE)
                .tcp_keepalive(Duration::from_secs(5))
                .tcp_nodelay(true)
                .build()
                .map_err(|error| error.without_url().to_string())
        });
        built.as_ref().map_err(|reason| NetError::NotSent { reason: reason.clone() })
    }
}

impl Call {
    /// With this header. Values that can't be one are left out.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(mut value) = HeaderValue::from_str(value) {
            // Tokens travel in headers: none of them is shown.
            value.set_sensitive(true);
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }

    /// With this JSON as the body.
    #[must_use]
    pub fn json(self, body: &impl serde::Serialize) -> Self {
        let bytes = serde_json::to_vec(body).unwrap_or_default();
        self.body("application/json", bytes)
    }

    /// With this body.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    /// Waits this long for the answer instead of 20 seconds.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Reads at most this much instead of 8 MiB.
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// Makes the call.
    ///
    /// # Errors
    /// When there is no answer, or one over the limit.
    pub async fn send(self) -> Result<Answer, NetError> {
        let Ok(url) = reqwest::Url::parse(&self.url) else {
            return Err(NetError::NotSent { reason: "the address (`base_url`) is not one".to_owned() });
        };
        let host = url.host_str().unwrap_or_default().to_owned();
        let client = self.net.http()?;
        let request = client.request(self.method, url).headers(self.headers).body(self.body);
        let limit = self.limit;
        let asked = async {
            let mut response = request.send().await.map_err(|error| failed(&host, error))?;
            let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(|error| failed(&host, error))? {
                if body.len() + chunk.len() > limit {
                    let reason = format!("{host} answered with more than {limit} bytes");
                    return Err(NetError::Unknown { reason });
                }
                body.extend_from_slice(&chunk);
            }
            Ok(Answer { status, headers, body: body.into() })
        };
        match tokio::time::timeout(self.timeout, asked).await {
            Ok(answer) => answer,
            Err(_) => Err(NetError::Unknown {
                reason: format!("{host} did not answer within {} s", self.timeout.as_secs_f32()),
            }),
        }
    }
}

fn failed(host: &str, error: reqwest::Error) -> NetError {
    let never_sent = error.is_connect() || error.is_builder();
    let error = error.without_url();
    let mut innermost: &dyn std::error::Error = &error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    if never_sent {
        NetError::NotSent { reason: format!("{host} can't be reached: {innermost}") }
    } else {
        NetError::Unknown { reason: format!("the connection to {host} ended: {innermost}") }
    }
}
