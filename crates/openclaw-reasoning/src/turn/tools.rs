//! The tool calls of one step.

use futures_util::{StreamExt as _, future::BoxFuture, stream};
use openclaw_core::{
    ConversationId, RunEventKind, RunId, ToolCall, ToolDefinition, ToolResult,
    port::{ToolContext, ToolPort},
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::runs::{
    EventLog,
    limits::{PARALLEL_CALLS, TOOL_RESULT_BYTES, TOOL_TIME},
};

/// On whose behalf the calls are made, and where their ends are told.
#[derive(Clone, Copy)]
pub(super) struct Caller<'a> {
    pub(super) run: RunId,
    pub(super) conversation: &'a ConversationId,
    pub(super) cancel: &'a CancellationToken,
    pub(super) log: &'a EventLog,
}

/// Makes the calls, in parallel. Each result is told and put into `told`, with its call's index, as soon as it is there.
pub(super) async fn call_all(
    tools: &dyn ToolPort,
    caller: Caller<'_>,
    calls: &[ToolCall],
    offered: &[ToolDefinition],
    told: &mut Vec<(usize, ToolResult)>,
) {
    let mut futures: Vec<BoxFuture<'_, (usize, ToolResult)>> = Vec::with_capacity(calls.len());
    for (index, call) in calls.iter().enumerate() {
        futures.push(Box::pin(async move { (index, call_one(tools, caller, call, offered).await) }));
    }
    let mut results = stream::iter(futures).buffer_unordered(PARALLEL_CALLS);
    while let Some((index, result)) = results.next().await {
        caller.log.push(RunEventKind::SkillResult {
            call_id: result.call_id.clone(),
            skill: result.name.clone(),
            is_error: result.is_error,
        });
        told.push((index, result));
    }
}

async fn call_one(
    tools: &dyn ToolPort,
    caller: Caller<'_>,
    call: &ToolCall,
    offered: &[ToolDefinition],
) -> ToolResult {
    let failed = |content: String| ToolResult {
        call_id: call.id.clone(),
        name: call.name.clone(),
        content,
        is_error: true,
    };
    // Models make up tools; a tool that was not offered may also be one that was held back.
    if !offered.iter().any(|tool| tool.name == call.name) {
        let known: Vec<&str> = offered.iter().map(|tool| tool.name.as_str()).collect();
        let known = match known.as_slice() {
            [] => "No tools are available.".to_owned(),
            known => format!("Known: {}.", known.join(", ")),
        };
        return failed(format!("There is no tool `{}`. {known}", call.name));
    }
    let context = ToolContext {
        run: caller.run,
        conversation: caller.conversation.clone(),
        timeout: TOOL_TIME,
        cancel: caller.cancel.clone(),
    };
    let Ok(mut result) = tokio::time::timeout(TOOL_TIME, tools.call(call, &context)).await else {
        warn!(run = %caller.run, tool = %call.name, "a tool call took too long");
        return failed(format!("The tool did not answer within {} s.", TOOL_TIME.as_secs()));
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
