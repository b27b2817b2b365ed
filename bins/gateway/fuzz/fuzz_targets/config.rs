//! `gateway.yaml` and merge patches: whatever the bytes are, reading, checking and editing end without a fault. The text
//! before the first NUL is the file, the rest is the patch.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &str| {
    let (text, patch) = input.split_once('\0').unwrap_or((input, "{\"gateway\":{\"port\":1}}"));
    let _ = openclaw_gateway::fuzz_config(text, patch);
});
