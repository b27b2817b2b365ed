//! Between text and tokens.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use regex::Regex;
use unicode_normalization::{UnicodeNormalization as _, is_nfc};

use super::{error::ModelFileError, gguf::ModelFile, merges::Merges, words::Cutter};

/// Tokens that end an answer in the families known here, when the file does not say so itself.
const ENDS: [&str; 6] =
    ["<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<|eom_id|>", "</s>"];

/// `tokenizer.ggml.token_type`: stands for what is no token.
const UNKNOWN: i64 = 2;
/// `tokenizer.ggml.token_type`: steers the model, is never text.
const CONTROL: i64 = 3;
/// `tokenizer.ggml.token_type`: text outside of the byte alphabet.
const USER_DEFINED: i64 = 4;

/// A model's vocabulary.
pub(super) struct Text {
    cutter: Cutter,
    merges: Merges,
    /// Tokens that are found in the text before it is cut into words, the longest first, and their ids.
    special: Option<Regex>,
    special_ids: HashMap<String, u32>,
    /// Words that are tokens, for families that look there first.
    whole_words: HashMap<Box<[u8]>, u32>,
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
        let missing = |key: &str| damaged(format!("no {key}"));
        let pre = file.text("tokenizer.ggml.pre").unwrap_or_default();
        let cutter = Cutter::new(pre).map_err(|error| damaged(error.to_string()))?;
        let tokens = file.texts("tokenizer.ggml.tokens").ok_or_else(|| missing("tokens"))?;
        let lines = file.texts("tokenizer.ggml.merges").ok_or_else(|| missing("merges"))?;
        let kinds = file.numbers("tokenizer.ggml.token_type");

        let ids: HashMap<&str, u32> = tokens.iter().zip(0..).collect();
        let alphabet = byte_alphabet();
        let letters: HashMap<u8, char> = alphabet.iter().map(|(letter, byte)| (*byte, *letter)).collect();
        let byte = |byte: u8| ids.get(letters.get(&byte)?.encode_utf8(&mut [0; 4]) as &str).copied();
        let merges = Merges::new(byte, |token| ids.get(token).copied(), lines.iter())
            .map_err(|line| damaged(format!("the merge `{line}` is none of its tokens")))?;

        let named = |name: &str| file.number(&format!("tokenizer.ggml.{name}_token_id"));
        let mut stops: HashSet<u32> = ["eos", "eot", "eom"].into_iter().filter_map(named).collect();
        let steering: HashSet<u32> =
            ["bos", "eos", "padding", "seperator", "unknown"].into_iter().filter_map(named).collect();
        let (mut bytes, mut ends, mut control) = (Vec::new(), Vec::with_capacity(tokens.len()), Vec::new());
        let mut special_ids = HashMap::new();
        let mut whole_words = HashMap::new();
        for (token, id) in tokens.iter().zip(0u32..) {
            let kind = kinds.get(id as usize).copied();
            let start = bytes.len();
            match kind {
                Some(CONTROL) if ENDS.contains(&token) => _ = stops.insert(id),
                Some(CONTROL) => {}
                Some(USER_DEFINED) => bytes.extend_from_slice(token.as_bytes()),
                _ => match token.chars().map(|c| alphabet.get(&c).copied()).collect::<Option<Vec<u8>>>() {
                    Some(token) => bytes.extend(token),
                    None => bytes.extend_from_slice(token.as_bytes()),
                },
            }
            ends.push(bytes.len());
            let steers = matches!(kind, Some(UNKNOWN | CONTROL)) || steering.contains(&id);
            if (steers || kind == Some(USER_DEFINED)) && !token.is_empty() {
                special_ids.insert(token.to_owned(), id);
                if steers {
                    control.push(token.to_owned());
                }
            } else if cutter.whole_words {
                whole_words.insert(bytes[start..].into(), id);
            }
        }
        let begin = file
            .flag("tokenizer.ggml.add_bos_token")
            .filter(|wanted| *wanted)
            .and_then(|_| named("bos"))
            .and_then(|id| Some((id, tokens.get(id as usize)?.to_owned())));
        let special = one_of(&special_ids).map_err(|error| damaged(error.to_string()))?;
        Ok(Self { cutter, merges, special, special_ids, whole_words, bytes, ends, control, stops, begin })
    }

    /// How many tokens there are.
    pub(super) fn vocabulary(&self) -> usize {
        self.ends.len()
    }

    /// The text of a token by its id, as the file writes it.
    pub(super) fn name(file: &ModelFile, key: &str) -> Option<String> {
        let id = file.number(&format!("tokenizer.ggml.{key}_token_id"))?;
        file.texts("tokenizer.ggml.tokens")?.get(id as usize).map(str::to_owned)
    }

    /// The tokens of a text; control tokens in it count as such.
    pub(super) fn encode(&self, text: &str) -> Vec<u32> {
        let mut tokens = Vec::with_capacity(text.len() / 3);
        let mut start = 0;
        for found in self.special.iter().flat_map(|special| special.find_iter(text)) {
            self.encode_words(&text[start..found.start()], &mut tokens);
            tokens.extend(self.special_ids.get(found.as_str()));
            start = found.end();
        }
        self.encode_words(&text[start..], &mut tokens);
        tokens
    }

    fn encode_words(&self, text: &str, into: &mut Vec<u32>) {
        let text: Cow<'_, str> =
            if self.cutter.composed && !is_nfc(text) { text.nfc().collect() } else { text.into() };
        self.cutter.cut(&text, |word| match self.whole_words.get(word.as_bytes()) {
            Some(token) => into.push(*token),
            None => self.merges.encode(word.as_bytes(), into),
        });
    }

    /// The tokens of a whole prompt, with the one that begins it.
    pub(super) fn encode_prompt(&self, prompt: &str) -> Vec<u32> {
        let mut tokens = self.encode(prompt);
        if let Some((id, text)) = &self.begin
            && !prompt.starts_with(text.as_str())
        {
            tokens.insert(0, *id);
        }
        tokens
    }

    /// The same text without control tokens in it: what a person writes must not end their own message and begin one of
    /// the system's.
    pub(super) fn disarm<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
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

/// Finds any of the tokens, at each place the longest; `None` without tokens.
fn one_of(tokens: &HashMap<String, u32>) -> Result<Option<Regex>, regex::Error> {
    let mut tokens: Vec<&str> = tokens.keys().map(String::as_str).collect();
    if tokens.is_empty() {
        return Ok(None);
    }
    tokens.sort_unstable_by_key(|token| (std::cmp::Reverse(token.len()), *token));
    let tokens: Vec<String> = tokens.into_iter().map(regex::escape).collect();
    Regex::new(&tokens.join("|")).map(Some)
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
            assert_eq!(text.encode(written), ids, "{written:?}");
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
