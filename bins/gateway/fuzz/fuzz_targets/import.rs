//! What people import: whatever the bytes are, reading them ends without a fault. The first byte chooses how the file is
//! named, which decides between Markdown and the rest.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((first, bytes)) = input.split_first() else { return };
    let name = ["conversations.json", "MEMORY.md", "memory/2026-01-02.md", "x"][usize::from(first % 4)];
    let _ = openclaw_gateway::fuzz_import(name, bytes);
});
