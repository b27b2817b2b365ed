//! `/memory/import` and `/memory/export`: JSON Lines in and out.

use hyper::{
    HeaderMap, Response,
    header::{self, HeaderValue},
};
use openclaw_core::{
    ErrorCode, Failure, Lsn, Timestamp, limits,
    port::{ExportCursor, Imported},
};

use super::{Ask, entries::check_superseded};
use crate::{
    exchange::{Line, read_line, write_entry, write_line},
    handle::require_json,
    headers,
    respond::{self, Answer, Payload},
    router::Operation,
};

/// Names that JSON Lines go by.
const LINES: [&str; 5] = [
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
    "text/plain",
];

/// The media type of a request's body: JSON Lines for the import, JSON for all others.
pub(super) fn require_type(operation: Operation, fields: &HeaderMap) -> Result<(), Failure> {
    if operation != Operation::ImportMemory {
        return require_json(fields);
    }
    let given = fields.get(header::CONTENT_TYPE).map(|given| given.to_str().unwrap_or_default());
    let essence =
        given.and_then(|given| given.split(';').next()).unwrap_or_default().trim().to_ascii_lowercase();
    if essence.is_empty() || LINES.contains(&essence.as_str()) || essence == "application/json" {
        return Ok(());
    }
    let message = format!(
        "The body must be JSON Lines, not `{essence}`; send the header `Content-Type: application/x-ndjson`"
    );
    Err(Failure::new(ErrorCode::UnsupportedMediaType, message).with("content_type", essence))
}

/// `POST /memory/import`.
pub(super) async fn import(ask: &Ask<'_>) -> Answer {
    let (mut messages, mut memories, mut entries) = (Vec::new(), Vec::new(), Vec::new());
    for (at, line) in ask.body.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        if messages.len() + memories.len() + entries.len() == limits::IMPORT_MESSAGES {
            let reason = format!("may hold at most {} lines at a time", limits::IMPORT_MESSAGES);
            return Err(Failure::bad_field("body", reason).into());
        }
        match read_line(line).map_err(|failure| in_line(failure, at + 1))? {
            Line::Message(message) => messages.push(message),
            Line::Memory(memory) => {
                check_superseded(ask, &memory).await?;
                memories.push(memory);
            }
            Line::Entry(memory) => entries.push(memory),
        }
    }
    // Every line is sound from here on. Messages and entries are known again by their ids, new memories by what they say, so
    // that repeating a request that broke off changes nothing.
    let mut done = Imported::default();
    if !messages.is_empty() {
        done = ask.curation.import(messages).await?;
    }
    if !entries.is_empty() {
        let restored = ask.curation.restore(entries).await?;
        done.imported += restored.imported;
        done.skipped += restored.skipped;
    }
    for memory in memories {
        let began = Timestamp::now();
        let known = ask.curation.remember(memory).await?.id.created_at() < began;
        done.skipped += u64::from(known);
        done.imported += u64::from(!known);
    }
    Ok(respond::ok(&done))
}

fn in_line(failure: Failure, line: usize) -> Failure {
    let told = Failure { message: format!("Line {line}: {}", failure.message), ..failure };
    told.with("line", line)
}

/// `GET /memory/export`.
pub(super) async fn export(ask: &Ask<'_>) -> Answer {
    let query = ask.query()?;
    let (least, unsaid, most) = limits::EXPORT_PAGE;
    let limit = query.number("limit", least, most)?.unwrap_or(unsaid);
    let after = query.number("after", 0, usize::MAX)?.map(|after| ExportCursor(Lsn(after as u64)));
    let page = ask.curation.export(after, limit).await?;
    let mut text = String::new();
    for message in &page.messages {
        text.push_str(&write_line(message));
    }
    for memory in &page.memories {
        text.push_str(&write_entry(memory));
    }
    let mut response = Response::new(Payload::Whole(Some(text.into())));
    response.headers_mut().insert(header::CONTENT_TYPE, headers::JSON_LINES);
    if let Some(ExportCursor(Lsn(next))) = page.next {
        response.headers_mut().insert(headers::NEXT_CURSOR, HeaderValue::from(next));
    }
    Ok(response)
}
