//! `/memory`: sizes, search, pruning.

use std::time::Instant;

use openclaw_core::{
    ErrorCode, Failure, limits,
    port::{PruneRequest, SearchQuery},
};

use super::Ask;
use crate::{
    Limits, body,
    exchange::check_channel,
    respond::{self, Answer, Refusal},
    wire::memory::{
        PruneBody, PruneResponse, PrunedCounts, SearchRequest, SearchResponse, SearchResult, Stats,
    },
};

/// `GET /memory/stats`.
pub(super) async fn stats(ask: &Ask<'_>) -> Answer {
    let stats = ask.memory.stats().await?;
    Ok(respond::ok(&Stats::from(stats)))
}

/// `POST /memory/search`.
pub(super) async fn search(ask: &Ask<'_>) -> Answer {
    let request: SearchRequest = body::parse(ask.body)?;
    let query = request.query.ok_or_else(|| Failure::bad_field("query", "is required"))?;
    if query.trim().is_empty() {
        return Err(Failure::bad_field("query", "must not be empty").into());
    }
    if query.len() > Limits::QUERY_BYTES {
        let reason = format!("must be at most {} bytes of UTF-8", Limits::QUERY_BYTES);
        return Err(Failure::bad_field("query", reason).into());
    }
    let (least, unsaid, most) = limits::SEARCH_RESULTS;
    let limit = request.limit.map_or(Some(unsaid), |limit| usize::try_from(limit).ok());
    let limit = limit.filter(|limit| (least..=most).contains(limit)).ok_or_else(|| {
        Failure::bad_field("limit", format!("must be a whole number between {least} and {most}"))
    })?;
    if let Some(channel) = &request.channel {
        check_channel(channel)?;
    }
    let search = SearchQuery {
        query: query.clone(),
        limit,
        kind: request.kind.unwrap_or_default().into(),
        since: request.since,
        until: request.until,
        channel: request.channel,
        conversation: request.conversation_id,
    };
    let began = Instant::now();
    let found = ask.memory.search(search).await?;
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let results = found.hits.iter().map(SearchResult::from).collect();
    Ok(respond::ok(&SearchResponse { results, total: found.total, query: &query, took_ms }))
}

/// `DELETE /memory/prune`.
pub(super) async fn prune(ask: &Ask<'_>) -> Answer {
    let request: PruneBody = body::parse(ask.body_or_empty())?;
    let before = request.before.ok_or_else(|| {
        Failure::bad_field("before", "is required: a time in RFC 3339, such as 2025-01-01T00:00:00Z")
    })?;
    let kind = request.kind.unwrap_or_default();
    let confirm = request.confirm.unwrap_or(false);
    let pruned = ask.memory.prune(PruneRequest { before, kind: kind.into(), confirm }).await?;
    let pruned = PrunedCounts::from(pruned);
    if confirm {
        return Ok(respond::ok(&PruneResponse { pruned, before, kind }));
    }
    let counts = serde_json::to_value(&pruned).map_err(Refusal::internal)?;
    let message =
        "Nothing was pruned; repeat with `confirm: true` to remove what `details.would_prune` counts";
    let failure = Failure::new(ErrorCode::BadRequest, message)
        .with("field", "confirm")
        .with("reason", "must be true for anything to be removed");
    Err(failure.with("would_prune", counts).into())
}
