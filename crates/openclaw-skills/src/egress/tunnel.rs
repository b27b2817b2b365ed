//! Carrying bytes both ways.

use std::{
    io,
    sync::atomic::{AtomicU64, Ordering},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::{Instant, timeout},
};

use super::IDLE;

/// Carries bytes until both ends have closed, one breaks, or both are silent for too long. Each side's end is passed on.
pub(super) async fn carry(
    client: impl AsyncRead + AsyncWrite + Unpin,
    server: impl AsyncRead + AsyncWrite + Unpin,
    moved: &AtomicU64,
) -> io::Result<()> {
    let (client_read, client_write) = tokio::io::split(client);
    let (server_read, server_write) = tokio::io::split(server);
    let begun = Instant::now();
    // Milliseconds since `begun` at which something moved last, whichever way.
    let last = AtomicU64::new(0);
    let out = pump(client_read, server_write, begun, &last, moved);
    let back = pump(server_read, client_write, begun, &last, moved);
    tokio::try_join!(out, back).map(|_| ())
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    begun: Instant,
    last: &AtomicU64,
    moved: &AtomicU64,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    let now = || u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let idle = u64::try_from(IDLE.as_millis()).unwrap_or(u64::MAX);
    loop {
        let count = match timeout(IDLE, from.read(&mut buffer)).await {
            Ok(read) => read?,
            Err(_) if now().saturating_sub(last.load(Ordering::Relaxed)) < idle => continue,
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        };
        if count == 0 {
            return to.shutdown().await;
        }
        last.store(now(), Ordering::Relaxed);
        moved.fetch_add(u64::try_from(count).unwrap_or(0), Ordering::Relaxed);
        to.write_all(buffer.get(..count).unwrap_or_default()).await?;
    }
}
