//! The connections of Socket Mode.

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    Slack,
    client::As,
    wire::{self, Frame as Text},
};
use crate::{
    error::ConnectError,
    net::{Frame, NetError, Socket},
};

/// Wait when there are too many connections.
pub(super) const TOO_MANY: Duration = Duration::from_secs(60);

pub(super) struct Connection {
    pub(super) number: u64,
    pub(super) socket: Socket,
    /// When it is left at the latest.
    pub(super) until: Option<Instant>,
}

/// A connection that said hello.
pub(super) struct Opened {
    pub(super) socket: Socket,
    /// How many there are beside it.
    pub(super) others: u64,
}

/// A connection that stands.
pub(super) async fn open(slack: &Slack, pause: Duration) -> Result<Opened, ConnectError> {
    sleep(pause).await;
    let opened: wire::Opened = slack.client.ask_as(As::App, "apps.connections.open", json!({})).await?;
    let mut socket = slack.client.net.socket(&opened.url).await?;
    let text = socket.hello("Slack").await?;
    let frame: Text = serde_json::from_str::<Value>(&text).and_then(wire::read).unwrap_or_default();
    match (frame.kind.as_str(), frame.reason.as_str()) {
        ("hello", _) => Ok(Opened { socket, others: frame.num_connections.saturating_sub(1) }),
        ("disconnect", "too_many_websockets") => Err(ConnectError::Later {
            after: TOO_MANY,
            reason: "this Slack app has too many connections: is another gateway running with its tokens?"
                .to_owned(),
        }),
        _ => Err(ConnectError::lost("what answers the WebSocket is not Slack")),
    }
}

/// The next frame, or `None` when the connection is to be left; never, when there is none. Cancel safe.
pub(super) async fn next(connection: &mut Option<Connection>) -> Option<Result<Frame, NetError>> {
    match connection {
        Some(Connection { socket, until: Some(until), .. }) => timeout_at(*until, socket.next()).await.ok(),
        Some(Connection { socket, until: None, .. }) => Some(socket.next().await),
        None => std::future::pending().await,
    }
}

pub(super) async fn opening(
    opening: &mut Option<BoxFuture<'_, Result<Opened, ConnectError>>>,
) -> Result<Opened, ConnectError> {
    match opening {
        Some(opening) => opening.await,
        None => std::future::pending().await,
    }
}
