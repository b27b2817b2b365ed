//! Which earlier messages a model is shown.

use std::{collections::HashSet, sync::Arc};

use openclaw_core::{ContentBlock, Message, MessageId, Role, RunId, port::ContextCut};

use super::{Gauge, cut};

/// Least that a long message is cut to, in tokens.
const LEAST_MESSAGE: usize = 160;
/// Part of the budget that one message of the past may take, once not everything fits: an eighth.
const LONG: usize = 8;

/// Earlier messages in the order of the conversation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Past {
    messages: Vec<Arc<Message>>,
    /// Whether there are earlier ones that were not asked for.
    is_capped: bool,
}

/// What of the past goes into a prompt.
#[derive(Debug, Default)]
pub(crate) struct Selected {
    pub(crate) messages: Vec<Arc<Message>>,
    pub(crate) cuts: Vec<ContextCut>,
}

impl Selected {
    /// Whether something of the past is missing.
    pub(crate) fn is_cut(&self) -> bool {
        !self.cuts.is_empty()
    }
}

impl Past {
    /// What of `recent`, which the log gave, comes before the message of `run`. A tool call that never got a result (the process
    /// died, or the run was cancelled) is left out, because vendors refuse it.
    ///
    /// The log holds messages in the order in which they were written; a message that waited for its turn stands there before
    /// the answer to the one before it. Runs of a conversation happen in the order of their ids, so that order is restored first.
    pub(crate) fn of(mut recent: Vec<Arc<Message>>, run: RunId, is_capped: bool) -> Self {
        recent.retain(|message| match run_of(&message.id) {
            Some(of) => of < run,
            None => true,
        });
        recent.sort_by_cached_key(|message| order(message));
        Self { messages: without_orphans(recent), is_capped }
    }

    /// The same without knowing where the messages come from: they stand in order.
    pub(super) fn in_order(messages: Vec<Arc<Message>>) -> Self {
        Self { messages: without_orphans(messages), is_capped: false }
    }

    /// As much as fits `budget` tokens, beginning with a message of the user's.
    ///
    /// While everything fits, everything goes in. Then, first of all, messages that take more than an eighth of the budget are cut, except
    /// those of the last exchange; and when that is not enough the oldest are left out. Not as few as possible: the beginning
    /// is put at a place that stays the beginning over many turns, because vendors cache a prompt by its head, and one that
    /// moves with every message is never found there.
    pub(crate) fn select(&self, gauge: &Gauge<'_>, budget: usize) -> Selected {
        let Some(first) = self.messages.iter().position(|message| message.role == Role::User) else {
            return Selected::default();
        };
        let all = self.messages.get(first..).unwrap_or_default();
        let mut sizes: Vec<usize> = all.iter().map(|message| gauge.message(message)).collect();
        let total: usize = sizes.iter().sum();
        if total <= budget && !self.is_capped {
            return Selected { messages: all.to_vec(), cuts: Vec::new() };
        }
        let mut messages = all.to_vec();
        let mut cuts = Vec::new();
        if total > budget {
            shorten(gauge, &mut messages, &mut sizes, budget, &mut cuts);
        }
        let begin = self.begin(&messages, &sizes, budget);
        let Some(begin) = begin else {
            return last_words(gauge, &messages, budget);
        };
        if begin > 0 {
            let kept = messages.split_off(begin);
            let dropped = std::mem::replace(&mut messages, kept);
            cuts.retain(|cut| dropped.iter().all(|message| message.id.as_str() != cut.id));
            cuts.insert(0, left_out(&dropped, sizes.iter().take(begin).sum()));
        }
        Selected { messages, cuts }
    }

    /// Where the history begins: the place, among those that leave 75 to 100 % of the budget in use, whose message has
    /// the highest hash. Which that is does not change before it has left that range or a higher one has come into it, so it
    /// stays for about half as many turns as the range holds.
    fn begin(&self, messages: &[Arc<Message>], sizes: &[usize], budget: usize) -> Option<usize> {
        let mut left: usize = sizes.iter().sum();
        if left <= budget && !self.is_capped {
            return Some(0);
        }
        let top = left.min(budget);
        let least = top - top / 4;
        let mut best: Option<(u64, usize)> = None;
        for (at, message) in messages.iter().enumerate() {
            let rest = left;
            left = left.saturating_sub(sizes.get(at).copied().unwrap_or(0));
            if message.role != Role::User || rest > budget {
                continue;
            }
            let hash = hash(&message.id);
            match best {
                Some(_) if rest < least => break,
                Some((highest, _)) if hash <= highest => {}
                _ => best = Some((hash, at)),
            }
        }
        best.map(|(_, at)| at)
    }
}

/// Cuts what is long: of the past to an eighth of the budget each, of the last exchange to what lets it stay as a whole.
fn shorten(
    gauge: &Gauge<'_>,
    messages: &mut [Arc<Message>],
    sizes: &mut [usize],
    budget: usize,
    cuts: &mut Vec<ContextCut>,
) {
    let last = messages.iter().rposition(|message| message.role == Role::User).unwrap_or(0);
    let long = (budget / LONG).max(LEAST_MESSAGE);
    let fits = |most: &usize| {
        let exchange = sizes.iter().skip(last).map(|size| size.min(most));
        *most >= long && exchange.sum::<usize>() <= budget - budget / 4
    };
    let of_last = [budget, budget / 2, budget / 4].into_iter().find(fits).unwrap_or(long);
    for (at, (message, size)) in messages.iter_mut().zip(sizes).enumerate() {
        if *size <= if at < last { long } else { of_last } {
            continue;
        }
        let before = *size;
        *message = cut::message(gauge, message, if at < last { long } else { of_last });
        *size = gauge.message(message);
        cuts.push(ContextCut {
            id: message.id.to_string(),
            reason: "long: shortened, because the recent conversation is over its share".to_owned(),
            tokens: narrow(before.saturating_sub(*size)),
        });
    }
}

/// When not even the last exchange fits as it is: what was asked and what was answered last, without the steps between.
fn last_words(gauge: &Gauge<'_>, messages: &[Arc<Message>], budget: usize) -> Selected {
    let last = messages.iter().rposition(|message| message.role == Role::User).unwrap_or(0);
    let has_calls =
        |message: &Message| message.content.iter().any(|block| !matches!(block, ContentBlock::Text(_)));
    let asked = messages.get(last);
    let answered = messages.iter().skip(last + 1).rev().find(|message| !has_calls(message));
    let words: Vec<_> =
        [asked, answered].into_iter().flatten().map(|words| cut::message(gauge, words, budget / 2)).collect();
    let size: usize = words.iter().map(|words| gauge.message(words)).sum();
    let all: usize = messages.iter().map(|message| gauge.message(message)).sum();
    if size > budget || budget < LEAST_MESSAGE {
        return Selected { messages: Vec::new(), cuts: vec![left_out(messages, all)] };
    }
    Selected { messages: words, cuts: vec![left_out(messages, all.saturating_sub(size))] }
}

fn left_out(dropped: &[Arc<Message>], tokens: usize) -> ContextCut {
    let id = dropped.last().map(|message| message.id.to_string()).unwrap_or_default();
    let reason = "with everything before it: over the share of the recent conversation".to_owned();
    ContextCut { id, reason, tokens: narrow(tokens) }
}

pub(super) fn narrow(tokens: usize) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX)
}

/// FNV-1a, which is the same everywhere and always.
fn hash(id: &MessageId) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    id.as_str().bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

/// The run a message belongs to; `None` for an imported message.
fn run_of(id: &MessageId) -> Option<RunId> {
    RunId::of_message(id)
}

/// By run; within it the order of the log. An imported message stands by its time.
fn order(message: &Message) -> (i64, Option<RunId>, bool) {
    let run = run_of(&message.id);
    let time = run.map_or(message.timestamp, RunId::accepted_at);
    (time.unix_millis(), run, message.role != Role::User)
}

/// Drops tool calls without a result and results without a call; and messages that are empty then.
fn without_orphans(messages: Vec<Arc<Message>>) -> Vec<Arc<Message>> {
    if messages.iter().all(|message| message.role != Role::Tool && !has_calls(message)) {
        return messages;
    }
    let (mut calls, mut results) = (HashSet::new(), HashSet::new());
    for message in &messages {
        let run = run_of(&message.id);
        for block in &message.content {
            match block {
                ContentBlock::ToolCall(call) => drop(calls.insert((run, call.id.clone()))),
                ContentBlock::ToolResult(result) => drop(results.insert((run, result.call_id.clone()))),
                ContentBlock::Text(_) => {}
            }
        }
    }
    let mut kept = Vec::with_capacity(messages.len());
    for message in messages {
        let run = run_of(&message.id);
        let is_whole = |block: &ContentBlock| match block {
            ContentBlock::ToolCall(call) => results.contains(&(run, call.id.clone())),
            ContentBlock::ToolResult(result) => calls.contains(&(run, result.call_id.clone())),
            ContentBlock::Text(_) => true,
        };
        if message.content.iter().all(is_whole) {
            kept.push(message);
            continue;
        }
        let mut partial = Message::clone(&message);
        partial.content.retain(is_whole);
        if !partial.content.is_empty() {
            kept.push(Arc::new(partial));
        }
    }
    kept
}

fn has_calls(message: &Message) -> bool {
    message.content.iter().any(|block| matches!(block, ContentBlock::ToolCall(_)))
}
