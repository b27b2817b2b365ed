//! The context window: what of a conversation, and of the memory, a model is shown.
//!
//! Shares of the model's window: instructions 15 %, recent conversation 40 %, long-term memory 20 %, tool definitions 15 %, answer
//! 10 %. What a share doesn't need flows on, in this order: instructions and tools to each other; what both leave to the recent
//! conversation; the memory's to the recent conversation when nothing was recalled; everything else to the answer. A
//! message that is longer than the recent conversation's share takes from the memory's, too.
//!
//! The order of a prompt is that of how seldom its parts change, since vendors keep prompts ready by their heads: tools,
//! instructions, history, memories, message. Whatever the history is cut to stays the same over many turns.

mod count;
mod cut;
mod fit;
mod gauge;
mod history;
mod memories;
mod same;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub(crate) use count::Count;
pub(crate) use fit::fit;
pub(crate) use gauge::{Calibration, Gauge};
pub(crate) use history::{Past, Selected};
pub(crate) use memories::{CANDIDATES, Chosen, choose, entry};
use openclaw_core::{
    Message, Role, Timestamp, ToolDefinition,
    port::{ContextCut, ContextNote},
};
use tracing::warn;

use self::history::narrow;
use crate::ModelRequest;

/// Most messages of a conversation that are looked at, and most that can wait behind the one in question.
pub(crate) const HISTORY_MESSAGES: usize = 256;
/// Bytes of text that are asked for, for each token of the budget: more than any usual text has, so that the budget decides.
const BYTES_PER_TOKEN: usize = 6;
/// A question for the memory has at most so many bytes of the message,
const QUESTION_BYTES: usize = 2000;
/// and of each of the two messages before it, if it is shorter than this.
const BEFORE_BYTES: usize = 200;
/// Most cuts that are noted.
const CUTS: usize = 32;

/// A model's window cut into shares, in tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shares {
    pub(crate) window: usize,
    pub(crate) system: usize,
    pub(crate) recent: usize,
    pub(crate) memory: usize,
    pub(crate) tools: usize,
    pub(crate) reply: usize,
}

impl Shares {
    pub(crate) fn of(window: usize) -> Self {
        let share = |percent: usize| window.saturating_mul(percent) / 100;
        Self {
            window,
            system: share(15),
            recent: share(40),
            memory: share(20),
            tools: share(15),
            reply: share(10),
        }
    }

    /// Bytes of text that the recent conversation can have at most.
    pub(crate) fn recent_bytes(&self) -> usize {
        self.window.saturating_sub(self.reply).saturating_mul(BYTES_PER_TOKEN)
    }
}

/// What a turn's first request is made of, beside what is remembered.
pub(crate) struct Ingredients<'a> {
    pub(crate) persona: &'a str,
    pub(crate) channel: &'a str,
    pub(crate) now: Timestamp,
    pub(crate) message: Arc<Message>,
    pub(crate) tools: Vec<ToolDefinition>,
}

/// A request whose fixed parts stand.
pub(crate) struct Draft<'a> {
    gauge: Gauge<'a>,
    shares: Shares,
    system: String,
    tools: Vec<ToolDefinition>,
    message: Arc<Message>,
    /// Tokens of the three.
    sizes: [usize; 3],
    cuts: Vec<ContextCut>,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(parts: Ingredients<'_>, gauge: Gauge<'a>) -> Self {
        let shares = gauge.shares();
        let mut cuts = Vec::new();
        let tools = if gauge.model.tools { parts.tools } else { Vec::new() };
        let facts = facts(parts.channel, parts.now);
        let wanted = gauge.text(parts.persona) + gauge.text(&facts) + 1;
        let room = (shares.system + shares.tools).saturating_sub(wanted).max(shares.tools);
        let (tools, tool_tokens) = fit_tools(&gauge, tools, room, &mut cuts);
        let room = (shares.system + shares.tools).saturating_sub(tool_tokens).max(shares.system);
        let system = instructions(&gauge, parts.persona, &facts, room, &mut cuts);
        let system_tokens = gauge.text(&system);
        // The message goes in whole, unless the window can't hold it.
        let most = shares.window.saturating_sub(shares.reply + system_tokens + tool_tokens);
        let message = cut::message(&gauge, &parts.message, most);
        let size = gauge.message(&message);
        let before = gauge.message(&parts.message);
        if size < before {
            cuts.push(ContextCut {
                id: message.id.to_string(),
                reason: "longer than the model's window".to_owned(),
                tokens: narrow(before - size),
            });
        }
        Self { gauge, shares, system, tools, message, sizes: [system_tokens, tool_tokens, size], cuts }
    }

    /// Tokens that the history may have. A message of the usual size makes no difference to it: what moves with every turn
    /// would move the place where the history begins.
    pub(crate) fn history_budget(&self, has_memories: bool) -> usize {
        let [system, tools, message] = self.sizes;
        let unused = (self.shares.system + self.shares.tools).saturating_sub(system + tools);
        let recent = self.shares.recent + unused + if has_memories { 0 } else { self.shares.memory };
        recent.saturating_sub(message.max(recent / 4))
    }

    /// Tokens that the memories may have.
    pub(crate) fn memory_budget(&self) -> usize {
        let others = self.sizes.iter().sum::<usize>() + self.shares.reply;
        self.shares.memory.min(self.shares.window.saturating_sub(others))
    }

    /// The request, and what is worth noting of how it came about, if anything is.
    pub(crate) fn finish(self, history: Selected, chosen: Chosen) -> (ModelRequest, Option<ContextNote>) {
        let note = self.note(&history, &chosen);
        let mut messages = history.messages;
        messages.push(self.message);
        let request = ModelRequest {
            system: self.system,
            messages,
            recalled: chosen.text,
            tools: self.tools,
            max_tokens: None,
        };
        (request, note)
    }

    fn note(&self, history: &Selected, chosen: &Chosen) -> Option<ContextNote> {
        let cuts = self.cuts.iter().chain(&history.cuts).chain(&chosen.cuts);
        let cuts: Vec<_> = cuts.take(CUTS).cloned().collect();
        if cuts.is_empty() && chosen.memories.is_empty() {
            return None;
        }
        let past: usize = history.messages.iter().map(|message| self.gauge.message(message)).sum();
        let memories = chosen.text.as_deref().map_or(0, |text| self.gauge.text(text));
        let [system, tools, message] = self.sizes;
        Some(ContextNote {
            window: self.gauge.model.context_window,
            tokens: [system, past + message, memories, tools].map(narrow),
            recent: narrow(history.messages.len() + 1),
            memories: chosen.memories.clone(),
            cuts,
        })
    }
}

/// What the memory is asked: the message and, when it is so short that it may only make sense after them, the beginnings of the last
/// two messages before it.
pub(crate) fn question(message: &Message, history: &[Arc<Message>]) -> String {
    let text = message.text();
    let mut question = head(text.trim(), QUESTION_BYTES).to_owned();
    if question.len() < BEFORE_BYTES {
        let spoken = history.iter().rev().filter(|message| message.role != Role::Tool);
        let mut before: Vec<String> = spoken.map(|message| message.text()).take(2).collect();
        before.reverse();
        for said in before {
            let said = head(said.trim(), BEFORE_BYTES);
            if !said.is_empty() {
                question.push('\n');
                question.push_str(said);
            }
        }
    }
    question
}

fn head(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

/// Facts about the conversation, that change seldom: vendors cache a prompt by its head. Who speaks stands with each message.
fn facts(channel: &str, now: Timestamp) -> String {
    let date = now.to_string();
    format!("Channel: {}\nToday (UTC): {}", line(channel), date.get(..10).unwrap_or(&date))
}

/// The persona, then the facts.
fn instructions(
    gauge: &Gauge<'_>,
    persona: &str,
    facts: &str,
    budget: usize,
    cuts: &mut Vec<ContextCut>,
) -> String {
    let persona = persona.trim();
    if persona.is_empty() {
        return facts.to_owned();
    }
    let (room, size) = (budget.saturating_sub(gauge.text(facts) + 2), gauge.text(persona));
    let kept = if size <= room { persona } else { gauge.head(persona, room) };
    if kept.len() < persona.len() {
        warn!(
            bytes = persona.len(),
            kept = kept.len(),
            "soul.md is longer than the instructions' share of the model's window; its end is left out"
        );
        cuts.push(ContextCut {
            id: "soul.md".to_owned(),
            reason: "over the share of the instructions".to_owned(),
            tokens: narrow(size.saturating_sub(gauge.text(kept))),
        });
    }
    format!("{}\n\n{facts}", kept.trim_end())
}

/// Foreign text on one line of the instructions: it must not look like further lines of them.
fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(100).collect()
}

/// The tools that fit `budget`, in their order, and what they take. One that is too large keeps out itself alone.
fn fit_tools(
    gauge: &Gauge<'_>,
    tools: Vec<ToolDefinition>,
    budget: usize,
    cuts: &mut Vec<ContextCut>,
) -> (Vec<ToolDefinition>, usize) {
    if tools.is_empty() {
        return (tools, 0);
    }
    let (all, mut used) = (tools.len(), gauge.tools_preamble());
    let mut kept = Vec::with_capacity(all);
    for tool in tools {
        let size = gauge.tool(&tool);
        if used + size <= budget {
            used += size;
            kept.push(tool);
        } else {
            cuts.push(ContextCut {
                reason: "over the share of the tools".to_owned(),
                tokens: narrow(size),
                id: tool.name,
            });
        }
    }
    if kept.len() < all {
        warn!(tools = all, kept = kept.len(), "not every tool fits its share of the model's window");
    }
    let used = if kept.is_empty() { 0 } else { used };
    (kept, used)
}
