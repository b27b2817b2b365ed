//! `/memory`, and what the memory tells of a message. These routes know their ports and the request, no connection: the
//! server asks them, and so does [`MemoryApi`](crate::MemoryApi).

mod compaction;
mod context;
mod entries;
mod exchange;
mod search;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use openclaw_core::{
    limits,
    port::{CurationPort, MemoryPort},
};

pub(crate) use self::context::of_run;
use crate::{app::App, body, handle::Call, query::Query, respond::Answer, router::Operation};

/// A request to the memory.
pub(crate) struct Ask<'a> {
    pub(crate) memory: &'a dyn MemoryPort,
    pub(crate) curation: &'a Arc<dyn CurationPort>,
    pub(crate) query: Option<&'a str>,
    /// The variable part of the path.
    pub(crate) parameter: &'a str,
    pub(crate) body: &'a Bytes,
    /// The server, which can let work go on behind an answer. Without one, every answer waits.
    pub(crate) server: Option<&'a Arc<App>>,
}

impl<'a> Ask<'a> {
    fn query(&self) -> Result<Query<'a>, openclaw_core::Failure> {
        Query::parse(self.query)
    }

    /// The body; none at all is an empty object.
    fn body_or_empty(&self) -> &'a [u8] {
        if self.body.trim_ascii().is_empty() { b"{}" } else { self.body }
    }
}

/// Reads the body, if the operation takes one, and answers.
pub(crate) async fn dispatch(operation: Operation, call: &mut Call) -> Answer {
    let app = &call.conn.app;
    let read = if operation.takes_body() {
        exchange::require_type(operation, &call.parts.headers)?;
        let import = operation == Operation::ImportMemory;
        let most = if import { exchange::IMPORT_BYTES } else { limits::BODY_BYTES };
        body::read(&mut call.body, most, app).await?
    } else {
        body::Whole::default()
    };
    let ask = Ask {
        memory: &*app.services.memory,
        curation: &app.services.curation,
        query: call.parts.uri.query(),
        parameter: &call.parameter,
        body: read.bytes(),
        server: Some(app),
    };
    answer(operation, &ask)
        .await
        .unwrap_or_else(|| Err(crate::respond::Refusal::internal("not the memory's")))
}

/// What the memory says; `None` when the operation is not about it. Boxed: an `async fn` is compiled into each crate that waits for it.
pub(crate) fn answer<'a>(operation: Operation, ask: &'a Ask<'_>) -> BoxFuture<'a, Option<Answer>> {
    Box::pin(async move {
        Some(match operation {
            Operation::MemoryStats => search::stats(ask).await,
            Operation::SearchMemory => search::search(ask).await,
            Operation::PruneMemory => search::prune(ask).await,
            Operation::ListEntries => entries::list(ask).await,
            Operation::Remember => entries::remember(ask).await,
            Operation::GetEntry => entries::get(ask).await,
            Operation::ForgetEntry => entries::forget(ask).await,
            Operation::CompleteEntry => entries::complete(ask).await,
            Operation::Compact => compaction::compact(ask).await,
            Operation::CompactionHistory => compaction::history(ask).await,
            Operation::CollectGarbage => compaction::collect_garbage(ask).await,
            Operation::VerifyMemory => compaction::verify(ask).await,
            Operation::ImportMemory => exchange::import(ask).await,
            Operation::ExportMemory => exchange::export(ask).await,
            Operation::MessageContext => context::of_message(ask).await,
            _ => return None,
        })
    })
}
