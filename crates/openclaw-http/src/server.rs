//! The listener: binds, accepts, refuses politely when full, and drains.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use openclaw_core::config::GatewayConfig;
use tokio::{net::TcpStream, sync::watch};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    Limits, Services,
    app::App,
    conn::{self, Admission},
};

/// Connections the system holds for us before we accept them.
const BACKLOG: i32 = 1024;
/// Pause after the system refused to give us a connection (out of files, say), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why the server can't listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Somebody else listens there.
    #[error(
        "{addr} is in use by another program (perhaps another gateway); stop it, or choose another `gateway.port`"
    )]
    InUse {
        /// The address.
        addr: SocketAddr,
    },
    /// The system does not let us.
    #[error("not allowed to listen on {addr}; choose a `gateway.port` above 1023")]
    Denied {
        /// The address.
        addr: SocketAddr,
    },
    /// The address is not one of this machine's.
    #[error(
        "{addr} is not an address of this machine; set `gateway.bind` to 127.0.0.1 or to an address it has"
    )]
    NoSuchAddress {
        /// The address.
        addr: SocketAddr,
    },
    /// Auth is off on an address that other machines reach.
    #[error(
        "`gateway.auth.enabled` is false, which is honoured on loopback only, and `gateway.bind` is {}; turn auth on or bind to 127.0.0.1",
        addr.ip()
    )]
    Unprotected {
        /// The address.
        addr: SocketAddr,
    },
    /// Anything else.
    #[error("can't listen on {addr}")]
    Io {
        /// The address.
        addr: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl BindError {
    fn from_io(addr: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::InUse { addr },
            io::ErrorKind::PermissionDenied => Self::Denied { addr },
            io::ErrorKind::AddrNotAvailable => Self::NoSuchAddress { addr },
            _ => Self::Io { addr, source },
        }
    }
}

/// A bound listener. Connections queue in the system from [`Server::bind`] on and are answered once
/// [`Server::serve`] runs.
pub struct Server {
    listener: TcpListener,
    local_addr: SocketAddr,
    config: watch::Receiver<Arc<GatewayConfig>>,
    services: Services,
    limits: Limits,
}

impl Server {
    /// Listens on `gateway.bind`:`gateway.port` (port 0: one that the system chooses). Token, rate limit, allowed hosts
    /// and allowed origins follow `config` from request to request; port and address stay.
    ///
    /// # Errors
    /// When the address can't be had; each case says what to do.
    pub fn bind(config: watch::Receiver<Arc<GatewayConfig>>, services: Services) -> Result<Self, BindError> {
        let (addr, protected) = {
            let config = config.borrow();
            (SocketAddr::new(config.bind, config.port), config.auth.enabled || config.bind.is_loopback())
        };
        if !protected {
            return Err(BindError::Unprotected { addr });
        }
        let (listener, local_addr) = listen(addr).map_err(|source| BindError::from_io(addr, source))?;
        Ok(Self { listener, local_addr, config, services, limits: Limits::default() })
    }

    /// The same server with other bounds.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Serves until `shutdown` fires. Then it stops accepting, lets every request under way end (event streams and
    /// WebSocket answers too), closes WebSockets with 1001, and returns once all are gone, at the latest after
    /// `drain`: connections left then are cut. Must run on a tokio runtime with I/O and time.
    ///
    /// Cancel safety: dropping the future stops accepting; connections end with their current request.
    ///
    /// # Errors
    /// When the runtime can't take over the listener.
    pub async fn serve(self, shutdown: CancellationToken, drain: Duration) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        // A drop of this future must reach the connections as well, so they listen to a token of its own.
        let stop = shutdown.child_token();
        let guard = stop.clone().drop_guard();
        let app = App::new(self.config, self.services, self.limits, self.local_addr, stop, drain);
        loop {
            let accepted = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => admit(&app, stream, peer),
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    warn!(%error, "can't accept a connection; trying again");
                    tokio::select! {
                        () = shutdown.cancelled() => break,
                        () = tokio::time::sleep(ACCEPT_PAUSE) => {}
                    }
                }
            }
        }
        drop((listener, guard));
        app.tasks.close();
        info!(connections = app.slots.open(), "draining connections");
        // Connections hold themselves to the deadline; the margin is for the scheduler.
        if tokio::time::timeout(drain + Duration::from_millis(500), app.tasks.wait()).await.is_err() {
            warn!(connections = app.slots.open(), "connections left behind after the drain deadline");
        }
        Ok(())
    }
}

fn listen(addr: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = socket2::Socket::new(
        socket2::Domain::for_address(addr),
        socket2::Type::STREAM,
        Some(socket2::Protocol::TCP),
    )?;
    // A restart must not wait for the old connections' TIME_WAIT; on Windows the flag would allow theft of the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from(socket);
    let local = listener.local_addr()?;
    Ok((listener, local))
}

fn admit(app: &Arc<App>, stream: TcpStream, peer: SocketAddr) {
    // Tokens leave one by one; waiting to fill a packet would delay them. A failure costs only that.
    let _ = stream.set_nodelay(true);
    match app.slots.admit(&app.limits) {
        Admission::Granted(slot) => {
            app.tasks.spawn(conn::serve(app.clone(), slot, stream, peer.ip()));
        }
        Admission::Refused(Some(turn)) => {
            app.tasks.spawn(conn::refuse(stream, turn));
        }
        // More are being refused than is worth it: the socket is closed without a word.
        Admission::Refused(None) => {}
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
