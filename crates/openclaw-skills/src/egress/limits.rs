//! Bounds of the proxy.

use std::time::Duration;

/// Bounds of the egress proxy.
#[derive(Debug, Clone)]
pub struct EgressLimits {
    /// Connections of one lease at the same time, held ones counted in; further ones wait in the socket's backlog. Default 64.
    pub connections_per_lease: usize,
    /// Connections that are served at the same time, over all leases; further ones wait. Default 512.
    pub connections: usize,
    /// Bytes of a request's head. Default 32 KiB; hyper takes no less than 8 KiB.
    pub head_bytes: usize,
    /// Bytes sent and received by a lease from one activation to the next. Default 256 MiB.
    pub bytes: u64,
    /// Time to resolve a name. Default 5 s.
    pub resolve: Duration,
    /// Time to connect, over all addresses of a name. Default 10 s.
    pub connect: Duration,
    /// Time for a client to send a request's head, or a TLS client hello that it has begun. Default 10 s.
    pub head: Duration,
    /// Time for a server to begin its answer; less than `idle`, so that a client is told rather than cut. Default 55 s.
    pub answer: Duration,
    /// Time in which no byte moves, after which a connection is closed. Default 60 s.
    pub idle: Duration,
    /// Attempts logged one by one, from one activation to the next: so many allowed, and so many refused. Default 100.
    pub lines: u64,
    /// Hosts of which the first attempt is logged even beyond `lines`, and the others are summed up, from one activation to the next; at further hosts,
    /// attempts are summed up together. Default 256.
    pub hosts: usize,
}

impl Default for EgressLimits {
    fn default() -> Self {
        Self {
            connections_per_lease: 64,
            connections: 512,
            head_bytes: 32 << 10,
            bytes: 256 << 20,
            resolve: Duration::from_secs(5),
            connect: Duration::from_secs(10),
            head: Duration::from_secs(10),
            answer: Duration::from_secs(55),
            idle: Duration::from_secs(60),
            lines: 100,
            hosts: 256,
        }
    }
}
