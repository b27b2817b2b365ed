//! Bounds of the server, each with a name.

use std::time::Duration;

/// Time-outs and bounds of connections. The defaults are what the gateway runs with; tests shorten them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most connections at once, WebSockets counted in. Default 1024. One more closes the connection that has idled
    /// longest, if any has for [`Limits::reclaim_after`]; otherwise it is answered 503 and closed.
    pub connections: usize,
    /// How long a connection must have idled to be closed in favour of a new one. Default 5 s.
    pub reclaim_after: Duration,
    /// Time for the head of a request, from its first byte (or from connecting) to its last. Default 10 s.
    pub header_timeout: Duration,
    /// Time for the body of a request; every [`Limits::BODY_BYTES_PER_SECOND`] bytes received add a second. Default 30 s.
    pub body_timeout: Duration,
    /// Time a kept-alive connection may idle between requests. Default 75 s.
    pub idle_timeout: Duration,
    /// Time a client may leave what was sent to it unread before the connection is closed. Default 30 s.
    pub write_timeout: Duration,
    /// Pause between two `: ping` comments of an event stream that has nothing else to tell. Default 15 s.
    pub event_ping: Duration,
    /// Time for the first frame on a WebSocket, which authenticates. Default 5 s.
    pub socket_auth_timeout: Duration,
    /// Pause between two protocol pings on a WebSocket. Default 30 s; three unanswered close it.
    pub socket_ping: Duration,
}

impl Limits {
    /// Slowest body that is waited for past [`Limits::body_timeout`].
    pub const BODY_BYTES_PER_SECOND: u64 = 16 * 1024;
    /// Largest request head, in bytes.
    pub const HEAD_BYTES: usize = 64 * 1024;
    /// Most header fields of a request.
    pub const HEADERS: usize = 100;
    /// Most memory that bodies above 256 KiB take up together, in bytes.
    pub const BODIES_BYTES: usize = 256 * 1024 * 1024;
    /// Deepest nesting of a JSON body.
    pub const JSON_DEPTH: usize = 128;
    /// Failed authentications of one peer address per minute.
    pub const FAILED_AUTHENTICATIONS: u32 = 10;
    /// Messages in flight on one WebSocket.
    pub const SOCKET_MESSAGES: usize = 32;
    /// Longest `query` of a search, in bytes.
    pub const QUERY_BYTES: usize = 16 * 1024;
    /// Longest name of a channel, in bytes.
    pub const CHANNEL_BYTES: usize = 64;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            reclaim_after: Duration::from_secs(5),
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(30),
            event_ping: Duration::from_secs(15),
            socket_auth_timeout: Duration::from_secs(5),
            socket_ping: Duration::from_secs(30),
        }
    }
}
