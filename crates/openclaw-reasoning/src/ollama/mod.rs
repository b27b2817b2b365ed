//! Ollama's own API (<https://github.com/ollama/ollama/blob/main/docs/api.md>): `/api/chat` as lines of JSON, `/api/tags`.

mod client;
mod convert;
mod wire;

pub(crate) use client::BASE;
pub use client::{OllamaProvider, newest_ollama_model};

/// Feeds `bytes` to a fresh decoder, for the fuzzer: whatever they are, this returns.
#[doc(hidden)]
pub fn fuzz_decode(bytes: &[u8]) {
    crate::remote::fuzz_decode(convert::StreamDecoder::default(), bytes);
    let _ = convert::newest(bytes);
}
