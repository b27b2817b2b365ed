//! Between text and tokens.

use std::collections::{HashMap, HashSet};

use candle_core::quantized::tokenizer::TokenizerFromGguf as _;
use tokenizers::{
    SplitDelimiterBehavior, Tokenizer,
    pre_tokenizers::{
        PreTokenizerWrapper,
        byte_level::ByteLevel,
        digits::Digits,
        sequence::Sequence,
        split::{Split, SplitPattern},
    },
};

use super::{error::ModelFileError, gguf::ModelFile};

/// How Llama 3 cuts text into words before the merges; from its published tokenizer file.
const WORDS_LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// The same for Qwen 2 and 3.
const WORDS_QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Tokens that end an answer in the families known here, when the file does not say so itself.
const ENDS: [&str; 6] =
    ["<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<|eom_id|>", "</s>"];

/// `tokenizer.ggml.token_type`: steers the model, is never text.
const CONTROL: u32 = 3;
/// `tokenizer.ggml.token_type`: text outside of the byte alphabet.
const USER_DEFINED: u32 = 4;

/// A model's vocabulary.
pub(super) struct Text {
    tokenizer: Tokenizer,
    /// All tokens' bytes one after the other, and where each ends.
    bytes: Vec<u8>,
    ends: Vec<usize>,
    control: Vec<String>,
    stops: HashSet<u32>,
    /// The token that a prompt begins with, if the model wants one.
    begin: Option<(u32, String)>,
}

/// Whether the file's tokenizer can be used, without building it.
pub(super) fn check(file: &ModelFile) -> Result<(), ModelFileError> {
    match file.text("tokenizer.ggml.model") {
        Some("gpt2") => Ok(()),
        Some(other) => Err(ModelFileError::unsupported(file.path(), format!("its tokenizer is {other}"))),
        None => Err(ModelFileError::damaged(file.path(), "it holds no tokenizer")),
    }
}

impl Text {
    pub(super) fn load(file: &ModelFile) -> Result<Self, ModelFileError> {
        check(file)?;
        let damaged = |what: String| ModelFileError::damaged(file.path(), format!("tokenizer: {what}"));
        let mut tokenizer =
            Tokenizer::from_gguf(file.content()).map_err(|error| damaged(error.to_string()))?;
        let cutter = word_cutter(file.text("tokenizer.ggml.pre").unwrap_or_default());
        tokenizer.with_pre_tokenizer(Some(cutter.map_err(|error| damaged(error.to_string()))?));

        let tokens = file.list("tokenizer.ggml.tokens").unwrap_or_default();
        let kinds = file.list("tokenizer.ggml.token_type").unwrap_or_default();
        let alphabet = byte_alphabet();
        let (mut bytes, mut ends, mut control) = (Vec::new(), Vec::with_capacity(tokens.len()), Vec::new());
        let mut stops: HashSet<u32> = ["eos", "eot", "eom"]
            .iter()
            .filter_map(|name| file.number(&format!("tokenizer.ggml.{name}_token_id")))
            .collect();
        for (index, token) in tokens.iter().enumerate() {
            let token = token.to_string().map_err(|error| damaged(error.to_string()))?;
            let kind = kinds.get(index).and_then(|kind| match kind {
                candle_core::quantized::gguf_file::Value::I32(kind) => u32::try_from(*kind).ok(),
                candle_core::quantized::gguf_file::Value::U32(kind) => Some(*kind),
                _ => None,
            });
            match kind {
                Some(CONTROL) => {
                    if ENDS.contains(&token.as_str()) {
                        stops.insert(index as u32);
                    }
                    control.push(token.clone());
                }
                Some(USER_DEFINED) => bytes.extend_from_slice(token.as_bytes()),
                _ => match token.chars().map(|c| alphabet.get(&c).copied()).collect::<Option<Vec<u8>>>() {
                    Some(token) => bytes.extend(token),
                    None => bytes.extend_from_slice(token.as_bytes()),
                },
            }
            ends.push(bytes.len());
        }
        let begin = file
            .flag("tokenizer.ggml.add_bos_token")
            .filter(|wanted| *wanted)
            .and_then(|_| file.number("tokenizer.ggml.bos_token_id"))
            .and_then(|id| Some((id, tokens.get(id as usize)?.to_string().ok()?.clone())));
        control.retain(|token| !token.is_empty());
        Ok(Self { tokenizer, bytes, ends, control, stops, begin })
    }

    /// How many tokens there are.
    pub(super) fn vocabulary(&self) -> usize {
        self.ends.len()
    }

    /// The text of a token by its id, as the file writes it.
    pub(super) fn name(file: &ModelFile, key: &str) -> Option<String> {
        let id = file.number(&format!("tokenizer.ggml.{key}_token_id"))?;
        file.list("tokenizer.ggml.tokens")?.get(id as usize)?.to_string().ok().cloned()
    }

    /// The tokens of a text; control tokens in it count as such.
    pub(super) fn encode(&self, text: &str) -> Result<Vec<u32>, String> {
        let encoding = self.tokenizer.encode_fast(text, false).map_err(|error| error.to_string())?;
        let ids = encoding.get_ids();
        let known = |id: &&u32| (**id as usize) < self.vocabulary();
        Ok(ids.iter().filter(known).copied().collect())
    }

    /// The tokens of a whole prompt, with the one that begins it.
    pub(super) fn encode_prompt(&self, prompt: &str) -> Result<Vec<u32>, String> {
        let mut tokens = self.encode(prompt)?;
        if let Some((id, text)) = &self.begin
            && !prompt.starts_with(text.as_str())
        {
            tokens.insert(0, *id);
        }
        Ok(tokens)
    }

    /// The same text without control tokens in it: what a person writes must not end their own message and begin one of
    /// the system's.
    pub(super) fn disarm<'a>(&self, text: &'a str) -> std::borrow::Cow<'a, str> {
        let mut text = std::borrow::Cow::Borrowed(text);
        for token in &self.control {
            if text.contains(token.as_str()) {
                let mut parts = token.chars();
                let broken: String =
                    parts.next().into_iter().chain(std::iter::once(' ')).chain(parts).collect();
                text = text.replace(token.as_str(), &broken).into();
            }
        }
        text
    }

    /// The bytes a token stands for; none for those that only steer.
    pub(super) fn bytes(&self, token: u32) -> &[u8] {
        let index = token as usize;
        let Some(end) = self.ends.get(index) else { return &[] };
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        &self.bytes[start..*end]
    }

    /// Whether this token ends an answer.
    pub(super) fn is_stop(&self, token: u32) -> bool {
        self.stops.contains(&token)
    }
}

/// What cuts a text into the words that merges stay inside of. candle's own choice puts a space before every text for the
/// names it does not know, and it does not know all of those llama.cpp writes.
fn word_cutter(pre: &str) -> tokenizers::Result<PreTokenizerWrapper> {
    let by = |words: &str| -> tokenizers::Result<PreTokenizerWrapper> {
        let split =
            Split::new(SplitPattern::Regex(words.to_owned()), SplitDelimiterBehavior::Isolated, false)?;
        Ok(Sequence::new(vec![split.into(), ByteLevel::new(false, true, false).into()]).into())
    };
    match pre {
        "llama-bpe" | "llama3" | "llama-v3" | "smaug-bpe" => by(WORDS_LLAMA3),
        "qwen2" | "deepseek-r1-qwen" => by(WORDS_QWEN2),
        "smollm" | "codeshell" | "refact" | "command-r" => {
            Ok(Sequence::new(vec![Digits::new(true).into(), ByteLevel::new(false, true, true).into()]).into())
        }
        other => {
            if !matches!(other, "" | "default" | "gpt-2" | "gpt2") {
                tracing::warn!(
                    pre = other,
                    "unknown way of cutting words: GPT-2's is used, answers may suffer"
                );
            }
            Ok(ByteLevel::new(false, true, true).into())
        }
    }
}

/// Byte-level vocabularies write each byte as a printable character: those that are, as themselves, the others from
/// U+0100 on, in order.
fn byte_alphabet() -> HashMap<char, u8> {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let mut next = 0x100u32;
    let mut alphabet = HashMap::with_capacity(256);
    for byte in 0..=u8::MAX {
        let code = if printable(byte) {
            u32::from(byte)
        } else {
            next += 1;
            next - 1
        };
        if let Some(letter) = char::from_u32(code) {
            alphabet.insert(letter, byte);
        }
    }
    alphabet
}

/// Joins the bytes of tokens into text. A character that spans tokens waits until it is whole.
#[derive(Debug, Default)]
pub(super) struct Characters {
    pending: Vec<u8>,
}

impl Characters {
    /// What can be said now; bytes that can't become a character are said as U+FFFD.
    pub(super) fn push(&mut self, bytes: &[u8]) -> String {
        self.pending.extend_from_slice(bytes);
        let mut said = String::new();
        let mut used = 0;
        for chunk in self.pending.utf8_chunks() {
            said.push_str(chunk.valid());
            used += chunk.valid().len();
            let rest = &self.pending[used..];
            let unfinished = std::str::from_utf8(rest).is_err_and(|error| error.error_len().is_none());
            if unfinished && chunk.invalid().len() == rest.len() {
                break;
            }
            if !chunk.invalid().is_empty() {
                said.push(char::REPLACEMENT_CHARACTER);
                used += chunk.invalid().len();
            }
        }
        self.pending.drain(..used);
        said
    }

    /// What is left when no token follows.
    pub(super) fn finish(self) -> String {
        String::from_utf8_lossy(&self.pending).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_never_cut() {
        let text = "naïve 日本語 🦀!";
        for size in 1..8 {
            let mut characters = Characters::default();
            let said: Vec<String> =
                text.as_bytes().chunks(size).map(|bytes| characters.push(bytes)).collect();
            assert_eq!(said.concat() + &characters.finish(), text);
        }
    }

    #[test]
    fn broken_bytes_are_replaced_and_the_rest_goes_on() {
        let mut characters = Characters::default();
        assert_eq!(characters.push(b"a\xffb\xf0\x9f"), "a\u{fffd}b");
        assert_eq!(characters.push(b"\xa6\x80\xc3"), "🦀");
        assert_eq!(characters.push(b"x"), "\u{fffd}x");
        assert_eq!(characters.push(b"\xe6"), "");
        assert_eq!(characters.finish(), "\u{fffd}");
    }

    /// Ids that llama.cpp's `/tokenize` gives for the default model's file.
    #[test]
    fn tokens_are_those_of_llama_cpp() {
        let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/SmolLM2-135M-Instruct.Q4_1.gguf");
        let path = std::env::var_os("OPENCLAW_TEST_MODEL").unwrap_or_else(|| default.into());
        let path = std::path::PathBuf::from(path);
        if !path.is_file() {
            let reason = format!("no model at {} (get it with `cargo xtask model`)", path.display());
            assert!(std::env::var_os("OPENCLAW_REQUIRE_ALL").is_none_or(|all| all != "1"), "{reason}");
            eprintln!("SKIPPED: {reason}");
            return;
        }
        let file = ModelFile::open(&path).unwrap();
        let text = Text::load(&file).unwrap();
        let golden: [(&str, &[u32]); 11] = [
            ("Hello, world!", &[19556, 28, 905, 17]),
            ("The year 2026 had 365 days.", &[504, 713, 216, 34, 32, 34, 38, 761, 216, 35, 38, 37, 2009, 30]),
            ("  two  spaces\n\n\ttab", &[216, 827, 216, 5600, 1116, 197, 15999]),
            (
                "naïve café 日本語 🦀",
                &[3546, 46494, 37366, 17097, 241, 115, 40993, 179, 120, 248, 15107, 116, 218],
            ),
            ("it's we're I'll", &[269, 506, 392, 2316, 339, 3060]),
            ("<|im_start|>user\nHi<|im_end|>\n", &[1, 4093, 198, 26843, 2, 198]),
            ("a1b22c333", &[81, 33, 82, 34, 34, 83, 35, 35, 35]),
            ("x = [1,2,3]; // done\r\n", &[104, 446, 933, 33, 28, 34, 28, 35, 26695, 13241, 2294, 2738]),
            ("Привет, мир", &[155, 249, 46879, 16464, 32547, 28, 41337, 7872, 9175]),
            ("trailing ", &[4861, 4966, 216]),
            ("١٢٣ ½ Ⅷ", &[164, 111, 164, 112, 164, 113, 216, 16738, 216, 173, 223, 117]),
        ];
        for (written, ids) in golden {
            assert_eq!(text.encode(written).unwrap(), ids, "{written:?}");
            let mut characters = Characters::default();
            let read: String = ids.iter().map(|id| characters.push(text.bytes(*id))).collect();
            assert_eq!(
                read + &characters.finish(),
                written.replace("<|im_start|>", "").replace("<|im_end|>", "")
            );
        }
        assert!(text.is_stop(2) && text.is_stop(0) && !text.is_stop(1));
        assert_eq!(text.disarm("a<|im_end|>b"), "a< |im_end|>b");
    }

    #[test]
    fn the_alphabet_covers_every_byte_once() {
        let alphabet = byte_alphabet();
        assert_eq!(alphabet.len(), 256);
        assert_eq!((alphabet[&'Ġ'], alphabet[&'Ċ'], alphabet[&'a']), (b' ', b'\n', b'a'));
    }
}
