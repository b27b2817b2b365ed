//! `GET /health`: is the gateway there, and can it remember?

use bytes::Bytes;
use hyper::{Response, StatusCode, header};
use openclaw_core::port::StoreHealth;

use crate::{
    app::App,
    headers,
    respond::{self, Payload},
    wire::status::Health,
};

pub(crate) fn get(app: &App) -> Response<Payload> {
    let uptime_seconds = app.uptime_seconds();
    let version = &app.services.version;
    let mut response = match app.services.memory.health() {
        StoreHealth::Writable => respond::raw_json(StatusCode::OK, healthy(version, uptime_seconds)),
        StoreHealth::ReadOnly { reason } => {
            let body = Health { status: "degraded", version, uptime_seconds, reason: Some(&reason) };
            respond::json(StatusCode::SERVICE_UNAVAILABLE, &body)
        }
    };
    response.headers_mut().insert(header::CACHE_CONTROL, headers::NO_STORE);
    response
}

fn healthy(version: &str, uptime_seconds: u64) -> Bytes {
    let mut body = Vec::with_capacity(64 + version.len());
    let health = Health { status: "ok", version, uptime_seconds, reason: None };
    // Writing to memory can't fail, and the type always serialises.
    let _ = serde_json::to_writer(&mut body, &health);
    body.into()
}
