//! The context window: what of a conversation a model is shown.
//!
//! Shares of the model's window: instructions 15 %, recent conversation 40 %, long-term memory 20 % (held free until there is
//! one), tool definitions 15 %, answer 10 %.

mod estimate;
mod fit;
mod history;
#[cfg(test)]
mod tests;

use std::{fmt::Write as _, sync::Arc};

pub(crate) use estimate::{head, message_tokens, text_tokens};
pub(crate) use fit::fit;
pub(crate) use history::select;
use openclaw_core::{Message, Timestamp, ToolDefinition};
use tracing::warn;

use crate::{ModelInfo, ModelRequest};

/// Most messages of a conversation that are looked at, and most that can wait behind the one in question.
pub(crate) const HISTORY_MESSAGES: usize = 256;
/// Longest user name or id that goes into the instructions, in characters.
const NAME_CHARS: usize = 100;

/// A model's window cut into shares, in tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shares {
    pub(crate) window: usize,
    pub(crate) system: usize,
    pub(crate) recent: usize,
    pub(crate) tools: usize,
    pub(crate) reply: usize,
}

impl Shares {
    pub(crate) fn of(model: &ModelInfo) -> Self {
        let window = model.context_window as usize;
        let share = |percent: usize| window.saturating_mul(percent) / 100;
        Self { window, system: share(15), recent: share(40), tools: share(15), reply: share(10) }
    }

    /// Bytes of text that the recent conversation can have at most: four to a token.
    pub(crate) fn recent_bytes(&self) -> usize {
        self.recent.saturating_mul(4)
    }
}

/// What a turn's first request is made of.
pub(crate) struct Ingredients<'a> {
    pub(crate) persona: &'a str,
    pub(crate) channel: &'a str,
    pub(crate) now: Timestamp,
    /// Earlier messages, as [`select`] left them.
    pub(crate) history: Vec<Arc<Message>>,
    pub(crate) message: Arc<Message>,
    pub(crate) tools: Vec<ToolDefinition>,
}

/// The first request of a turn. The message in question goes in whole, however long it is.
pub(crate) fn build(parts: Ingredients<'_>, model: &ModelInfo) -> ModelRequest {
    let shares = Shares::of(model);
    let system = instructions(&parts, shares.system);
    let tools = if model.tools { fit_tools(parts.tools, shares.tools) } else { Vec::new() };
    let mut messages = parts.history;
    messages.push(parts.message);
    ModelRequest { system, messages, tools, max_tokens: None }
}

/// The persona, then facts, those that change seldom first: vendors cache a prompt by its head.
fn instructions(parts: &Ingredients<'_>, budget: usize) -> String {
    let mut facts = String::new();
    let date = parts.now.to_string();
    // Writing to a string can't fail.
    let _ =
        write!(facts, "Channel: {}\nToday (UTC): {}", line(parts.channel), date.get(..10).unwrap_or(&date));
    let metadata = &parts.message.metadata;
    match (&metadata.user_name, &metadata.user_id) {
        (Some(name), Some(id)) => drop(write!(facts, "\nUser: {} (id {})", line(name), line(id))),
        (Some(name), None) => drop(write!(facts, "\nUser: {}", line(name))),
        (None, Some(id)) => drop(write!(facts, "\nUser id: {}", line(id))),
        (None, None) => {}
    }
    let persona = parts.persona.trim();
    if persona.is_empty() {
        return facts;
    }
    let room = budget.saturating_sub(text_tokens(&facts) + 1);
    let kept = estimate::head(persona, room);
    if kept.len() < persona.len() {
        warn!(
            bytes = persona.len(),
            kept = kept.len(),
            "soul.md is longer than the instructions' share of the model's window; its end is left out"
        );
    }
    format!("{}\n\n{facts}", kept.trim_end())
}

/// Foreign text on one line of the instructions: it must not look like further lines of them.
fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(NAME_CHARS).collect()
}

fn tool_tokens(tool: &ToolDefinition) -> usize {
    text_tokens(&tool.name) + text_tokens(&tool.description) + text_tokens(&tool.parameters.to_string()) + 8
}

fn fit_tools(mut tools: Vec<ToolDefinition>, budget: usize) -> Vec<ToolDefinition> {
    let mut used = 0;
    let fits = |tool: &ToolDefinition| {
        used += tool_tokens(tool);
        used <= budget
    };
    let kept = tools.iter().map(fits).take_while(|fits| *fits).count();
    if kept < tools.len() {
        warn!(tools = tools.len(), kept, "not every tool fits its share of the model's window");
        tools.truncate(kept);
    }
    tools
}
