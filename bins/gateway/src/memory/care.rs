//! `gateway memory stats`, `history`, `compact`, `gc`, `verify` and `repair`.

use std::time::{Duration, Instant};

use hyper::Method;
use openclaw_memory::{CheckProgress, RepairReport, Unlock, VerifyReport};
use serde_json::{Value, json};

use super::{
    access::{Access, cannot_open},
    args::{Compact, Output},
    bar::Bar,
    show::{bytes, counted, json as print_json, minute, text},
};
use crate::{
    cli::Options,
    config::Environment,
    exit::{Exit, Stop},
    home::Home,
    output::{complain, deliver},
    run_file, settings,
    wire::unlock,
};

/// Time between two looks at how far a compaction is: each is a request that the rate limit counts.
const LOOK: Duration = Duration::from_secs(5);
/// Lost records that are listed.
const LISTED: usize = 50;

/// `gateway memory stats`.
pub(super) async fn stats(access: &Access, output: Output) -> Result<Exit, Stop> {
    let stats = access.json(Method::GET, "/memory/stats", None).await?;
    if output.json {
        print_json(&stats)?;
        return Ok(Exit::Ok);
    }
    let (wal, compacted, semantic) = (&stats["wal"], &stats["compacted"], &stats["semantic"]);
    let entries = counted(wal["entries"].as_u64().unwrap_or_default(), "entry", "entries");
    let files = counted(compacted["files"].as_u64().unwrap_or_default(), "file", "files");
    let mut told = format!(
        "Log        {entries}, {} MB, since {}\nMarkdown   {files}, {} MB, last compaction {}\n",
        text(&wal["size_mb"]),
        minute(&wal["oldest_entry"]),
        text(&compacted["size_mb"]),
        minute(&compacted["last_compaction"]),
    );
    told.push_str(&match semantic {
        Value::Null => "Meaning    no model: search is by words\n".to_owned(),
        semantic => format!(
            "Meaning    {} vectors, {} records wait for theirs\n",
            text(&semantic["vectors"]),
            text(&semantic["backlog"])
        ),
    });
    told.push_str(&format!("Together   {} MB\n", text(&stats["total_size_mb"])));
    deliver(&told)?;
    Ok(Exit::Ok)
}

/// `gateway memory history`.
pub(super) async fn history(access: &Access, limit: u16, output: Output) -> Result<Exit, Stop> {
    let history = access.json(Method::GET, &format!("/memory/history?limit={limit}"), None).await?;
    if output.json {
        print_json(&history)?;
        return Ok(Exit::Ok);
    }
    let mut told = String::new();
    let running = &history["running"];
    if !running.is_null() {
        let (done, all) = (text(&running["segments_done"]), text(&running["segments"]));
        told.push_str(&format!("under way: {done} of {all} segments\n"));
    }
    for report in history["compactions"].as_array().into_iter().flatten() {
        told.push_str(&format!("{}  {}\n", minute(&report["started_at"]), compacted(report)));
    }
    if told.is_empty() {
        told.push_str("nothing was compacted yet; gateway memory compact does it\n");
    }
    deliver(&told)?;
    Ok(Exit::Ok)
}

/// A compaction in a line.
fn compacted(report: &Value) -> String {
    let number = |field: &str| report[field].as_u64().unwrap_or_default();
    let freed = number("wal_bytes_before").saturating_sub(number("wal_bytes_after"));
    format!(
        "{} of {}: {} added, {} superseded, {} refused; {} freed, {} ms ({})",
        counted(number("segments"), "segment", "segments"),
        counted(number("messages"), "message", "messages"),
        counted(number("added"), "line", "lines"),
        number("superseded"),
        number("rejected"),
        bytes(freed),
        number("took_ms"),
        text(&report["method"]),
    )
}

/// `gateway memory compact`.
pub(super) async fn compact(access: &Access, compact: &Compact) -> Result<Exit, Stop> {
    let body = json!({"offline": compact.offline, "dry_run": compact.dry_run, "everything": compact.everything, "wait": true});
    let mut bar = Bar::new();
    let work = access.json(Method::POST, "/memory/compact", Some(&body));
    let watch = async {
        while bar.is_seen() {
            tokio::time::sleep(LOOK).await;
            // A look that fails is no reason to stop the work.
            let Ok(history) = access.json(Method::GET, "/memory/history?limit=1", None).await else {
                continue;
            };
            let running = &history["running"];
            let number = |field: &str| running[field].as_u64().unwrap_or_default();
            let (done, all) = (number("segments_done"), number("segments"));
            bar.show(done, all, &format!("{done} of {}", counted(all, "segment", "segments")));
        }
        std::future::pending::<()>().await;
    };
    let report = tokio::select! {
        report = work => report,
        () = watch => return Ok(Exit::Ok),
        _ = tokio::signal::ctrl_c() => {
            let where_to = match access {
                Access::Gateway(_) => "the gateway goes on with it; gateway memory history tells how it ends",
                Access::Here { .. } => "stopped; the next compaction does again what was not finished",
            };
            return Err(Stop::new(Exit::Interrupted, where_to));
        }
    };
    bar.end();
    let report = report?;
    if compact.output.json {
        print_json(&report)?;
        return Ok(Exit::Ok);
    }
    let mut told = String::new();
    if report["segments"] == 0 {
        told.push_str("nothing to compact: every part of the log that is complete has been\n");
    } else {
        let would = if report["dry_run"] == true { "would be: " } else { "" };
        told.push_str(&format!("{would}{}\n", compacted(&report)));
    }
    for file in report["files"].as_array().into_iter().flatten() {
        told.push_str(&format!("  {}\n", text(file)));
    }
    deliver(&told)?;
    Ok(Exit::Ok)
}

/// `gateway memory gc`.
pub(super) async fn collect_garbage(access: &Access, output: Output) -> Result<Exit, Stop> {
    let gone = access.json(Method::POST, "/memory/gc", None).await?;
    if output.json {
        print_json(&gone)?;
        return Ok(Exit::Ok);
    }
    let number = |field: &str| gone[field].as_u64().unwrap_or_default();
    deliver(&format!(
        "{} and {} removed, {} freed\n",
        counted(number("expired_entries"), "entry", "entries"),
        counted(number("expired_conversations"), "conversation", "conversations"),
        bytes(number("bytes"))
    ))?;
    Ok(Exit::Ok)
}

/// `gateway memory verify`, asked of the gateway.
pub(super) async fn verify(access: &Access, output: Output) -> Result<Exit, Stop> {
    let found = access.json(Method::POST, "/memory/verify", None).await?;
    tell_verified(&found, output)
}

/// The same where no gateway runs: the files are looked at as they lie, however damaged they are.
pub(super) fn verify_closed(
    options: &Options,
    environment: &Environment,
    output: Output,
) -> Result<Exit, Stop> {
    let home = settings::home(options, environment)?;
    let key = Key::find(&home, options, environment);
    let began = Instant::now();
    let mut bar = Bar::new();
    let report = openclaw_memory::verify_with(&home.memory(), key.unlock.as_ref(), &mut |progress| {
        draw(&mut bar, progress);
    });
    bar.end();
    let report = report.map_err(|error| cannot_open(&home, &error))?;
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let told = tell_verified(&verified(&report, took_ms), output)?;
    key.opened(&report).map(|()| told)
}

/// What opens the memory of a command that works on the files themselves. A configuration that can't be read is no reason not to
/// look at a memory that needs no key.
struct Key {
    unlock: Option<Unlock>,
    mistake: Option<Stop>,
}

impl Key {
    fn find(home: &Home, options: &Options, environment: &Environment) -> Self {
        match settings::load(&settings::loader(home, options, environment)) {
            Ok(loaded) => Self { unlock: unlock(home, &loaded.config.memory), mistake: None },
            Err(mistake) => Self { unlock: None, mistake: Some(mistake) },
        }
    }

    /// Says so when records stayed closed: then nobody has looked at what they hold.
    fn opened(self, report: &VerifyReport) -> Result<(), Stop> {
        if report.locked == 0 {
            return Ok(());
        }
        let what = format!(
            "{} encrypted and not opened: only checksums and chain were checked of them",
            if report.locked == 1 {
                "1 record is".to_owned()
            } else {
                format!("{} records are", report.locked)
            },
        );
        Err(match (self.mistake, self.unlock) {
            (Some(mistake), _) => Stop { message: format!("{what}\n{}", mistake.message), ..mistake },
            (None, None) => Stop::new(
                Exit::Config,
                format!("{what}; set memory.encryption and give the key they were written with"),
            ),
            (None, Some(_)) => Stop::new(
                Exit::Config,
                format!("{what}; the memory's keyring is missing: put it back from a copy"),
            ),
        })
    }
}

fn draw(bar: &mut Bar, progress: CheckProgress) {
    bar.show(progress.bytes_done, progress.bytes_total, &counted(progress.records, "record", "records"));
}

/// A report as the API would tell it.
fn verified(report: &VerifyReport, took_ms: u64) -> Value {
    let mut problems: Vec<String> =
        report.problems.iter().map(|problem| format!("{problem}: {}", problem.kind.advice())).collect();
    if report.more_problems > 0 {
        problems.push(format!("and {} more", report.more_problems));
    }
    let mut told = json!({"sound": report.is_sound(), "records": report.records, "bytes": report.bytes, "problems": problems, "took_ms": took_ms});
    if report.locked > 0 {
        told["locked"] = report.locked.into();
    }
    told
}

fn tell_verified(found: &Value, output: Output) -> Result<Exit, Stop> {
    let sound = found["sound"] == true;
    if output.json {
        print_json(found)?;
    } else {
        let mut told = String::new();
        for problem in found["problems"].as_array().into_iter().flatten() {
            told.push_str(&format!("{}\n", text(problem)));
        }
        let number = |field: &str| found[field].as_u64().unwrap_or_default();
        told.push_str(&format!(
            "{}: {} ({}) checked in {} ms\n",
            if sound { "sound" } else { "not sound" },
            counted(number("records"), "record", "records"),
            bytes(number("bytes")),
            number("took_ms")
        ));
        deliver(&told)?;
    }
    Ok(if sound { Exit::Ok } else { Exit::Failure })
}

/// `gateway memory repair`.
pub(super) fn repair(options: &Options, environment: &Environment, output: Output) -> Result<Exit, Stop> {
    let home = settings::home(options, environment)?;
    if let Some(running) = run_file::running(&home) {
        let what = format!("a gateway (process {}) uses the memory; stop it, then repair", running.pid);
        return Err(Stop::new(Exit::InUse, what));
    }
    if !home.memory().is_dir() {
        return Err(Stop::new(Exit::Failure, format!("there is no memory in {}", home.root().display())));
    }
    let key = Key::find(&home, options, environment);
    let mut bar = Bar::new();
    let report = openclaw_memory::repair_with(&home.memory(), key.unlock.as_ref(), &mut |progress| {
        draw(&mut bar, progress);
    });
    bar.end();
    let report = report.map_err(|error| cannot_open(&home, &error))?;
    if output.json {
        print_json(&repaired(&report))?;
    } else {
        deliver(&told_repair(&report))?;
    }
    key.opened(&report.after)?;
    if report.after.is_sound() {
        return Ok(Exit::Ok);
    }
    complain("some of it could not be put in order: gateway memory verify says what is left");
    Ok(Exit::Failure)
}

fn repaired(report: &RepairReport) -> Value {
    let paths = |paths: &[std::path::PathBuf]| -> Vec<String> {
        paths.iter().map(|path| path.display().to_string()).collect()
    };
    let lost: Vec<Value> = report
        .lost_records
        .iter()
        .map(|lost| json!({"record": lost.lsn.0, "conversation_id": lost.conversation, "run": lost.run}))
        .collect();
    json!({
        "sound": report.after.is_sound(),
        "found": report.found.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "set_aside": paths(&report.set_aside),
        "rewritten": paths(&report.rewritten),
        "kept": report.after.records,
        "lost": report.lost_count(),
        "lost_records": lost,
        "index_removed": report.index_removed,
    })
}

fn told_repair(report: &RepairReport) -> String {
    if report.found.is_empty() {
        return format!(
            "sound: {}; nothing was changed\n",
            counted(report.after.records, "record", "records")
        );
    }
    let mut told = String::new();
    for problem in &report.found {
        told.push_str(&format!("found      {problem}\n"));
    }
    for path in &report.set_aside {
        told.push_str(&format!("set aside  {}\n", path.display()));
    }
    for lost in report.lost_records.iter().take(LISTED) {
        let of = lost.conversation.as_ref().map(|id| format!(" of conversation {id}")).unwrap_or_default();
        told.push_str(&format!("lost       record {}{of}\n", lost.lsn.0));
    }
    if report.lost_records.len() > LISTED {
        told.push_str("lost       … (all of them: --json)\n");
    }
    if report.index_removed {
        told.push_str("the index was removed; the next start builds it anew\n");
    }
    told.push_str(&format!(
        "{} kept, {} lost\n",
        counted(report.after.records, "record", "records"),
        report.lost_count()
    ));
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compaction_is_a_line() {
        let report = json!({"segments": 2, "messages": 1, "added": 3, "superseded": 1, "rejected": 0,
            "wal_bytes_before": 3_000_000, "wal_bytes_after": 1_000_000, "took_ms": 40, "method": "extractive"});
        assert_eq!(
            compacted(&report),
            "2 segments of 1 message: 3 lines added, 1 superseded, 0 refused; 2.0 MB freed, 40 ms (extractive)"
        );
    }

    #[test]
    fn a_sound_memory_is_said_to_be_so() {
        let report = VerifyReport { records: 3, ..VerifyReport::default() };
        assert_eq!(
            verified(&report, 5),
            json!({"sound": true, "records": 3, "bytes": 0, "problems": [], "took_ms": 5})
        );
        let repair = RepairReport { after: report, ..RepairReport::default() };
        assert_eq!(told_repair(&repair), "sound: 3 records; nothing was changed\n");
        assert_eq!((&repaired(&repair)["kept"], &repaired(&repair)["sound"]), (&json!(3), &json!(true)));
    }
}
