//! The server over real sockets, with fakes behind the ports.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

mod approval;
mod conn;
mod guard;
mod memory;
mod message;
mod rest;
mod socket;
mod stream;
mod support;
