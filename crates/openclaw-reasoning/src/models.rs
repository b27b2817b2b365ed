//! What is known of models by their names. Small on purpose: `context_window` and `vision` in a provider's configuration
//! override it, and a model that is not here gets cautious values.

use openclaw_core::config::{ProviderConfig, ProviderKind};

use crate::ModelInfo;

/// The model of an Anthropic provider that names none.
pub(crate) const ANTHROPIC_DEFAULT: &str = "claude-opus-4-6";
/// The model of an OpenAI provider that names none: the general-purpose tier of the current family.
pub(crate) const OPENAI_DEFAULT: &str = "gpt-5.6-terra";
/// Window of a model that nothing is known of, in tokens.
const UNKNOWN_WINDOW: u32 = 8192;
/// Most tokens of an answer when the configuration does not say.
const MAX_TOKENS: u32 = 4096;

struct Known {
    prefix: &'static str,
    window: u32,
    vision: bool,
}

const fn known(prefix: &'static str, window: u32, vision: bool) -> Known {
    Known { prefix, window, vision }
}

/// From the vendors' model pages, November 2026; the first prefix that fits counts. Windows of open models are those of
/// their hosted versions; a server of one's own may be started with less, which `context_window` then says.
const MODELS: [Known; 33] = [
    known("claude-opus-4-5", 200_000, true),
    known("claude-opus-4-1", 200_000, true),
    known("claude-opus-4-2", 200_000, true),
    known("claude-opus-4-0", 200_000, true),
    known("claude-opus", 1_000_000, true),
    known("claude-sonnet-4-6", 1_000_000, true),
    known("claude-sonnet-4", 200_000, true),
    known("claude-sonnet", 1_000_000, true),
    known("claude-fable", 1_000_000, true),
    known("claude", 200_000, true),
    known("gpt-5.6-luna", 400_000, true),
    known("gpt-5.6", 1_050_000, true),
    known("gpt-5", 400_000, true),
    known("gpt-4.1", 1_000_000, true),
    known("gpt-4o", 128_000, true),
    known("chatgpt-4o", 128_000, true),
    known("gpt-4-turbo", 128_000, true),
    known("gpt-4", 8_192, false),
    known("gpt-3.5", 16_385, false),
    known("o1", 200_000, true),
    known("o3", 200_000, true),
    known("o4", 200_000, true),
    known("gemini", 1_000_000, true),
    known("deepseek", 128_000, false),
    known("glm", 128_000, false),
    known("kimi", 256_000, false),
    known("moonshot", 128_000, false),
    known("grok", 256_000, true),
    known("mistral-large", 128_000, true),
    known("mistral-medium", 128_000, true),
    known("mistral", 32_000, false),
    known("qwen3", 128_000, false),
    known("llama-3", 128_000, false),
];

/// Names under which Ollama serves models that see.
const OLLAMA_SEES: [&str; 11] = [
    "llava",
    "bakllava",
    "moondream",
    "minicpm-v",
    "llama3.2-vision",
    "llama4",
    "gemma3:4b",
    "gemma3:12b",
    "gemma3:27b",
    "qwen2.5vl",
    "qwen3-vl",
];

/// What is known of `name` at a provider of `config`'s kind; the configuration's own word counts more.
pub(crate) fn info(name: &str, config: &ProviderConfig) -> ModelInfo {
    let lower = name.to_ascii_lowercase();
    // Routers write `vendor/model`.
    let bare = lower.rsplit('/').next().unwrap_or_default();
    let (window, vision) = if config.kind == ProviderKind::Ollama {
        // Ollama's window is what we ask it for, and costs memory there.
        (UNKNOWN_WINDOW, OLLAMA_SEES.iter().any(|prefix| bare.starts_with(prefix)))
    } else {
        let known = MODELS.iter().find(|known| bare.starts_with(known.prefix));
        known.map_or((UNKNOWN_WINDOW, false), |known| (known.window, known.vision))
    };
    ModelInfo {
        name: name.to_owned(),
        context_window: config.context_window.unwrap_or(window),
        max_tokens: config.max_tokens.unwrap_or(MAX_TOKENS),
        vision: config.vision.unwrap_or(vision),
        tools: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_window_and_sight_and_the_configuration_overrides() {
        let config = ProviderConfig::new(ProviderKind::OpenAi);
        for (name, window, vision) in [
            (ANTHROPIC_DEFAULT, 1_000_000, true),
            ("claude-opus-4-5-20251101", 200_000, true),
            ("claude-haiku-4-5", 200_000, true),
            (OPENAI_DEFAULT, 1_050_000, true),
            ("openai/gpt-4o-mini", 128_000, true),
            ("DeepSeek-Chat", 128_000, false),
            ("my-own-model", 8_192, false),
        ] {
            let info = info(name, &config);
            assert_eq!((info.context_window, info.vision), (window, vision), "{name}");
        }
        let config = ProviderConfig {
            context_window: Some(4096),
            vision: Some(true),
            max_tokens: Some(7),
            ..ProviderConfig::new(ProviderKind::Ollama)
        };
        let info = info("smollm", &config);
        assert_eq!((info.context_window, info.vision, info.max_tokens), (4096, true, 7));
    }
}
