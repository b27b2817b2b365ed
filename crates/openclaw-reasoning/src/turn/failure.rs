//! What a client is told when a turn ends without an answer.

use openclaw_core::{ErrorCode, Failure};

use crate::ProviderError;

fn unavailable(reason: &str, message: String) -> Failure {
    Failure::new(ErrorCode::ServiceUnavailable, message).with("reason", reason)
}

pub(super) fn too_many_steps(max_steps: usize) -> Failure {
    unavailable(
        "max_steps",
        format!(
            "The model asked for tools {max_steps} times without coming to an answer; ask for less at once, or use another model"
        ),
    )
    .with("max_steps", max_steps)
}

pub(super) fn repeated(tool: &str, times: usize) -> Failure {
    unavailable(
        "repeated_call",
        format!(
            "The model called `{tool}` {times} times in a row with the same arguments and was stopped; ask in other words, or use \
             another model"
        ),
    )
    .with("tool", tool)
    .with("times", times)
}

pub(super) fn refused(model: &str) -> Failure {
    unavailable(
        "refused",
        format!("The vendor's safety rules kept `{model}` from answering; put it differently"),
    )
    .with("model", model)
}

pub(super) fn empty(model: &str) -> Failure {
    unavailable(
        "empty_answer",
        format!("`{model}` ended without saying anything; send the message again, or use another model"),
    )
    .with("model", model)
}

pub(super) fn too_long(limit: usize) -> Failure {
    unavailable(
        "answer_too_long",
        format!("The answer was stopped at {} KiB; ask for a shorter one", limit / 1024),
    )
}

pub(super) fn cut(provider: &str, error: &ProviderError) -> Failure {
    unavailable("cut", format!("`{provider}` broke off: {error}. Send the message again"))
        .with("provider", provider)
}

pub(super) fn overdue() -> Failure {
    Failure::new(ErrorCode::Timeout, "The run took longer than an hour and was stopped; ask for less at once")
        .with("reason", "run_time")
}
