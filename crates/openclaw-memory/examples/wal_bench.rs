//! Measures the log on the disk of a directory: `wal_bench [DIR]` (default: the system's temporary directory).
//! Prints one table: appends per second of 1 KiB with 1, 8 and 64 writers, recovery and scan in MB/s, and this disk's floor.

#![expect(clippy::print_stdout, reason = "a program whose output is its purpose")]

use std::{
    error::Error,
    fs::OpenOptions,
    hint::black_box,
    os::unix::fs::FileExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use openclaw_core::Lsn;
use openclaw_memory::engine::{RealFs, ReplayFrom, Wal, WalOptions};

const RECORD: usize = 1024;
const EACH: Duration = Duration::from_secs(3);
/// Bytes that recovery is measured with.
const RECOVER: usize = 256 << 20;

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let parent = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, Into::into);
    let dir = parent.join(format!("wal-bench-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let done = measure(&dir);
    std::fs::remove_dir_all(&dir)?;
    done
}

fn measure(dir: &Path) -> Result<(), Failure> {
    println!("{:<34}{:>14}", "log", "measured");
    let floor = sync_floor(dir)?;
    println!("{:<34}{:>11.3} ms", "write + fdatasync of 1 KiB, p50", floor.as_secs_f64() * 1e3);
    for writers in [1, 8, 64] {
        let (rate, p50) = appends(&dir.join(format!("w{writers}")), writers)?;
        let name = format!("appends/s, {writers} writers of 1 KiB");
        println!("{name:<34}{rate:>14.0}   p50 {:.3} ms", p50.as_secs_f64() * 1e3);
    }
    let (recovery, scan, start) = reading(&dir.join("big"))?;
    println!("{:<34}{recovery:>9.0} MB/s", "recovery (replay of everything)");
    println!("{:<34}{scan:>9.0} MB/s", "scan, one thread");
    println!("{:<34}{:>11.3} ms", "start behind a checkpoint", start.as_secs_f64() * 1e3);
    Ok(())
}

/// Median of what the disk itself takes, into space that is already there.
fn sync_floor(dir: &Path) -> Result<Duration, Failure> {
    let path = dir.join("floor");
    let file = OpenOptions::new().create(true).truncate(true).write(true).open(&path)?;
    file.write_all_at(&vec![0; 1 << 20], 0)?;
    file.sync_all()?;
    let mut times = Vec::new();
    for at in 0..300 {
        let started = Instant::now();
        file.write_all_at(&[7; RECORD], at * RECORD as u64)?;
        file.sync_data()?;
        times.push(started.elapsed());
    }
    Ok(median(&mut times))
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn open(dir: &Path, replay: ReplayFrom, visit: &mut dyn FnMut(&[u8])) -> Result<(Wal<()>, u64), Failure> {
    let (wal, report) = Wal::open(
        Arc::new(RealFs),
        dir,
        WalOptions::default(),
        replay,
        &mut |record| visit(record.payload.unwrap_or_default()),
        Box::new(|_| {}),
    )?;
    Ok((wal, report.bytes))
}

/// Appends per second, and the median time of one.
fn appends(dir: &Path, writers: usize) -> Result<(f64, Duration), Failure> {
    let (wal, _) = open(dir, ReplayFrom::Beginning, &mut |_| {})?;
    let wal = Arc::new(wal);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    let count = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let mut tasks = tokio::task::JoinSet::new();
    let started = Instant::now();
    for _ in 0..writers {
        let (wal, count, stop) = (Arc::clone(&wal), Arc::clone(&count), Arc::clone(&stop));
        let write = async move {
            let mut times = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let asked = Instant::now();
                wal.append(vec![0x61; RECORD], ()).await?;
                times.push(asked.elapsed());
                count.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, Failure>(times)
        };
        tasks.spawn_on(write, runtime.handle());
    }
    std::thread::sleep(EACH);
    let rate = count.load(Ordering::Relaxed) as f64 / started.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    let mut times = Vec::new();
    for result in runtime.block_on(tasks.join_all()) {
        times.extend(result?);
    }
    Ok((rate, median(&mut times)))
}

/// Replay and scan in MB/s, and how long a start takes that has nothing to replay.
fn reading(dir: &Path) -> Result<(f64, f64, Duration), Failure> {
    let (wal, _) = open(dir, ReplayFrom::Beginning, &mut |_| {})?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let last = runtime.block_on(async {
        let mut tickets = std::collections::VecDeque::new();
        for _ in 0..RECOVER / RECORD {
            tickets.push_back(
                wal.reserve(RECORD).await?.append(vec![0x62; RECORD], ()).map_err(|(error, ())| error)?,
            );
            if tickets.len() > 1024
                && let Some(ticket) = tickets.pop_front()
            {
                ticket.await?;
            }
        }
        let mut last = None;
        for ticket in tickets {
            last = Some(ticket.await?);
        }
        wal.close().await;
        last.ok_or_else(|| Failure::from("nothing was written"))
    })?;
    drop(wal);

    let started = Instant::now();
    let mut sum = 0u64;
    let (wal, bytes) = open(dir, ReplayFrom::Beginning, &mut |payload| sum += payload.len() as u64)?;
    let recovery = bytes as f64 / 1e6 / started.elapsed().as_secs_f64();
    let started = Instant::now();
    let mut scan = wal.reader().scan(Lsn(0)..Lsn(u64::MAX));
    while let Some(record) = scan.next_record()? {
        sum += record.payload.map_or(0, |payload| payload.len() as u64);
    }
    let scanned = bytes as f64 / 1e6 / started.elapsed().as_secs_f64();
    black_box(sum);
    drop(wal);
    let started = Instant::now();
    drop(open(dir, ReplayFrom::After(last), &mut |_| {})?);
    Ok((recovery, scanned, started.elapsed()))
}
