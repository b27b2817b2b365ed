//! `GET /logs`.

use openclaw_core::{
    limits,
    port::{LogFilter, LogLevel},
};

use crate::{
    handle::Call,
    query::Query,
    respond::{self, Answer, Refusal},
    wire::admin::LogList,
};

pub(crate) const LEVELS: [(&str, LogLevel); 5] = [
    ("debug", LogLevel::Debug),
    ("info", LogLevel::Info),
    ("warn", LogLevel::Warn),
    ("error", LogLevel::Error),
    ("trace", LogLevel::Trace),
];
pub(crate) const COMPONENTS: [&str; 5] = ["gateway", "reasoning", "memory", "skills", "channels"];

/// `GET /logs`.
pub(crate) async fn get(call: &Call) -> Answer {
    let query = Query::parse(call.parts.uri.query())?;
    let (least, unsaid, most) = limits::LOG_LINES;
    let components = COMPONENTS.map(|component| (component, component));
    let filter = LogFilter {
        lines: query.number("lines", least, most)?.unwrap_or(unsaid),
        level: query.choice("level", &LEVELS)?.unwrap_or_default(),
        since: query.time("since")?,
        component: query.choice("component", &components)?.map(str::to_owned),
    };
    let page = call.conn.app.services.logs.read(filter).await.map_err(Refusal::internal)?;
    Ok(respond::ok(&LogList { logs: &page.lines, total: page.total }))
}
