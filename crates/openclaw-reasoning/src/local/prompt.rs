//! A request as the turns of a chat template, cut so that it fits the context window.

use openclaw_core::{Message, Role};

use super::{
    template::{ChatTemplate, Turn},
    text::Text,
};
use crate::{
    prompt::plain_text,
    provider::{ModelInfo, ModelRequest, ProviderError},
};

/// What a template adds around one message, in tokens, taken generously.
const FRAME: usize = 8;

/// The tokens of a request, at most `budget`. The oldest messages go first; the instructions and the last message stay.
pub(super) fn tokens(
    request: &ModelRequest,
    model: &ModelInfo,
    text: &Text,
    template: &ChatTemplate,
    budget: usize,
) -> Result<Vec<u32>, ProviderError> {
    let mut system = Vec::new();
    if !request.system.trim().is_empty() {
        system.push(Turn { role: "system", content: text.disarm(&request.system).into_owned() });
    }
    let mut turns: Vec<Turn> = Vec::with_capacity(request.messages.len());
    for message in &request.messages {
        let turn = turn(message, text, model);
        match turns.last_mut() {
            // Templates expect the two sides to take turns.
            Some(last) if last.role == turn.role => {
                last.content.push_str("\n\n");
                last.content.push_str(&turn.content);
            }
            _ if turn.content.is_empty() => {}
            _ => turns.push(turn),
        }
    }
    let mut sizes = Vec::with_capacity(turns.len());
    for turn in &turns {
        sizes.push(text.encode(&turn.content).len() + FRAME);
    }
    let fixed = match system.first() {
        Some(system) => text.encode(&system.content).len() + FRAME,
        None => 0,
    };
    let mut left = fixed + sizes.iter().sum::<usize>();
    let mut first = 0;
    while left > budget && first + 1 < turns.len() {
        left -= sizes[first];
        first += 1;
    }
    loop {
        // A conversation that begins with an answer confuses templates and models alike.
        while first + 1 < turns.len() && turns[first].role == "assistant" {
            first += 1;
        }
        let mut chosen = system.clone();
        chosen.extend_from_slice(&turns[first..]);
        let tokens = text.encode_prompt(&template.render(&chosen));
        if tokens.len() <= budget {
            if first > 0 {
                tracing::debug!(
                    dropped = first,
                    kept = turns.len() - first,
                    "the oldest messages don't fit the model"
                );
            }
            return Ok(tokens);
        }
        if first + 1 >= turns.len() {
            let message = format!(
                "the message and the instructions take {} tokens, the local model reads {budget} at most: send less, or \
                 use a model with a larger context window",
                tokens.len()
            );
            return Err(ProviderError::Status { status: 413, message, retry_after: None });
        }
        first += 1;
    }
}

fn turn(message: &Message, text: &Text, model: &ModelInfo) -> Turn {
    let role = match message.role {
        Role::System => "system",
        Role::Assistant => "assistant",
        // Most templates know no other side.
        Role::User | Role::Tool => "user",
    };
    Turn { role, content: text.disarm(&plain_text(message, model)).into_owned() }
}
