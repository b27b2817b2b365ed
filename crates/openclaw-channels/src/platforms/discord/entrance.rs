//! The way into the gateway: <https://docs.discord.com/developers/events/gateway#connecting>.

use std::time::Duration;

use serde_json::Value;
use tracing::debug;

use super::{
    Discord,
    client::Ask,
    wire::{self, Entrance, Frame as Event, Hello, Saved, first_id},
};
use crate::{error::ConnectError, net::Socket};

/// Sessions that are left for a person: when none are, Discord makes the token invalid.
const SPARE: u64 = 5;

/// A socket, and the message up to which everything is settled. A session is gone on with where Discord said; if that can't be
/// reached, at the entrance.
pub(super) async fn open(discord: &Discord, saved: &Saved) -> Result<(Socket, u64), ConnectError> {
    if let Some(session) = &saved.session {
        match discord.client.net.socket(&address(&session.url)).await {
            Ok(socket) => return Ok((socket, saved.until)),
            Err(error) => debug!(channel = "discord", %error, "the session's own gateway can't be reached"),
        }
    }
    let (entrance, now): (Entrance, _) = discord.client.ask_dated(Ask::get("/gateway/bot", &[])).await?;
    if saved.session.is_none() && entrance.session_start_limit.remaining <= SPARE {
        return Err(ConnectError::Later {
            after: Duration::from_millis(entrance.session_start_limit.reset_after),
            reason: "the bot began too many sessions today: is another program running with its token?"
                .to_owned(),
        });
    }
    let socket = discord.client.net.socket(&address(&entrance.url)).await?;
    // Nothing was read yet: what is older than this moment is nobody's business.
    let until = if saved.until == 0 { now.map_or(0, first_id) } else { saved.until };
    Ok((socket, until))
}

fn address(url: &str) -> String {
    let url = url.trim_end_matches('/');
    format!("{url}/?v=10&encoding=json")
}

/// What Discord says first.
pub(super) async fn hello(socket: &mut Socket) -> Result<Hello, ConnectError> {
    let text = socket.hello("Discord").await?;
    let frame: Event = serde_json::from_str::<Value>(&text).and_then(wire::read).unwrap_or_default();
    match wire::read::<Hello>(frame.data) {
        Ok(hello) if frame.op == 10 && hello.heartbeat_interval > 0 => Ok(hello),
        _ => Err(ConnectError::lost("what answers the WebSocket is not Discord's gateway")),
    }
}
