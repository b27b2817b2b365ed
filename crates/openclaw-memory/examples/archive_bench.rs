//! Measures archiving: `archive_bench [DIR] [TEXT]`. TEXT is a file of which every line becomes a record, again and again
//! (default: made-up text, which compresses better than people's). Prints one table: archiving in MB/s and how much is left,
//! one archived record's read, scanning, verifying and starting.

#![expect(clippy::print_stdout, reason = "a program whose output is its purpose")]

use std::{
    error::Error,
    hint::black_box,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use openclaw_core::Lsn;
use openclaw_memory::engine::{Pointer, RealFs, ReplayFrom, Wal, WalOptions};

/// Bytes of records, and the least number of them.
const BYTES: usize = 128 << 20;
const READS: usize = 4000;

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args_os().skip(1);
    let parent = arguments.next().map_or_else(std::env::temp_dir, Into::into);
    let lines = match arguments.next() {
        Some(path) => std::fs::read_to_string(path)?.lines().map(|line| line.as_bytes().to_vec()).collect(),
        None => made_up(),
    };
    let dir = parent.join(format!("archive-bench-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let done = measure(&dir, &lines);
    std::fs::remove_dir_all(&dir)?;
    done
}

fn made_up() -> Vec<Vec<u8>> {
    let words = [
        "memory", "天氣", "기억", "記憶", "tomorrow", "서울", "東京", "plan", "예약", "会議", "the", "of",
        "and",
    ];
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let mut line =
        || (0..20 + next() % 200).map(|_| words[next() % words.len()]).collect::<Vec<_>>().join(" ");
    (0..10_000).map(|_| line().into_bytes()).collect()
}

fn open(dir: &Path, replay: ReplayFrom) -> Result<Wal<()>, Failure> {
    let observer = Box::new(|_: &mut Vec<_>| {});
    let options = WalOptions { archive_dir: Some(dir.join("archive")), ..WalOptions::default() };
    Ok(Wal::open(Arc::new(RealFs), &dir.join("wal"), options, replay, &mut |_| {}, observer)?.0)
}

fn write(dir: &Path, lines: &[Vec<u8>]) -> Result<Vec<Pointer>, Failure> {
    let wal = open(dir, ReplayFrom::Beginning)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let (mut tickets, mut pointers) = (std::collections::VecDeque::new(), Vec::new());
        let mut bytes = 0;
        for line in lines.iter().cycle() {
            if bytes > BYTES {
                break;
            }
            bytes += line.len();
            // A user's message: kind, flags, the run's ULID, the text.
            let mut payload = vec![1, 0, 1, 0x93, 0, 0, 0, 0];
            payload.extend_from_slice(&(pointers.len() + tickets.len()).to_be_bytes());
            payload.extend_from_slice(&[0; 2]);
            payload.extend_from_slice(line);
            let slot = wal.reserve(payload.len()).await?;
            tickets.push_back(slot.append(payload, ()).map_err(|(error, ())| error)?);
            if tickets.len() > 1024
                && let Some(ticket) = tickets.pop_front()
            {
                pointers.push(ticket.await?);
            }
        }
        for ticket in tickets {
            pointers.push(ticket.await?);
        }
        wal.close().await;
        Ok(pointers)
    })
}

fn measure(dir: &Path, lines: &[Vec<u8>]) -> Result<(), Failure> {
    let pointers = write(dir, lines)?;
    let last = pointers.last().copied().ok_or("nothing was written")?;
    let wal = open(dir, ReplayFrom::After(last))?;
    let reader = wal.reader();
    let row = |name: &str, value: f64, unit: &str| println!("{name:<44}{value:>12.3} {unit}");
    row("records", pointers.len() as f64, "");
    let read_all = |name: &str| -> Result<(), Failure> {
        let sealed = reader.segments().iter().filter(|info| info.sealed).map(|info| info.lsns.end).max();
        let count = pointers.partition_point(|at| Some(at.lsn) < sealed);
        let mut times = Vec::with_capacity(READS);
        for n in 0..READS {
            let at = pointers.get(n * 7_919 % count).copied().ok_or("no record")?;
            let asked = Instant::now();
            black_box(reader.read(at)?);
            times.push(asked.elapsed());
        }
        times.sort_unstable();
        let at = |part: usize| times.get(times.len() * part / 1000).copied().unwrap_or(Duration::ZERO);
        row(&format!("read of one record {name}, p50"), at(500).as_secs_f64() * 1e3, "ms");
        row(&format!("read of one record {name}, p99"), at(990).as_secs_f64() * 1e3, "ms");
        let (started, mut bytes) = (Instant::now(), 0);
        let mut scan = reader.scan(Lsn(0)..Lsn(u64::MAX));
        while let Some(record) = scan.next_record()? {
            bytes += record.payload.map_or(0, <[u8]>::len);
        }
        row(&format!("scan {name}"), bytes as f64 / 1e6 / started.elapsed().as_secs_f64(), "MB/s");
        Ok(())
    };
    read_all("of a segment")?;
    let started = Instant::now();
    let chained = wal.extend_chain(&|| false)?;
    let bytes: u64 = reader.segments().iter().filter(|info| info.sealed).map(|info| info.bytes).sum();
    row("hash chain", bytes as f64 / 1e6 / started.elapsed().as_secs_f64(), "MB/s");
    let (started, mut before, mut after) = (Instant::now(), 0, 0);
    for info in reader.segments().iter().filter(|info| info.sealed) {
        let report = wal.archive(info.lsns.start)?;
        (before, after) = (before + report.bytes_before, after + report.bytes_after);
    }
    row("archiving", before as f64 / 1e6 / started.elapsed().as_secs_f64(), "MB/s");
    row("what is left of it", after as f64 / before as f64, "");
    read_all("of an archive")?;
    let gone: Vec<_> = pointers.iter().copied().filter(|at| at.lsn.0 < 50).collect();
    let started = Instant::now();
    wal.erase(&gone)?;
    row("erasing 49 records in one archive", started.elapsed().as_secs_f64() * 1e3, "ms");
    row("segments that the chain vouches for", chained.added as f64, "");
    drop(wal);
    let started = Instant::now();
    let report = openclaw_memory::verify(dir, &mut |_| {})?;
    if !report.is_sound() {
        return Err(format!("it does not verify: {:?}", report.problems.first()).into());
    }
    row("verify, archives", report.bytes as f64 / 1e6 / started.elapsed().as_secs_f64(), "MB/s");
    let started = Instant::now();
    drop(open(dir, ReplayFrom::After(last))?);
    row("start behind a checkpoint", started.elapsed().as_secs_f64() * 1e3, "ms");
    let started = Instant::now();
    drop(open(dir, ReplayFrom::Beginning)?);
    row("replay of everything", before as f64 / 1e6 / started.elapsed().as_secs_f64(), "MB/s");
    Ok(())
}
