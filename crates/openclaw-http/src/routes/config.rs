//! `/config`: read and patch.

use openclaw_core::limits;
use serde_json::{Map, Value};

use crate::{
    body,
    handle::{Call, require_json},
    respond::{self, Answer},
    wire::admin::ConfigUpdated,
};

/// `GET /config`.
pub(crate) fn get(call: &Call) -> Answer {
    Ok(respond::ok(&call.conn.app.services.config.effective()))
}

/// `PUT /config`.
pub(crate) async fn put(call: &mut Call) -> Answer {
    require_json(&call.parts.headers)?;
    let app = &call.conn.app;
    let bytes = body::read(&mut call.body, limits::BODY_BYTES, app).await?;
    let patch: Map<String, Value> = body::parse(&bytes)?;
    let update = app.services.config.patch(Value::Object(patch)).await?;
    Ok(respond::ok(&ConfigUpdated::from(&update)))
}
