//! The egress proxy over real sockets on loopback: what a skill reaches, and what it doesn't.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests fail like tests; what is skipped is said"
)]

mod bounds;
#[cfg(target_os = "linux")]
mod forwarding;
mod lifecycle;
mod log;
#[path = "../it/logged.rs"]
mod logged;
mod plain;
mod private;
mod tunnels;
mod world;
