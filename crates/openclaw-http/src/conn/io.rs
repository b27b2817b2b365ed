//! The socket as hyper sees it, telling the watchdog what moves.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::{farewell, phase::Phase};

pub(crate) struct WatchedStream {
    stream: TcpStream,
    phase: Arc<Phase>,
    /// What is written instead of the bytes that hyper offers, and how much of it is.
    instead: Option<(Vec<u8>, usize)>,
    /// Bytes that are still read and thrown away before closing, after a refusal.
    wasted: Option<usize>,
}

/// Most bytes read on after a refusal.
const WASTE_MOST: usize = 1 << 20;

impl WatchedStream {
    pub(crate) fn new(stream: TcpStream, phase: Arc<Phase>) -> Self {
        Self { stream, phase, instead: None, wasted: None }
    }

    /// Writes what stands in for `offered` to its end. hyper offers the same bytes again until they are taken.
    fn poll_instead(&mut self, cx: &mut Context<'_>, offered: usize) -> Poll<io::Result<usize>> {
        while let Some((bytes, written)) = &mut self.instead {
            if *written == bytes.len() {
                self.instead = None;
                break;
            }
            match ready!(Pin::new(&mut self.stream).poll_write(cx, &bytes[*written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                more => *written += more,
            }
        }
        Poll::Ready(Ok(offered))
    }

    /// A refusal of hyper's own in the bytes it offers is put into words first.
    fn poll_offered(&mut self, cx: &mut Context<'_>, offered: &[u8]) -> Poll<io::Result<usize>> {
        if self.instead.is_none() {
            let Some((begin, answer)) = farewell::replace(offered) else {
                return Pin::new(&mut self.stream).poll_write(cx, offered);
            };
            let bytes = [offered.get(..begin).unwrap_or_default(), &answer].concat();
            self.instead = Some((bytes, 0));
            self.wasted = Some(WASTE_MOST);
        }
        self.poll_instead(cx, offered.len())
    }

    /// Closing with unread bytes resets the connection, and the refusal would be lost: reads on until the client has read it
    /// and closes, for a while.
    fn poll_waste(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(left) = self.wasted {
            let mut space = [0; 4096];
            let mut buffer = ReadBuf::new(&mut space);
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer));
            let more = left.checked_sub(buffer.filled().len());
            self.wasted = more.filter(|_| read.is_ok() && !buffer.filled().is_empty());
        }
        Poll::Ready(())
    }

    fn note<T>(&self, poll: Poll<T>) -> Poll<T> {
        match &poll {
            Poll::Ready(_) => self.phase.wrote(),
            Poll::Pending => self.phase.write_blocked(),
        }
        poll
    }
}

impl AsyncRead for WatchedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        if buf.filled().len() > before {
            self.phase.received();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let poll = self.poll_offered(cx, buf);
        self.note(poll)
    }

    // Not vectored: answers are small, and one buffer costs less than a list of them.
    fn is_write_vectored(&self) -> bool {
        false
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        if self.wasted.is_some() {
            self.phase.farewell();
        }
        self.poll_waste(cx).map(Ok)
    }
}
