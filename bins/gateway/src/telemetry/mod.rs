//! The gateway's own log: JSON lines in a rotated file, people's lines on a terminal, and reading it back.
//!
//! Whoever logs never waits: lines go through a bounded queue to one writer thread, and what does not fit is counted and
//! told. Every line passes the scrubber before it leaves the process.

mod file;
mod human;
mod layer;
mod reader;
mod scrub;
mod writer;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
};

use openclaw_core::{Secret, port::LogLevel};
use tracing_subscriber::layer::SubscriberExt as _;

pub(crate) use reader::LogFiles;
pub(crate) use scrub::Scrubber;
pub(crate) use writer::Screen;

/// The running log. Dropping it does not stop it; [`Telemetry::close`] does.
#[derive(Clone)]
pub(crate) struct Telemetry {
    level: Arc<AtomicU8>,
    quiet: Arc<AtomicBool>,
    scrubber: Arc<Scrubber>,
    queue: writer::Queue,
    path: PathBuf,
}

impl Telemetry {
    /// Opens the log and makes it the process's own.
    pub(crate) fn start(path: &Path, level: LogLevel, screen: Screen) -> io::Result<Self> {
        let telemetry = Self::open(path, level, screen)?;
        let subscriber = tracing_subscriber::registry().with(telemetry.layer());
        // Only a second log in one process fails here; the first one goes on.
        let _ = tracing::subscriber::set_global_default(subscriber);
        telemetry.log_panics();
        Ok(telemetry)
    }

    fn open(path: &Path, level: LogLevel, screen: Screen) -> io::Result<Self> {
        let scrubber = Arc::new(Scrubber::default());
        // What a start does is told by the banner; who asks for more than `info` gets all of it.
        let quiet = Arc::new(AtomicBool::new(level >= LogLevel::Info));
        let queue = writer::spawn(path, screen, Arc::clone(&quiet), Arc::clone(&scrubber))?;
        Ok(Self {
            level: Arc::new(AtomicU8::new(level as u8)),
            quiet,
            scrubber,
            queue,
            path: path.to_owned(),
        })
    }

    fn layer(&self) -> layer::LogLayer {
        layer::LogLayer { level: Arc::clone(&self.level), queue: self.queue.clone() }
    }

    /// Least grave level that is written from now on.
    pub(crate) fn set_level(&self, level: LogLevel) {
        if self.level.swap(level as u8, Ordering::Relaxed) != level as u8 {
            tracing::callsite::rebuild_interest_cache();
        }
    }

    /// From now on a person's screen shows every line, not the grave ones only. A file and a pipe always get every line.
    pub(crate) fn started(&self) {
        self.flush();
        self.quiet.store(false, Ordering::Relaxed);
    }

    /// Secrets that no line may show from now on, in addition to all earlier ones.
    pub(crate) fn hide<'s>(&self, secrets: impl IntoIterator<Item = &'s Secret>) {
        self.scrubber.add(secrets);
    }

    /// What reads the log back.
    pub(crate) fn files(&self) -> LogFiles {
        LogFiles::new(self.path.clone(), Some(self.queue.clone()))
    }

    /// Writes out what is queued, waiting at most a second.
    pub(crate) fn flush(&self) {
        self.queue.flush();
    }

    fn log_panics(&self) {
        let queue = self.queue.clone();
        std::panic::set_hook(Box::new(move |panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            let payload = panic.payload();
            let what = payload
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| payload.downcast_ref::<String>().cloned())
                .unwrap_or_default();
            tracing::error!(place, what, "a fault of the gateway: please report it");
            // The process may be about to end.
            queue.flush();
        }));
    }
}

/// The component that a tracing target belongs to, as the contract names it; `None`: not one of ours.
fn component(target: &str) -> Option<&'static str> {
    let krate = target.split("::").next().unwrap_or(target);
    match krate {
        "openclaw_memory" => Some("memory"),
        "openclaw_reasoning" => Some("reasoning"),
        "openclaw_skills" => Some("skills"),
        "openclaw_channels" => Some("channels"),
        "gateway" => Some("gateway"),
        _ if krate.starts_with("openclaw_") => Some("gateway"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
