//! What the end-to-end tests share: a gateway started as a user starts it, a plain HTTP client that hides nothing, readers
//! of event streams and sockets, and a search for bytes that must not be there.
//!
//! Nothing here knows the gateway's code; it is a program with files, a port and an exit code.

mod gateway;
mod http;
mod machine;
mod provider;
mod scan;
mod sse;
mod ws;

pub use gateway::{Gateway, Home, Setup, TOKEN, binary, model};
pub use http::{Client, Request, Response};
pub use machine::{Terminal, allow_open_files};
pub use provider::Provider;
pub use scan::{files_containing, read_tree};
pub use sse::{Event, EventReader};
pub use ws::Socket;

/// Ends a test that can't run here, and says why in the way that `cargo xtask test` collects.
#[macro_export]
macro_rules! skip {
    ($($reason:tt)*) => {{
        println!("SKIPPED: {}", format_args!($($reason)*));
        return;
    }};
}

/// Ends a test when there is no gateway to test.
#[macro_export]
macro_rules! need_gateway {
    () => {
        if $crate::binary().is_none() {
            $crate::skip!("there is no gateway binary; run `cargo xtask e2e`, or set OPENCLAW_GATEWAY_BIN");
        }
    };
}
