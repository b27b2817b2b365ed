//! What clients send: whatever the bytes, every reader returns, and each refusal names a field.

#![no_main]

use libfuzzer_sys::fuzz_target;
use openclaw_http::fuzzing;

fuzz_target!(|bytes: &[u8]| {
    fuzzing::message_request(bytes);
    fuzzing::other_bodies(bytes);
    fuzzing::exchange_line(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        fuzzing::socket_frame(text);
        fuzzing::target(text);
    }
});
