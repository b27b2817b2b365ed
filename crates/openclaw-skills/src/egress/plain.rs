//! A request over plain HTTP, passed on. Each request on a connection comes through here, and so is checked anew.

use std::sync::Arc;

use http_body_util::Either;
use hyper::{
    HeaderMap, Request, Response, StatusCode, Uri, Version,
    body::Incoming,
    client::conn::http1,
    header::{self, HeaderName, HeaderValue},
    http::uri::PathAndQuery,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

use super::{
    body::{Counted, ProxyBody},
    period::{Attempt, Way},
    proxy::Session,
    refusal::Refusal,
    target::Target,
};

/// What concerns one connection only (RFC 9110, section 7.6.1), besides what `Connection` lists and `Proxy-…`. `Expect` has
/// been answered when the body is read.
const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::EXPECT,
    HeaderName::from_static("keep-alive"),
];

/// Passes `request` on to `target`, over a connection of its own.
pub(super) async fn pass(
    session: &Session,
    mut request: Request<Incoming>,
    target: &Target,
) -> Result<Response<ProxyBody>, Refusal> {
    let (stream, attempt) = session.dial(target).await?;
    let attempt = Arc::new(attempt);
    rewrite(&mut request, target)?;
    let spent =
        || Refusal::Spent { skill: session.lease.skill.to_string(), most: session.lease.shared.limits.bytes };
    attempt.moves(Way::Out, head_bytes(request.headers()) + uri_bytes(request.uri())).map_err(|_| spent())?;
    let mut response = exchange(session, request, target, &attempt, stream).await?;
    attempt.moves(Way::In, head_bytes(response.headers())).map_err(|_| spent())?;
    strip(response.headers_mut());
    Ok(response.map(|body| Either::Right(Counted::new(body, attempt, Way::In))))
}

async fn exchange(
    session: &Session,
    request: Request<Incoming>,
    target: &Target,
    attempt: &Arc<Attempt>,
    stream: TcpStream,
) -> Result<Response<Incoming>, Refusal> {
    let shared = &session.lease.shared;
    let garbled = |error: hyper::Error| {
        tracing::debug!(%target, %error, "egress: no answer");
        Refusal::Garbled { target: target.clone() }
    };
    let mut client = http1::Builder::new();
    client.max_buf_size(shared.limits.head_bytes).max_header_size(shared.limits.head_bytes);
    let (mut sender, connection) = client.handshake(TokioIo::new(stream)).await.map_err(garbled)?;
    let token = session.period.token.clone();
    shared.tasks.spawn(token.run_until_cancelled_owned(async move {
        // An error here is one of the body's, too.
        let _ = connection.await;
    }));
    let request = request.map(|body| Counted::new(body, attempt.clone(), Way::Out));
    let answer = timeout(shared.limits.answer, sender.send_request(request)).await;
    let slow = |_| Refusal::Slow { target: target.clone(), what: "answer" };
    let response = answer.map_err(slow)?.map_err(garbled)?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return Err(Refusal::Garbled { target: target.clone() });
    }
    Ok(response)
}

/// Makes of a request to a proxy one to the server itself.
fn rewrite(request: &mut Request<Incoming>, target: &Target) -> Result<(), Refusal> {
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")));
    *request.version_mut() = Version::HTTP_11;
    let host = match target.port {
        80 => target.to_string().trim_end_matches(":80").to_owned(),
        _ => target.to_string(),
    };
    let host = HeaderValue::try_from(host).map_err(|_| Refusal::Unreadable("can't stand in a header"))?;
    strip(request.headers_mut());
    request.headers_mut().insert(header::HOST, host);
    request.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    Ok(())
}

/// Removes the headers that are for this proxy only.
fn strip(headers: &mut HeaderMap) {
    let listed: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        // Some list it to confuse: without its length, a body has another meaning.
        .filter(|name| *name != header::CONTENT_LENGTH)
        .collect();
    let is_proxys = |name: &HeaderName| name.as_str().starts_with("proxy-");
    let proxys: Vec<_> = headers.keys().filter(|name| is_proxys(name)).cloned().collect();
    for name in HOP_BY_HOP.iter().chain(&listed).chain(&proxys) {
        headers.remove(name);
    }
}

fn head_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}

fn uri_bytes(uri: &Uri) -> usize {
    uri.path_and_query().map_or(0, |path| path.as_str().len())
}
