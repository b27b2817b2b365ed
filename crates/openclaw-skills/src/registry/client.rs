//! HTTP with bounds: of time, of bytes, of where answers lead.

use std::{
    error::Error,
    future::Future,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use reqwest::{
    StatusCode, Url,
    header::{HeaderMap, LOCATION, RETRY_AFTER},
};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use serde::de::DeserializeOwned;
use tokio::time::{sleep, timeout};

use super::{
    RegistryError,
    address::{is_loopback, may_lead},
};

/// How often a request is made at most.
const ATTEMPTS: u32 = 3;
/// Most redirects of one request.
const REDIRECTS: usize = 5;
/// Longest answer that is JSON, in bytes.
pub(super) const JSON_BYTES: u64 = 8 * 1024 * 1024;
/// Longest part of an error's text that is shown, in characters.
const WORDS: usize = 200;

/// How long is waited for what.
#[derive(Debug, Clone)]
pub(crate) struct Timing {
    /// For a connection.
    pub(crate) connect: Duration,
    /// For the head of an answer.
    pub(crate) answer: Duration,
    /// For the next bytes of it.
    pub(crate) idle: Duration,
    /// For all of it.
    pub(crate) whole: Duration,
    /// Before a request is made again, twice as long each time, when the server does not say.
    pub(crate) pause: Duration,
    /// Most that a server may ask to wait; when it asks for more, the request fails.
    pub(crate) longest: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(15),
            idle: Duration::from_secs(20),
            whole: Duration::from_secs(180),
            pause: Duration::from_millis(300),
            longest: Duration::from_secs(60),
        }
    }
}

/// The client of all registries. It sends no cookies and no credentials.
#[derive(Debug, Default)]
pub(crate) struct Client {
    timing: Timing,
    /// Built when first needed: reading the machine's certificates takes several milliseconds.
    far: OnceLock<Result<reqwest::Client, String>>,
    near: OnceLock<Result<reqwest::Client, String>>,
}

/// An answer, read whole.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Bytes,
    /// The address without its query.
    pub(super) url: String,
}

impl Client {
    #[cfg(test)]
    pub(crate) fn new(timing: Timing) -> Self {
        Self { timing, ..Self::default() }
    }

    /// Gets an address; asks again when the server is busy or the connection breaks. Answers of status 429 and from 500 on are
    /// errors, others are for the caller to judge.
    pub(super) async fn get(&self, url: &Url, limit: u64) -> Result<Reply, RegistryError> {
        let ask = || async {
            match timeout(self.timing.whole, self.follow(url, limit)).await {
                Ok(done) => done,
                Err(_) => Err(RegistryError::TimedOut { url: shown(url), after: self.timing.whole }),
            }
        };
        again(&self.timing, ask).await
    }

    async fn follow(&self, start: &Url, limit: u64) -> Result<Reply, RegistryError> {
        let mut url = start.clone();
        for _ in 0..=REDIRECTS {
            let mut response = self.send(&url).await?;
            let status = response.status();
            if let Some(next) = redirect(&url, status, response.headers())? {
                url = next;
                continue;
            }
            if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
                let (status, wait) = (status.as_u16(), wait_of(response.headers()));
                return Err(RegistryError::Status { url: shown(&url), status, wait });
            }
            let body = self.collect(&url, &mut response, limit).await?;
            return Ok(Reply { status: status.as_u16(), body, url: shown(&url) });
        }
        Err(RegistryError::Answer { what: shown(start), reason: "it redirects without end".to_owned() })
    }

    async fn send(&self, url: &Url) -> Result<reqwest::Response, RegistryError> {
        let built = if is_loopback(url) && url.scheme() == "http" {
            self.near.get_or_init(|| build(&self.timing, true))
        } else {
            self.far.get_or_init(|| build(&self.timing, false))
        };
        let client = built.as_ref().map_err(|reason| RegistryError::Tls(reason.clone()))?;
        match timeout(self.timing.answer, client.get(url.clone()).send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(unreachable(url, error)),
            Err(_) => Err(RegistryError::TimedOut { url: shown(url), after: self.timing.answer }),
        }
    }

    async fn collect(
        &self,
        url: &Url,
        response: &mut reqwest::Response,
        limit: u64,
    ) -> Result<Bytes, RegistryError> {
        let too_large = || RegistryError::TooLarge { what: shown(url), limit };
        if response.content_length().is_some_and(|length| length > limit) {
            return Err(too_large());
        }
        let mut body = BytesMut::new();
        loop {
            match timeout(self.timing.idle, response.chunk()).await {
                Ok(Ok(Some(chunk))) => body.extend_from_slice(&chunk),
                Ok(Ok(None)) => return Ok(body.freeze()),
                Ok(Err(error)) => return Err(unreachable(url, error)),
                Err(_) => return Err(RegistryError::TimedOut { url: shown(url), after: self.timing.idle }),
            }
            if body.len() as u64 > limit {
                return Err(too_large());
            }
        }
    }
}

impl Reply {
    pub(super) fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, RegistryError> {
        let wrong = |error: serde_json::Error| RegistryError::Answer {
            what: self.url.clone(),
            reason: error.to_string(),
        };
        serde_json::from_slice(&self.body).map_err(wrong)
    }

    /// What a refusal says, short and on one line.
    pub(super) fn words(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join(" ").chars().take(WORDS).collect()
    }
}

/// Makes a request until it succeeds, fails for good, or was made [`ATTEMPTS`] times.
pub(super) async fn again<T, F: Future<Output = Result<T, RegistryError>>>(
    timing: &Timing,
    ask: impl Fn() -> F,
) -> Result<T, RegistryError> {
    let mut pause = timing.pause;
    for _ in 1..ATTEMPTS {
        let error = match ask().await {
            Err(error) if error.is_retryable() => error,
            done => return done,
        };
        let wait = match error {
            RegistryError::Status { wait: Some(wait), .. } if wait > timing.longest => return Err(error),
            RegistryError::Status { wait: Some(wait), .. } => wait,
            _ => pause,
        };
        sleep(wait).await;
        pause *= 2;
    }
    ask().await
}

/// How long a busy server asks to wait: `Retry-After` in seconds, else `RateLimit-Reset`. Dates are passed over.
fn wait_of(headers: &HeaderMap) -> Option<Duration> {
    let seconds = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs);
    seconds(RETRY_AFTER.as_str()).or_else(|| seconds("ratelimit-reset"))
}

fn redirect(from: &Url, status: StatusCode, headers: &HeaderMap) -> Result<Option<Url>, RegistryError> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let wrong =
        || RegistryError::Answer { what: shown(from), reason: "it redirects to no address".to_owned() };
    let target = headers.get(LOCATION).and_then(|target| target.to_str().ok()).ok_or_else(wrong)?;
    let target = from.join(target).map_err(|_| wrong())?;
    if may_lead(from, &target) {
        Ok(Some(target))
    } else {
        Err(RegistryError::Redirect { url: shown(from), to: shown(&target) })
    }
}

/// An address without what may be secret in it.
pub(super) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    let text = if url.set_username("").is_err() || url.set_password(None).is_err() {
        url.scheme().to_owned()
    } else {
        url.to_string()
    };
    text.trim_end_matches('/').to_owned()
}

fn unreachable(url: &Url, error: reqwest::Error) -> RegistryError {
    RegistryError::Unreachable { url: shown(url), message: innermost(&error.without_url()) }
}

/// The innermost cause of an error, which is the one that says something.
fn innermost(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// TLS by rustls with ring, handed over ready-made so that nothing global is installed. On this machine there is none, and no proxy.
fn build(timing: &Timing, is_near: bool) -> Result<reqwest::Client, String> {
    let unusable = |error: &dyn Error| {
        format!(
            "HTTPS can't be used on this machine ({}); install its CA certificates (package `ca-certificates`)",
            innermost(error)
        )
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&error))?;
    let tls = if is_near {
        tls.with_root_certificates(RootCertStore::empty())
    } else {
        tls.with_platform_verifier().map_err(|error| unusable(&error))?
    };
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls.with_no_client_auth())
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(timing.connect)
        .user_agent(concat!("openclaw-gateway/", env!("CARGO_PKG_VERSION")));
    let builder = if is_near { builder.no_proxy() } else { builder };
    builder.build().map_err(|error| unusable(&error))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use tokio::time::Instant;

    use super::*;

    fn busy(wait: Option<u64>) -> RegistryError {
        RegistryError::Status { url: String::new(), status: 429, wait: wait.map(Duration::from_secs) }
    }

    async fn ask(
        answers: &[fn() -> Result<u8, RegistryError>],
    ) -> (Result<u8, RegistryError>, u32, Duration) {
        let asked = AtomicU32::new(0);
        let start = Instant::now();
        let done =
            again(&Timing::default(), || async { answers[asked.fetch_add(1, Relaxed) as usize]() }).await;
        (done, asked.load(Relaxed), start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_server_is_asked_twice_more_when_it_says() {
        let (done, asked, waited) = ask(&[|| Err(busy(Some(7))), || Err(busy(None)), || Ok(1)]).await;
        assert_eq!((done.unwrap(), asked, waited), (1, 3, Duration::from_millis(7600)));
        let (done, asked, _) = ask(&[|| Err(busy(None)), || Err(busy(None)), || Err(busy(Some(9)))]).await;
        assert_eq!(done.unwrap_err().to_string(), " answers with status 429: try again in 9 s");
        assert_eq!(asked, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn what_will_not_change_is_not_asked_again() {
        let (done, asked, waited) = ask(&[|| Err(busy(Some(61)))]).await;
        assert!(done.is_err());
        assert_eq!((asked, waited), (1, Duration::ZERO));
        let missing = || Err(RegistryError::NotFound { name: String::new(), registry: String::new() });
        assert_eq!(ask(&[missing]).await.1, 1);
    }

    #[test]
    fn shown_addresses_have_no_secrets() {
        let url = Url::parse("https://user:secret@a.example/x/?token=secret#secret").unwrap();
        assert_eq!(shown(&url), "https://a.example/x");
    }
}
