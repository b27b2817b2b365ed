//! What is measured.

use std::{
    path::Path,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use openclaw_core::{
    Metadata, NewRun, Reply, RunId, RunOutcome, TokenUsage, config::MemoryConfig, port::MemoryPort,
};
use openclaw_memory::Memory;
use tokio::task::JoinSet;

use crate::{
    channels::channels,
    compaction::compaction,
    floor::Floor,
    gateway::{Gateway, Home, TOKEN},
    load::{Work, drive},
    recall::recall,
    skills::skills,
    soak::soak,
    table::{Table, median},
};

/// A part: its name, and what measures it.
type Part = (&'static str, fn(&Path, &mut Table) -> Result<()>);

/// Every part, in the order of the table.
pub(crate) const ALL: &[Part] = &[
    ("size", size),
    ("start", start),
    ("memory", memory),
    ("health", health),
    ("turns", turns),
    ("streams", streams),
    ("first-token", first_token),
    ("log", log),
    ("compaction", compaction),
    ("recall", recall),
    ("skills", skills),
    ("channels", channels),
    ("soak", soak),
];

/// Parts that take long, or need more than the build: measured only when they are named.
pub(crate) const ON_DEMAND: &[&str] = &["channels", "soak"];

/// Floor and gateway take this many turns each, this long.
const ROUNDS: usize = 3;
const TURN: Duration = Duration::from_millis(1500);
/// Runs of the large data directory; each is two records.
const MANY_RUNS: usize = 500_000;
const MESSAGE: &str = r#"{"channel":"api","message":"Please say thirty-two words."}"#;
const COMPLETION: &str = r#"{"model":"bench","messages":[{"role":"user","content":"Please say thirty-two words."}],"stream":false}"#;

fn size(release: &Path, table: &mut Table) -> Result<()> {
    let bytes = std::fs::metadata(release.join("gateway"))?.len();
    table.row("binary", format!("{:.1} MB", bytes as f64 / 1e6), "≤ 15 MB");
    Ok(())
}

fn start(release: &Path, table: &mut Table) -> Result<()> {
    let empty = Home::new(release, None)?;
    table.row("start → healthy, 0 records", times(release, &empty, 15)?, "≤ 20 ms");
    let full = Home::new(release, None)?;
    fill(&full)?;
    table.row("start → healthy, 1,000,000 records", times(release, &full, 7)?, "≤ 20 ms");
    let (gateway, _) = full.start(release)?;
    table.row("RSS, 1,000,000 records just written", idle(&gateway)?, "");
    drop(gateway);
    let (gateway, _) = full.start(release)?;
    table.row("idle RSS, 1,000,000 records", idle(&gateway)?, "≤ 12 MiB");
    Ok(())
}

fn times(release: &Path, home: &Home, rounds: usize) -> Result<String> {
    drop(home.start(release)?);
    let times: Result<Vec<f64>> =
        (0..rounds).map(|_| Ok(home.start(release)?.1.as_secs_f64() * 1e3)).collect();
    Ok(format!("{:.1} ms", median(times?)))
}

fn memory(release: &Path, table: &mut Table) -> Result<()> {
    let home = Home::new(release, None)?;
    let (gateway, _) = home.start(release)?;
    table.row("idle RSS, 0 records", idle(&gateway)?, "≤ 12 MiB");
    Ok(())
}

/// How long the gateway may take to come to rest.
const QUIET: Duration = Duration::from_secs(400);
/// How long it has to be at rest: what it does not need any more it gives back now and then.
const AT_REST: u32 = 7;

fn idle(gateway: &Gateway) -> Result<String> {
    std::thread::sleep(Duration::from_secs(1));
    let soon = gateway.resident()?;
    let seconds = settled(gateway)?.as_secs();
    let idle = gateway.resident()?;
    Ok(format!("{soon:.1} MiB after a second, {idle:.1} MiB idle; busy for {seconds} s"))
}

/// Waits until what was written faster than it could be indexed is indexed; how long that took.
pub(crate) fn settled(gateway: &Gateway) -> Result<Duration> {
    const LOOK: Duration = Duration::from_secs(2);
    let (begun, mut at_rest) = (Instant::now(), 0);
    while at_rest < AT_REST && begun.elapsed() < QUIET {
        let before = gateway.processor()?;
        std::thread::sleep(LOOK);
        at_rest = if gateway.processor()? - before < 0.05 { at_rest + 1 } else { 0 };
    }
    Ok(begun.elapsed().saturating_sub(LOOK * at_rest))
}

/// Writes a million records the way the gateway does.
fn fill(home: &Home) -> Result<()> {
    let (memory, _) = Memory::open(&home.memory(), &MemoryConfig::default())?;
    let memory = Arc::new(memory);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        const WRITERS: usize = 256;
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let memory = Arc::clone(&memory);
            writers.spawn(async move {
                for number in 0..MANY_RUNS / WRITERS {
                    let id = RunId::generate();
                    let run = NewRun {
                        id,
                        conversation: format!("bench-{writer}-{}", number / 20).parse()?,
                        channel: "api".to_owned(),
                        text: format!("Question {number} of writer {writer} about otters and the sea"),
                        metadata: Metadata::default(),
                        idempotency_key: None,
                    };
                    memory.accept_run(run).await?;
                    let reply = Reply {
                        content: format!("Answer {number}: otters hold hands when they sleep."),
                        skills_used: Vec::new(),
                        usage: TokenUsage { input: 10, output: 10 },
                        latency_ms: 1,
                        model: "bench".to_owned(),
                    };
                    memory.end_run(id, RunOutcome::Completed(reply)).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(joined) = writers.join_next().await {
            joined??;
        }
        memory.close().await;
        anyhow::Ok(())
    })
}

/// Lets floor and gateway take turns; medians of both rates and of their ratio.
fn beside(floor: &Work, gateway: &Work, clients: usize) -> Result<(f64, f64, f64)> {
    // Connections, pools and caches warm up.
    for work in [floor, gateway] {
        drive(work, clients, TURN / 3)?;
    }
    let (mut floors, mut gateways, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (below, ours) = (drive(floor, clients, TURN)?.rate, drive(gateway, clients, TURN)?.rate);
        floors.push(below);
        gateways.push(ours);
        ratios.push(ours / below);
    }
    Ok((median(floors), median(gateways), median(ratios)))
}

fn health(release: &Path, table: &mut Table) -> Result<()> {
    let floor = Floor::hello()?;
    let home = Home::new(release, None)?;
    let (gateway, _) = home.start(release)?;
    let (below, ours, ratio) =
        beside(&Work::get(floor.address, "/"), &Work::get(gateway.address, "/api/v1/health"), 64)?;
    table.row(
        "GET /health, c=64, beside bare hyper",
        format!("{ours:.0}/s of {below:.0}/s: {:.0} %", ratio * 100.0),
        "≥ 85 %",
    );
    Ok(())
}

/// A provider, a proxy in front of it, a gateway in front of it.
struct Bench {
    _provider: Floor,
    proxy: Floor,
    _home: Home,
    gateway: Gateway,
}

impl Bench {
    fn new(release: &Path) -> Result<Self> {
        let provider = Floor::provider()?;
        let proxy = Floor::proxy(provider.address)?;
        let home = Home::new(release, Some(provider.address))?;
        let (gateway, _) = home.start(release)?;
        Ok(Self { _provider: provider, proxy, _home: home, gateway })
    }

    fn floor(&self, streamed: bool) -> Work {
        let body = if streamed { COMPLETION.replace("false", "true") } else { COMPLETION.to_owned() };
        Work::post(self.proxy.address, "/v1/chat/completions", "", &body, b"word")
    }

    fn message(&self, streamed: bool) -> Work {
        let accept = if streamed { "Accept: text/event-stream\r\n" } else { "" };
        let headers = format!("Authorization: Bearer {TOKEN}\r\n{accept}");
        Work::post(self.gateway.address, "/api/v1/message", &headers, MESSAGE, b"word")
    }
}

fn turns(release: &Path, table: &mut Table) -> Result<()> {
    let bench = Bench::new(release)?;
    let goals = [(1, ""), (8, "≥ 30 %"), (64, "≥ 50 %")];
    for (clients, goal) in goals {
        let (below, ours, ratio) = beside(&bench.floor(false), &bench.message(false), clients)?;
        table.row(
            format!("durable turns, c={clients}, beside bare proxy"),
            format!("{ours:.0}/s of {below:.0}/s: {:.0} %", ratio * 100.0),
            goal,
        );
    }
    let before = bench.gateway.processor()?;
    let outcome = drive(&bench.message(false), 8, TURN * 2)?;
    let spent = bench.gateway.processor()? - before;
    ensure!(outcome.count > 0, "no turns");
    table.row("processor time per turn", format!("{:.3} ms", spent * 1e3 / outcome.count as f64), "≤ 0.1 ms");
    table.row("RSS after these turns", format!("{:.1} MiB", bench.gateway.resident()?), "");
    Ok(())
}

fn streams(release: &Path, table: &mut Table) -> Result<()> {
    let bench = Bench::new(release)?;
    for clients in [8, 64] {
        let (below, ours, ratio) = beside(&bench.floor(true), &bench.message(true), clients)?;
        table.row(
            format!("streams, c={clients}, beside bare proxy"),
            format!("{ours:.0}/s of {below:.0}/s: {:.0} %", ratio * 100.0),
            "≥ 50 %",
        );
    }
    Ok(())
}

fn first_token(release: &Path, table: &mut Table) -> Result<()> {
    let bench = Bench::new(release)?;
    let mut added = Vec::new();
    for _ in 0..ROUNDS {
        let below = drive(&bench.floor(true), 1, TURN)?.first_token;
        let ours = drive(&bench.message(true), 1, TURN)?.first_token;
        added.push((ours - below) / 1e3);
    }
    table.row("added time to the first token, c=1", format!("{:.2} ms", median(added)), "≤ 0.3 ms");
    Ok(())
}

/// The memory's own instruments: appends per second, recovery, search.
fn log(release: &Path, table: &mut Table) -> Result<()> {
    for name in ["wal_bench", "store_bench"] {
        let example = release.join("examples").join(name);
        if !example.is_file() {
            table.row(name, "not built", "");
            continue;
        }
        let disk = tempfile::tempdir_in(release)?;
        let output = Command::new(example).env("TMPDIR", disk.path()).output()?;
        ensure!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        table.append(name, &String::from_utf8_lossy(&output.stdout));
    }
    Ok(())
}
