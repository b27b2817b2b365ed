//! Anthropic's Messages API (<https://platform.claude.com/docs/en/api/messages>), streamed.

mod client;
mod convert;
mod wire;

pub use client::AnthropicProvider;

/// Feeds `bytes` to a fresh decoder, for the fuzzer: whatever they are, this returns.
#[doc(hidden)]
pub fn fuzz_decode(bytes: &[u8]) {
    crate::remote::fuzz_decode(convert::decoder(crate::tools::ToolNames::default()), bytes);
}
