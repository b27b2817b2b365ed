//! The thread that writes.

use std::{
    io::{self, Write as _},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::Duration,
};

use openclaw_core::{
    Timestamp,
    port::{LogLevel, LogLine},
};

use super::{
    file::{LogFile, MAX_BYTES},
    human,
    scrub::Scrubber,
};

/// Lines that wait to be written; more are dropped and counted.
const QUEUED_LINES: usize = 4096;
/// Bytes that are written at once.
const BATCH_BYTES: usize = 64 * 1024;
/// Most time that a flush waits for the writer.
const FLUSH_PATIENCE: Duration = Duration::from_secs(1);

/// What standard error shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Screen {
    /// Lines for people.
    Human {
        /// Whether levels are coloured.
        colour: bool,
    },
    /// JSON lines.
    Json,
    /// Nothing.
    #[cfg(test)]
    Off,
}

enum Job {
    Line(Box<LogLine>),
    Flush(SyncSender<()>),
}

/// The way to the writer. Cloning is cheap.
#[derive(Clone)]
pub(super) struct Queue {
    tx: SyncSender<Job>,
    dropped: Arc<AtomicU64>,
}

impl Queue {
    pub(super) fn push(&self, line: LogLine) {
        if self.tx.try_send(Job::Line(Box::new(line))).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn flush(&self) {
        let (done_tx, done_rx) = sync_channel(1);
        if self.tx.try_send(Job::Flush(done_tx)).is_ok() {
            // Either it is written or the time is up: both end the wait.
            let _ = done_rx.recv_timeout(FLUSH_PATIENCE);
        }
    }
}

/// `quiet`: while it is true, a person's screen shows what is grave only.
pub(super) fn spawn(
    path: &Path,
    screen: Screen,
    quiet: Arc<AtomicBool>,
    scrubber: Arc<Scrubber>,
) -> io::Result<Queue> {
    let file = LogFile::open(path, MAX_BYTES)?;
    let (tx, rx) = sync_channel(QUEUED_LINES);
    let dropped = Arc::new(AtomicU64::new(0));
    let mut writer = Writer {
        file,
        screen,
        quiet,
        scrubber,
        dropped: Arc::clone(&dropped),
        lines: Vec::new(),
        shown: Vec::new(),
        lost: 0,
    };
    // Ends when the last queue is dropped; at the process's end nobody waits for it, `flush` did.
    std::thread::Builder::new()
        .name("log".to_owned())
        .stack_size(256 * 1024)
        .spawn(move || writer.run(&rx))?;
    Ok(Queue { tx, dropped })
}

struct Writer {
    file: LogFile,
    screen: Screen,
    quiet: Arc<AtomicBool>,
    scrubber: Arc<Scrubber>,
    dropped: Arc<AtomicU64>,
    /// Lines for the file, not written yet.
    lines: Vec<u8>,
    /// Lines for the screen, not written yet.
    shown: Vec<u8>,
    /// Lines that the file did not take.
    lost: u64,
}

impl Writer {
    fn run(&mut self, rx: &Receiver<Job>) {
        while let Ok(first) = rx.recv() {
            let mut waiting = Vec::new();
            let mut next = Some(first);
            while let Some(job) = next {
                match job {
                    Job::Line(line) => self.add(*line),
                    Job::Flush(done) => waiting.push(done),
                }
                next = if self.lines.len() < BATCH_BYTES { rx.try_recv().ok() } else { None };
            }
            let dropped = self.dropped.swap(0, Ordering::Relaxed);
            if dropped > 0 {
                self.add(notice(format!(
                    "{dropped} log lines were dropped: they came faster than they could be written"
                )));
            }
            self.write();
            for done in waiting {
                // Whoever gave up waiting is not missed.
                let _ = done.try_send(());
            }
        }
    }

    fn add(&mut self, mut line: LogLine) {
        self.scrubber.line(&mut line);
        let start = self.lines.len();
        if serde_json::to_writer(&mut self.lines, &line).is_err() {
            self.lines.truncate(start);
            return;
        }
        self.lines.push(b'\n');
        match self.screen {
            Screen::Human { .. } if line.level < LogLevel::Warn && self.quiet.load(Ordering::Relaxed) => {}
            Screen::Human { colour } => self.shown.extend_from_slice(human::line(&line, colour).as_bytes()),
            Screen::Json => self.shown.extend_from_slice(&self.lines[start..]),
            #[cfg(test)]
            Screen::Off => {}
        }
    }

    fn write(&mut self) {
        // A closed terminal must not stop the gateway.
        let _ = io::stderr().lock().write_all(&self.shown);
        self.shown.clear();
        if self.lost > 0 {
            let lost = self.lost;
            let mut told = serde_json::to_vec(&notice(format!("{lost} log lines could not be written")))
                .unwrap_or_default();
            told.push(b'\n');
            if self.file.append(&told).is_ok() {
                self.lost = 0;
            }
        }
        if self.file.append(&self.lines).is_err() {
            self.lost += self.lines.iter().filter(|byte| **byte == b'\n').count() as u64;
        }
        self.lines.clear();
        self.lines.shrink_to(BATCH_BYTES);
    }
}

fn notice(message: String) -> LogLine {
    LogLine {
        timestamp: Timestamp::now(),
        level: LogLevel::Warn,
        component: "gateway".to_owned(),
        message,
        fields: serde_json::Map::new(),
    }
}
