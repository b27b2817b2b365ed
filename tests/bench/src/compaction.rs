//! What a compaction costs whoever searches meanwhile, and what a message takes on the disk before and after it.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Result;
use hyper::StatusCode;
use openclaw_core::{ForeignMessage, Role, Timestamp, config::MemoryConfig, limits, port::CurationPort as _};
use openclaw_memory::Memory;
use serde_json::{Value, json};

use crate::{
    api::Api,
    gateway::{Home, files},
    parts::settled,
    table::{Table, quantile},
};

const MESSAGES: usize = 200_000;
/// Messages of a conversation.
const TURNS: usize = 40;
/// Between two messages, in milliseconds.
const PAUSE: i64 = 4 * 60 * 1000;
/// How long is searched while nothing else is done.
const CALM: Duration = Duration::from_secs(5);

const TALK: [&str; 6] = [
    "I moved to Lisbon last spring and I like the light there. What should I see on a rainy day?",
    "The tiled churches and the small museums are best in the rain. Start early, before the queues form.",
    "我最近在學做菜，特別喜歡做麻婆豆腐。你能不能告訴我怎麼讓豆腐不碎？",
    "豆腐先用鹽水燙一下，下鍋之後少翻動，用勺子背輕輕推就好。",
    "来月の京都旅行の計画を立てています。抹茶が好きなので、お茶屋さんを回りたいです。",
    "저는 매일 아침 한강에서 달리기를 해요. 다음 주 토요일에 대회가 있어요.",
];
const QUESTIONS: [&str; 5] = ["Lisbon in the rain", "麻婆豆腐", "京都のお茶屋", "한강 달리기", "number 4711"];

/// Measures.
pub(crate) fn compaction(release: &Path, table: &mut Table) -> Result<()> {
    let home = Home::new(release, None)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let text = runtime.block_on(fill(&home))?;
    let per_message = |bytes: u64| bytes as f64 / MESSAGES as f64;
    let (gateway, _) = home.start(release)?;
    settled(&gateway)?;
    let before = bytes(&home.memory());
    let api = Api::new(gateway.address)?;
    let (calm, busy, report) = runtime.block_on(async {
        let calm = search_until(&api, |begun, _| begun.elapsed() > CALM).await?;
        let request = json!({"everything": true});
        api.expect(StatusCode::ACCEPTED, "POST", "/memory/compact", Some(request)).await?;
        let busy = search_until(&api, |_, history| history["running"].is_null()).await?;
        anyhow::Ok((calm, busy, api.expect(StatusCode::OK, "GET", "/memory/history", None).await?))
    })?;
    settled(&gateway)?;
    let after = bytes(&home.memory());
    let took = report["compactions"][0]["took_ms"].as_f64().unwrap_or(f64::NAN) / 1e3;
    table.row("compaction by extraction", format!("{:.1} MB/s", text as f64 / 1e6 / took), "");
    table.row("search while nothing else is done, p50 / p99", told(calm), "");
    table.row("search during the compaction, p50 / p99", told(busy), "");
    table.row(
        format!("disk per message of {:.0} bytes, before / after compaction", per_message(text)),
        format!(
            "{:.0} / {:.0} bytes: {:.2} / {:.2} × its text",
            per_message(before),
            per_message(after),
            before as f64 / text as f64,
            after as f64 / text as f64
        ),
        "≤ 1.5 ×",
    );
    let part = |name: &str| format!("{name} {:.0}", per_message(bytes(&home.memory().join(name))));
    let parts = ["wal", "archive", "compacted", "index/lexical"].map(part).join(", ");
    table.row("of these after compaction, bytes per message", parts, "");
    Ok(())
}

fn told(mut times: Vec<f64>) -> String {
    times.sort_by(f64::total_cmp);
    format!("{:.2} / {:.2} ms ({} searches)", quantile(&times, 0.5), quantile(&times, 0.99), times.len())
}

/// Searches in a loop, and tells how many ms each took.
async fn search_until(api: &Api, done: impl Fn(Instant, &Value) -> bool) -> Result<Vec<f64>> {
    let (begun, mut times) = (Instant::now(), Vec::new());
    loop {
        for question in QUESTIONS {
            let asked = Instant::now();
            let body = json!({"query": question, "limit": 10});
            api.expect(StatusCode::OK, "POST", "/memory/search", Some(body)).await?;
            times.push(asked.elapsed().as_secs_f64() * 1e3);
        }
        let history = api.expect(StatusCode::OK, "GET", "/memory/history", None).await?;
        if done(begun, &history) {
            return Ok(times);
        }
    }
}

/// Writes the messages; how many bytes of text they are.
async fn fill(home: &Home) -> Result<u64> {
    let (memory, _) = Memory::open(&home.memory(), &MemoryConfig::default())?;
    let mut text = 0;
    let mut batch = Vec::with_capacity(limits::IMPORT_MESSAGES);
    for number in 0..MESSAGES {
        let content = format!("{} (number {number})", TALK[(number / 7 + number) % TALK.len()]);
        text += content.len() as u64;
        batch.push(ForeignMessage {
            conversation: format!("talk-{}", number / TURNS).parse()?,
            channel: "api".to_owned(),
            role: if number % 2 == 0 { Role::User } else { Role::Assistant },
            content,
            timestamp: Timestamp::from_unix_millis(1_700_000_000_000 + number as i64 * PAUSE),
            id: None,
        });
        if batch.len() == limits::IMPORT_MESSAGES {
            memory.import(std::mem::take(&mut batch)).await?;
        }
    }
    memory.import(batch).await?;
    memory.close().await;
    Ok(text)
}

/// Bytes of all files below a directory.
fn bytes(dir: &Path) -> u64 {
    files(dir).iter().filter_map(|file| file.metadata().ok()).map(|metadata| metadata.len()).sum()
}
