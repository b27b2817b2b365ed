//! Files of the embedding model and those it is made from: whatever the bytes, every decoder returns, in bounded memory.

#![no_main]

use libfuzzer_sys::fuzz_target;
use openclaw_inference::embed::fuzz_decode;

fuzz_target!(|bytes: &[u8]| fuzz_decode(bytes));
