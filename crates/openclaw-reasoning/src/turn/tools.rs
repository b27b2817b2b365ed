//! Making tool calls.

use futures_util::{Stream, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use openclaw_core::{
    CallStage, ConversationId, RunEventKind, RunId, ToolCall, ToolResult,
    port::{ToolContext, ToolPort},
};
use tracing::warn;

use crate::runs::{
    Live,
    limits::{CALL_TIME, PARALLEL_CALLS, TOOL_RESULT_BYTES, TOOL_TIME},
};

/// On whose behalf the calls are made, and where their ends are told.
#[derive(Clone, Copy)]
pub(super) struct Caller<'a> {
    pub(super) run: RunId,
    pub(super) conversation: &'a ConversationId,
    pub(super) live: &'a Live,
}

/// A call whose time has come.
pub(super) struct Due<'a> {
    pub(super) index: usize,
    pub(super) call: &'a ToolCall,
    pub(super) order: Order,
}

#[derive(Debug, Clone)]
pub(super) enum Order {
    Make {
        /// Whether a person allowed it: then it was told of as waiting.
        was_asked: bool,
        /// What was judged, see [`openclaw_core::port::Judgement`].
        judged: Option<u64>,
    },
    /// It fails with these words for the model.
    Refuse(String),
}

/// What came of a call.
pub(super) struct Told {
    pub(super) index: usize,
    pub(super) is_made: bool,
    pub(super) result: ToolResult,
}

/// Makes the calls as they come due, in parallel. Each result is told and put into `told` as soon as it is there.
pub(super) async fn call_all(
    tools: &dyn ToolPort,
    caller: Caller<'_>,
    due: impl Stream<Item = Due<'_>> + Unpin,
    told: &mut Vec<Told>,
) {
    let mut due = due.fuse();
    let mut running: FuturesUnordered<BoxFuture<'_, Told>> = FuturesUnordered::new();
    loop {
        tokio::select! {
            Some(next) = due.next(), if running.len() < PARALLEL_CALLS => {
                running.push(Box::pin(carry_out(tools, caller, next)));
            }
            Some(done) = running.next() => {
                caller.live.log.push(RunEventKind::SkillResult {
                    call_id: done.result.call_id.clone(),
                    tool: done.result.name.clone(),
                    is_error: done.result.is_error,
                });
                told.push(done);
            }
            else => return,
        }
    }
}

async fn carry_out(tools: &dyn ToolPort, caller: Caller<'_>, due: Due<'_>) -> Told {
    let Due { index, call, order } = due;
    let (is_made, result) = match order {
        Order::Refuse(why) => (false, failed(call, why)),
        Order::Make { was_asked, judged } => {
            if was_asked {
                caller.live.log.push(RunEventKind::SkillCall {
                    call_id: call.id.clone(),
                    tool: call.name.clone(),
                    arguments: call.arguments.clone(),
                    stage: CallStage::Allowed,
                });
            }
            (true, make(tools, caller, call, judged).await)
        }
    };
    Told { index, is_made, result }
}

fn failed(call: &ToolCall, content: String) -> ToolResult {
    ToolResult { call_id: call.id.clone(), name: call.name.clone(), content, is_error: true }
}

async fn make(tools: &dyn ToolPort, caller: Caller<'_>, call: &ToolCall, judged: Option<u64>) -> ToolResult {
    let context = ToolContext {
        run: caller.run,
        conversation: caller.conversation.clone(),
        timeout: TOOL_TIME,
        cancel: caller.live.cancel.clone(),
        judged,
    };
    let Ok(mut result) = tokio::time::timeout(CALL_TIME, tools.call(call, &context)).await else {
        warn!(run = %caller.run, tool = %call.name, "a tool call took too long");
        return failed(call, format!("The tool did not answer within {} s.", CALL_TIME.as_secs()));
    };
    // The model and the record match results to calls by this.
    result.call_id.clone_from(&call.id);
    result.name.clone_from(&call.name);
    if result.content.len() > TOOL_RESULT_BYTES {
        let bytes = result.content.len();
        result.content.truncate(result.content.floor_char_boundary(TOOL_RESULT_BYTES));
        result.content.push_str(&format!("\n[cut off: {bytes} bytes in all]"));
    }
    result
}
