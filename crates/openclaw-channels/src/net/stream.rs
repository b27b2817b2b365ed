//! Byte streams, with TLS or without.

use std::{sync::Arc, time::Duration};

use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{Net, NetError};

/// Longest wait for a connection, TLS included.
const CONNECT: Duration = Duration::from_secs(10);

/// What a [`Stream`] is.
pub trait Io: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Io for T {}

/// A connection.
pub type Stream = Box<dyn Io>;

impl Net {
    /// Connects to `host` (a name, or an address with or without brackets).
    ///
    /// # Errors
    /// When it can't be reached within ten seconds, or does not prove who it is.
    pub async fn stream(&self, host: &str, port: u16, tls: bool) -> Result<Stream, NetError> {
        let not_sent = |reason: String| NetError::NotSent { reason };
        let host = host.trim_matches(['[', ']']);
        let connecting = async {
            let tcp = TcpStream::connect((host, port)).await;
            let tcp = tcp.map_err(|error| not_sent(format!("{host} can't be reached: {error}")))?;
            let _ = tcp.set_nodelay(true);
            if !tls {
                return Ok(Box::new(tcp) as Stream);
            }
            let name = ServerName::try_from(host.to_owned())
                .map_err(|_| not_sent(format!("{host} is no name for TLS")))?;
            let secured = TlsConnector::from(Arc::clone(&self.tls()?)).connect(name, tcp).await;
            Ok(Box::new(secured.map_err(|error| not_sent(format!("no TLS with {host}: {error}")))?) as Stream)
        };
        let late = || not_sent(format!("{host} did not answer within {} s", CONNECT.as_secs()));
        timeout(CONNECT, connecting).await.unwrap_or_else(|_| Err(late()))
    }
}
