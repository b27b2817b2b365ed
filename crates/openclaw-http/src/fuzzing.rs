//! Readers of foreign bytes, for the fuzzer.

use openclaw_core::{Failure, Timestamp};

use crate::{
    body,
    query::Query,
    router::Router,
    submit,
    wire::{
        curation::CompactBody,
        entries::EntryRequest,
        memory::{PruneBody, SearchRequest},
        message::MessageRequest,
        skills::InstallRequest,
    },
};

fn assert_named<T>(read: Result<T, Failure>) {
    if let Err(failure) = read {
        assert!(failure.details.contains_key("field"), "{failure:?}");
    }
}

/// The body of `POST /message`, checks included.
pub fn message_request(bytes: &[u8]) {
    assert_named(body::parse::<MessageRequest>(bytes).and_then(|request| {
        submit::timeout(request.timeout_ms)?;
        let incoming = submit::Incoming {
            channel: request.channel,
            text_field: "message",
            text: request.message,
            conversation_id: request.conversation_id,
            metadata: request.metadata,
            idempotency_key: None,
        };
        incoming.check()
    }));
}

/// The bodies of every other endpoint.
pub fn other_bodies(bytes: &[u8]) {
    assert_named(body::parse::<SearchRequest>(bytes));
    assert_named(body::parse::<PruneBody>(bytes));
    assert_named(body::parse::<InstallRequest>(bytes));
    assert_named(body::parse::<CompactBody>(bytes));
    assert_named(body::parse::<EntryRequest>(bytes).and_then(EntryRequest::check));
    assert_named(body::parse::<serde_json::Map<String, serde_json::Value>>(bytes));
}

/// A line of the exchange format; what is read is written, and read, the same again.
pub fn exchange_line(bytes: &[u8]) {
    let read = crate::exchange::read_line(bytes);
    let written = match &read {
        Ok(crate::exchange::Line::Message(message)) => Some(crate::exchange::write_line(message)),
        Ok(crate::exchange::Line::Entry(memory)) => Some(crate::exchange::write_entry(memory)),
        Ok(crate::exchange::Line::Memory(_)) | Err(_) => None,
    };
    if let Some(line) = written {
        assert_eq!(crate::exchange::read_line(line.as_bytes()).ok(), read.clone().ok());
    }
    assert_named(read);
}

/// A frame of a WebSocket client.
pub fn socket_frame(text: &str) {
    assert_named(crate::ws::read(text).map_err(|unreadable| unreadable.0));
}

/// A path and a query string.
pub fn target(text: &str) {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    if let Some(found) = Router::new().find(path) {
        assert_named(found.parameter());
    }
    assert_named(Query::parse(Some(query)).and_then(|query| {
        query.number("limit", 1, 100)?;
        query.parsed::<Timestamp>("since")
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fuzzer needs a nightly toolchain; these keep its readers running everywhere.
    #[test]
    fn seeds() {
        for seed in [
            &b""[..],
            b"{}",
            br#"{"channel":"api","message":"hi","metadata":{"attachments":[{"name":"a","mime_type":"b","data":"aGk="}]}}"#,
            br#"{"type":"message","request_id":[1]}"#,
            br#"{"conversation_id":"c","channel":"a","role":"user","content":"hi","timestamp":"2026-01-01"}"#,
            br#"{"kind":"fact","content":"x","tags":["a"],"importance":2}"#,
            b"/api/v1/message/%zz/status?limit=%41&since=2026",
            b"\xff{\"",
        ] {
            message_request(seed);
            other_bodies(seed);
            exchange_line(seed);
            let text = String::from_utf8_lossy(seed);
            socket_frame(&text);
            target(&text);
        }
    }
}
