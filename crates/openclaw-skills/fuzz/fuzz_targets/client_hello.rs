//! The first bytes of a tunnel, from a skill: whatever they are, reading returns, and what is decided stays decided.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| openclaw_skills::fuzzing::client_hello(bytes));
