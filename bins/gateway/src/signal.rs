//! Signals: what asks us to leave, and what asks us to read the configuration again.

use std::{
    io::{self, IsTerminal as _},
    sync::Arc,
};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::Notify,
};
use tokio_util::sync::CancellationToken;

/// The signals we listen to.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    /// Whether we were started from a terminal: when that goes, so do we.
    on_terminal: bool,
}

impl Signals {
    /// Starts to listen. From here on, they no longer end the process by themselves.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            on_terminal: io::stdin().is_terminal() || io::stderr().is_terminal(),
        })
    }

    /// Cancels `leave` at the first SIGINT or SIGTERM and `at_once` at the second; SIGHUP is a `reload`, or the end
    /// of the terminal we were started from, which counts as the others.
    pub(crate) async fn handle(
        mut self,
        leave: CancellationToken,
        at_once: CancellationToken,
        reload: Arc<Notify>,
    ) {
        loop {
            let name = tokio::select! {
                _ = self.interrupt.recv() => "SIGINT",
                _ = self.terminate.recv() => "SIGTERM",
                _ = self.hangup.recv() => {
                    if !self.on_terminal {
                        tracing::info!("SIGHUP: reading the configuration again");
                        reload.notify_one();
                        continue;
                    }
                    "SIGHUP"
                }
            };
            if leave.is_cancelled() {
                tracing::warn!(signal = name, "leaving at once");
                at_once.cancel();
                return;
            }
            tracing::info!(
                signal = name,
                "leaving: finishing what is under way; press Ctrl-C again to leave at once"
            );
            leave.cancel();
        }
    }
}
