//! A request that was made for one model, for another; and one that grew with the results of its tools.

use std::{borrow::Cow, sync::Arc};

use openclaw_core::{ContentBlock, Message, Role};

use super::{Count, Gauge, Past, cut, fit_tools};
use crate::ModelRequest;

/// Least that a step of the present run is cut to, in tokens.
const LEAST_STEP: usize = 48;

/// A request as one model can take it.
pub(crate) struct Fitted<'a> {
    pub(crate) request: Cow<'a, ModelRequest>,
    /// What it costs there, by our count.
    pub(crate) count: Count,
}

/// The request as the gauge's model can take it: without tools when it calls none, and, as far as that is needed to fit its window,
/// without the last tools, the oldest messages, the memories, what is long in the present run, its oldest steps; and with as
/// many tokens for the answer as the window leaves, at least their share. Copied only where something changes.
pub(crate) fn fit<'a>(request: &'a ModelRequest, gauge: &Gauge<'_>) -> Fitted<'a> {
    let shares = gauge.shares();
    let mut fitted = Cow::Borrowed(request);
    if !gauge.model.tools && !request.tools.is_empty() {
        fitted.to_mut().tools = Vec::new();
    }
    let room = shares.window.saturating_sub(shares.reply);
    let mut count = gauge.request(&fitted);
    if gauge.tokens(count) > room {
        squeeze(fitted.to_mut(), gauge, room);
        count = gauge.request(&fitted);
    }
    let left = shares.window.saturating_sub(gauge.tokens(count)).max(shares.reply).max(1);
    let left = u32::try_from(left).unwrap_or(u32::MAX);
    if left < fitted.answer_tokens(gauge.model) {
        fitted.to_mut().max_tokens = Some(left);
    }
    Fitted { request: fitted, count }
}

fn squeeze(request: &mut ModelRequest, gauge: &Gauge<'_>, room: usize) {
    let shares = gauge.shares();
    let (tools, tools_size) =
        fit_tools(gauge, std::mem::take(&mut request.tools), shares.tools.max(room / 5), &mut Vec::new());
    request.tools = tools;
    if gauge.text(&request.system) > room / 2 {
        request.system = gauge.head(&request.system, room / 2).to_owned();
    }
    let fixed = tools_size + gauge.text(&request.system);
    let mut present = request.messages.split_off(request.present().unwrap_or(0));
    let past = Past::in_order(std::mem::take(&mut request.messages));
    let own = size(gauge, &present);
    let mut memories = request.recalled.as_deref().map_or(0, |text| gauge.text(text));
    if fixed + own + memories > room {
        request.recalled = None;
        memories = 0;
    }
    let left = room.saturating_sub(fixed + own + memories);
    request.messages = past.select(gauge, left.min(shares.recent)).messages;
    if fixed + own > room {
        shorten(gauge, &mut present, room.saturating_sub(fixed));
    }
    request.messages.append(&mut present);
}

fn size(gauge: &Gauge<'_>, messages: &[Arc<Message>]) -> usize {
    messages.iter().map(|message| gauge.message(message)).sum()
}

/// The present run in `room` tokens: what its tools brought is cut first, the newest last; then the user's message; then the oldest
/// steps are left out, calls with their results.
fn shorten(gauge: &Gauge<'_>, present: &mut Vec<Arc<Message>>, room: usize) {
    let newest = present.len().saturating_sub(1).max(1);
    let mut most = room / 2;
    while most >= LEAST_STEP {
        for steps in [1..newest, newest..present.len()] {
            for step in present.get_mut(steps).unwrap_or_default() {
                *step = cut::message(gauge, step, most);
            }
            if size(gauge, present) <= room {
                return;
            }
        }
        most /= 2;
    }
    let steps = size(gauge, present.get(1..).unwrap_or_default());
    if let Some(message) = present.first_mut() {
        *message = cut::message(gauge, message, room.saturating_sub(steps).max(room / 4));
    }
    while size(gauge, present) > room && present.len() > 3 {
        // A step is what the model said and called, and the results.
        let end = 2 + usize::from(present.get(2).is_some_and(|message| message.role == Role::Tool));
        present.drain(1..end);
    }
    while size(gauge, present) > room && drop_pair(present) {}
}

/// Leaves out the first call of the only step that is left, and its result, unless it is the last one.
fn drop_pair(present: &mut [Arc<Message>]) -> bool {
    let [_, called, answered] = present else { return false };
    let mut calls = called.content.iter().filter_map(|block| match block {
        ContentBlock::ToolCall(call) => Some(call.id.clone()),
        _ => None,
    });
    let (Some(first), Some(_)) = (calls.next(), calls.next()) else { return false };
    drop(calls);
    for message in [called, answered] {
        Arc::make_mut(message).content.retain(|block| match block {
            ContentBlock::Text(_) => true,
            ContentBlock::ToolCall(call) => call.id != first,
            ContentBlock::ToolResult(result) => result.call_id != first,
        });
    }
    true
}
