//! `/message`: accept, wait or stream, ask after, cancel.

use hyper::{Response, StatusCode, header, header::HeaderValue};
use openclaw_core::{
    ErrorCode, EventId, Failure, RunId, RunOutcome, RunState, limits,
    port::{RunHandle, Submission},
};
use tokio::time::timeout;

use crate::{
    accept, approval, body,
    handle::{Call, require_json},
    headers,
    respond::{self, Answer, ErrorBody, Payload, Refusal},
    sse, submit,
    wire::message::{
        ApprovalItem, ApproveRequest, CancelledMessage, MessageRequest, MessageResponse, MessageStatus,
        PendingMessage, RunStatus, poll_url,
    },
};

/// `POST /message`.
pub(crate) async fn post(call: &mut Call) -> Answer {
    require_json(&call.parts.headers)?;
    let idempotency_key = match call.parts.headers.get(headers::IDEMPOTENCY_KEY) {
        Some(key) => {
            let text = key.to_str().unwrap_or_default();
            Some(submit::idempotency_key("Idempotency-Key", text)?)
        }
        None => None,
    };
    let body = body::read(&mut call.body, limits::MESSAGE_BODY_BYTES, &call.conn.app).await?;
    let (request, held) = body.parse::<MessageRequest>().await?;
    let patience = submit::timeout(request.timeout_ms)?;
    let waits = request.wait_for_response.unwrap_or(true);
    let submission: Submission = submit::Incoming {
        channel: request.channel,
        text_field: "message",
        text: request.message,
        conversation_id: request.conversation_id,
        metadata: request.metadata,
        idempotency_key,
    }
    .check()?;

    let app = &call.conn.app;
    let run = app.services.agent.submit(submission).await?;
    drop(held);
    let replayed = run.replayed;
    let mut response = if accept::wants_events(&call.parts.headers) {
        sse::respond(run.events, run.id, app)
    } else if waits {
        let RunHandle { id, conversation, events, .. } = run;
        let Ok(last) = timeout(patience, app.services.agent.last_event(id, events)).await else {
            return Err(submit::timed_out(id, &conversation, patience).into());
        };
        let reply = submit::outcome(last.as_deref(), id, &conversation)?;
        respond::ok(&MessageResponse::new(id, &conversation, reply))
    } else {
        pending(&run)
    };
    if replayed {
        response.headers_mut().insert(headers::IDEMPOTENT_REPLAYED, headers::TRUE);
    }
    Ok(response)
}

fn pending(run: &RunHandle) -> Response<Payload> {
    let poll_url = poll_url(run.id);
    let location = HeaderValue::from_str(&poll_url);
    let body = PendingMessage {
        id: run.id,
        status: RunStatus::Processing,
        conversation_id: &run.conversation,
        poll_url,
    };
    let mut response = respond::json(StatusCode::ACCEPTED, &body);
    if let Ok(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// The run that the path names. A text that can't be a run's id names no run.
fn run_id(call: &Call) -> Result<RunId, Refusal> {
    RunId::parse_any(&call.parameter).map_err(|_| unknown(call))
}

fn unknown(call: &Call) -> Refusal {
    Failure::not_found("message", &call.parameter).into()
}

/// `GET /message/:id/status`.
pub(crate) async fn get_status(call: &Call) -> Answer {
    let id = run_id(call)?;
    let agent = &call.conn.app.services.agent;
    let record = agent.run(id).await?.ok_or_else(|| unknown(call))?;
    let asked = match record.state {
        RunState::Pending { .. } => agent.approvals(id).await,
        RunState::Ended { .. } => Vec::new(),
    };
    let (mut response, mut error) = (None, None);
    match &record.state {
        RunState::Ended { outcome: RunOutcome::Completed(reply), .. } => {
            response = Some(MessageResponse::new(record.id, &record.conversation, reply));
        }
        RunState::Ended { outcome: RunOutcome::Failed(failure), .. } => {
            error = Some(ErrorBody::from(failure))
        }
        RunState::Ended { outcome: RunOutcome::Cancelled, .. } | RunState::Pending { .. } => {}
    }
    let body = MessageStatus {
        id: record.id,
        status: RunStatus::of(&record, !asked.is_empty()),
        conversation_id: &record.conversation,
        poll_url: poll_url(record.id),
        approvals: asked.iter().map(ApprovalItem::from).collect(),
        response,
        error,
    };
    Ok(respond::ok(&body))
}

/// `GET /message/:id/stream`.
pub(crate) async fn get_stream(call: &Call) -> Answer {
    let id = run_id(call)?;
    let after = match call.parts.headers.get(headers::LAST_EVENT_ID) {
        // A browser that has seen no id yet may send an empty one.
        Some(value) if !value.is_empty() => {
            let text = value.to_str().unwrap_or_default();
            let parse = |text: &str| text.parse::<EventId>();
            Some(parse(text).map_err(|error| Failure::bad_field("Last-Event-ID", error.to_string()))?)
        }
        _ => None,
    };
    let app = &call.conn.app;
    let events = app.services.agent.events(id, after).await?.ok_or_else(|| unknown(call))?;
    Ok(sse::respond(events, id, app))
}

/// `POST /message/:id/approve`.
pub(crate) async fn approve(call: &mut Call) -> Answer {
    require_json(&call.parts.headers)?;
    let bytes = body::read(&mut call.body, limits::BODY_BYTES, &call.conn.app).await?;
    let word: ApproveRequest =
        if bytes.trim_ascii().is_empty() { ApproveRequest::default() } else { body::parse(&bytes)? };
    let agent = &*call.conn.app.services.agent;
    Ok(respond::ok(&approval::give(agent, &call.parameter, word).await?))
}

/// `DELETE /message/:id`.
pub(crate) async fn cancel(call: &Call) -> Answer {
    let id = run_id(call)?;
    let before = call.conn.app.services.agent.cancel(id).await?.ok_or_else(|| unknown(call))?;
    if matches!(before.state, RunState::Pending { .. }) {
        return Ok(respond::ok(&CancelledMessage { id: before.id, status: RunStatus::Cancelled }));
    }
    let ended = RunStatus::of(&before, false).as_str();
    let failure =
        Failure::new(ErrorCode::Conflict, format!("The run {} has ended already ({ended})", before.id));
    Err(failure.with("id", before.id.to_string()).with("status", ended).into())
}
