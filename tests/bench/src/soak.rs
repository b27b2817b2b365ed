//! A soak: every kind of work at once, at full speed, for minutes; memory and files must stay where they are, and everything
//! that was acknowledged must be there at the end, after a kill and a start.
//!
//! `OPENCLAW_SOAK_SECONDS=N cargo xtask bench soak`; 600 unless said. `OPENCLAW_SOAK_WITHOUT=search,remember,erase,compact`
//! leaves kinds of work out, to find which of them something comes from.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};
use hyper::StatusCode;
use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    api::Api,
    floor::Floor,
    gateway::{Gateway, Home, files},
    table::Table,
};

const SECONDS: &str = "OPENCLAW_SOAK_SECONDS";
const WITHOUT: &str = "OPENCLAW_SOAK_WITHOUT";
/// Turns of a conversation before its writer begins another.
const TURNS: usize = 40;
const WRITERS: usize = 6;
/// What must be in no file when its conversation was deleted.
const CANARY: &str = "kanarienvogel";

/// What was acknowledged, and what was seen.
#[derive(Default)]
struct Seen {
    /// Conversations with how many turns each has.
    turns: Mutex<BTreeMap<String, usize>>,
    remembered: Mutex<BTreeSet<String>>,
    forgotten: Mutex<BTreeSet<String>>,
    done: AtomicU64,
    searches: AtomicU64,
    missed: AtomicU64,
    erased: AtomicU64,
    compactions: AtomicU64,
}

fn lock<T>(what: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Resident memory in MiB, open files, and files of the memory.
#[derive(Clone, Copy)]
struct Sample {
    resident: f64,
    descriptors: usize,
    files: usize,
}

impl Sample {
    fn take(gateway: &Gateway, home: &Home) -> Result<Self> {
        let (resident, descriptors) = (gateway.resident()?, gateway.descriptors()?);
        Ok(Self { resident, descriptors, files: files(&home.memory()).len() })
    }
}

/// Measures.
pub(crate) fn soak(release: &Path, table: &mut Table) -> Result<()> {
    let seconds = std::env::var(SECONDS).ok().and_then(|text| text.parse().ok()).unwrap_or(600);
    let provider = Floor::provider()?;
    let home = Home::new(release, Some(provider.address))?;
    let (gateway, _) = home.start(release)?;
    let seen = Arc::new(Seen::default());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let samples = runtime.block_on(load(&gateway, &home, &seen, Duration::from_secs(seconds)))?;
    let began = Instant::now();
    // A kill, not a farewell: what was acknowledged is on the disk.
    drop(gateway);
    let (gateway, started) = home.start(release)?;
    let api = Api::new(gateway.address)?;
    let lost = runtime.block_on(compare(&api, &seen))?;
    drop(gateway);
    let sound = Command::new(release.join("gateway"))
        .args(["memory", "verify"])
        .env("OPENCLAW_HOME", home.path())
        .output()?;
    let canaries = canaries(home.path())?;
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    table.row(
        format!("soak, {seconds} s: turns, searches, erasures, compactions"),
        format!(
            "{}, {}, {}, {}",
            count(&seen.done),
            count(&seen.searches),
            count(&seen.erased),
            count(&seen.compactions)
        ),
        "",
    );
    table.row("soak: lost after a kill", lost.to_string(), "0");
    table.row("soak: searches that missed what was just said", count(&seen.missed).to_string(), "0");
    table.row("soak: files that hold what was deleted", canaries.to_string(), "0");
    table.row("soak: verify", if sound.status.success() { "sound" } else { "NOT SOUND" }, "sound");
    if !sound.status.success() {
        table.append("verify", &String::from_utf8_lossy(&sound.stdout));
    }
    let at = |part: usize| samples[(samples.len() - 1) * part / 4];
    let row = |what: fn(Sample) -> String| (1..=4).map(|part| what(at(part))).collect::<Vec<_>>().join(", ");
    table.row("soak: RSS at ¼, ½, ¾, end", row(|at| format!("{:.1}", at.resident)) + " MiB", "flat");
    table.row("soak: open files at ¼, ½, ¾, end", row(|at| at.descriptors.to_string()), "flat");
    table.row("soak: files of the memory at ¼, ½, ¾, end", row(|at| at.files.to_string()), "");
    table.row(
        "soak: start after the kill, comparing everything",
        format!("{:.0} ms, {:.0} s", started.as_secs_f64() * 1e3, began.elapsed().as_secs_f64()),
        "",
    );
    Ok(())
}

async fn load(gateway: &Gateway, home: &Home, seen: &Arc<Seen>, time: Duration) -> Result<Vec<Sample>> {
    let until = Instant::now() + time;
    let without = std::env::var(WITHOUT).unwrap_or_default();
    let with = |kind| !without.split(',').any(|left_out| left_out == kind);
    let mut work = JoinSet::new();
    for writer in 0..WRITERS {
        work.spawn(write(Api::new(gateway.address)?, Arc::clone(seen), writer, with("search"), until));
    }
    if with("remember") {
        work.spawn(remember(Api::new(gateway.address)?, Arc::clone(seen), until));
    }
    if with("erase") {
        work.spawn(erase(Api::new(gateway.address)?, Arc::clone(seen), until));
    }
    if with("compact") {
        work.spawn(compact(Api::new(gateway.address)?, Arc::clone(seen), until));
    }
    let mut samples = vec![Sample::take(gateway, home)?];
    while Instant::now() < until {
        tokio::time::sleep(time / 60).await;
        samples.push(Sample::take(gateway, home)?);
        while let Some(ended) = work.try_join_next() {
            ended??;
        }
    }
    while let Some(ended) = work.join_next().await {
        ended??;
    }
    Ok(samples)
}

/// One conversation after the other; now and then what was just said is searched for.
async fn write(api: Api, seen: Arc<Seen>, writer: usize, search: bool, until: Instant) -> Result<()> {
    for number in 0.. {
        let conversation = format!("soak-{writer}-{number}");
        for turn in 0..TURNS {
            if Instant::now() >= until {
                return Ok(());
            }
            let word = format!("w{writer}n{number}t{turn}x");
            let text = format!("{word}: 內容 {turn} 오늘 otters and the sea, please answer");
            let body = json!({"channel": "api", "message": text, "conversation_id": conversation});
            api.expect(StatusCode::OK, "POST", "/message", Some(body)).await?;
            *lock(&seen.turns).entry(conversation.clone()).or_default() += 1;
            seen.done.fetch_add(1, Ordering::Relaxed);
            if search && turn % 10 == 9 {
                let body = json!({"query": word, "limit": 3});
                let found = api.expect(StatusCode::OK, "POST", "/memory/search", Some(body)).await?;
                let hit = found["results"].as_array().is_some_and(|results| {
                    results.iter().any(|hit| hit["content"].as_str().is_some_and(|text| text.contains(&word)))
                });
                seen.searches.fetch_add(1, Ordering::Relaxed);
                seen.missed.fetch_add(u64::from(!hit), Ordering::Relaxed);
            }
        }
    }
    Ok(())
}

/// Remembers things, and forgets every other one.
async fn remember(api: Api, seen: Arc<Seen>, until: Instant) -> Result<()> {
    for number in 0.. {
        if Instant::now() >= until {
            break;
        }
        let body = json!({"kind": "fact", "content": format!("Fact {number} about otter {number}"), "tags": ["soak"]});
        let entry = api.expect(StatusCode::CREATED, "POST", "/memory/entries", Some(body)).await?;
        let id = entry["id"].as_str().unwrap_or_default().to_owned();
        if number % 2 == 0 {
            api.expect(StatusCode::OK, "DELETE", &format!("/memory/entries/{id}"), None).await?;
            lock(&seen.forgotten).insert(id);
        } else {
            lock(&seen.remembered).insert(id);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Says something, deletes its conversation, and looks whether it is found.
async fn erase(api: Api, seen: Arc<Seen>, until: Instant) -> Result<()> {
    for number in 0.. {
        if Instant::now() >= until {
            break;
        }
        let (conversation, word) = (format!("gone-{number}"), format!("{CANARY}{number}x"));
        let body =
            json!({"channel": "api", "message": format!("secret {word}"), "conversation_id": conversation});
        api.expect(StatusCode::OK, "POST", "/message", Some(body)).await?;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let path = format!("/conversations/{conversation}");
        api.expect(StatusCode::OK, "DELETE", &path, None).await?;
        let body = json!({"query": word, "limit": 5});
        let found = api.expect(StatusCode::OK, "POST", "/memory/search", Some(body)).await?;
        if found.to_string().contains(&format!("secret {word}")) {
            bail!("{word} is found although its conversation was deleted");
        }
        seen.erased.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

async fn compact(api: Api, seen: Arc<Seen>, until: Instant) -> Result<()> {
    while Instant::now() < until {
        tokio::time::sleep(Duration::from_secs(20).min(until.saturating_duration_since(Instant::now())))
            .await;
        let (status, answer) = api.call("POST", "/memory/compact", Some(json!({"wait": true}))).await?;
        ensure!(status == StatusCode::OK || status == StatusCode::CONFLICT, "{status}: {answer}");
        seen.compactions.fetch_add(u64::from(status == StatusCode::OK), Ordering::Relaxed);
    }
    Ok(())
}

/// How much of what was acknowledged is not there, or is there twice, or is there although it was deleted.
async fn compare(api: &Api, seen: &Seen) -> Result<usize> {
    let mut wrong = 0;
    let turns = lock(&seen.turns).clone();
    for (conversation, turns) in turns {
        let view = api.expect(StatusCode::OK, "GET", &format!("/conversations/{conversation}"), None).await?;
        let said: Vec<_> = view["messages"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|message| message["role"] == "user")
            .filter_map(|message| message["content"].as_str())
            .filter_map(|text| text.split(':').next()?.rsplit('t').next()?.trim_end_matches('x').parse().ok())
            .collect();
        let expected: Vec<usize> = (0..turns).collect();
        // The turn that was under way at the end may be there without having been acknowledged.
        wrong += usize::from(!said.starts_with(&expected) || said.len() > turns + 1);
    }
    let (remembered, forgotten) = (lock(&seen.remembered).clone(), lock(&seen.forgotten).clone());
    for (ids, status) in [(remembered, StatusCode::OK), (forgotten, StatusCode::NOT_FOUND)] {
        for id in ids {
            let (found, _) = api.call("GET", &format!("/memory/entries/{id}"), None).await?;
            wrong += usize::from(found != status);
        }
    }
    Ok(wrong)
}

fn canaries(dir: &Path) -> Result<usize> {
    let mut found = 0;
    for path in files(dir) {
        let bytes = std::fs::read(&path)?;
        let needle = CANARY.as_bytes();
        found += usize::from(bytes.windows(needle.len()).any(|window| window == needle));
    }
    Ok(found)
}
