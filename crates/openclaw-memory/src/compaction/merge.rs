//! New lines into the files as they are: what is there already, what a person took out, what takes another's place. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use openclaw_core::{MemoryId, port::Section};

use super::{
    comment::Note,
    document::{Document, Kind},
    language::Language,
    ledger::{self, Ledger, Written},
    line::{self, Entry},
    place, words,
};

/// Most sources that a line cites; what comes later only confirms.
const SOURCES: usize = 16;

/// A line that may be written: checked, but for what the files say.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    pub(super) section: Section,
    /// The day of its newest source.
    pub(super) day: String,
    pub(super) text: String,
    pub(super) from: Vec<String>,
    /// 0 to 100.
    pub(super) importance: u8,
    /// The reference of the line whose place it takes.
    pub(super) supersedes: Option<String>,
    pub(super) origin: Origin,
}

/// Where a candidate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Extraction, which is taken as said.
    Extracted,
    /// A model.
    Model,
    /// A remembered entry.
    Remembered { id: MemoryId, done: bool, superseded_by: Option<MemoryId> },
}

/// The directory as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Contents {
    /// Markdown files by name; `None`: it is not there. What is not here was not looked for.
    pub(super) files: BTreeMap<String, Option<Vec<u8>>>,
    /// Ledgers by name, likewise.
    pub(super) ledgers: BTreeMap<String, Option<Vec<u8>>>,
}

/// What became of the candidates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Merged {
    pub(super) added: u64,
    /// Lines that gained a source.
    pub(super) confirmed: u64,
    pub(super) superseded: u64,
    /// Candidates that were there already.
    pub(super) known: u64,
    /// Candidates that a person took out before.
    pub(super) withheld: u64,
    /// Candidates that would take the place of what they may not.
    pub(super) rejected: u64,
}

/// Works the candidates into the contents.
pub(super) fn merge(before: &Contents, candidates: &[Candidate], language: Language) -> (Contents, Merged) {
    let mut work = Work::new(before, language);
    for candidate in candidates {
        work.take(candidate);
    }
    for candidate in candidates {
        work.follow_up(candidate);
    }
    let merged = work.merged;
    (work.finish(before), merged)
}

/// The files under work.
struct Work {
    files: BTreeMap<String, Page>,
    ledgers: BTreeMap<String, Ledger>,
    /// Lines that are no longer as we wrote them.
    gone: Vec<Gone>,
    /// Where a source is, or was, cited: in [`Work::gone`].
    gone_by_source: HashMap<String, Vec<usize>>,
    language: Language,
    merged: Merged,
}

/// A line that a person took out or changed.
struct Gone {
    file: String,
    says: String,
}

/// A file, with its lines by what they say.
#[derive(Default)]
struct Page {
    document: Document,
    by_key: HashMap<String, Vec<usize>>,
    by_source: HashMap<String, Vec<usize>>,
    by_reference: HashMap<String, usize>,
}

impl Page {
    fn new(document: Document) -> Self {
        let mut page = Self { document, ..Self::default() };
        page.index();
        page
    }

    fn index(&mut self) {
        let (mut by_key, mut by_source, mut by_reference) = (HashMap::new(), HashMap::new(), HashMap::new());
        for (index, line) in self.document.lines.iter().enumerate() {
            let (text, from, reference) = match &line.kind {
                Kind::Ours(entry) => (&entry.text, &*entry.note.from, Some(&entry.note.reference)),
                Kind::Edited { reference, from, text, .. } => (text, &**from, reference.as_ref()),
                Kind::Theirs(Some(text)) => (text, &[][..], None),
                Kind::Theirs(None) => continue,
            };
            by_key.entry(words::key(text)).or_insert_with(Vec::new).push(index);
            for source in from {
                by_source.entry(source.clone()).or_insert_with(Vec::new).push(index);
            }
            if let Some(reference) = reference {
                by_reference.insert(reference.clone(), index);
            }
        }
        (self.by_key, self.by_source, self.by_reference) = (by_key, by_source, by_reference);
    }

    /// A new line; what is behind it moves.
    fn add(&mut self, file: &str, entry: Entry) {
        let (key, note) = (words::key(&entry.text), entry.note.clone());
        let at = self.document.add(file, entry);
        if at + 1 < self.document.lines.len() {
            let behind = self.by_key.values_mut().chain(self.by_source.values_mut()).flatten();
            for index in behind.chain(self.by_reference.values_mut()).filter(|index| **index >= at) {
                *index += 1;
            }
        }
        self.by_key.entry(key).or_default().push(at);
        for source in note.from {
            self.by_source.entry(source).or_default().push(at);
        }
        self.by_reference.insert(note.reference, at);
    }

    fn entry(&self, index: usize) -> Option<&Entry> {
        match &self.document.lines.get(index)?.kind {
            Kind::Ours(entry) => Some(&**entry),
            _ => None,
        }
    }

    /// A line that says the same, or says it within more words out of the same source.
    fn same(&self, candidate: &Candidate) -> Option<usize> {
        let key = words::key(&candidate.text);
        let repeats = |index: &usize| {
            // What is struck may become true again, on another's word.
            self.entry(*index)
                .is_none_or(|entry| entry.struck.is_none() || covers(&entry.note.from, &candidate.from))
        };
        if let Some(found) = self.by_key.get(&key).and_then(|found| found.iter().copied().find(repeats)) {
            return Some(found);
        }
        let cited = candidate.from.iter().filter_map(|source| self.by_source.get(source)).flatten();
        cited.copied().find(|index| {
            self.entry(*index).is_some_and(|entry| {
                covers(&entry.note.from, &candidate.from) && words::key(&entry.text).contains(&key)
            })
        })
    }
}

fn covers(have: &[String], want: &[String]) -> bool {
    want.iter().all(|source| have.contains(source))
}

impl Work {
    fn new(before: &Contents, language: Language) -> Self {
        let bytes = |bytes: &Option<Vec<u8>>| bytes.clone().unwrap_or_default();
        let ledgers: BTreeMap<_, _> = before
            .ledgers
            .iter()
            .map(|(name, found)| (name.clone(), Ledger::parse(&bytes(found)).0))
            .collect();
        let page = |(name, found): (&String, &Option<Vec<u8>>)| {
            (name.clone(), Page::new(Document::parse(name, &bytes(found))))
        };
        let mut work = Self {
            files: before.files.iter().map(page).collect(),
            ledgers,
            gone: Vec::new(),
            gone_by_source: HashMap::new(),
            language,
            merged: Merged::default(),
        };
        for ledger in work.ledgers.values() {
            for (reference, written) in &ledger.0 {
                let Some(page) = work.files.get(&written.file) else { continue };
                let here = page.by_reference.get(reference).and_then(|index| page.entry(*index));
                if here.is_some() {
                    continue;
                }
                for source in &written.from {
                    work.gone_by_source.entry(source.clone()).or_default().push(work.gone.len());
                }
                work.gone.push(Gone { file: written.file.clone(), says: written.says.clone() });
            }
        }
        work
    }

    /// Whether a person took a line from these sources out of this file, or this line out of any.
    fn is_gone(&self, candidate: &Candidate, file: &str) -> bool {
        let says = ledger::says(&candidate.text);
        let own = match candidate.origin {
            // What is remembered on purpose comes back only as what was taken out, not as its neighbour from the same message.
            Origin::Remembered { id, .. } => Some(id.to_string()),
            Origin::Extracted | Origin::Model => None,
        };
        candidate.from.iter().any(|source| {
            let gone = self.gone_by_source.get(source).into_iter().flatten();
            gone.filter_map(|index| self.gone.get(*index)).any(|gone| {
                gone.says == says || gone.file == file && own.as_ref().is_none_or(|own| own == source)
            })
        })
    }

    fn take(&mut self, candidate: &Candidate) {
        let file = place::file(candidate.section, &candidate.day);
        if let Origin::Remembered { id, superseded_by, .. } = candidate.origin {
            let here = self.files.get(&file).and_then(|page| page.by_source.get(&id.to_string()));
            if here.is_some() {
                self.merged.known += 1;
                return;
            }
            if superseded_by.is_some() {
                // It never was a line, and is past.
                return;
            }
        }
        let same = self.files.get(&file).and_then(|page| page.same(candidate));
        let cited = same.and_then(|index| self.files.get(&file)?.entry(index));
        if cited.is_none_or(|entry| !covers(&entry.note.from, &candidate.from))
            && self.is_gone(candidate, &file)
        {
            self.merged.withheld += 1;
            return;
        }
        if let Some(index) = same
            && let Some(page) = self.files.get_mut(&file)
        {
            let confirmed = confirm(page, &file, index, candidate);
            self.merged.confirmed += u64::from(confirmed);
            self.merged.known += u64::from(!confirmed);
            return;
        }
        let superseded = match &candidate.supersedes {
            Some(reference) => match self.supersedable(&file, reference, candidate) {
                Some(index) => Some(index),
                None => {
                    self.merged.rejected += 1;
                    return;
                }
            },
            None => None,
        };
        let reference = line::reference(&file, &candidate.text, &candidate.from);
        let page = self.files.entry(file.clone()).or_default();
        if page.by_reference.contains_key(&reference) {
            self.merged.known += 1;
            return;
        }
        if page.document.lines.is_empty() {
            page.document.begin(&place::title(candidate.section, &candidate.day, self.language));
        }
        let entry = Entry {
            text: candidate.text.clone(),
            task: (candidate.section == Section::Tasks).then_some(false),
            struck: None,
            note: Note {
                reference,
                on: candidate.day.clone(),
                importance: candidate.importance,
                from: candidate.from.clone(),
                by: None,
            },
        };
        if let Some(index) = superseded {
            page.document.rewrite(&file, index, |old| old.strike(&entry));
            self.merged.superseded += 1;
        }
        page.add(&file, entry);
        self.merged.added += 1;
    }

    /// The line that a candidate may strike: ours, in the same file, standing, not newer, and saying something else.
    fn supersedable(&self, file: &str, reference: &str, candidate: &Candidate) -> Option<usize> {
        let page = self.files.get(file)?;
        let index = *page.by_reference.get(reference)?;
        let old = page.entry(index)?;
        (old.struck.is_none() && old.note.on <= candidate.day).then_some(index)
    }

    /// What became of remembered entries since they were written: done, or superseded.
    fn follow_up(&mut self, candidate: &Candidate) {
        let Origin::Remembered { id, done, superseded_by } = candidate.origin else { return };
        let file = place::file(candidate.section, &candidate.day);
        let successor = superseded_by.and_then(|by| {
            let by = by.to_string();
            self.files.values().find_map(|page| {
                let index =
                    page.by_source.get(&by)?.iter().copied().find(|index| page.entry(*index).is_some())?;
                page.entry(index).cloned()
            })
        });
        let Some(page) = self.files.get_mut(&file) else { return };
        let own = id.to_string();
        let ours = |index: &usize| page.entry(*index).is_some();
        let Some(index) = page.by_source.get(&own).and_then(|found| found.iter().copied().find(ours)) else {
            return;
        };
        let Some(entry) = page.entry(index) else { return };
        let stands = entry.struck.is_none();
        if done && entry.task == Some(false) {
            page.document.rewrite(&file, index, |entry| entry.task = Some(true));
        }
        let successor = successor.filter(|successor| stands && successor.note.from != [own.clone()]);
        if let Some(successor) = successor {
            page.document.rewrite(&file, index, |old| old.strike(&successor));
            self.merged.superseded += 1;
        }
    }

    fn finish(mut self, before: &Contents) -> Contents {
        let mut after = before.clone();
        for (file, page) in &self.files {
            let name = place::ledger(file);
            let entries: Vec<&Entry> = page.document.ours().collect();
            if !entries.is_empty() {
                let ledger = self.ledgers.entry(name).or_default();
                for entry in entries {
                    let written = Written {
                        file: file.clone(),
                        says: ledger::says(&entry.text),
                        from: entry.note.from.clone(),
                    };
                    ledger.0.insert(entry.note.reference.clone(), written);
                }
            }
            if !page.document.lines.is_empty() {
                after.files.insert(file.clone(), Some(page.document.render()));
            }
        }
        for (name, ledger) in self.ledgers.iter().filter(|(_, ledger)| !ledger.0.is_empty()) {
            after.ledgers.insert(name.clone(), Some(ledger.render()));
        }
        after
    }
}

/// Adds the candidate's sources to a line of ours that says the same. False: nothing to add, or the line is a person's.
fn confirm(page: &mut Page, file: &str, index: usize, candidate: &Candidate) -> bool {
    let Some(entry) = page.entry(index) else { return false };
    let room = match candidate.origin {
        // Its id has to be here, so that what becomes of it is found.
        Origin::Remembered { .. } => usize::MAX,
        Origin::Extracted | Origin::Model => SOURCES.saturating_sub(entry.note.from.len()),
    };
    let have: BTreeSet<&String> = entry.note.from.iter().collect();
    let new: Vec<String> =
        candidate.from.iter().filter(|source| !have.contains(source)).take(room).cloned().collect();
    if new.is_empty() || entry.struck.is_some() {
        return false;
    }
    for source in &new {
        page.by_source.entry(source.clone()).or_default().push(index);
    }
    page.document.rewrite(file, index, |entry| {
        entry.note.from.extend(new);
        entry.note.importance = entry.note.importance.max(candidate.importance);
        if entry.note.on < candidate.day && candidate.section != Section::Summary {
            entry.note.on.clone_from(&candidate.day);
        }
    });
    true
}
