//! A person's word on calls that wait for it. REST and WebSocket share it.

use openclaw_core::{
    ErrorCode, Failure, RunId, RunRecord, limits,
    port::{AgentPort, Decision},
};

use crate::{
    respond::Refusal,
    wire::message::{ApproveRequest, Approved, RunStatus},
};

impl ApproveRequest {
    fn check(self) -> Result<Decision, Failure> {
        let reason = self.reason.map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty());
        let most = limits::APPROVAL_REASON_CHARS;
        if reason.as_ref().is_some_and(|reason| reason.chars().count() > most) {
            return Err(Failure::bad_field("reason", format!("must be at most {most} characters")));
        }
        Ok(Decision { call_id: self.call_id, approve: self.approve.unwrap_or(true), reason })
    }
}

/// Passes the word on to the run that the client calls `named`.
pub(crate) async fn give(
    agent: &dyn AgentPort,
    named: &str,
    word: ApproveRequest,
) -> Result<Approved, Refusal> {
    let unknown = || Failure::not_found("message", named);
    let run = RunId::parse_any(named).map_err(|_| unknown())?;
    let decision = word.check()?;
    let decided = agent.approve(run, decision.clone()).await?.ok_or_else(unknown)?;
    if decided.is_empty() {
        let record = agent.run(run).await?.ok_or_else(unknown)?;
        return Err(nothing_waits(agent, &record, decision.call_id).await.into());
    }
    let status = if agent.approvals(run).await.is_empty() {
        RunStatus::Processing
    } else {
        RunStatus::AwaitingApproval
    };
    let (approved, denied) = if decision.approve { (decided, Vec::new()) } else { (Vec::new(), decided) };
    Ok(Approved { id: run, status, approved, denied })
}

async fn nothing_waits(agent: &dyn AgentPort, record: &RunRecord, call_id: Option<String>) -> Failure {
    let run = record.id;
    let waiting: Vec<String> =
        agent.approvals(run).await.into_iter().map(|approval| approval.call_id).collect();
    let status = RunStatus::of(record, !waiting.is_empty()).as_str();
    let message = match call_id {
        Some(call) if !waiting.is_empty() => {
            format!("No call `{call}` of the run {run} waits for approval; these do: {}", waiting.join(", "))
        }
        _ => format!("No call of the run {run} waits for approval (the run is {status})"),
    };
    let failure = Failure::new(ErrorCode::Conflict, message);
    failure.with("id", run.to_string()).with("status", status).with("waiting", waiting)
}
