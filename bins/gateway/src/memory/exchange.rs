//! `gateway memory import` and `gateway memory export`.

use std::{
    fs::OpenOptions,
    future::pending,
    io::{self, IsTerminal as _, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use hyper::Method;
use openclaw_core::{ErrorCode, ForeignNote, limits};
use openclaw_http::exchange::{Line, write_entry, write_line};
use serde_json::json;

use super::{
    access::{Access, AskError},
    bar::Bar,
    import::{ImportError, STANDARD, open},
    show::counted,
};
use crate::{
    exit::{Exit, Stop},
    output::{complain, harmless, line},
};

/// Lines of one page of an export.
const PAGE: usize = 1000;
const LINES: &str = "application/x-ndjson";

/// What was done so far.
#[derive(Default)]
struct Done {
    imported: u64,
    skipped: u64,
}

/// Why an import stops.
enum Halt {
    /// The same would stop it again: what is in the file, or that it can't be read.
    File(Stop),
    /// What else may happen.
    Passing(Stop),
}

impl From<ImportError> for Halt {
    fn from(error: ImportError) -> Self {
        Self::File(Stop::because(Exit::Failure, &error))
    }
}

/// `gateway memory import`.
pub(super) async fn import(access: &Access, files: &[PathBuf]) -> Result<Exit, Stop> {
    let mut done = Done::default();
    let mut bar = Bar::new();
    let ended = tokio::select! {
        ended = import_all(access, files, &mut done, &mut bar) => ended,
        () = interrupted(files) => Err(Halt::Passing(Stop::new(Exit::Interrupted, "stopped"))),
    };
    bar.end();
    let Done { imported, skipped } = done;
    let told = format!("{} imported, {skipped} there already", counted(imported, "entry", "entries"));
    let (stop, rest) = match ended {
        Ok(()) => {
            line(&told);
            return Ok(Exit::Ok);
        }
        Err(Halt::Passing(stop)) => {
            (stop, "; the same command goes on: what is there already is passed over")
        }
        Err(Halt::File(stop)) => (stop, ""),
    };
    let message = format!("{}\n{told}{rest}", stop.message);
    Err(Stop { message, ..stop })
}

/// Resolves at Ctrl-C. While standard input is waited for nobody would see that: then the signal ends the process by itself, which
/// leaves what was taken in.
async fn interrupted(files: &[PathBuf]) {
    if files.iter().any(|file| file.as_os_str() == STANDARD) || tokio::signal::ctrl_c().await.is_err() {
        pending().await
    }
}

async fn import_all(access: &Access, files: &[PathBuf], done: &mut Done, bar: &mut Bar) -> Result<(), Halt> {
    for file in files {
        for mut source in open(file)? {
            if bar.is_seen() {
                complain(&format!("{}: {}", harmless(&source.name), source.format.as_str()));
            }
            let mut batch = Batch::default();
            loop {
                let item = source.next();
                let line = match &item {
                    Ok(Some(item)) => rendered(&item.line),
                    // What was read before a mistake is sound and goes in.
                    Ok(None) | Err(_) => Vec::new(),
                };
                if line.is_empty() || !batch.takes(&line) {
                    batch.send(access, done, |line| source.place(line).to_string()).await?;
                    let so_far = counted(done.imported + done.skipped, "entry", "entries");
                    bar.show(source.done(), source.bytes, &so_far);
                }
                let Some(item) = item? else { break };
                if line.len() > limits::IMPORT_LINE_BYTES {
                    let what =
                        format!("{}: the entry is over what a request can hold", source.place(item.at));
                    return Err(Halt::File(Stop::new(Exit::Failure, what)));
                }
                batch.push(&line, item.at);
            }
        }
    }
    Ok(())
}

/// A line of the exchange format, its end included.
fn rendered(line: &Line) -> Vec<u8> {
    match line {
        Line::Message(message) => write_line(message).into_bytes(),
        Line::Entry(memory) => write_entry(memory).into_bytes(),
        Line::Memory(ForeignNote { memory, noted_at }) => {
            let line = json!({
                "created_at": noted_at, "kind": memory.kind, "content": memory.content, "importance": memory.importance, "tags": memory.tags,
                "expires_at": memory.expires_at, "conversation_id": memory.conversation, "sources": memory.sources,
                "supersedes": memory.supersedes,
            });
            format!("{line}\n").into_bytes()
        }
    }
}

/// Lines on their way.
#[derive(Default)]
struct Batch {
    body: Vec<u8>,
    /// Where each comes from.
    places: Vec<u64>,
}

impl Batch {
    /// Whether a request still has room for one more line. A long one goes alone.
    fn takes(&self, line: &[u8]) -> bool {
        self.places.is_empty()
            || self.body.len() + line.len() <= limits::BODY_BYTES
                && self.places.len() < limits::IMPORT_MESSAGES
    }

    fn push(&mut self, line: &[u8], at: u64) {
        self.body.extend_from_slice(line);
        self.places.push(at);
    }

    /// Sends what there is; afterwards it is empty.
    async fn send(
        &mut self,
        access: &Access,
        done: &mut Done,
        place: impl Fn(u64) -> String,
    ) -> Result<(), Halt> {
        let Self { body, places } = std::mem::take(self);
        if places.is_empty() {
            return Ok(());
        }
        let asked = access.ask(&Method::POST, "/memory/import", LINES, Bytes::from(body)).await;
        let answer = asked.map_err(|error| match error {
            AskError::Refused(failure) => {
                let line = failure.details.get("line").and_then(serde_json::Value::as_u64);
                let at = line.and_then(|line| places.get(usize::try_from(line).ok()?.checked_sub(1)?));
                let message = harmless(&failure.message);
                let at = at.map(|at| format!("{}: ", place(*at))).unwrap_or_default();
                let stop = Stop::new(Exit::Failure, format!("{at}{message}"));
                match failure.code {
                    ErrorCode::BadRequest | ErrorCode::PayloadTooLarge => Halt::File(stop),
                    _ => Halt::Passing(stop),
                }
            }
            error => Halt::Passing(error.into()),
        })?;
        let counts = answer.json().map_err(Halt::Passing)?;
        done.imported += counts["imported"].as_u64().unwrap_or_default();
        done.skipped += counts["skipped"].as_u64().unwrap_or_default();
        Ok(())
    }
}

/// `gateway memory export`.
pub(super) async fn export(access: &Access, file: Option<&Path>) -> Result<Exit, Stop> {
    let Some(path) = file.filter(|path| path.as_os_str() != STANDARD) else {
        let mut stdout = io::stdout();
        let quiet = stdout.is_terminal();
        return match pages(access, &mut stdout, !quiet).await {
            // Whoever reads has had enough.
            Err(PageError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Ok),
            Err(error) => Err(error.told("standard output")),
            Ok(written) => Ok(written.ended()),
        };
    };
    let name = path.display().to_string();
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut out = created.map_err(|error| {
        let hint = if error.kind() == io::ErrorKind::AlreadyExists {
            "; remove it first, or take another name"
        } else {
            ""
        };
        Stop::new(Exit::Failure, format!("can't create {name}: {error}{hint}"))
    })?;
    let written = tokio::select! {
        written = pages(access, &mut out, true) => written,
        _ = tokio::signal::ctrl_c() => {
            return Err(Stop::new(Exit::Interrupted, format!("stopped; {name} holds the first part only")));
        }
    };
    let count = written.and_then(|count| out.sync_all().map(|()| count).map_err(PageError::Write));
    let count = count.map_err(|error| error.told(&name))?;
    line(&format!("{} in {name}", count.told()));
    Ok(count.ended())
}

/// Lines that were written.
#[derive(Default)]
struct Written {
    messages: u64,
    entries: u64,
    /// Places of the log that are missing among them.
    unreadable: u64,
}

impl Written {
    fn add(&mut self, page: &[u8]) {
        for line in page.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            // Only an entry's line begins with its kind.
            if line.starts_with(b"{\"kind\":") {
                self.entries += 1;
            } else {
                self.messages += 1;
            }
        }
    }

    /// How the command ends; complains of what is missing.
    fn ended(&self) -> Exit {
        if self.unreadable == 0 {
            return Exit::Ok;
        }
        let places = counted(self.unreadable, "damaged place", "damaged places");
        complain(&format!(
            "the export is not whole: what {places} of the log held is missing in it, everything else is there. Where they are: gateway memory verify; then, without a running gateway: gateway memory repair"
        ));
        Exit::Failure
    }

    fn told(&self) -> String {
        let messages = counted(self.messages, "message", "messages");
        match self.entries {
            0 => messages,
            entries => {
                format!("{messages} and {}", counted(entries, "remembered entry", "remembered entries"))
            }
        }
    }
}

enum PageError {
    Ask(Stop),
    Write(io::Error),
}

impl PageError {
    fn told(self, name: &str) -> Stop {
        match self {
            Self::Ask(stop) => stop,
            Self::Write(error) => Stop::new(Exit::Failure, format!("can't write to {name}: {error}")),
        }
    }
}

/// Writes every page; how many lines they were.
async fn pages(access: &Access, out: &mut impl Write, with_bar: bool) -> Result<Written, PageError> {
    let (mut count, mut after) = (Written::default(), None::<String>);
    let mut bar = Bar::new();
    let whole = match with_bar && bar.is_seen() {
        true => access.json(Method::GET, "/memory/stats", None).await.ok(),
        false => None,
    };
    let whole = whole.and_then(|stats| stats["wal"]["entries"].as_u64());
    loop {
        let after_it = after.as_ref().map(|after| format!("&after={after}")).unwrap_or_default();
        let target = format!("/memory/export?limit={PAGE}{after_it}");
        let page = access.ask(&Method::GET, &target, LINES, Bytes::new()).await;
        let page = page.map_err(|error| PageError::Ask(error.into()))?;
        out.write_all(&page.body).map_err(PageError::Write)?;
        count.add(&page.body);
        count.unreadable += page.unreadable;
        if let Some(whole) = whole {
            bar.show(count.messages + count.entries, whole, &count.told());
        }
        match page.next_cursor {
            Some(next) if after.as_ref() != Some(&next) => after = Some(next),
            _ => break,
        }
    }
    bar.end();
    out.flush().map_err(PageError::Write)?;
    Ok(count)
}

#[cfg(test)]
#[path = "exchange_tests.rs"]
mod tests;
