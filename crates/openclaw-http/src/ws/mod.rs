//! The WebSocket (RFC 6455): the upgrade here, the conversation over it in `session`.

mod frame;
mod inflight;
mod session;
mod socket;

pub(crate) use self::frame::read;
use hyper::{
    HeaderMap, StatusCode,
    header::{self, HeaderName, HeaderValue},
    upgrade::OnUpgrade,
};
use openclaw_core::Failure;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::{
    handle::Call,
    respond::{self, Answer, Refusal},
};

const WEBSOCKET: HeaderValue = HeaderValue::from_static("websocket");
const UPGRADE: HeaderValue = HeaderValue::from_static("Upgrade");
const VERSION: HeaderValue = HeaderValue::from_static("13");

/// Answers an upgrade, and holds the conversation on a task of its own once the connection has changed protocols.
pub(crate) fn upgrade(call: &mut Call) -> Answer {
    let fields = &call.parts.headers;
    if !lists(fields, &header::CONNECTION, "upgrade") || !lists(fields, &header::UPGRADE, "websocket") {
        return Err(Refusal::from(Failure::bad_field(
            "Upgrade",
            "must be websocket: this path speaks WebSocket",
        ))
        .with_header(header::UPGRADE, WEBSOCKET));
    }
    if fields.get(header::SEC_WEBSOCKET_VERSION) != Some(&VERSION) {
        return Err(Refusal::from(Failure::bad_field("Sec-WebSocket-Version", "must be 13"))
            .with_header(header::SEC_WEBSOCKET_VERSION, VERSION));
    }
    let key = fields.get(header::SEC_WEBSOCKET_KEY).filter(|key| !key.is_empty());
    let key = key.ok_or_else(|| Failure::bad_field("Sec-WebSocket-Key", "is missing"))?;
    let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes())).map_err(Refusal::internal)?;
    let Some(upgrade) = call.parts.extensions.remove::<OnUpgrade>() else {
        return Err(Failure::bad_field("Upgrade", "needs HTTP/1.1").into());
    };
    let conn = call.conn.clone();
    call.conn.app.tasks.spawn(session::run(conn, upgrade));

    let mut response = respond::empty(StatusCode::SWITCHING_PROTOCOLS);
    let fields = response.headers_mut();
    fields.insert(header::CONNECTION, UPGRADE);
    fields.insert(header::UPGRADE, WEBSOCKET);
    fields.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    Ok(response)
}

/// Whether a comma-separated header lists a word.
fn lists(fields: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let values = fields.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|listed| listed.trim().eq_ignore_ascii_case(word))
}
