//! `/channels`: what is connected, who was let in, and what platforms post.

use hyper::StatusCode;
use openclaw_core::{
    ErrorCode, Failure,
    config::CHANNEL_TYPES,
    limits,
    port::{WebhookAnswer, WebhookRequest},
};

use crate::{
    auth, body,
    handle::Call,
    query::Query,
    respond::{self, Answer},
    wire::channels::{ChannelDetails, ChannelItem, ChannelList, Pairing, People, Unpaired},
};

/// `GET /channels`.
pub(crate) async fn list(call: &Call) -> Answer {
    let channels = call.conn.app.services.channels.list().await;
    let items = channels.iter().map(ChannelItem::from).collect();
    Ok(respond::ok(&ChannelList { channels: items }))
}

/// `GET /channels/:type/status`.
pub(crate) async fn status(call: &Call) -> Answer {
    let channels = call.conn.app.services.channels.list().await;
    let wanted = call.parameter.as_str();
    if let Some(channel) = channels.iter().find(|channel| channel.kind == wanted) {
        return Ok(respond::ok(&ChannelDetails::from(channel)));
    }
    let message = if CHANNEL_TYPES.contains(&wanted) {
        format!("The channel `{wanted}` is not configured; configure it under `channels.{wanted}`")
    } else {
        format!("`{wanted}` is no channel type; known: {}", CHANNEL_TYPES.join(", "))
    };
    Err(Failure::new(ErrorCode::NotFound, message).with("channel", wanted).into())
}

/// `POST /channels/:type/pair`.
pub(crate) async fn pair(call: &Call) -> Answer {
    let code = call.conn.app.services.channels.pair(&call.parameter).await?;
    let pairing = Pairing { code: code.code.expose(), expires_at: code.expires_at };
    Ok(respond::json(StatusCode::CREATED, &pairing))
}

/// `GET /channels/:type/paired`.
pub(crate) async fn paired(call: &Call) -> Answer {
    let users = call.conn.app.services.channels.paired(&call.parameter).await?;
    Ok(respond::ok(&People { users }))
}

/// `DELETE /channels/:type/paired?user=ID`.
pub(crate) async fn unpair(call: &Call) -> Answer {
    let query = Query::parse(call.parts.uri.query())?;
    let user = query.get("user").filter(|user| !user.is_empty());
    let user = user.ok_or_else(|| Failure::bad_field("user", "is required: whose pairing to take back"))?;
    if call.conn.app.services.channels.unpair(&call.parameter, user).await? {
        return Ok(respond::ok(&Unpaired { removed: true, user }));
    }
    Err(Failure::not_found("paired user", user).into())
}

/// `POST /channels/:type/webhook`: no token of ours, the adapter knows its platform's signature.
pub(crate) async fn webhook(call: &mut Call) -> Answer {
    let app = &call.conn.app;
    auth::may_try(call.conn.peer, &app.failures)?;
    let headers = call
        .parts
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())));
    let headers = headers.collect();
    let body = body::read(&mut call.body, limits::BODY_BYTES, app).await?;
    let request = WebhookRequest { headers, body: body.to_vec().into() };
    match app.services.channels.webhook(&call.parameter, request).await? {
        WebhookAnswer::Taken(answer) => Ok(respond::ok(&answer)),
        WebhookAnswer::Refused(failure) => {
            if matches!(failure.code, ErrorCode::Unauthorized | ErrorCode::Forbidden) {
                auth::failed(call.conn.peer, &app.failures);
            }
            Err(failure.into())
        }
    }
}
