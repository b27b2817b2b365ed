//! A `SKILL.md` from anywhere: whatever the bytes, reading returns, and what it returns keeps its promises.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| openclaw_skills::fuzzing::manifest(bytes));
