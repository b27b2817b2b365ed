//! Frames as text.

use openclaw_core::{ConversationId, Failure, Reply, RunEventKind, RunId};
use serde::Serialize;
use serde_json::Value;

use crate::wire::{
    event::Event,
    message::{Approved, ClientFrame, FrameId, MessageResponse},
};

/// What a client's message is told apart by, given back as it came: a text or a number.
pub(super) type RequestId = Option<Value>;

#[derive(Serialize)]
struct EventFrame<'a> {
    #[serde(flatten)]
    event: Event<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a Value>,
}

#[derive(Serialize)]
struct ResponseFrame<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    response: MessageResponse<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a Value>,
}

#[derive(Serialize)]
struct ApprovalFrame<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    approved: &'a Approved,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a Value>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum PlainFrame<'a> {
    AuthSuccess { session_id: &'a str },
    Pong,
}

fn text(frame: &impl Serialize) -> String {
    serde_json::to_string(frame).unwrap_or_else(|cause| {
        tracing::error!(%cause, "a frame could not be written as JSON");
        r#"{"type":"error","error":"internal_error","message":"Something went wrong inside the gateway","status":500}"#
            .to_owned()
    })
}

pub(super) fn auth_success(session_id: &str) -> String {
    text(&PlainFrame::AuthSuccess { session_id })
}

pub(super) fn pong() -> String {
    text(&PlainFrame::Pong)
}

pub(super) fn event(kind: &RunEventKind, request_id: &RequestId) -> String {
    text(&EventFrame { event: Event::from(kind), request_id: request_id.as_ref() })
}

pub(super) fn response(
    run: RunId,
    conversation: &ConversationId,
    reply: &Reply,
    request_id: &RequestId,
) -> String {
    let response = MessageResponse::new(run, conversation, reply);
    text(&ResponseFrame { kind: "response", response, request_id: request_id.as_ref() })
}

pub(super) fn approval(approved: &Approved, request_id: &RequestId) -> String {
    text(&ApprovalFrame { kind: "approval", approved, request_id: request_id.as_ref() })
}

pub(super) fn error(failure: &Failure, request_id: &RequestId) -> String {
    let event = Event::Error {
        error: failure.code,
        message: &failure.message,
        status: failure.code.status(),
        details: Some(&failure.details).filter(|details| !details.is_empty()),
    };
    text(&EventFrame { event, request_id: request_id.as_ref() })
}

/// A client's frame, or why it is none, with its request's id as far as that can be told.
pub(crate) fn read(text: &str) -> Result<ClientFrame, Box<(Failure, RequestId)>> {
    let frame = crate::body::parse::<ClientFrame>(text.as_bytes()).map_err(|failure| {
        let named = crate::body::parse::<FrameId>(text.as_bytes()).ok();
        Box::new((failure, named.and_then(|named| named.request_id).filter(is_request_id)))
    })?;
    match &frame.request_id {
        Some(id) if !is_request_id(id) => {
            Err(Box::new((Failure::bad_field("request_id", "must be a string or a number"), None)))
        }
        _ => Ok(frame),
    }
}

fn is_request_id(id: &Value) -> bool {
    id.is_string() || id.is_number()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_broken_frame_still_tells_its_request() {
        let (failure, id) = *read(r#"{"type":"message","channel":3,"request_id":"a"}"#).unwrap_err();
        assert_eq!((failure.details["field"].as_str(), id), (Some("channel"), Some(json!("a"))));
        let (_, id) = *read(r#"{"type":"message""#).unwrap_err();
        assert_eq!(id, None);
        let (failure, _) = *read(r#"{"type":"message","request_id":{}}"#).unwrap_err();
        assert_eq!(failure.details["field"], "request_id");
        assert_eq!(read(r#"{"type":"ping","request_id":7}"#).unwrap().request_id, Some(json!(7)));
    }

    #[test]
    fn errors_carry_their_request() {
        let failure = Failure::new(openclaw_core::ErrorCode::Unauthorized, "no");
        assert_eq!(
            error(&failure, &None),
            r#"{"type":"error","error":"unauthorized","message":"no","status":401}"#
        );
        let failure = Failure::bad_field("channel", "is required");
        assert_eq!(
            error(&failure, &Some(json!(7))),
            r#"{"type":"error","error":"bad_request","message":"`channel` is required","status":400,"details":{"field":"channel","reason":"is required"},"request_id":7}"#
        );
    }
}
