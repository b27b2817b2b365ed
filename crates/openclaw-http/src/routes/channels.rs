//! `/channels`: what is connected.

use openclaw_core::{ErrorCode, Failure, config::CHANNEL_TYPES};

use crate::{
    handle::Call,
    respond::{self, Answer},
    wire::channels::{ChannelItem, ChannelList},
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
        return Ok(respond::ok(&ChannelItem::from(channel)));
    }
    let message = if CHANNEL_TYPES.contains(&wanted) {
        format!("The channel `{wanted}` is not configured; configure it under `channels.{wanted}`")
    } else {
        format!("`{wanted}` is no channel type; known: {}", CHANNEL_TYPES.join(", "))
    };
    Err(Failure::new(ErrorCode::NotFound, message).with("channel", wanted).into())
}
