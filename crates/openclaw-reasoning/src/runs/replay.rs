//! A run told again from its record.

use std::sync::Arc;

use openclaw_core::{
    CallStage, ContentBlock, ConversationId, ErrorCode, Failure, RunEventKind, RunId, RunOutcome, RunRecord,
    RunState,
};

use super::{EventLog, limits::REPLAY_PIECE};

/// The event that tells this step. The record keeps steps in the order in which they were told, so positions agree.
pub(crate) fn step_event(step: &ContentBlock) -> RunEventKind {
    match step {
        ContentBlock::Text(text) => RunEventKind::Token(text.clone()),
        ContentBlock::ToolCall(call) => RunEventKind::SkillCall {
            call_id: call.id.clone(),
            tool: call.name.clone(),
            arguments: call.arguments.clone(),
            stage: CallStage::Invoking,
        },
        ContentBlock::ToolResult(result) => RunEventKind::SkillResult {
            call_id: result.call_id.clone(),
            tool: result.name.clone(),
            is_error: result.is_error,
        },
    }
}

/// The event that tells this end.
pub(crate) fn last_event(id: RunId, conversation: &ConversationId, outcome: RunOutcome) -> RunEventKind {
    match outcome {
        RunOutcome::Completed(reply) => RunEventKind::End { id, conversation: conversation.clone(), reply },
        RunOutcome::Failed(failure) => RunEventKind::Error(failure),
        RunOutcome::Cancelled => RunEventKind::Cancelled,
    }
}

/// The events of an ended run, the way they were told live except for where its text was cut.
pub(crate) fn replay(record: RunRecord, attempt: u32) -> Arc<EventLog> {
    let log = EventLog::new(attempt);
    log.push(RunEventKind::Start { id: record.id, conversation: record.conversation.clone() });
    for step in &record.steps {
        match step {
            ContentBlock::Text(text) => tell(&log, text),
            other => log.push(step_event(other)),
        }
    }
    let last = match record.state {
        RunState::Ended { outcome, .. } => {
            if let RunOutcome::Completed(reply) = &outcome {
                tell(&log, &reply.content);
            }
            last_event(record.id, &record.conversation, outcome)
        }
        // Its end could not be written: nothing works on it before the next start.
        RunState::Pending { .. } => RunEventKind::Error(
            Failure::new(
                ErrorCode::ServiceUnavailable,
                "The end of this run could not be stored; it will be taken up again when the gateway starts next",
            )
            .with("reason", "not_running"),
        ),
    };
    log.push(last);
    log
}

fn tell(log: &EventLog, mut text: &str) {
    while !text.is_empty() {
        let (piece, rest) = text.split_at(text.floor_char_boundary(REPLAY_PIECE));
        log.push(RunEventKind::Token(piece.to_owned()));
        text = rest;
    }
}
