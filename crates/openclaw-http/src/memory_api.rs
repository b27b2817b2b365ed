//! The memory's part of the API without a server: for programs that hold the memory themselves.

use std::sync::Arc;

use bytes::Bytes;
use hyper::Method;
use openclaw_core::{
    Failure,
    port::{CurationPort, MemoryPort},
};

use crate::{
    headers,
    respond::{Payload, Refusal},
    router::Router,
    routes::memory::{Ask, answer},
};

/// Answers `/memory/…` and `/message/:id/context` from two ports: the same requests, the same answers, no connection.
/// Without a server nothing goes on behind an answer, so a compaction is always waited for.
///
/// ```
/// use std::sync::Arc;
///
/// use hyper::Method;
/// use openclaw_http::MemoryApi;
/// use openclaw_testkit::{FakeCuration, FakeMemory};
///
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let memory = Arc::new(FakeMemory::new());
/// let api = MemoryApi::new(memory.clone(), Arc::new(FakeCuration::new(memory)));
/// let query = br#"{"query":"kimchi"}"#[..].into();
/// let answer = api.call(&Method::POST, "/memory/search", &query).await?;
/// assert_eq!((answer.status, &answer.body[..15]), (200, &br#"{"results":[],""#[..]));
/// # Ok::<(), openclaw_core::Failure>(())
/// # }).unwrap();
/// ```
pub struct MemoryApi {
    memory: Arc<dyn MemoryPort>,
    curation: Arc<dyn CurationPort>,
    router: Router,
}

/// What it answers when it succeeds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiAnswer {
    /// 2xx
    pub status: u16,
    /// Where an export goes on.
    pub next_cursor: Option<String>,
    /// Places of the log that an export could not read.
    pub unreadable: u64,
    /// JSON, or JSON Lines.
    pub body: Bytes,
}

impl MemoryApi {
    /// Over these ports.
    #[must_use]
    pub fn new(memory: Arc<dyn MemoryPort>, curation: Arc<dyn CurationPort>) -> Self {
        Self { memory, curation, router: Router::new() }
    }

    /// Answers a request to `target`, which is the path below `/api/v1` and perhaps a query.
    ///
    /// # Errors
    /// What the server would answer with an error; faults are told with their causes, as whoever calls this is no stranger.
    pub async fn call(&self, method: &Method, target: &str, body: &Bytes) -> Result<ApiAnswer, Failure> {
        let path = format!("{}{}", crate::router::BASE, target.split('?').next().unwrap_or_default());
        let no_such = || Failure::not_found("endpoint", &path);
        let found = self.router.find(&path).ok_or_else(no_such)?;
        let operation = found.route.operation(method).ok_or_else(no_such)?;
        let parameter = found.parameter()?;
        let ask = Ask {
            memory: &*self.memory,
            curation: &self.curation,
            query: target.split_once('?').map(|(_, query)| query),
            parameter: &parameter,
            body,
            server: None,
        };
        let response = answer(operation, &ask).await.ok_or_else(no_such)?.map_err(Refusal::with_causes)?;
        let (parts, payload) = response.into_parts();
        let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let Payload::Whole(body) = payload else { return Err(no_such()) };
        Ok(ApiAnswer {
            status: parts.status.as_u16(),
            next_cursor: header(headers::NEXT_CURSOR).map(str::to_owned),
            unreadable: header(headers::UNREADABLE_RECORDS).and_then(|count| count.parse().ok()).unwrap_or(0),
            body: body.unwrap_or_default(),
        })
    }
}
