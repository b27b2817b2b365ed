//! `/memory`: compaction, its history, garbage, integrity.

use std::sync::Arc;

use hyper::{StatusCode, header, header::HeaderValue};
use openclaw_core::{
    ErrorCode, Failure, limits,
    port::{CompactRequest, MemoryError},
};
use tracing::{error, info};

use super::Ask;
use crate::{
    app::App,
    body,
    respond::{self, Answer},
    wire::curation::{CompactBody, CompactionBegun, History, Verified},
};

const HISTORY_URL: &str = "/api/v1/memory/history";

/// `POST /memory/compact`.
pub(super) async fn compact(ask: &Ask<'_>) -> Answer {
    let body: CompactBody = body::parse(ask.body_or_empty())?;
    let request = body.request();
    match ask.server.filter(|_| !body.waits()) {
        Some(server) => begin(ask, server, request).await,
        None => finish(ask, request).await,
    }
}

/// Answers at once; the work goes on as a task of the server, until that stops.
async fn begin(ask: &Ask<'_>, server: &Arc<App>, request: CompactRequest) -> Answer {
    if ask.curation.history(1).await?.running.is_some() {
        return Err(MemoryError::UnderWay { what: "a compaction" }.into());
    }
    let (curation, stop) = (Arc::clone(ask.curation), server.stop.clone());
    server.tasks.spawn(async move {
        match stop.run_until_cancelled(curation.compact(request)).await {
            Some(Ok(report)) => info!(added = report.added, rejected = report.rejected, "compacted"),
            Some(Err(cause)) => error!(%cause, "the compaction that was asked for failed"),
            None => {}
        }
    });
    let begun = CompactionBegun { status: "running", poll_url: HISTORY_URL };
    let mut response = respond::json(StatusCode::ACCEPTED, &begun);
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static(HISTORY_URL));
    Ok(response)
}

/// Answers when it is done. When the server stops meanwhile, the answer is that it goes on.
async fn finish(ask: &Ask<'_>, request: CompactRequest) -> Answer {
    let work = ask.curation.compact(request);
    let done = match ask.server {
        Some(server) => server.stop.clone().run_until_cancelled(work).await,
        None => Some(work.await),
    };
    let report = done.ok_or_else(|| {
        let message = "The gateway is shutting down; the next start finishes the compaction";
        Failure::new(ErrorCode::ServiceUnavailable, message).with("poll_url", HISTORY_URL)
    })??;
    Ok(respond::ok(&report))
}

/// `GET /memory/history`.
pub(super) async fn history(ask: &Ask<'_>) -> Answer {
    let (least, unsaid, most) = limits::HISTORY_PAGE;
    let limit = ask.query()?.number("limit", least, most)?.unwrap_or(unsaid);
    Ok(respond::ok(&History::from(ask.curation.history(limit).await?)))
}

/// `POST /memory/gc`.
pub(super) async fn collect_garbage(ask: &Ask<'_>) -> Answer {
    Ok(respond::ok(&ask.curation.collect_garbage().await?))
}

/// `POST /memory/verify`.
pub(super) async fn verify(ask: &Ask<'_>) -> Answer {
    Ok(respond::ok(&Verified::from(ask.curation.verify().await?)))
}
