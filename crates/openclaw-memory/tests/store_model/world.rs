//! A store beside its model, and what is done to both.

use std::sync::Arc;

use openclaw_core::{
    ForeignMessage, MemoryEntry, MemoryId, MemoryKind, NewMemory, Role, RunOutcome, Timestamp,
    config::MemoryConfig,
    port::{CompactRequest, ContextNote, CurationPort, MemoryPort, MemoryType, PruneRequest},
};
use openclaw_memory::{
    Memory,
    engine::{Crash, FaultFs, Fs as _},
};

use crate::{
    model::{Model, Part, Run, name},
    ops::{KINDS, Op},
    support::{self, *},
};

pub(crate) struct World {
    dir: tempfile::TempDir,
    fs: FaultFs,
    memory: Option<Memory>,
    pub(crate) model: Model,
}

impl World {
    pub(crate) fn open(fs: FaultFs, dir: tempfile::TempDir, model: Model) -> Self {
        let config = MemoryConfig { min_free_mb: 0, ..MemoryConfig::default() };
        let memory = Memory::open_on(Arc::new(fs.clone()), dir.path(), &config).unwrap().0;
        Self { dir, fs, memory: Some(memory), model }
    }

    pub(crate) fn memory(&self) -> &Memory {
        self.memory.as_ref().unwrap()
    }

    pub(crate) fn reopened(mut self, crash: Option<Crash>, rebuild: bool) -> Self {
        let fs = crash.map_or_else(|| self.fs.clone(), |crash| self.fs.crash(crash));
        drop(self.memory.take());
        if rebuild {
            fs.remove(&self.dir.path().join("index/index.redb")).unwrap();
        }
        Self::open(fs, self.dir, self.model)
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each thing that can be done")]
    pub(crate) async fn apply(mut self, op: &Op) -> Self {
        // A compaction writes only when there is something to compact: what is unsure may stay so.
        let writes = !matches!(
            op,
            Op::Note(_) | Op::Compact | Op::Checkpoint | Op::Reopen | Op::Rebuild | Op::Crash(_)
        );
        let memory = self.memory.as_ref().unwrap();
        let model = &mut self.model;
        let mut wrote = writes;
        match op {
            Op::Accept { conv, at } => {
                let id = run_at(*at as u64);
                memory.accept_run(new_run(id, Some(&name(*conv)), &format!("question {id}"))).await.unwrap();
                let ids = vec![id.user_message_id().to_string()];
                model.parts.entry(*conv).or_default().push(Part { run: Some(id), at: Some(*at), ids });
                model.runs.push(Run { id, conv: *conv, ended: false, steps: 0, note: None });
            }
            Op::Steps(pick) => match model.pending(*pick) {
                Some(at) => {
                    let run = &mut model.runs[at];
                    memory.append_steps(run.id, vec![call("1"), result("1", "sunny")]).await.unwrap();
                    let ids = [run.steps, run.steps + 1].map(|step| run.id.step_message_id(step).to_string());
                    run.steps += 2;
                    let part = Part { run: Some(run.id), at: None, ids: ids.to_vec() };
                    model.parts.get_mut(&run.conv).unwrap().push(part);
                }
                None => wrote = false,
            },
            Op::End { run, answer } => match model.pending(*run) {
                Some(at) => {
                    let run = &mut model.runs[at];
                    let outcome = if *answer { reply("answer") } else { RunOutcome::Cancelled };
                    memory.end_run(run.id, outcome).await.unwrap();
                    run.ended = true;
                    let ids = if *answer { vec![run.id.reply_id().to_string()] } else { Vec::new() };
                    model.answers += u64::from(*answer);
                    let part = Part { run: Some(run.id), at: None, ids };
                    model.parts.get_mut(&run.conv).unwrap().push(part);
                }
                None => wrote = false,
            },
            Op::Note(pick) => {
                if let Some(at) = model.pending(*pick) {
                    model.noted += 1;
                    let run = &mut model.runs[at];
                    let note = ContextNote { window: model.noted, ..ContextNote::default() };
                    memory.note_context(run.id, note).await.unwrap();
                    model.unsure.push((run.id, run.note));
                    run.note = Some(model.noted);
                }
            }
            Op::Remember { content, kind, conv, supersedes } => {
                let supersedes = supersedes.and_then(|pick| model.memory(pick));
                let new = NewMemory {
                    kind: KINDS[usize::from(*kind)],
                    content: format!("content {content}"),
                    importance: f32::from(*content) / 10.0,
                    tags: vec![format!("tag{kind}")],
                    expires_at: None,
                    conversation: conv.map(|it| support::conv(&name(it))),
                    sources: Vec::new(),
                    supersedes,
                };
                let entry = memory.remember(new.clone()).await.unwrap();
                let mut last = supersedes;
                while let Some(by) = last.and_then(|id| model.get(id).unwrap().superseded_by) {
                    last = Some(by);
                }
                let same = |known: &&MemoryEntry| {
                    let same = known.kind == new.kind && known.content == new.content;
                    // What was done may be there to do again.
                    same && known.superseded_by.is_none() && known.completed_at.is_none()
                };
                match model.memories.iter().find(same) {
                    Some(known) => {
                        assert_eq!(entry, *known);
                        wrote = last.is_some_and(|last| last != entry.id);
                    }
                    None => {
                        assert_eq!((&entry.content, entry.importance), (&new.content, new.importance));
                        assert_eq!((entry.kind, &entry.conversation), (new.kind, &new.conversation));
                        model.memories.push(entry.clone());
                    }
                }
                if let Some(last) = last.filter(|last| *last != entry.id) {
                    model.get(last).unwrap().superseded_by = Some(entry.id);
                }
            }
            Op::Forget(pick) => match model.memory(*pick) {
                Some(id) => {
                    let forgotten = memory.forget(id).await.unwrap();
                    assert_eq!(forgotten.as_ref(), model.get(id).map(|entry| &*entry));
                    model.drop_memories(|entry| entry.id == id);
                }
                None => {
                    assert_eq!(memory.forget(MemoryId::generate()).await.unwrap(), None);
                    wrote = false;
                }
            },
            Op::Complete(pick) => {
                let id = model.memory(*pick).unwrap_or_else(MemoryId::generate);
                let completed = memory.complete(id).await.unwrap();
                let known = model.get(id).filter(|entry| entry.kind == MemoryKind::Task);
                assert_eq!(completed.is_some(), known.is_some());
                wrote = known.as_ref().is_some_and(|known| known.completed_at.is_none());
                if let (Some(known), Some(completed)) = (known, completed) {
                    known.completed_at.get_or_insert(completed.completed_at.unwrap());
                    assert_eq!(*known, completed);
                }
            }
            Op::Import { conv, messages } => {
                let of = |(at, id): &(i64, u8)| ForeignMessage {
                    conversation: support::conv(&name(*conv)),
                    channel: "telegram".into(),
                    role: if id % 2 == 0 { Role::User } else { Role::Assistant },
                    content: format!("imported {id} words"),
                    timestamp: Timestamp::from_unix_millis(*at),
                    // The same id in another conversation is another message; see `store_memories`.
                    id: Some(format!("{}:{id}", name(*conv)).parse().unwrap()),
                };
                let counts = memory.import(messages.iter().map(of).collect()).await.unwrap();
                let mut imported = 0;
                for (at, id) in messages {
                    let id = format!("{}:{id}", name(*conv));
                    if model.parts.values().flatten().all(|part| !part.ids.contains(&id)) {
                        let part = Part { run: None, at: Some(*at), ids: vec![id] };
                        model.parts.entry(*conv).or_default().push(part);
                        imported += 1;
                    }
                }
                assert_eq!((counts.imported, counts.skipped), (imported, messages.len() as u64 - imported));
                wrote = imported > 0;
            }
            Op::PruneImports(before) => {
                let request = PruneRequest {
                    before: Timestamp::from_unix_millis(*before),
                    kind: MemoryType::Wal,
                    confirm: true,
                };
                let would = memory.prune(PruneRequest { confirm: false, ..request }).await.unwrap();
                assert_eq!(memory.prune(request).await.unwrap(), would);
                wrote = would.wal_entries > 0;
                model.drop_parts(|part| part.run.is_none() && part.at < Some(*before));
            }
            Op::PruneAll => {
                let request = PruneRequest {
                    before: Timestamp::from_unix_millis(Timestamp::now().unix_millis() + 3_600_000),
                    kind: MemoryType::Wal,
                    confirm: true,
                };
                memory.prune(request).await.unwrap();
                let ended: Vec<_> = model.runs.iter().filter(|run| run.ended).map(|run| run.id).collect();
                model.drop_parts(|part| part.run.is_none_or(|run| ended.contains(&run)));
                model.drop_memories(|_| true);
                // Whether there was anything to prune is not followed here: notes may be unsure for longer.
                wrote = false;
            }
            Op::Erase(conv) => {
                let key = support::conv(&name(*conv));
                let messages = model.ids(*conv).len() as u64;
                let existed = model.parts.get(conv).is_some_and(|parts| !parts.is_empty());
                model.parts.remove(conv);
                model.runs.retain(|run| run.conv != *conv);
                let memories = model.drop_memories(|entry| entry.conversation.as_ref() == Some(&key)) as u64;
                let erased = memory.erase_conversation(&key).await.unwrap();
                let expected = (existed || memories > 0).then_some((messages, memories));
                // Lines that said what is gone count as memories, too.
                let lines = erased.as_ref().map_or(0, |erased| erased.memories.saturating_sub(memories));
                assert!(lines == 0 || model.compacted, "{erased:?}");
                let counts = erased.map(|erased| (erased.messages, erased.memories - lines));
                assert_eq!(counts, expected);
                wrote = expected.is_some();
            }
            Op::Compact => {
                let request = CompactRequest { offline: true, everything: true, dry_run: false };
                memory.compact(request).await.unwrap();
                model.compacted = true;
                // Checks, too, that every line cites what is there.
                let report = CurationPort::verify(memory).await.unwrap();
                assert!(report.is_sound(), "{:?}", report.problems);
            }
            Op::Checkpoint => assert!(memory.checkpoint_now()),
            Op::Reopen => {
                memory.close().await;
                self.model.unsure.clear();
                return self.reopened(None, false);
            }
            Op::Rebuild => {
                self.model.unsure.clear();
                return self.reopened(None, true);
            }
            Op::Crash(hard) => {
                let crash = if *hard { Crash::LoseUnsynced } else { Crash::ProcessOnly };
                self = self.reopened(Some(crash), false);
                // A note that nothing was written after is there or not.
                for (run, before) in std::mem::take(&mut self.model.unsure) {
                    let found = self.memory().context_note(run).await.unwrap().map(|note| note.window);
                    if let Some(run) = self.model.runs.iter_mut().find(|known| known.id == run) {
                        assert!(found == run.note || found <= run.note.max(before), "{found:?} {run:?}");
                        run.note = found;
                    }
                }
                return self;
            }
        }
        if wrote {
            self.model.unsure.clear();
        }
        self
    }
}
