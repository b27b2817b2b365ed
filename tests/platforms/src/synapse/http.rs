//! HTTP over a Unix socket: nobody has to guess which port is free.

use std::path::Path;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Method, header::HeaderValue};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

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

/// Asks the server behind `socket`, over a connection of its own.
pub async fn ask(
    socket: &Path,
    method: Method,
    target: &str,
    headers: HeaderMap,
    body: Bytes,
) -> std::io::Result<Answer> {
    let stream = UnixStream::connect(socket).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
    let mut request = hyper::Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = target.parse().map_err(std::io::Error::other)?;
    *request.headers_mut() = headers;
    request.headers_mut().insert("host", HeaderValue::from_static("localhost"));
    // Nobody registers from nowhere, and a Unix socket has no address.
    request.headers_mut().insert("x-forwarded-for", HeaderValue::from_static("127.0.0.1"));
    let answered = async {
        let response = sender.send_request(request).await?;
        let (head, body) = response.into_parts();
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body: body.collect().await?.to_bytes(),
        })
    };
    tokio::select! {
        answer = answered => answer,
        Err(error) = connection => Err(error),
    }
    .map_err(|error: hyper::Error| std::io::Error::other(error))
}
