//! The index as a whole: its files, its newest documents, and who may change what.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicBool},
};

use super::{
    DocKey, Found, LexicalError, NewDoc, Params, Query, Space,
    analysis::Analyzer,
    dead::Dead,
    hash::{Domain, HashKey, TermHash},
    load::open_segments,
    manifest::{self, Manifest},
    memtable::MemTable,
    merge::{self, Input},
    page::PageCache,
    postings::MAX_COUNT,
    query::{Groups, MemView, Plan, View, query_terms},
    rows::Row,
    segment::Segment,
};
use crate::fs::Fs;

/// Knobs of an index.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Bytes of pages kept in memory. Default 4 MiB.
    pub cache_bytes: usize,
    /// Terms of documents in memory (8 bytes each) at which a flush is due. Default 262,144. At twice as many, adding flushes
    /// by itself.
    pub memory_terms: usize,
    /// Ranking.
    pub params: Params,
    /// The key of the terms' hashes. `None`: a random one is made and kept in the manifest.
    pub key: Option<HashKey>,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: 4 << 20, memory_terms: 256 << 10, params: Params::default(), key: None }
    }
}

/// Sizes and counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Documents, deleted ones that are still in a segment included.
    pub documents: u64,
    /// Deleted ones of them.
    pub dead: u64,
    /// Documents that are only in memory.
    pub in_memory: u64,
    /// Immutable files.
    pub segments: usize,
    /// Their terms.
    pub terms: u64,
}

/// A segment and what was deleted from it.
#[derive(Debug, Clone)]
pub(super) struct Live {
    pub(super) segment: Arc<Segment>,
    pub(super) dead: Option<Arc<Dead>>,
    /// Which list of deletions that is; 0: none.
    pub(super) generation: u64,
}

/// What searches see.
#[derive(Debug)]
pub(super) struct State {
    pub(super) segments: Arc<Vec<Live>>,
    /// One for each space. Whoever adds while another holds one makes a copy, which is cheap.
    pub(super) tables: [Arc<MemTable>; 2],
}

/// What is on the disk. Whoever changes anything holds this.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) manifest: Manifest,
    /// Up to where the documents in memory reach.
    pub(super) covered: u64,
    /// What the owner wants to remember with them.
    pub(super) notes: Vec<u8>,
    /// Whether there is a manifest. An index without documents has no files.
    pub(super) exists: bool,
    /// Set when a commit failed.
    pub(super) poisoned: bool,
}

/// The index. One process at a time may have it open. Everything blocks.
#[derive(Debug)]
pub struct Lexical {
    pub(super) fs: Arc<dyn Fs>,
    pub(super) dir: PathBuf,
    pub(super) options: Options,
    pub(super) key: HashKey,
    analyzer: Analyzer,
    pub(super) cache: Arc<PageCache>,
    writer: Mutex<Writer>,
    state: Mutex<State>,
    /// Held by whoever merges, so that the segments at hand stay.
    merging: Mutex<()>,
}

impl Lexical {
    /// Makes an empty index in a directory; what is in it is removed. Its first file comes with the first flush.
    ///
    /// # Errors
    /// [`LexicalError::Io`].
    pub fn create(fs: Arc<dyn Fs>, dir: &Path, options: Options) -> Result<Self, LexicalError> {
        let failed = |source| LexicalError::Io { action: "create", path: dir.to_owned(), source };
        fs.create_dir_all(dir).map_err(failed)?;
        for path in fs.list(dir).map_err(failed)? {
            fs.remove(&path).map_err(|source| LexicalError::Io { action: "remove", path, source })?;
        }
        let key = options.key.unwrap_or_else(random_key);
        let manifest = Manifest::new(key, options.key.is_some());
        let cache = Arc::new(PageCache::new(options.cache_bytes));
        Ok(Self::assemble(fs, dir, options, (manifest, false), (Vec::new(), cache)))
    }

    /// Opens the index in a directory. Reads the manifest and one page of each segment.
    ///
    /// # Errors
    /// See [`LexicalError`]; [`LexicalError::is_damage`] says whether to build the index anew.
    pub fn open(fs: Arc<dyn Fs>, dir: &Path, options: Options) -> Result<Self, LexicalError> {
        let manifest = Manifest::read(&*fs, dir, options.key)?;
        let cache = Arc::new(PageCache::new(options.cache_bytes));
        let segments = open_segments(&*fs, dir, &manifest, &cache)?;
        let index = Self::assemble(fs, dir, options, (manifest, true), (segments, cache));
        index.remove_strays();
        Ok(index)
    }

    fn assemble(
        fs: Arc<dyn Fs>,
        dir: &Path,
        options: Options,
        (manifest, exists): (Manifest, bool),
        (segments, cache): (Vec<Live>, Arc<PageCache>),
    ) -> Self {
        Self {
            fs,
            dir: dir.to_owned(),
            options,
            key: manifest.key,
            analyzer: Analyzer::new(),
            cache,
            writer: Mutex::new(Writer {
                covered: manifest.covered,
                notes: manifest.notes.clone(),
                manifest,
                exists,
                poisoned: false,
            }),
            state: Mutex::new(State { segments: Arc::new(segments), tables: Default::default() }),
            merging: Mutex::new(()),
        }
    }

    /// Removes what a crash has left. What can't be removed is tried again at the next opening.
    fn remove_strays(&self) {
        let manifest = &self.writer().manifest;
        let known: Vec<PathBuf> = manifest
            .segments
            .iter()
            .flat_map(|listed| {
                [
                    manifest::segment_path(&self.dir, listed.id),
                    manifest::dead_path(&self.dir, listed.id, listed.dead),
                ]
            })
            .chain([manifest::path(&self.dir)])
            .collect();
        for path in self.fs.list(&self.dir).unwrap_or_default() {
            if !known.contains(&path) {
                self.remove_file(&path);
            }
        }
    }

    /// Removes a file that the manifest names no more.
    pub(super) fn remove_file(&self, path: &Path) {
        if let Err(error) = self.fs.remove(path) {
            tracing::debug!(path = %path.display(), %error, "a file of the search index that is no longer used stays for now");
        }
    }

    pub(super) fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Up to where documents were given, as the last [`Self::add`] said; after a crash, as the last flush had it.
    #[must_use]
    pub fn covered(&self) -> u64 {
        self.writer().covered
    }

    /// The last key of a space.
    #[must_use]
    pub fn last_key(&self, space: Space) -> Option<DocKey> {
        let state = self.state();
        let key = last_key(&state, space)?;
        Some(DocKey { space, major: key.0, minor: key.1 })
    }

    /// What the owner had remembered.
    #[must_use]
    pub fn notes(&self) -> Vec<u8> {
        self.writer().notes.clone()
    }

    /// Has the owner's notes remembered, as durably as the documents added before: from the next flush on.
    pub fn set_notes(&self, notes: Vec<u8>) {
        self.writer().notes = notes;
    }

    /// Adds documents, in the order of their keys, and says how far that reaches. They can be found at once. A document
    /// whose key is not above the last one of its space is there already and is passed over.
    ///
    /// # Errors
    /// See [`LexicalError`]. Nothing is lost: give the documents again.
    pub fn add(&self, docs: &[NewDoc<'_>], covered: u64) -> Result<(), LexicalError> {
        let mut writer = self.writer();
        for doc in docs {
            let (length, terms) = self.analyse(doc);
            let row = Row {
                major: doc.key.major,
                minor: doc.key.minor,
                time_ms: doc.time_ms,
                importance: doc.importance,
                place: doc.place,
            };
            for again in [false, true] {
                let mut state = self.state();
                if last_key(&state, doc.key.space).is_some_and(|last| last >= row.key()) {
                    break;
                }
                let Some(table) = state.tables.get_mut(doc.key.space as usize) else { break };
                let room = again || table.postings() <= 2 * self.options.memory_terms;
                if room && Arc::make_mut(table).add(row, length, &terms) {
                    break;
                }
                drop(state);
                self.flush_locked(&mut writer)?;
            }
        }
        writer.covered = writer.covered.max(covered);
        Ok(())
    }

    /// A text's length in terms, as documents' lengths are counted.
    #[must_use]
    pub fn length_of(&self, text: &str) -> u32 {
        let mut length = 0;
        self.analyzer.terms(text, &mut |_, class| length += class.length());
        length
    }

    /// A document's length and its terms, each once.
    fn analyse(&self, doc: &NewDoc<'_>) -> (u32, Vec<(TermHash, u8)>) {
        let mut hashes = Vec::with_capacity(doc.text.len() / 2 + 8);
        let mut length = 0_u32;
        self.analyzer.terms(doc.text, &mut |term, class| {
            length += class.length();
            hashes.push(self.key.term(Domain::Text, term));
        });
        if !doc.conversation.is_empty() {
            hashes.push(self.key.term(Domain::Conversation, doc.conversation));
        }
        if !doc.channel.is_empty() {
            hashes.push(self.key.term(Domain::Channel, doc.channel));
        }
        hashes.push(self.key.term(Domain::Kind, &[doc.kind]));
        hashes.sort_unstable();
        let counted = hashes.chunk_by(|a, b| a == b).filter_map(|same| {
            Some((*same.first()?, u8::try_from(same.len()).unwrap_or(MAX_COUNT).min(MAX_COUNT)))
        });
        (length, counted.collect())
    }

    /// Does the most urgent piece of upkeep: flushes, or merges segments, or leaves out what was deleted. False: nothing was
    /// to be done. Searches, additions and deletions go on meanwhile.
    ///
    /// # Errors
    /// See [`LexicalError`]; what is there stays as it is. [`LexicalError::Stopped`] soon after `stop` was set.
    pub fn maintain(&self, stop: &AtomicBool) -> Result<bool, LexicalError> {
        if self.flush_is_due() {
            self.flush()?;
            return Ok(true);
        }
        for space in [Space::Log, Space::Markdown] {
            if self.merge_one(space, stop)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn merge_one(&self, space: Space, stop: &AtomicBool) -> Result<bool, LexicalError> {
        let _alone = self.merging.lock().unwrap_or_else(PoisonError::into_inner);
        let segments = Arc::clone(&self.state().segments);
        let here: Vec<&Live> = segments.iter().filter(|live| live.segment.head.space == space).collect();
        let sizes: Vec<u32> = here.iter().map(|live| live.segment.head.docs).collect();
        let dead: Vec<u32> =
            here.iter().map(|live| live.dead.as_ref().map_or(0, |dead| dead.count())).collect();
        let Some(range) = merge::due(&sizes, &dead) else { return Ok(false) };
        let chosen = here.get(range).unwrap_or_default();
        let id = {
            let mut writer = self.writer();
            writer.manifest.next += 1;
            writer.manifest.next - 1
        };
        let path = manifest::segment_path(&self.dir, id);
        let inputs: Vec<Input<'_>> =
            chosen.iter().map(|live| Input { segment: &live.segment, dead: live.dead.as_deref() }).collect();
        let written = merge::merge(&inputs, &*self.fs, &path, id, space, stop);
        let replaced = written.and_then(|any| {
            let merged = any.then(|| Segment::open(&*self.fs, &path, id, &self.cache)).transpose()?;
            self.replace(chosen, merged.map(Arc::new).as_ref())
        });
        if replaced.is_err() && !self.is_poisoned() {
            self.remove_file(&path);
        }
        replaced.map(|()| true)
    }

    fn read_view<'a>(&self, segments: &'a [Live], tables: Vec<MemView<'a>>) -> View<'a> {
        let segments = segments.iter().map(|live| (&*live.segment, live.dead.as_deref())).collect();
        View { segments, memory: tables }
    }

    /// Finds documents. Fails soon after `stop` was set.
    ///
    /// # Errors
    /// See [`LexicalError`].
    pub fn search(&self, query: &Query<'_>, stop: &AtomicBool) -> Result<Found, LexicalError> {
        let terms = query_terms(query.text, &self.analyzer, &self.key);
        let groups = Groups::of(&query.filter, &self.key);
        let hashes: Vec<TermHash> =
            terms.iter().map(|term| term.hash).chain(groups.0.iter().flatten().copied()).collect();
        let (segments, tables) = {
            let state = self.state();
            (Arc::clone(&state.segments), state.tables.clone())
        };
        let views = tables.iter().zip([Space::Markdown, Space::Log]);
        let views = views.filter(|(table, _)| table.rows().len() > 0).map(|(table, space)| {
            let mut lists = table.find(&hashes);
            let mut rest = lists.split_off(terms.len()).into_iter();
            let groups = groups.0.iter().map(|group| rest.by_ref().take(group.len()).collect()).collect();
            MemView { space, table, lists, groups }
        });
        let memory = views.collect();
        let plan = Plan {
            terms,
            groups,
            filter: query.filter,
            limit: query.limit,
            sure: query.sure,
            count_to: query.count_to,
        };
        self.read_view(&segments, memory).search(&plan, &self.options.params, stop)
    }

    /// Sizes and counts.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let state = self.state();
        let mut stats = Stats { segments: state.segments.len(), ..Stats::default() };
        for live in state.segments.iter() {
            stats.documents += u64::from(live.segment.head.docs);
            stats.terms += live.segment.head.terms;
            stats.dead += live.dead.as_ref().map_or(0, |dead| u64::from(dead.count()));
        }
        for table in &state.tables {
            stats.documents += table.rows().len() as u64;
            stats.in_memory += table.rows().len() as u64;
            stats.dead += table.dead() as u64;
        }
        stats
    }
}

fn last_key(state: &State, space: Space) -> Option<(u64, u32)> {
    let in_memory = state.tables.get(space as usize).and_then(|table| table.last_key());
    in_memory.or_else(|| {
        let of_space = state.segments.iter().rev().find(|live| live.segment.head.space == space);
        of_space.map(|live| live.segment.head.last)
    })
}

fn random_key() -> HashKey {
    // Ten bytes of each are random.
    let parts = [ulid::Ulid::generate().to_bytes(), ulid::Ulid::generate().to_bytes()];
    let mut key = [0; 16];
    let random = parts.iter().flat_map(|part| part.iter().skip(8));
    key.iter_mut().zip(random).for_each(|(to, from)| *to = *from);
    HashKey(key)
}
