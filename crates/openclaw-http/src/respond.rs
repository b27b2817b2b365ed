//! Responses, and the one place where an error becomes a status.

use std::{
    convert::Infallible,
    error::Error,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::{
    Response, StatusCode,
    body::{Body, Frame, SizeHint},
    header::{self, HeaderName, HeaderValue},
};
use openclaw_core::{
    ErrorCode, Failure,
    port::{MemoryError, SkillsError},
};
use serde::Serialize;
use tracing::error;

use crate::{conn::Phase, headers, sse::EventBody};

/// The body of a response.
pub(crate) enum Payload {
    Whole(Option<Bytes>),
    Events(Box<EventBody>),
}

/// A body that tells the connection's watchdog when it is done with.
pub(crate) struct WatchedBody {
    payload: Payload,
    phase: Arc<Phase>,
}

impl WatchedBody {
    pub(crate) fn new(payload: Payload, phase: Arc<Phase>) -> Self {
        Self { payload, phase }
    }
}

impl Drop for WatchedBody {
    fn drop(&mut self) {
        self.phase.idle();
    }
}

impl Body for WatchedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.payload {
            Payload::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Payload::Events(events) => {
                events.poll_next_write(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.payload {
            Payload::Whole(bytes) => bytes.is_none(),
            Payload::Events(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.payload {
            Payload::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Payload::Events(_) => SizeHint::default(),
        }
    }
}

/// What a route answers with.
pub(crate) type Answer = Result<Response<Payload>, Refusal>;

/// An answer that is an error: what the client is told, and what only the log is told.
pub(crate) struct Refusal(Box<Inner>);

struct Inner {
    failure: Failure,
    headers: Vec<(HeaderName, HeaderValue)>,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Refusal").field(&self.0.failure).finish()
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self(Box::new(Inner { failure, headers: Vec::new(), cause: None }))
    }
}

impl From<MemoryError> for Refusal {
    fn from(error: MemoryError) -> Self {
        Self::from(Failure::from(&error)).caused_by(error)
    }
}

impl From<SkillsError> for Refusal {
    fn from(error: SkillsError) -> Self {
        Self::from(Failure::from(&error)).caused_by(error)
    }
}

impl Refusal {
    /// A fault of the gateway: the client gets a bland 500, the log gets `cause`.
    pub(crate) fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let told = Failure::new(ErrorCode::InternalError, "Something went wrong inside the gateway");
        Self::from(told).caused_by(cause)
    }

    fn caused_by(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        self.0.headers.push((name, value.into()));
        self
    }

    /// The same refusal after which the connection closes.
    pub(crate) fn closing(self) -> Self {
        self.with_header(header::CONNECTION, headers::CLOSE)
    }

    /// What the client is told; faults of the gateway go to the log here, once, under the request's id.
    pub(crate) fn tell(self, request_id: &HeaderValue) -> (Failure, Vec<(HeaderName, HeaderValue)>) {
        let Inner { mut failure, headers, cause } = *self.0;
        if matches!(failure.code, ErrorCode::InternalError | ErrorCode::ServiceUnavailable) {
            let request_id = request_id.to_str().unwrap_or_default();
            if let Some(cause) = cause {
                error!(request_id, code = %failure.code, cause = %Chain(&*cause), "request failed");
            }
            if failure.code == ErrorCode::InternalError {
                failure = failure.with("request_id", request_id);
            }
        }
        (failure, headers)
    }

    /// The failure for whoever may know all of it: a fault is told with its causes.
    pub(crate) fn with_causes(self) -> Failure {
        let Inner { failure, cause, .. } = *self.0;
        match cause {
            Some(cause) if failure.code == ErrorCode::InternalError => {
                Failure { message: Chain(&*cause).to_string(), ..failure }
            }
            _ => failure,
        }
    }

    /// The response.
    pub(crate) fn into_response(self, request_id: &HeaderValue) -> Response<Payload> {
        let (failure, headers) = self.tell(request_id);
        let mut response = json(status_of(failure.code), &ErrorBody::from(&failure));
        for (name, value) in headers {
            response.headers_mut().append(name, value);
        }
        response
    }
}

/// An error with its causes, in a line.
struct Chain<'a>(&'a (dyn Error + 'a));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// The body of every error: `{error, message, status, details}`.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "ErrorBody"))]
pub(crate) struct ErrorBody<'a> {
    error: &'static str,
    message: &'a str,
    status: u16,
    details: &'a serde_json::Map<String, serde_json::Value>,
}

impl<'a> From<&'a Failure> for ErrorBody<'a> {
    fn from(failure: &'a Failure) -> Self {
        Self {
            error: failure.code.as_str(),
            message: &failure.message,
            status: failure.code.status(),
            details: &failure.details,
        }
    }
}

pub(crate) fn status_of(code: ErrorCode) -> StatusCode {
    StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A response with a JSON body.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response<Payload> {
    let mut bytes = Vec::with_capacity(256);
    match serde_json::to_writer(&mut bytes, body) {
        Ok(()) => raw_json(status, bytes.into()),
        // Our own types always serialise; if one ever does not, the client still gets the contract's form.
        Err(cause) => {
            error!(%cause, "a response could not be written as JSON");
            raw_json(
                StatusCode::INTERNAL_SERVER_ERROR,
                Bytes::from_static(
                    br#"{"error":"internal_error","message":"Something went wrong inside the gateway","status":500,"details":{}}"#,
                ),
            )
        }
    }
}

/// A response with a body that is JSON already.
pub(crate) fn raw_json(status: StatusCode, body: Bytes) -> Response<Payload> {
    let mut response = Response::new(Payload::Whole(Some(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, headers::JSON);
    response
}

/// A response without a body.
pub(crate) fn empty(status: StatusCode) -> Response<Payload> {
    let mut response = Response::new(Payload::Whole(None));
    *response.status_mut() = status;
    response
}

/// 200 with a JSON body.
pub(crate) fn ok(body: &impl Serialize) -> Response<Payload> {
    json(StatusCode::OK, body)
}
