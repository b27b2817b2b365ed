//! One request, from its head to its response: host, origin, route, auth, limit, then the route's own work.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Instant};

use futures_util::FutureExt;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Incoming,
    header::{self, HeaderValue},
    http::request::Parts,
};
use openclaw_core::{ErrorCode, Failure};
use tracing::{debug, info};

use crate::{
    auth, body,
    conn::ConnContext,
    cors, headers,
    limit::Standing,
    policy::Policy,
    request_id,
    respond::{Answer, Refusal, WatchedBody},
    router::{Found, Operation, Route},
    routes,
};

/// A request that may be answered, and what answering it needs.
pub(crate) struct Call {
    pub(crate) conn: Arc<ConnContext>,
    pub(crate) parts: Parts,
    /// Taken by whoever reads it.
    pub(crate) body: Option<Incoming>,
    /// The variable part of the path.
    pub(crate) parameter: String,
}

/// Header fields that depend on how far a request came.
#[derive(Default)]
struct Extras {
    standing: Option<Standing>,
    origin: Option<HeaderValue>,
}

pub(crate) async fn handle(conn: Arc<ConnContext>, request: Request<Incoming>) -> Response<WatchedBody> {
    let phase = conn.slot.phase.clone();
    phase.busy();
    let began = Instant::now();
    let (parts, body) = request.into_parts();
    let request_id = request_id::of(&parts.headers);
    let (method, uri) = (parts.method.clone(), parts.uri.clone());
    let mut extras = Extras::default();
    // A fault costs the request that met it; what it left half done is dropped with the connection.
    let answer = AssertUnwindSafe(answer(conn, parts, body, &mut extras)).catch_unwind().await;
    let answer =
        answer.unwrap_or_else(|_| Err(Refusal::internal("the request's handler panicked").closing()));
    let mut response = answer.unwrap_or_else(|refusal| refusal.into_response(&request_id));

    let fields = response.headers_mut();
    if let Some(standing) = extras.standing {
        fields.insert(headers::RATE_LIMIT, standing.limit.into());
        fields.insert(headers::RATE_REMAINING, standing.remaining.into());
        fields.insert(headers::RATE_RESET, standing.resets_at.into());
    }
    if let Some(origin) = extras.origin {
        cors::expose(fields, origin);
    }
    fields.insert(header::X_CONTENT_TYPE_OPTIONS, headers::NOSNIFF);
    log(&request_id, &method, uri.path(), response.status(), began);
    response.headers_mut().insert(headers::X_REQUEST_ID, request_id);
    response.map(|payload| WatchedBody::new(payload, phase))
}

/// One line per request; what changes something is worth more than what only looks.
fn log(request_id: &HeaderValue, method: &Method, path: &str, status: StatusCode, began: Instant) {
    let took_ms = || u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let request_id = || request_id.to_str().unwrap_or_default();
    let status = status.as_u16();
    if matches!(*method, Method::PUT | Method::DELETE) {
        info!(request_id = request_id(), %method, path, status, took_ms = took_ms(), "request");
    } else {
        debug!(request_id = request_id(), %method, path, status, took_ms = took_ms(), "request");
    }
}

async fn answer(conn: Arc<ConnContext>, parts: Parts, body: Incoming, extras: &mut Extras) -> Answer {
    let app = &conn.app;
    let policy = app.policy.current();
    policy
        .hosts
        .check(&parts.headers, &parts.uri, parts.version)
        .map_err(|failure| Refusal::from(failure).closing())?;
    policy.origins.check(&parts.headers)?;
    extras.origin = parts.headers.get(header::ORIGIN).cloned();

    let found = app.router.find(parts.uri.path());
    if let Some(found) = &found {
        if parts.method == Method::OPTIONS {
            return Ok(cors::options(found.route, &parts.headers));
        }
        if found.route.operation(&parts.method) == Some(Operation::Health) {
            return Ok(routes::health::get(app));
        }
    }
    // Everything else keeps more state than an idle connection should hold room for.
    Box::pin(guarded(conn.clone(), parts, body, &policy, extras)).await
}

async fn guarded(
    conn: Arc<ConnContext>,
    parts: Parts,
    body: Incoming,
    policy: &Policy,
    extras: &mut Extras,
) -> Answer {
    let mut body = Some(body);
    let expects_continue = parts.headers.contains_key(header::EXPECT);
    let answer = match admit(&conn, &parts, policy, extras) {
        Ok((operation, parameter)) => {
            let mut call = Call { conn, parts, body: body.take(), parameter };
            let answer = routes::dispatch(operation, &mut call).await;
            body = call.body;
            answer
        }
        Err(refusal) => Err(refusal),
    };
    // A refusal sent while the client still writes may be lost to it with the connection: take in a little first. A
    // client that asked whether to send anything has sent nothing.
    if answer.is_err()
        && !expects_continue
        && let Some(unread) = body
    {
        body::discard(unread).await;
    }
    answer
}

/// Whether the request may be made, and what it asks for.
fn admit(
    conn: &ConnContext,
    parts: &Parts,
    policy: &Policy,
    extras: &mut Extras,
) -> Result<(Operation, String), Refusal> {
    let app = &conn.app;
    let found = app.router.find(parts.uri.path());
    let authenticates_itself = |route: &Route| {
        let own = |it| matches!(it, Operation::Health | Operation::WebSocket | Operation::ChannelWebhook);
        route.methods.iter().any(|(_, it)| own(*it))
    };
    if let Some(found) = found.as_ref().filter(|found| authenticates_itself(found.route)) {
        return Ok((operation(found, &parts.method)?, found.parameter()?.into_owned()));
    }
    let caller = auth::check(&parts.headers, policy, conn.peer, &app.failures)?;
    let per_minute = policy.config.rate_limit.requests_per_minute;
    if per_minute > 0 {
        let standing = app.requests.count(caller, per_minute);
        extras.standing = Some(standing);
        if let Some((refusal, seconds)) = standing.refusal().zip(standing.retry_after) {
            return Err(Refusal::from(refusal).with_header(header::RETRY_AFTER, seconds));
        }
    }
    let found = found.ok_or_else(|| no_such_path(parts.uri.path()))?;
    let operation = operation(&found, &parts.method)?;
    Ok((operation, found.parameter()?.into_owned()))
}

fn operation(found: &Found<'_>, method: &Method) -> Result<Operation, Refusal> {
    found.route.operation(method).ok_or_else(|| {
        let allow = found.route.allow();
        let allowed = allow.to_str().unwrap_or_default();
        let message = format!("`{}` does not take {method}; it takes {allowed}", found.route.path);
        let failure = Failure::new(ErrorCode::MethodNotAllowed, message).with("allow", allowed);
        Refusal::from(failure).with_header(header::ALLOW, allow)
    })
}

fn no_such_path(path: &str) -> Refusal {
    let base = crate::router::BASE;
    let hint =
        if path.starts_with(base) { String::new() } else { format!("; every endpoint is below {base}") };
    let failure = Failure::new(ErrorCode::NotFound, format!("No endpoint `{path}`{hint}"));
    failure.with("path", path).into()
}

/// The media type of a request's body must be JSON, or unsaid.
pub(crate) fn require_json(fields: &HeaderMap) -> Result<(), Failure> {
    let Some(given) = fields.get(header::CONTENT_TYPE) else { return Ok(()) };
    let given = given.to_str().unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence.is_empty()
        || essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
    {
        return Ok(());
    }
    let message =
        format!("The body must be JSON, not `{essence}`; send the header `Content-Type: application/json`");
    Err(Failure::new(ErrorCode::UnsupportedMediaType, message).with("content_type", essence))
}
