//! A tunnel to a declared host. What goes through is not read, but for the name in a TLS client hello: many hosts share an
//! address, and the one that was asked for must be the one that is meant.

use std::io;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::{
    hello::{self, Hello},
    period::{Attempt, Way},
    proxy::Session,
    refusal::Refusal,
    target::{Host, Target},
};

/// Bytes in memory for each direction.
const BUFFER: usize = 16 << 10;
/// A fatal TLS alert, `unrecognized_name` (RFC 6066, section 3; RFC 8446, section 6): clients say so in their error.
const UNRECOGNIZED_NAME: [u8; 7] = [0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x70];

pub(super) struct Tunnel {
    client: OnUpgrade,
    upstream: TcpStream,
    attempt: Attempt,
}

/// Why a direction did not come to its end.
enum Cut {
    Io,
    Refused { target: Option<Target>, refusal: Refusal },
}

impl From<io::Error> for Cut {
    fn from(_: io::Error) -> Self {
        Self::Io
    }
}

impl Tunnel {
    pub(super) fn new(client: OnUpgrade, upstream: TcpStream, attempt: Attempt) -> Self {
        Self { client, upstream, attempt }
    }

    pub(super) async fn run(mut self, session: &Session) {
        let Ok(client) = self.client.await else { return };
        let attempt = &self.attempt;
        let (mut from_client, mut to_client) = tokio::io::split(TokioIo::new(client));
        let (mut from_server, mut to_server) = self.upstream.split();
        let out = async {
            let first = greeting(session, attempt.target(), &mut from_client).await?;
            attempt.moves(Way::Out, first.len())?;
            to_server.write_all(&first).await?;
            copy(&mut from_client, &mut to_server, attempt, Way::Out).await?;
            Ok::<_, Cut>(())
        };
        let back = async { Ok(copy(&mut from_server, &mut to_client, attempt, Way::In).await?) };
        if let Err(Cut::Refused { target, refusal }) = tokio::try_join!(out, back) {
            attempt.period().refuse(target.as_ref(), &refusal);
            let _ = to_client.write_all(&UNRECOGNIZED_NAME).await;
            let _ = to_client.shutdown().await;
        }
    }
}

/// Copies until the end, and passes the end on.
async fn copy(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    attempt: &Attempt,
    way: Way,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = from.read(&mut buffer).await?;
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
        attempt.moves(way, read)?;
        to.write_all(bytes).await?;
    }
    to.shutdown().await
}

/// The first bytes of a client: whatever they are when it speaks no TLS, else its whole hello, which names a declared host or
/// none.
async fn greeting(
    session: &Session,
    target: &Target,
    client: &mut (impl AsyncRead + Unpin),
) -> Result<Vec<u8>, Cut> {
    let mut first = vec![0; BUFFER];
    let read = client.read(&mut first).await?;
    first.truncate(read);
    if first.is_empty() {
        return Ok(first);
    }
    let limits = &session.lease.shared.limits;
    let refused = |refusal| Cut::Refused { target: Some(target.clone()), refusal };
    let name = match timeout(limits.head, read_hello(&mut first, client)).await {
        Ok(name) => name?,
        Err(_) => {
            return Err(refused(Refusal::Slow { target: target.clone(), what: "send its TLS client hello" }));
        }
    };
    match name {
        Hello::Plain | Hello::Whole(None) => Ok(first),
        Hello::Whole(Some(name)) => {
            let host = Host::read(&name).map_err(|reason| refused(Refusal::Unreadable(reason)))?;
            let named = Target { host, port: target.port };
            if named == *target || session.lease.declares(&named) {
                return Ok(first);
            }
            Err(Cut::Refused { refusal: session.undeclared(named.clone()), target: Some(named) })
        }
        Hello::Broken | Hello::Partial => {
            Err(refused(Refusal::Unreadable("was greeted with a broken TLS client hello")))
        }
    }
}

/// Reads on until `first` holds the whole hello, or none. A hello that does not end is [`Hello::Broken`].
async fn read_hello(first: &mut Vec<u8>, client: &mut (impl AsyncRead + Unpin)) -> io::Result<Hello> {
    loop {
        match hello::read(first) {
            Hello::Partial => {}
            other => return Ok(other),
        }
        let room = hello::MOST_BYTES.saturating_sub(first.len()) as u64;
        if client.take(room).read_buf(first).await? == 0 {
            return Ok(Hello::Broken);
        }
    }
}
