//! Recovery of a segment: any bytes are survived, and damage to a real segment never makes a record that was not written.

#![no_main]

use libfuzzer_sys::fuzz_target;
use openclaw_core::Lsn;
use openclaw_memory::engine::{encode_segment, walk_segment};

const LOG: [u8; 16] = *b"fuzzed log's id!";

fuzz_target!(|input: &[u8]| {
    // Arbitrary bytes as a whole segment.
    let content = walk_segment(input, LOG, Lsn(1)).expect("memory does not fail");
    assert!(content.end + content.dirty <= 64.max(input.len() as u64));

    // A real segment, made of the input's first half, damaged by its second.
    let (written, damage) = input.split_at(input.len() / 2);
    let records: Vec<&[u8]> = written.split(|byte| *byte == 0).collect();
    let whole = encode_segment(LOG, Lsn(1), records.iter().copied());
    let mut damaged = whole.clone();
    for edit in damage.chunks_exact(3) {
        let at = 64 + usize::from(u16::from_le_bytes([edit[0], edit[1]])) % (damaged.len() - 64);
        damaged[at] ^= edit[2];
    }
    let content = walk_segment(&damaged, LOG, Lsn(1)).expect("memory does not fail");
    for (pointer, payload) in content.records {
        let record = records[pointer.lsn.0 as usize - 1];
        assert_eq!(payload.as_deref(), Some(record), "{pointer:?}");
    }
});
