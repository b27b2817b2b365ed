//! Taking lines out of the Markdown, and checking what they cite.

use std::collections::{BTreeSet, HashSet};

use openclaw_core::Timestamp;

use super::{
    comment,
    document::{Document, Kind},
    error::CompactionError,
    files::{ATTEMPTS, Directory, Put},
    ledger::Ledger,
    passages, place,
};
use crate::fs::Fs;

/// What was taken out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// Lines.
    pub lines: u64,
    /// Files of which nothing was left.
    pub files: u64,
    /// Files that lines were taken out of, those included.
    pub touched: BTreeSet<String>,
    /// Bytes by which the files are smaller.
    pub bytes: u64,
}

/// A citation that leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dangling {
    /// The file, relative to the directory.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The id; empty when a line of ours cites nothing.
    pub id: String,
}

/// Takes out every line that cites a record that is `gone`, edited ones too, and what struck lines quote of such a line. Lines
/// without a citation stay. May be repeated: a crash is followed by another call.
///
/// # Errors
/// [`CompactionError`]; what is done stays done.
pub fn erase_citations(
    fs: &dyn Fs,
    dir: &std::path::Path,
    gone: &dyn Fn(&str) -> bool,
) -> Result<Removed, CompactionError> {
    let directory = Directory { fs, dir };
    if directory.names()?.is_empty() {
        return Ok(Removed::default());
    }
    let any = |from: &[String]| from.iter().any(|id| gone(id));
    let (removed, references) = remove(directory, &|line| any(&line.from))?;
    forget(directory, &references, &any)?;
    Ok(removed)
}

/// Takes out every line whose day was over before a point in time, edited ones too. Lines without a date stay. The ledger goes on
/// knowing them, so that they don't come back from what is remembered on purpose.
///
/// # Errors
/// [`CompactionError`]; what is done stays done.
pub fn prune_before(
    fs: &dyn Fs,
    dir: &std::path::Path,
    before: Timestamp,
) -> Result<Removed, CompactionError> {
    let day = place::day(before);
    Ok(remove(Directory { fs, dir }, &|line| line.is_before(&day))?.0)
}

/// What [`prune_before`] and [`erase_citations`] would do together.
///
/// # Errors
/// [`CompactionError`], when a file can't be read.
pub(crate) fn count_before(
    fs: &dyn Fs,
    dir: &std::path::Path,
    before: Timestamp,
    gone: &dyn Fn(&str) -> bool,
) -> Result<Removed, CompactionError> {
    let (directory, day) = (Directory { fs, dir }, place::day(before));
    let goes = |line: &Cited| line.is_before(&day) || line.from.iter().any(|id| gone(id));
    let names = directory.markdown()?;
    let Going { references, .. } = going(directory, &names, &goes)?;
    let mut removed = Removed::default();
    for name in &names {
        let bytes = directory.read(name)?.unwrap_or_default();
        let mut document = Document::parse(name, &bytes);
        let unnamed = unname(name, &mut document, &references);
        let lines = take_out(&mut document, &goes);
        if unnamed + lines > 0 {
            let bare = document.is_bare(place::is_title);
            let left = if bare { 0 } else { document.render().len() };
            removed.note(name, lines, bare && lines > 0, bytes.len().saturating_sub(left));
        }
    }
    Ok(removed)
}

/// The Markdown files without a line that has our comment.
///
/// # Errors
/// [`CompactionError`], when a file can't be read.
pub(crate) fn uncited(fs: &dyn Fs, dir: &std::path::Path) -> Result<Vec<String>, CompactionError> {
    let directory = Directory { fs, dir };
    let mut names = Vec::new();
    for name in directory.markdown()? {
        let document = Document::parse(&name, &directory.read(&name)?.unwrap_or_default());
        if cited(&document).next().is_none() {
            names.push(name);
        }
    }
    Ok(names)
}

impl Removed {
    /// Adds what another removal took out.
    pub(crate) fn add(&mut self, other: Self) {
        self.lines += other.lines;
        self.files += other.files;
        self.bytes += other.bytes;
        self.touched.extend(other.touched);
    }

    fn note(&mut self, name: &str, lines: u64, whole: bool, bytes: usize) {
        self.lines += lines;
        self.files += u64::from(whole);
        self.touched.extend((lines > 0).then(|| name.to_owned()));
        self.bytes += bytes as u64;
    }
}

/// Finds citations of what does not exist, in the order of the files and lines.
///
/// # Errors
/// [`CompactionError`], when a file can't be read.
pub fn check_citations(
    fs: &dyn Fs,
    dir: &std::path::Path,
    exists: &dyn Fn(&str) -> bool,
) -> Result<Vec<Dangling>, CompactionError> {
    let directory = Directory { fs, dir };
    let mut found = Vec::new();
    for file in directory.markdown()? {
        let document = Document::parse(&file, &directory.read(&file)?.unwrap_or_default());
        for (index, line) in cited(&document) {
            let dangling = |id: &str| Dangling { file: file.clone(), line: index + 1, id: id.to_owned() };
            if line.from.is_empty() {
                found.push(dangling(""));
            }
            found.extend(line.from.iter().filter(|id| !exists(id)).map(|id| dangling(id)));
        }
    }
    Ok(found)
}

/// What a line's comment says.
struct Cited {
    reference: Option<String>,
    on: Option<String>,
    from: Vec<String>,
    by: Option<String>,
}

impl Cited {
    fn is_before(&self, day: &str) -> bool {
        self.on.as_ref().is_some_and(|on| on.parse::<Timestamp>().is_ok() && on.as_str() < day)
    }
}

fn cited(document: &Document) -> impl Iterator<Item = (usize, Cited)> + '_ {
    document.lines.iter().enumerate().filter_map(|(index, line)| {
        let cited = match &line.kind {
            Kind::Ours(entry) => Cited {
                reference: Some(entry.note.reference.clone()),
                on: Some(entry.note.on.clone()),
                from: entry.note.from.clone(),
                by: entry.note.by.clone(),
            },
            Kind::Edited { .. } => {
                let mut all = Cited { reference: None, on: None, from: Vec::new(), by: None };
                // Somebody may have joined lines: every comment counts.
                let mut text = document.text(index)?;
                while let Some(at) = comment::find(text) {
                    let found = comment::loose(text.get(at.clone())?);
                    all.reference = found.reference.map(str::to_owned).or(all.reference);
                    all.on = found.on.map(str::to_owned).or(all.on);
                    all.by = found.by.map(str::to_owned).or(all.by);
                    all.from.extend(found.from);
                    text = text.get(..at.start)?;
                }
                all
            }
            Kind::Theirs(_) => return None,
        };
        Some((index, cited))
    })
}

fn remove(
    directory: Directory<'_>,
    goes: &dyn Fn(&Cited) -> bool,
) -> Result<(Removed, HashSet<String>), CompactionError> {
    directory.clear()?;
    let (mut removed, mut references) = (Removed::default(), HashSet::new());
    // Again until nothing is found: somebody may have moved such a line to another file meanwhile.
    for _ in 0..ATTEMPTS {
        let names = directory.markdown()?;
        let found = going(directory, &names, goes)?;
        if found.names.is_empty() {
            // Also what a call before this one took out and did not come to make durable: the records go next.
            directory.sync()?;
            return Ok((removed, references));
        }
        references.extend(found.references);
        // First what quotes the lines, everywhere: once they are gone nobody knows any more what quoted them.
        for name in names.iter().filter(|_| !references.is_empty()) {
            let changed = change(directory, name, |document| unname(name, document, &references))?;
            removed.bytes += changed.bytes as u64;
        }
        directory.sync()?;
        for name in &found.names {
            let changed = change(directory, name, |document| take_out(document, goes))?;
            removed.note(name, changed.count, changed.whole, changed.bytes);
        }
    }
    Err(CompactionError::Contended { path: directory.dir.to_owned() })
}

/// Lines that go: their references, and the files they are in.
#[derive(Default)]
struct Going {
    references: HashSet<String>,
    names: Vec<String>,
}

fn going(
    directory: Directory<'_>,
    names: &[String],
    goes: &dyn Fn(&Cited) -> bool,
) -> Result<Going, CompactionError> {
    let mut found = Going::default();
    for name in names {
        let document = Document::parse(name, &directory.read(name)?.unwrap_or_default());
        let mut any = false;
        for (_, line) in cited(&document).filter(|(_, line)| goes(line)) {
            any = true;
            found.references.extend(line.reference);
        }
        found.names.extend(any.then(|| name.clone()));
    }
    Ok(found)
}

/// What changing a file came to.
#[derive(Debug, Default)]
struct Changed {
    /// What was counted.
    count: u64,
    /// The file went.
    whole: bool,
    /// By how much it is smaller.
    bytes: usize,
}

/// Changes one file until nobody interferes.
fn change(
    directory: Directory<'_>,
    name: &str,
    act: impl Fn(&mut Document) -> u64,
) -> Result<Changed, CompactionError> {
    for _ in 0..ATTEMPTS {
        let Some(before) = directory.read(name)? else { return Ok(Changed::default()) };
        let mut document = Document::parse(name, &before);
        let count = act(&mut document);
        if count == 0 {
            return Ok(Changed::default());
        }
        let bare = document.is_bare(place::is_title);
        let after = (!bare).then(|| document.render());
        if directory.put(name, Some(&before), after.as_deref())? == Put::Done {
            let left = after.as_ref().map_or(0, Vec::len);
            return Ok(Changed { count, whole: bare, bytes: before.len().saturating_sub(left) });
        }
    }
    Err(CompactionError::Contended { path: directory.path(name) })
}

/// Takes the names of successors out of struck lines.
fn unname(name: &str, document: &mut Document, references: &HashSet<String>) -> u64 {
    let named: Vec<usize> = cited(document)
        .filter(|(_, line)| line.by.as_ref().is_some_and(|by| references.contains(by)))
        .map(|(index, _)| index)
        .collect();
    let mut count = 0;
    for index in named {
        match &document.lines[index].kind {
            Kind::Ours(entry) if entry.struck.as_ref().is_some_and(|by| !by.is_empty()) => {
                document.rewrite(name, index, |entry| entry.struck = Some(String::new()));
                count += 1;
            }
            Kind::Edited { .. } => {
                let Some(text) = document.text(index) else { continue };
                let Some(at) = comment::find(text) else { continue };
                // Where the quotation ends is anybody's guess after an edit: all of it goes up to the comment.
                if let Some((kept, _)) = text.get(..at.start).and_then(|text| text.split_once(" → ")) {
                    let rest = format!("{kept} {}", text.get(at.start..).unwrap_or_default());
                    document.put(name, index, &rest);
                    count += 1;
                }
            }
            _ => {}
        }
    }
    count
}

/// Takes lines out, with what they are the end of: an edited item may stand on several lines.
fn take_out(document: &mut Document, goes: &dyn Fn(&Cited) -> bool) -> u64 {
    let mut out = HashSet::new();
    let mut count = 0;
    for (index, _) in cited(document).filter(|(_, line)| goes(line)) {
        count += 1;
        out.insert(index);
        let mut at = index;
        while document.text(at).is_some_and(passages::is_plain)
            && let Some(before) = at.checked_sub(1)
        {
            let part = document.text(before).is_some_and(|text| {
                comment::find(text).is_none()
                    && (passages::is_plain(text) || passages::item(text.trim_start()).is_some())
            });
            if !part {
                break;
            }
            out.insert(before);
            at = before;
        }
    }
    document.remove(|index| out.contains(&index));
    count
}

/// Takes what was taken out, and what cited it before a person took it out, from the ledgers.
fn forget(
    directory: Directory<'_>,
    references: &HashSet<String>,
    gone: &dyn Fn(&[String]) -> bool,
) -> Result<(), CompactionError> {
    for name in directory.names()?.iter().filter(|name| place::is_ledger(name)) {
        let Some(before) = directory.read(name)? else { continue };
        let (mut ledger, _) = Ledger::parse(&before);
        let all = ledger.0.len();
        ledger.0.retain(|reference, written| !references.contains(reference) && !gone(&written.from));
        if ledger.0.len() < all {
            let after = (!ledger.0.is_empty()).then(|| ledger.render());
            if let Put::Changed(_) = directory.put(name, Some(&before), after.as_deref())? {
                return Err(CompactionError::Contended { path: directory.path(name) });
            }
        }
    }
    directory.sync()
}
