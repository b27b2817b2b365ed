//! Cutting text into the words that merges stay inside of.

use regex::Regex;

/// How GPT-2 cuts, but for the end of white space: see [`Cutter::cut`].
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+";
/// The same for Llama 3; from its published tokenizer file.
const LLAMA3: &str = r"'(?:[sS]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+";
/// The same for Qwen 2 and 3.
const QWEN2: &str = r"'(?:[sS]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+";

/// Cuts text the way a model's tokenizer was trained with.
#[derive(Debug)]
pub(super) struct Cutter {
    pattern: Regex,
    /// Each digit is a word of its own, cut out before anything else.
    digits: bool,
    /// Line ends close a run of white space (an alternative of its own in the pattern).
    lines: bool,
    /// Text is brought into normal form C first.
    pub(super) composed: bool,
    /// A word that is a token is that token, whatever the merges would make of it.
    pub(super) whole_words: bool,
}

impl Cutter {
    /// The cutter for a value of `tokenizer.ggml.pre`, under the names llama.cpp writes.
    pub(super) fn new(pre: &str) -> Result<Self, regex::Error> {
        let cutter = |pattern: &str| -> Result<Self, regex::Error> {
            let pattern = Regex::new(pattern)?;
            Ok(Self { pattern, digits: false, lines: false, composed: false, whole_words: false })
        };
        match pre {
            "llama-bpe" | "llama3" | "llama-v3" => {
                Ok(Self { lines: true, whole_words: true, ..cutter(LLAMA3)? })
            }
            "smaug-bpe" => Ok(Self { lines: true, ..cutter(LLAMA3)? }),
            "qwen2" | "deepseek-r1-qwen" => Ok(Self { lines: true, composed: true, ..cutter(QWEN2)? }),
            "smollm" | "codeshell" | "refact" | "command-r" => Ok(Self { digits: true, ..cutter(GPT2)? }),
            other => {
                if !matches!(other, "" | "default" | "gpt-2" | "gpt2") {
                    tracing::warn!(
                        pre = other,
                        "unknown way of cutting words: GPT-2's is used, answers may suffer"
                    );
                }
                cutter(GPT2)
            }
        }
    }

    /// Hands out the words of a text, in order; together they are the text.
    pub(super) fn cut<'a>(&self, text: &'a str, mut take: impl FnMut(&'a str)) {
        if !self.digits {
            return self.cut_part(text, &mut take);
        }
        let mut start = 0;
        for (index, digit) in text.char_indices().filter(|(_, letter)| letter.is_numeric()) {
            let end = index + digit.len_utf8();
            self.cut_part(&text[start..index], &mut take);
            take(&text[index..end]);
            start = end;
        }
        self.cut_part(&text[start..], &mut take);
    }

    fn cut_part<'a>(&self, text: &'a str, take: &mut impl FnMut(&'a str)) {
        let mut start = 0;
        while let Some(found) = self.pattern.find_at(text, start) {
            if found.start() > start {
                take(&text[start..found.start()]);
            }
            let mut word = found.as_str();
            // The published patterns say `\s+(?!\S)|\s+`: white space leaves its last character to the word behind it.
            // Looking ahead needs an engine that can take forever on foreign text; this does the same.
            if found.end() < text.len()
                && word.trim().is_empty()
                && !(self.lines && word.ends_with(['\r', '\n']))
                && let Some((last, _)) = word.char_indices().next_back()
                && last > 0
            {
                word = &word[..last];
            }
            if word.is_empty() {
                break;
            }
            take(word);
            start = found.start() + word.len();
        }
        if start < text.len() {
            take(&text[start..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut<'a>(pre: &str, text: &'a str) -> Vec<&'a str> {
        let mut words = Vec::new();
        Cutter::new(pre).unwrap().cut(text, |word| words.push(word));
        assert_eq!(words.concat(), text);
        words
    }

    #[test]
    fn every_family_cuts_in_its_own_way() {
        let text = "Hello'Ve world 1234\n\n  foo's!\n bar  ";
        let gpt2 = ["Hello", "'", "Ve", " world", " 1234", "\n\n ", " foo", "'s", "!", "\n", " bar", "  "];
        assert_eq!(cut("gpt-2", text), gpt2);
        assert_eq!(cut("no-such-cutter", text), gpt2);
        let digits = [
            "Hello", "'", "Ve", " world", " ", "1", "2", "3", "4", "\n\n ", " foo", "'s", "!", "\n", " bar",
            "  ",
        ];
        assert_eq!(cut("smollm", text), digits);
        let llama =
            ["Hello", "'Ve", " world", " ", "123", "4", "\n\n", " ", " foo", "'s", "!\n", " bar", "  "];
        assert_eq!(cut("llama-bpe", text), llama);
        let qwen = [
            "Hello", "'Ve", " world", " ", "1", "2", "3", "4", "\n\n", " ", " foo", "'s", "!\n", " bar", "  ",
        ];
        assert_eq!(cut("qwen2", text), qwen);
        assert_eq!(cut("qwen2", "a \n \n  b"), ["a", " \n \n", " ", " b"]);
        assert!(cut("qwen2", "").is_empty());
    }

    #[test]
    fn long_runs_take_linear_time() {
        let spaces = " ".repeat(1 << 20) + "x";
        assert_eq!(cut("qwen2", &spaces).len(), 2);
    }
}
