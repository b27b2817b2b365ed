//! `/memory/import` and `/memory/export`: JSON Lines in and out.

use bytes::Bytes;
use hyper::{
    HeaderMap, Response,
    header::{self, HeaderValue},
};
use openclaw_core::{
    ErrorCode, Failure, ForeignMemory, ForeignMessage, ForeignNote, Lsn, limits,
    port::{ExportCursor, Imported},
};

use super::{Ask, entries::check_superseded};
use crate::{
    body,
    exchange::{Line, read_line, write_entry, write_line},
    handle::require_json,
    headers,
    respond::{self, Answer, Payload, Refusal},
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

/// What the lines of a request say.
#[derive(Default)]
struct Batch {
    messages: Vec<ForeignMessage>,
    notes: Vec<ForeignNote>,
    entries: Vec<ForeignMemory>,
}

impl Batch {
    /// Reads every line. Only one that stands alone may be longer than a usual body: what a request takes up is bounded by one
    /// message then.
    fn read(body: &[u8]) -> Result<Self, Failure> {
        let lines = (1..).zip(body.split(|byte| *byte == b'\n'));
        let mut lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty()).peekable();
        let (mut batch, mut count) = (Self::default(), 0);
        while let Some((at, line)) = lines.next() {
            if body.len() > limits::BODY_BYTES && lines.peek().is_some() {
                let most = limits::BODY_BYTES;
                let message = format!(
                    "The body is over the bound of {most} bytes; only a line that comes alone may be longer"
                );
                return Err(Failure::new(ErrorCode::PayloadTooLarge, message).with("max_bytes", most));
            }
            if count == limits::IMPORT_MESSAGES {
                let reason = format!("may hold at most {} lines at a time", limits::IMPORT_MESSAGES);
                return Err(Failure::bad_field("body", reason));
            }
            count += 1;
            match read_line(line).map_err(|failure| in_line(failure, at))? {
                Line::Message(message) => batch.messages.push(message),
                Line::Memory(note) => batch.notes.push(note),
                Line::Entry(memory) => batch.entries.push(memory),
            }
        }
        Ok(batch)
    }

    /// The same, a long line on a thread for such work.
    async fn read_beside(body: &Bytes) -> Result<Self, Refusal> {
        if body.len() <= body::PARSED_AT_ONCE {
            return Ok(Self::read(body)?);
        }
        let body = body.clone();
        let read = tokio::task::spawn_blocking(move || Self::read(&body));
        Ok(read.await.map_err(Refusal::internal)??)
    }
}

/// Largest body of an import: its one line, and the line's end.
pub(super) const IMPORT_BYTES: usize = limits::IMPORT_LINE_BYTES + "\r\n".len();

/// `POST /memory/import`.
pub(super) async fn import(ask: &Ask<'_>) -> Answer {
    let Batch { messages, notes, entries } = Batch::read_beside(ask.body).await?;
    for note in &notes {
        check_superseded(ask, &note.memory).await?;
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
    if !notes.is_empty() {
        let remembered = ask.curation.remember_all(notes).await?;
        done.imported += remembered.imported;
        done.skipped += remembered.skipped;
    }
    Ok(respond::ok(&done))
}

fn in_line(failure: Failure, line: u64) -> Failure {
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
    if page.unreadable > 0 {
        response.headers_mut().insert(headers::UNREADABLE_RECORDS, HeaderValue::from(page.unreadable));
    }
    Ok(response)
}
