//! What browsers ask before, and need to hear after, a call from another origin.

use hyper::{
    HeaderMap, Response, StatusCode,
    header::{self, HeaderName, HeaderValue},
};

use crate::{
    respond::{self, Payload},
    router::Route,
};

const REQUEST_PRIVATE: HeaderName = HeaderName::from_static("access-control-request-private-network");
const ALLOW_PRIVATE: HeaderName = HeaderName::from_static("access-control-allow-private-network");
const REQUEST_FIELDS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Accept, Idempotency-Key, Last-Event-ID, X-Request-Id",
);
const RESPONSE_FIELDS: HeaderValue = HeaderValue::from_static(
    "X-Request-Id, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After, Location, Idempotent-Replayed, X-Next-Cursor, X-Unreadable-Records",
);
const TEN_MINUTES: HeaderValue = HeaderValue::from_static("600");

/// Answers `OPTIONS`. The origin, if there is one, has been found to be allowed.
pub(crate) fn options(route: &Route, request: &HeaderMap) -> Response<Payload> {
    let mut response = respond::empty(StatusCode::NO_CONTENT);
    let fields = response.headers_mut();
    fields.insert(header::ALLOW, route.allow());
    let preflight = request.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if preflight && request.contains_key(header::ORIGIN) {
        fields.insert(header::ACCESS_CONTROL_ALLOW_METHODS, route.allow());
        fields.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_FIELDS);
        fields.insert(header::ACCESS_CONTROL_MAX_AGE, TEN_MINUTES);
        if request.contains_key(REQUEST_PRIVATE) {
            fields.insert(ALLOW_PRIVATE, HeaderValue::from_static("true"));
        }
    }
    response
}

/// Lets the page of an allowed `origin` read the response.
pub(crate) fn expose(fields: &mut HeaderMap, origin: HeaderValue) {
    fields.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    fields.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_FIELDS);
    fields.append(header::VARY, HeaderValue::from_static("Origin"));
}
