//! A request that was made for one model, for another.

use std::borrow::Cow;

use openclaw_core::Role;

use super::{Shares, fit_tools, history, message_tokens, text_tokens, tool_tokens};
use crate::{ModelInfo, ModelRequest};

/// The request as `model` can take it: without tools when it calls none, without the oldest messages (and the last tools)
/// when they don't fit its window, and with as many tokens for the answer as the window leaves, at least their share. Copied
/// only where something changes. What the present run is about goes in whole, however long it is.
pub(crate) fn fit<'a>(request: &'a ModelRequest, model: &ModelInfo) -> Cow<'a, ModelRequest> {
    let shares = Shares::of(model);
    let system = text_tokens(&request.system);
    let mut fitted = Cow::Borrowed(request);
    if !model.tools && !request.tools.is_empty() {
        fitted.to_mut().tools = Vec::new();
    }
    let mut used = system + tools_tokens(&fitted) + messages_tokens(&fitted);
    if used + shares.reply > shares.window {
        if tools_tokens(&fitted) > shares.tools {
            let request = fitted.to_mut();
            request.tools = fit_tools(std::mem::take(&mut request.tools), shares.tools);
        }
        let fixed = system + tools_tokens(&fitted);
        let begin = present(&fitted);
        if begin > 0 && fixed + messages_tokens(&fitted) + shares.reply > shares.window {
            let request = fitted.to_mut();
            let present = request.messages.split_off(begin);
            let own: usize = present.iter().map(|message| message_tokens(message)).sum();
            let room = shares.window.saturating_sub(fixed + own + shares.reply).min(shares.recent);
            let earlier = std::mem::take(&mut request.messages);
            request.messages = history::latest(earlier, room);
            request.messages.extend(present);
        }
        used = system + tools_tokens(&fitted) + messages_tokens(&fitted);
    }
    let left = shares.window.saturating_sub(used).max(shares.reply).max(1);
    let left = u32::try_from(left).unwrap_or(u32::MAX);
    if left < request.answer_tokens(model) {
        fitted.to_mut().max_tokens = Some(left);
    }
    fitted
}

/// Where the messages of the present run begin: at the user's last one.
fn present(request: &ModelRequest) -> usize {
    request.messages.iter().rposition(|message| message.role == Role::User).unwrap_or(0)
}

fn messages_tokens(request: &ModelRequest) -> usize {
    request.messages.iter().map(|message| message_tokens(message)).sum()
}

fn tools_tokens(request: &ModelRequest) -> usize {
    request.tools.iter().map(tool_tokens).sum()
}
