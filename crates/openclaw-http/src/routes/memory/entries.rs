//! `/memory/entries`: what is remembered on purpose.

use hyper::{StatusCode, header, header::HeaderValue};
use openclaw_core::{
    ErrorCode, Failure, MemoryId, MemoryKind, NewMemory, Timestamp, limits, port::EntryFilter,
};

use super::Ask;
use crate::{
    body,
    respond::{self, Answer, Refusal},
    router::BASE,
    wire::entries::{EntryDeleted, EntryItem, EntryList, EntryRequest, check_tag},
};

/// `GET /memory/entries`.
pub(super) async fn list(ask: &Ask<'_>) -> Answer {
    let query = ask.query()?;
    let (least, unsaid, most) = limits::ENTRIES_PAGE;
    let limit = query.number("limit", least, most)?.unwrap_or(unsaid);
    let offset = query.number("offset", 0, usize::MAX)?.unwrap_or(0);
    let tag = query.get("tag").map(str::to_owned);
    if let Some(tag) = &tag {
        check_tag(tag, "tag")?;
    }
    let kinds = MemoryKind::ALL.map(|kind| (kind.as_str(), kind));
    let filter = EntryFilter {
        kind: query.choice("kind", &kinds)?,
        tag,
        conversation: query.parsed("conversation_id")?,
        all: query.flag("all")?,
        limit,
        offset,
    };
    let page = ask.curation.entries(filter).await?;
    let entries = page.entries.iter().map(EntryItem::from).collect();
    Ok(respond::ok(&EntryList { entries, total: page.total, limit, offset }))
}

/// `POST /memory/entries`.
pub(super) async fn remember(ask: &Ask<'_>) -> Answer {
    let memory = body::parse::<EntryRequest>(ask.body)?.check()?;
    check_superseded(ask, &memory).await?;
    let began = Timestamp::now();
    let entry = ask.curation.remember(memory).await?;
    // An entry of before is one that was known.
    let status = if entry.id.created_at() < began { StatusCode::OK } else { StatusCode::CREATED };
    let mut response = respond::json(status, &EntryItem::from(&entry));
    if let Ok(location) = HeaderValue::from_str(&format!("{BASE}/memory/entries/{}", entry.id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// What takes an entry's place must name one that is there.
pub(super) async fn check_superseded(ask: &Ask<'_>, memory: &NewMemory) -> Result<(), Refusal> {
    if let Some(id) = memory.supersedes
        && ask.curation.entry(id).await?.is_none()
    {
        return Err(Failure::bad_field("supersedes", format!("names no entry: {id}")).into());
    }
    Ok(())
}

/// The entry that the path names. A text that can't be an id names none.
fn id(ask: &Ask<'_>) -> Result<MemoryId, Refusal> {
    ask.parameter.parse().map_err(|_| unknown(ask))
}

fn unknown(ask: &Ask<'_>) -> Refusal {
    Failure::not_found("entry", ask.parameter).into()
}

/// `GET /memory/entries/:id`.
pub(super) async fn get(ask: &Ask<'_>) -> Answer {
    let entry = ask.curation.entry(id(ask)?).await?.ok_or_else(|| unknown(ask))?;
    Ok(respond::ok(&EntryItem::from(&entry)))
}

/// `DELETE /memory/entries/:id`.
pub(super) async fn forget(ask: &Ask<'_>) -> Answer {
    let entry = ask.curation.forget(id(ask)?).await?.ok_or_else(|| unknown(ask))?;
    Ok(respond::ok(&EntryDeleted { deleted: true, id: entry.id }))
}

/// `POST /memory/entries/:id/complete`.
pub(super) async fn complete(ask: &Ask<'_>) -> Answer {
    let id = id(ask)?;
    if let Some(entry) = ask.curation.complete(id).await? {
        return Ok(respond::ok(&EntryItem::from(&entry)));
    }
    let Some(entry) = ask.curation.entry(id).await? else { return Err(unknown(ask)) };
    let kind = entry.kind.as_str();
    let message = format!("{id} is a {kind}; only a task can be completed");
    Err(Failure::new(ErrorCode::Conflict, message).with("id", id.to_string()).with("kind", kind).into())
}
