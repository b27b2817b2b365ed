//! OpenAI's chat completions (<https://platform.openai.com/docs/api-reference/chat>), streamed, and the many servers that
//! speak them more or less.

mod client;
mod convert;
mod wire;

pub use client::OpenAiProvider;

/// Feeds `bytes` to a fresh decoder, for the fuzzer: whatever they are, this returns.
#[doc(hidden)]
pub fn fuzz_decode(bytes: &[u8]) {
    crate::remote::fuzz_decode(convert::decoder(crate::tools::ToolNames::default()), bytes);
}
