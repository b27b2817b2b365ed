//! One HTTP client for all providers, with its pool of kept connections.
//!
//! Servers on this machine are reached by hyper alone ([`near`]), everything else by reqwest, with TLS and the system's proxy
//! settings. A loopback needs neither, and there reqwest's layers are most of what a request costs.

mod endpoint;
mod near;
mod reply;

use std::{
    error::Error,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request};
use reqwest::header::HeaderMap;
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::time::timeout;

use self::near::{Address, Near};
pub(crate) use self::{
    endpoint::{Endpoint, Versioned},
    reply::{Body, words_of},
};
use crate::ProviderError;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an idle connection is kept: less than vendors and load balancers keep theirs.
const IDLE: Duration = Duration::from_secs(50);

/// The client that the providers of a process share: connections are kept and reused between requests. Cloning shares.
#[derive(Clone)]
pub struct HttpClient {
    shared: Arc<Shared>,
}

struct Shared {
    near: Arc<Near>,
    /// Built when first needed: reading the machine's certificates costs a start several milliseconds.
    far: OnceLock<Result<reqwest::Client, String>>,
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpClient").finish_non_exhaustive()
    }
}

impl Default for HttpClient {
    fn default() -> Self {
        Self::new()
    }
}

impl HttpClient {
    /// A client with an empty pool. Does no I/O.
    #[must_use]
    pub fn new() -> Self {
        Self { shared: Arc::new(Shared { near: Arc::default(), far: OnceLock::new() }) }
    }

    /// Posts JSON and returns the body of the answer once its status is there and is a good one.
    pub(crate) async fn post(
        &self,
        endpoint: &Endpoint,
        body: Bytes,
        first_byte: Duration,
    ) -> Result<Body, ProviderError> {
        self.send(Method::POST, endpoint, body, first_byte).await
    }

    /// Gets, likewise.
    pub(crate) async fn get(&self, endpoint: &Endpoint, first_byte: Duration) -> Result<Body, ProviderError> {
        self.send(Method::GET, endpoint, Bytes::new(), first_byte).await
    }

    async fn send(
        &self,
        method: Method,
        endpoint: &Endpoint,
        body: Bytes,
        first_byte: Duration,
    ) -> Result<Body, ProviderError> {
        let answered = async {
            match &endpoint.near {
                Some(address) => self.send_near(method, endpoint, address, body).await,
                None => self.send_far(method, endpoint, body).await,
            }
        };
        let (status, headers, body) = timeout(first_byte, answered)
            .await
            .map_err(|_| ProviderError::TimedOut { after: first_byte })??;
        if (200..300).contains(&status) {
            Ok(body)
        } else {
            Err(body.into_error(status, &headers, endpoint).await)
        }
    }

    async fn send_near(
        &self,
        method: Method,
        endpoint: &Endpoint,
        address: &Address,
        body: Bytes,
    ) -> Result<(u16, HeaderMap, Body), ProviderError> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = endpoint.target.clone();
        *request.headers_mut() = endpoint.headers.clone();
        let answer = self.shared.near.send(address, request).await;
        let (parts, body) = answer.map_err(|why| unreachable(endpoint, &why))?.into_parts();
        Ok((parts.status.as_u16(), parts.headers, Body::Near(Box::new(body))))
    }

    async fn send_far(
        &self,
        method: Method,
        endpoint: &Endpoint,
        body: Bytes,
    ) -> Result<(u16, HeaderMap, Body), ProviderError> {
        let client = match self.shared.far.get_or_init(build_far) {
            Ok(client) => client,
            Err(reason) => return Err(ProviderError::Misconfigured { message: reason.clone() }),
        };
        let request =
            client.request(method, endpoint.url.clone()).headers(endpoint.headers.clone()).body(body);
        let mut response =
            request.send().await.map_err(|error| unreachable(endpoint, &causes(&error.without_url())))?;
        let headers = std::mem::take(response.headers_mut());
        Ok((response.status().as_u16(), headers, Body::Far(response)))
    }
}

/// TLS by rustls with ring, handed over ready-made so that nothing global is installed; certificates by the platform.
fn build_far() -> Result<reqwest::Client, String> {
    let unusable = |error: &dyn Error| {
        format!(
            "HTTPS can't be used on this machine ({}); install its CA certificates (package `ca-certificates`)",
            causes(error)
        )
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_platform_verifier())
        .map_err(|error| unusable(&error))?
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        // A key must not follow a redirect to another host.
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT)
        .pool_idle_timeout(IDLE)
        .tcp_nodelay(true)
        .build()
        .map_err(|error| unusable(&error))
}

fn unreachable(endpoint: &Endpoint, message: &str) -> ProviderError {
    ProviderError::Unreachable { url: endpoint.origin().to_owned(), message: endpoint.presentable(message) }
}

/// The innermost cause of an error, which is the one that says something, after the outermost.
fn causes(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use openclaw_testkit::{Reply, ScriptedProvider};

    use super::*;

    const WAIT: Duration = Duration::from_secs(20);

    /// The endpoint as if it were on another machine, so that reqwest is used.
    fn far(server: &ScriptedProvider) -> Endpoint {
        let mut endpoint = Endpoint::new(&server.url(), Versioned::V1, "/chat/completions").unwrap();
        endpoint.near = None;
        endpoint.headers.insert("x-canary", "kept".parse().unwrap());
        endpoint
    }

    #[tokio::test]
    async fn the_client_for_other_machines_works_alike() {
        let server = ScriptedProvider::start([
            Reply::text("hello"),
            Reply::error(529, "busy").header("retry-after", "3"),
        ])
        .await;
        let client = HttpClient::new();
        let body = Bytes::from_static(br#"{"stream":true}"#);
        let mut answer = client.post(&far(&server), body.clone(), WAIT).await.unwrap();
        let text = answer.collect(1 << 20, WAIT).await;
        assert!(String::from_utf8_lossy(&text).contains("[DONE]"));
        let error = client.post(&far(&server), body, WAIT).await.unwrap_err();
        let expected = Some(Duration::from_secs(3));
        assert!(
            matches!(error, ProviderError::Status { status: 529, retry_after, .. } if retry_after == expected)
        );
        assert_eq!(server.requests()[0].header("x-canary"), Some("kept"));
    }

    #[tokio::test]
    async fn nobody_listening_is_told_with_the_origin_only() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        for is_near in [true, false] {
            let mut endpoint =
                Endpoint::new(&format!("http://127.0.0.1:{port}/v1?key=canary-1"), Versioned::V1, "/x")
                    .unwrap();
            if !is_near {
                endpoint.near = None;
            }
            let error = HttpClient::new().get(&endpoint, WAIT).await.unwrap_err().to_string();
            assert!(error.contains(&format!("http://127.0.0.1:{port}: ")), "{error}");
            assert!(!error.contains("canary"), "{error}");
        }
    }
}
