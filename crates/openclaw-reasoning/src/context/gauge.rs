//! What a text costs at one model: the average count, corrected by what its vendor has counted so far.

use std::{
    fmt::Write as _,
    sync::{Mutex, PoisonError},
};

use openclaw_core::{ContentBlock, Message, ToolDefinition, config::ProviderKind};

use super::{Shares, count::Count};
use crate::{
    ModelInfo, ModelRequest,
    prompt::{Shown, is_fenced, shown},
};

/// What a message costs beside its text: role and separators.
const MESSAGE: Count = Count::fixed(4);
/// What a tool, a call or a result costs beside its text.
const PIECE: Count = Count::fixed(8);
/// What stands around the result of a skill.
const FENCE: Count = Count::fixed(60);
/// What vendors say to a model that can call tools at all.
const TOOLS: Count = Count::fixed(200);
/// A picture at the resolution at which vendors look at it.
const PICTURE: Count = Count::picture(1600);
/// A file that is only named.
const NAMED_FILE: Count = Count::fixed(40);

/// Requests that are shorter, in tokens, say little about a tokenizer: what a vendor adds to each weighs too much in them.
const TELLING: f64 = 256.0;
/// From this length on, in tokens, a request is worth half of all before it.
const TELLING_WELL: f64 = 2000.0;
/// A vendor that counts less than this part of what we do has left out what it had in its cache, or has cut the request.
const BELIEVED: f64 = 0.4;
/// Least and most a weight can become.
const BOUNDS: (f64, f64) = (0.5, 4.0);
/// A change of the learned weights that is smaller, in parts of them, is not used: sizes that move with every turn would
/// move the cuts, too, and with them the prefix that vendors cache.
const USED_FROM: f64 = 0.06;

/// Weights of Latin text and of other scripts.
type Weights = [f64; 2];

/// What is learned about one route's way of counting.
#[derive(Debug)]
pub(crate) struct Calibration {
    /// A server that leaves cached tokens out of its counts: such a count is only a lower bound.
    may_undercount: bool,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    learned: Weights,
    used: Weights,
    is_measured: bool,
}

impl Calibration {
    pub(crate) fn new(kind: ProviderKind) -> Self {
        let script = match kind {
            // Its tokenizer knows few words of other scripts.
            ProviderKind::Anthropic => 1.3,
            // Small models have small vocabularies.
            ProviderKind::Local => 2.0,
            ProviderKind::OpenAi | ProviderKind::Ollama => 1.0,
        };
        let prior = [1.0, script];
        Self {
            may_undercount: kind == ProviderKind::Ollama,
            state: Mutex::new(State { learned: prior, used: prior, is_measured: false }),
        }
    }

    /// How `model`, which is this route's, counts.
    pub(crate) fn gauge<'a>(&self, model: &'a ModelInfo) -> Gauge<'a> {
        let state = self.lock();
        Gauge { model, weights: state.used, is_measured: state.is_measured }
    }

    /// A request that we counted as `count` had `input` tokens.
    pub(crate) fn learn(&self, count: Count, input: u64) {
        let parts = count.parts();
        let mut state = self.lock();
        let expected = dot(parts, state.learned);
        let error = input as f64 - expected;
        if count.has_pictures()
            || expected < TELLING
            || error < (BELIEVED - 1.0) * expected
            || (self.may_undercount && error < 0.0)
        {
            return;
        }
        // A step of the normalised least mean squares: each weight moves by its part in the error.
        let gain = if expected >= TELLING_WELL { 0.5 } else { 0.2 };
        let step = gain * error / dot(parts, parts);
        let moved = |weight: f64, part: f64| (weight + step * part).clamp(BOUNDS.0, BOUNDS.1);
        state.learned = [moved(state.learned[0], parts[0]), moved(state.learned[1], parts[1])];
        let is_far = |(used, learned): (f64, f64)| (learned / used - 1.0).abs() > USED_FROM;
        if std::iter::zip(state.used, state.learned).any(is_far) {
            state.used = state.learned;
        }
        state.is_measured = true;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn dot(a: [f64; 2], b: [f64; 2]) -> f64 {
    a[0] * b[0] + a[1] * b[1]
}

/// Counts as one model does, about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gauge<'a> {
    pub(crate) model: &'a ModelInfo,
    weights: Weights,
    /// Whether the vendor's counts have been seen.
    is_measured: bool,
}

impl Gauge<'_> {
    /// The shares of the model's window; a part that no share has is kept free for what we count wrongly.
    pub(crate) fn shares(&self) -> Shares {
        let window = self.model.context_window as usize;
        Shares::of(window - window / if self.is_measured { 50 } else { 20 })
    }

    pub(crate) fn tokens(&self, count: Count) -> usize {
        dot(count.parts(), self.weights).ceil() as usize
    }

    pub(crate) fn text(&self, text: &str) -> usize {
        self.tokens(Count::of(text))
    }

    pub(crate) fn message(&self, message: &Message) -> usize {
        self.tokens(self.count(message))
    }

    pub(crate) fn tool(&self, tool: &ToolDefinition) -> usize {
        self.tokens(tool_count(tool))
    }

    /// What is common to all tools.
    pub(crate) fn tools_preamble(&self) -> usize {
        self.tokens(TOOLS)
    }

    pub(crate) fn count(&self, message: &Message) -> Count {
        let mut count = MESSAGE;
        for block in &message.content {
            match block {
                ContentBlock::Text(text) => count += Count::of(text),
                ContentBlock::ToolCall(call) => {
                    count += PIECE;
                    // Counting can't fail.
                    let _ = write!(count, "{}{}", call.name, call.arguments);
                }
                ContentBlock::ToolResult(result) => {
                    count += PIECE;
                    count += Count::of(&result.content);
                    if is_fenced(&result.name) {
                        count += FENCE;
                    }
                }
            }
        }
        for name in [&message.metadata.user_name, &message.metadata.user_id].into_iter().flatten() {
            count += PIECE;
            count += Count::of(name);
        }
        for attachment in &message.metadata.attachments {
            count += match shown(attachment, self.model) {
                Shown::Picture => PICTURE,
                Shown::Text(bytes) => Count::of_bytes(bytes),
                Shown::Name => Count::default(),
            };
            count += NAMED_FILE;
        }
        count
    }

    /// A whole request.
    pub(crate) fn request(&self, request: &ModelRequest) -> Count {
        let mut count = Count::of(&request.system);
        count += request.messages.iter().map(|message| self.count(message)).sum();
        count += request.recalled.as_deref().map(Count::of).unwrap_or_default();
        if !request.tools.is_empty() {
            count += TOOLS;
            count += request.tools.iter().map(tool_count).sum();
        }
        count
    }

    /// The longest head of `text` that is at most `budget` tokens.
    pub(crate) fn head<'t>(&self, text: &'t str, budget: usize) -> &'t str {
        let mut begins = text.char_indices().map(|(at, c)| (at, at + c.len_utf8()));
        text.get(..self.run(text, budget, &mut begins)).unwrap_or(text)
    }

    /// The longest tail of `text` that is at most `budget` tokens.
    pub(crate) fn tail<'t>(&self, text: &'t str, budget: usize) -> &'t str {
        let mut ends = text.char_indices().rev().map(|(at, c)| (at, at + c.len_utf8()));
        let kept = self.run(text, budget, &mut ends);
        text.get(text.len() - kept..).unwrap_or(text)
    }

    /// Bytes of the characters, taken in their order, that are at most `budget` tokens together.
    fn run(&self, text: &str, budget: usize, order: &mut dyn Iterator<Item = (usize, usize)>) -> usize {
        let (mut count, mut bytes) = (Count::default(), 0);
        for (from, to) in order {
            count += Count::of(text.get(from..to).unwrap_or_default());
            if self.tokens(count) > budget {
                break;
            }
            bytes += to - from;
        }
        bytes
    }
}

fn tool_count(tool: &ToolDefinition) -> Count {
    let mut count = PIECE;
    // Counting can't fail.
    let _ = write!(count, "{}{}{}", tool.name, tool.description, tool.parameters);
    count
}
