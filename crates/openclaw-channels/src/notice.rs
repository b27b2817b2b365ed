//! Things said in passing: a command's answer, a polite line, "busy". They are not kept: a restart forgets them, and the message that
//! caused one is then answered again.

use std::{sync::Arc, time::Duration};

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    adapter::{Adapter, pieces},
    error::SendError,
    limits::NOTICES,
    markup,
    message::{Address, Body, Outgoing},
    outbox::TokenDied,
    pause::Pause,
};

/// Longest time for all attempts together: whoever says something has a queue behind it.
const DEADLINE: Duration = Duration::from_secs(30);

/// Says things.
#[derive(Clone)]
pub(crate) struct Notices {
    pub(crate) kind: Arc<str>,
    pub(crate) adapter: Arc<dyn Adapter>,
    pub(crate) died: TokenDied,
    pub(crate) stop: CancellationToken,
}

impl Notices {
    /// Says `markdown` there, as well as it goes. Returns whether it was said, or never can be: otherwise it may go later.
    pub(crate) async fn say(&self, to: &Address, reply_to: Option<&str>, markdown: &str) -> bool {
        let saying = timeout(DEADLINE, self.try_to_say(to, reply_to, markdown));
        let settled = match self.stop.run_until_cancelled(saying).await {
            Some(said) => said.unwrap_or(false),
            // What called for it must not count as done: the next process says it.
            None => std::future::pending().await,
        };
        if !settled {
            warn!(channel = &*self.kind, chat = %to, "a notice could not be sent");
        }
        settled
    }

    async fn try_to_say(&self, to: &Address, reply_to: Option<&str>, markdown: &str) -> bool {
        for piece in pieces(&*self.adapter, markdown) {
            let (rich, plain) = (self.adapter.render(&piece), markup::render(&piece, &markup::plain()));
            let key = format!("n{:016x}", fastrand::u64(..));
            let mut body = Body::Rich(&rich);
            let (mut pause, mut said) = (Pause::sending(), false);
            for _ in 0..NOTICES {
                match self.adapter.send(Outgoing { to, body, reply_to, key: &key }).await {
                    Ok(_) => {
                        said = true;
                        break;
                    }
                    Err(SendError::Markup { .. }) => body = Body::Plain(&plain),
                    Err(error @ SendError::Token { .. }) => {
                        self.died.tell(&error.to_string());
                        return false;
                    }
                    Err(error) if error.is_retryable() => {
                        // It may be there; so many times is enough.
                        said |= matches!(error, SendError::Unknown { .. });
                        sleep(pause.after(&error)).await;
                    }
                    Err(error) => {
                        warn!(channel = &*self.kind, chat = %to, %error, "a notice was not taken");
                        return true;
                    }
                }
            }
            if !said {
                return false;
            }
        }
        true
    }
}
