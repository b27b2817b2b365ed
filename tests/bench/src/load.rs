//! A closed loop of clients on keep-alive connections. It writes a ready request and looks for the end of the answer; so
//! little of what is measured is its own.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

/// What to send, and what to look for.
#[derive(Clone)]
pub(crate) struct Work {
    pub(crate) address: SocketAddr,
    pub(crate) request: Arc<[u8]>,
    /// What the first useful bytes contain.
    pub(crate) token: &'static [u8],
}

/// What came of it.
pub(crate) struct Outcome {
    /// Answers per second.
    pub(crate) rate: f64,
    /// Answers.
    pub(crate) count: usize,
    /// Median time to the first token, in microseconds.
    pub(crate) first_token: f64,
}

impl Work {
    pub(crate) fn get(address: SocketAddr, path: &str) -> Self {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
        Self { address, request: request.into_bytes().into(), token: b"" }
    }

    /// Posts JSON with these further header lines, each ending in CRLF.
    pub(crate) fn post(
        address: SocketAddr,
        path: &str,
        headers: &str,
        body: &str,
        token: &'static [u8],
    ) -> Self {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Self { address, request: request.into_bytes().into(), token }
    }
}

/// Keeps `clients` busy for `time`.
pub(crate) fn drive(work: &Work, clients: usize, time: Duration) -> Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let start = Instant::now();
        let mut loops = JoinSet::new();
        for _ in 0..clients {
            loops.spawn(client(work.clone(), start + time));
        }
        let mut first_tokens = Vec::new();
        while let Some(joined) = loops.join_next().await {
            first_tokens.extend(joined??);
        }
        let elapsed = start.elapsed().as_secs_f64();
        let count = first_tokens.len();
        ensure!(count > 0, "no answer in time");
        let first_token =
            crate::table::median(first_tokens.into_iter().map(|time| time.as_secs_f64() * 1e6).collect());
        Ok(Outcome { rate: count as f64 / elapsed, count, first_token })
    })
}

async fn client(work: Work, until: Instant) -> Result<Vec<Duration>> {
    let mut socket = TcpStream::connect(work.address).await?;
    socket.set_nodelay(true)?;
    let mut times = Vec::new();
    let mut buffer = Vec::with_capacity(64 * 1024);
    while Instant::now() < until {
        buffer.clear();
        let start = Instant::now();
        socket.write_all(&work.request).await?;
        let mut first = None;
        let mut end = End::Unknown;
        loop {
            let before = buffer.len();
            ensure!(socket.read_buf(&mut buffer).await? > 0, "closed in the middle of an answer");
            // A token may lie across two reads.
            let from = before.saturating_sub(work.token.len());
            if first.is_none() && find(&buffer[from..], work.token).is_some() {
                first = Some(start.elapsed());
            }
            if end.reached(&buffer)? {
                break;
            }
        }
        times.push(first.context("an answer without what was looked for")?);
    }
    Ok(times)
}

/// Where an answer ends.
enum End {
    Unknown,
    At(usize),
    Chunked,
}

impl End {
    fn reached(&mut self, buffer: &[u8]) -> Result<bool> {
        if matches!(self, Self::Unknown) {
            let Some(head) = find(buffer, b"\r\n\r\n") else { return Ok(false) };
            let text = String::from_utf8_lossy(&buffer[..head]).to_ascii_lowercase();
            if !text.starts_with("http/1.1 200") {
                bail!("{}", String::from_utf8_lossy(buffer));
            }
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
            *self = match length {
                Some(length) => Self::At(head + 4 + length.trim().parse::<usize>()?),
                None => Self::Chunked,
            };
        }
        Ok(match self {
            Self::At(end) => buffer.len() >= *end,
            // The bodies measured here hold no CRLF of their own.
            Self::Chunked => buffer.ends_with(b"\r\n0\r\n\r\n"),
            Self::Unknown => false,
        })
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    if needle.is_empty() {
        return Some(0);
    }
    haystack.windows(needle.len()).position(|window| window == needle)
}
