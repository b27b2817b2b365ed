//! One Socket Mode connection.

use std::{sync::Arc, time::Duration};

use futures_util::{SinkExt as _, Stream, StreamExt as _};
use serde_json::Value;
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{
    Shared,
    hub::{Next, Out},
};
use crate::Socket;

/// Time between two pings of the server's.
const PING: Duration = Duration::from_secs(5);

pub(super) async fn talk(shared: Arc<Shared>, socket: Socket) {
    let id = shared.change(|state| state.hub.open());
    let _gone = Gone(&shared, id);
    let (mut sink, stream) = socket.split();
    let writing = async {
        let mut ping = Instant::now() + PING;
        loop {
            let changed = shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let next = shared.state().hub.next(id, Instant::now());
            let wake = match next {
                Next::Do(Out::Text(text)) => match sink.send(Message::text(text)).await {
                    Ok(()) => continue,
                    Err(_) => return,
                },
                Next::Do(Out::Close) => {
                    let _ = sink.send(Message::Close(None)).await;
                    return;
                }
                Next::Do(Out::Cut) => return,
                Next::Frozen => {
                    changed.await;
                    continue;
                }
                Next::Wait(until) => until.unwrap_or(ping).min(ping),
            };
            tokio::select! {
                () = changed => {}
                () = sleep_until(wake) => if wake >= ping {
                    ping = Instant::now() + PING;
                    if sink.send(Message::Ping("Ping from applink-1".into())).await.is_err() {
                        return;
                    }
                },
            }
        }
    };
    tokio::select! { () = writing => (), () = read(&shared, id, stream) => () }
}

/// Takes the connection from the list, also when it is cut.
struct Gone<'a>(&'a Shared, u64);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.hub.closed(self.1));
    }
}

async fn read(shared: &Shared, id: u64, mut stream: impl Stream<Item = Result<Message, Error>> + Unpin) {
    loop {
        let changed = shared.changed.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        if shared.state().hub.is_frozen(id) {
            changed.await;
            continue;
        }
        tokio::select! {
            () = changed => {}
            message = stream.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value = serde_json::from_str(&text).unwrap_or_default();
                    shared.change(|state| state.hub.ack(&frame));
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
        }
    }
}
