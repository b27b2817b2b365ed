//! A request as the turns of a chat template, cut so that it fits the context window.

use openclaw_core::{Message, Role};
use openclaw_reasoning::{ModelInfo, ModelRequest, ProviderError, plain_text};

use super::{
    template::{ChatTemplate, Turn},
    text::Text,
};

/// What a template adds around one message, in tokens, taken generously.
const FRAME: usize = 8;

/// Least of a message that is worth reading, in characters.
const LEAST_CHARS: usize = 64;

/// The tokens of a request, at most `budget`. The oldest messages go first, then what the memory recalled; then the last message is
/// cut in its middle. The instructions stay.
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
    let present = request.present();
    for (index, message) in request.messages.iter().enumerate() {
        let mut turn = turn(message, text, model);
        if Some(index) == present
            && let Some(recalled) = &request.recalled
        {
            turn.content.insert_str(0, &format!("{}\n\n", text.disarm(recalled)));
        }
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
    let mut is_cut = false;
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
            if request.recalled.is_some() {
                let plain = ModelRequest { recalled: None, ..request.clone() };
                return self::tokens(&plain, model, text, template, budget);
            }
            let over = tokens.len() - budget;
            let most = sizes.last().copied().unwrap_or(0).saturating_sub(over + FRAME);
            if let Some(last) = turns.last_mut()
                && !is_cut
                && let Some(cut) = cut(&last.content, most, |content| text.encode(content).len())
            {
                tracing::debug!(
                    over,
                    "the message is longer than the local model reads; its middle is left out"
                );
                last.content = cut;
                is_cut = true;
                continue;
            }
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

/// Head and tail of `content` with a word between them, at most `most` tokens as `size` counts. `None` when next to nothing
/// would be left.
fn cut(content: &str, most: usize, size: impl Fn(&str) -> usize) -> Option<String> {
    let chars = content.chars().count();
    let mut keep = chars * most / size(content).max(1);
    loop {
        keep = keep.min(chars.saturating_sub(1));
        if keep < LEAST_CHARS {
            return None;
        }
        let tail = keep / 3;
        let head: String = content.chars().take(keep - tail).collect();
        let end: String = content.chars().skip(chars - tail).collect();
        let cut = format!("{head}\n[… {} characters left out here]\n{end}", chars - keep);
        let size = size(&cut);
        if size <= most {
            return Some(cut);
        }
        // What is dense in tokens may stand at the ends.
        keep = (keep * most / size).min(keep - keep / 16 - 1);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts words of at most four letters.
    fn size(text: &str) -> usize {
        text.split_whitespace().map(|word| word.chars().count().div_ceil(4)).sum()
    }

    #[test]
    fn a_message_that_never_fits_keeps_its_ends() {
        let content = format!("begin {} end", "word ".repeat(1000));
        for most in [100, 500, 1000] {
            let cut = cut(&content, most, size).unwrap();
            assert!(
                cut.starts_with("begin ") && cut.ends_with(" end") && cut.contains("characters left out")
            );
            assert!((most * 3 / 4..=most).contains(&size(&cut)), "{most}: {}", size(&cut));
        }
        assert_eq!(cut(&content, 9, size), None, "nothing worth reading");
        let dense = format!("{} {}", "a ".repeat(500), "incomprehensibilities ".repeat(500));
        assert!(size(&cut(&dense, 300, size).unwrap()) <= 300);
    }
}
