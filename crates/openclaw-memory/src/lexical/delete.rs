//! Deleting documents, and replacing merged segments by what was made of them.

use std::{collections::HashMap, sync::Arc};

use super::{
    LexicalError, Space,
    dead::Dead,
    engine::{Lexical, Live, Writer},
    hash::{Domain, TermHash},
    manifest::{self, Listed, Manifest},
    page::Cursor,
    postings::{BLOCK, Unpacked},
    segment::Segment,
    terms::{Place, read_list_head},
};

/// Which documents to delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doomed<'a> {
    /// Those with these keys, both ends included.
    Keys {
        /// Where.
        space: Space,
        /// The first, major number and minor.
        from: (u64, u32),
        /// The last.
        to: (u64, u32),
    },
    /// Those of a conversation.
    Conversation(&'a [u8]),
}

impl Lexical {
    /// Deletes documents: when this returns, no search finds them any more, durably; their terms leave the disk with the
    /// next merge, which is due then. Returns how many there were.
    ///
    /// # Errors
    /// See [`LexicalError`]; nothing was deleted then.
    pub fn delete(&self, doomed: &[Doomed<'_>]) -> Result<u64, LexicalError> {
        let mut writer = self.writer();
        let segments = Arc::clone(&self.state().segments);
        let mut gone = 0;
        let mut changed = Vec::new();
        for live in segments.iter() {
            let before = live.dead.as_deref();
            let mut dead = before.cloned().unwrap_or_else(|| Dead::none(live.segment.head.docs));
            for what in doomed {
                self.mark(&live.segment, what, &mut dead)?;
            }
            let more = dead.count() - before.map_or(0, Dead::count);
            if more > 0 {
                gone += u64::from(more);
                changed.push((live.segment.head.id, dead));
            }
        }
        if !changed.is_empty() {
            self.put_dead(&mut writer, changed)?;
        }
        let mut state = self.state();
        for (table, space) in state.tables.iter_mut().zip([Space::Markdown, Space::Log]) {
            for what in doomed {
                let docs: Vec<usize> = match what {
                    Doomed::Keys { space: of, from, to } if *of == space => {
                        let keys = table.rows().iter().map(|row| row.row.key()).enumerate();
                        keys.filter(|(_, key)| (*from..=*to).contains(key)).map(|(doc, _)| doc).collect()
                    }
                    Doomed::Keys { .. } => Vec::new(),
                    Doomed::Conversation(id) => {
                        let found = table.find(&[self.key.term(Domain::Conversation, id)]);
                        found.into_iter().flatten().map(|posting| posting.doc as usize).collect()
                    }
                };
                let table = Arc::make_mut(table);
                gone += docs.into_iter().map(|doc| u64::from(table.bury(doc))).sum::<u64>();
            }
        }
        Ok(gone)
    }

    fn mark(&self, segment: &Segment, what: &Doomed<'_>, dead: &mut Dead) -> Result<(), LexicalError> {
        match what {
            Doomed::Keys { space, from, to } => {
                if *space != segment.head.space {
                    return Ok(());
                }
                let mut cursor = Cursor::new(&segment.file);
                let first = segment.seek(&mut cursor, *from)?;
                let behind = match to.1.checked_add(1) {
                    Some(minor) => (to.0, minor),
                    None => (to.0.saturating_add(1), 0),
                };
                let end = segment.seek(&mut cursor, behind)?;
                (first..end).for_each(|doc| {
                    dead.insert(doc);
                });
                Ok(())
            }
            Doomed::Conversation(id) => {
                let hash = self.key.term(Domain::Conversation, id);
                each_document(segment, hash, |doc| {
                    dead.insert(doc);
                })
            }
        }
    }

    /// Commits new lists of deletions.
    fn put_dead(&self, writer: &mut Writer, changed: Vec<(u64, Dead)>) -> Result<(), LexicalError> {
        let mut manifest = writer.manifest.clone();
        let mut lists = HashMap::new();
        for (id, dead) in changed {
            // Never a name that a crash may have left a file of.
            let generation = manifest.next;
            manifest.next += 1;
            writer.manifest.next = manifest.next;
            manifest::write_file(
                &*self.fs,
                &manifest::dead_path(&self.dir, id, generation),
                &dead.encode(id),
            )?;
            lists.insert(id, (generation, Arc::new(dead)));
        }
        for listed in &mut manifest.segments {
            if let Some((generation, _)) = lists.get(&listed.id) {
                listed.dead = *generation;
            }
        }
        self.commit(writer, manifest)?;
        let mut old = Vec::new();
        {
            let mut state = self.state();
            let segments = state.segments.iter().map(|live| match lists.remove(&live.segment.head.id) {
                None => live.clone(),
                Some((generation, dead)) => {
                    if live.generation > 0 {
                        old.push(manifest::dead_path(&self.dir, live.segment.head.id, live.generation));
                    }
                    Live { segment: Arc::clone(&live.segment), dead: Some(dead), generation }
                }
            });
            state.segments = Arc::new(segments.collect());
        }
        old.iter().for_each(|path| self.remove_file(path));
        Ok(())
    }

    /// Puts a merged segment in the place of those it was made of. What was deleted meanwhile is deleted in it, too.
    pub(super) fn replace(&self, old: &[&Live], merged: Option<&Arc<Segment>>) -> Result<(), LexicalError> {
        let mut writer = self.writer();
        let mut manifest: Manifest = writer.manifest.clone();
        let segments = Arc::clone(&self.state().segments);
        let is_old = |id: u64| old.iter().any(|live| live.segment.head.id == id);
        let mut fresh = None;
        if let Some(merged) = merged {
            let mut dead = Dead::none(merged.head.docs);
            for before in old {
                let now = segments.iter().find(|live| live.segment.head.id == before.segment.head.id);
                if let Some(dead_now) = now.and_then(|live| live.dead.as_deref()) {
                    carry_over(&before.segment, before.dead.as_deref(), dead_now, merged, &mut dead)?;
                }
            }
            let id = merged.head.id;
            let generation = if dead.count() == 0 { 0 } else { manifest.next };
            if generation > 0 {
                manifest.next += 1;
                writer.manifest.next = manifest.next;
                let path = manifest::dead_path(&self.dir, id, generation);
                manifest::write_file(&*self.fs, &path, &dead.encode(id))?;
            }
            let dead = (generation > 0).then(|| Arc::new(dead));
            fresh = Some(Live { segment: Arc::clone(merged), dead, generation });
        }
        let mut listed = Vec::new();
        let mut lives = Vec::new();
        let mut placed = false;
        for live in segments.iter() {
            if !is_old(live.segment.head.id) {
                lives.push(live.clone());
            } else if !std::mem::replace(&mut placed, true) {
                lives.extend(fresh.clone());
            }
        }
        listed.extend(lives.iter().map(|live| Listed { id: live.segment.head.id, dead: live.generation }));
        manifest.segments = listed;
        self.commit(&mut writer, manifest)?;
        self.state().segments = Arc::new(lives);
        drop(writer);
        for live in segments.iter().filter(|live| is_old(live.segment.head.id)) {
            let id = live.segment.head.id;
            self.remove_file(&manifest::segment_path(&self.dir, id));
            if live.generation > 0 {
                self.remove_file(&manifest::dead_path(&self.dir, id, live.generation));
            }
        }
        Ok(())
    }
}

/// Deletes in a merged segment what was deleted from one of its sources while it was made.
fn carry_over(
    source: &Segment,
    before: Option<&Dead>,
    now: &Dead,
    merged: &Segment,
    dead: &mut Dead,
) -> Result<(), LexicalError> {
    let (mut rows_at, mut merged_at) = (Cursor::new(&source.file), Cursor::new(&merged.file));
    for doc in now.iter().filter(|doc| !before.is_some_and(|before| before.has(*doc))) {
        let rows = source.rows(&mut rows_at, doc / BLOCK as u32)?;
        if let Some(row) = rows.get(doc as usize % BLOCK) {
            dead.insert(merged.seek(&mut merged_at, row.key())?);
        }
    }
    Ok(())
}

/// Visits the documents of a term.
fn each_document(segment: &Segment, hash: TermHash, mut tell: impl FnMut(u32)) -> Result<(), LexicalError> {
    let mut buffer = Vec::new();
    let mut cursor = Cursor::new(&segment.file);
    let Some(term) = segment.find(&mut cursor, hash, &mut buffer)? else { return Ok(()) };
    match term.place {
        Place::Inline(postings) => postings.iter().for_each(|posting| tell(posting.doc)),
        Place::List { offset, bytes } => {
            let mut unpacked = Unpacked::default();
            for block in read_list_head(&mut cursor, (offset, bytes), term.documents, &mut buffer)? {
                block.unpack(&mut cursor, &mut buffer, &mut unpacked)?;
                unpacked.iter().for_each(|posting| tell(posting.doc));
            }
        }
    }
    Ok(())
}
