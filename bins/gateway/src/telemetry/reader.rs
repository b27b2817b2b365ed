//! Reading the log back, over rotations and restarts.

use std::{
    borrow::Cow, collections::HashSet, fs::File, io, os::unix::fs::MetadataExt as _, path::PathBuf,
    time::Duration,
};

use async_trait::async_trait;
use openclaw_core::{
    Timestamp,
    port::{LogFilter, LogLevel, LogLine, LogPage, LogPort},
};
use serde::Deserialize;

use super::{
    file::{FILES, aged, backwards},
    writer::Queue,
};

/// Lines of several threads may stand in the file in another order than their times: so much is reckoned with.
const DISORDER: Duration = Duration::from_secs(5);

/// The log's files.
#[derive(Clone)]
pub(crate) struct LogFiles {
    path: PathBuf,
    queue: Option<Queue>,
}

impl LogFiles {
    /// `queue`: what to flush first, when this process writes the log.
    pub(super) fn new(path: PathBuf, queue: Option<Queue>) -> Self {
        Self { path, queue }
    }

    /// The log of another process, or of none.
    pub(crate) fn of(path: PathBuf) -> Self {
        Self::new(path, None)
    }

    fn read_now(&self, filter: &LogFilter) -> io::Result<LogPage> {
        if let Some(queue) = &self.queue {
            queue.flush();
        }
        let mut found: Vec<LogLine> = Vec::new();
        let mut total = 0;
        for mut file in self.open()? {
            let more = backwards(&mut file, |line| {
                // What can't be read (a torn line) is no line.
                let Ok(head) = serde_json::from_slice::<Head<'_>>(line) else { return true };
                if let (Some(since), Ok(time)) = (filter.since, head.timestamp.parse::<Timestamp>())
                    && time < since
                {
                    return time.saturating_add(DISORDER) >= since;
                }
                let wanted = filter.component.as_ref().is_none_or(|wanted| *wanted == head.component);
                if head.level < filter.level || !wanted {
                    return true;
                }
                total += 1;
                if found.len() < filter.lines
                    && let Ok(line) = serde_json::from_slice(line)
                {
                    found.push(line);
                }
                true
            })?;
            if !more {
                break;
            }
        }
        found.reverse();
        Ok(LogPage { lines: found, total })
    }

    /// The files, newest first. A rotation in between shows a file twice, which is noticed, rather than not at all.
    fn open(&self) -> io::Result<Vec<File>> {
        let mut seen = HashSet::new();
        let mut files = Vec::with_capacity(FILES);
        for age in 0..=FILES {
            match File::open(aged(&self.path, age)) {
                Ok(file) => {
                    let metadata = file.metadata()?;
                    if seen.insert((metadata.dev(), metadata.ino())) {
                        files.push(file);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(files)
    }
}

/// What decides about a line; the rest is skipped without being kept.
#[derive(Deserialize)]
struct Head<'l> {
    #[serde(borrow)]
    timestamp: Cow<'l, str>,
    level: LogLevel,
    #[serde(borrow)]
    component: Cow<'l, str>,
}

#[async_trait]
impl LogPort for LogFiles {
    async fn read(&self, filter: LogFilter) -> io::Result<LogPage> {
        let files = self.clone();
        tokio::task::spawn_blocking(move || files.read_now(&filter)).await.map_err(io::Error::other)?
    }
}
