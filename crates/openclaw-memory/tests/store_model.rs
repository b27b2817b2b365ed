//! Whatever is done in whatever order, the store answers as a plain model does: after checkpoints, restarts, crashes, and
//! without its index.

#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[expect(dead_code, reason = "the tests of the store share it; each uses its part")]
mod support;

use std::{collections::BTreeMap, sync::Arc};

use openclaw_core::{
    ForeignMessage, MemoryEntry, MemoryId, MemoryKind, MessageWindow, NewMemory, Role, RunId, RunOutcome,
    Timestamp,
    config::MemoryConfig,
    port::{
        ContextMemory, ContextNote, CurationPort, EntryFilter, MemoryPort, MemoryType, PruneRequest,
        RecallQuery,
    },
};
use openclaw_memory::{
    Memory,
    engine::{Crash, FaultFs, Fs as _},
};
use proptest::prelude::*;
use support::*;

const BASE: i64 = 1_700_000_000_000;
const KINDS: [MemoryKind; 4] =
    [MemoryKind::Fact, MemoryKind::Task, MemoryKind::Preference, MemoryKind::Ephemeral];

#[derive(Debug, Clone)]
enum Op {
    Accept { conv: u8, at: i64 },
    Steps(u8),
    End { run: u8, answer: bool },
    Note(u8),
    Remember { content: u8, kind: u8, conv: Option<u8>, supersedes: Option<u8> },
    Forget(u8),
    Complete(u8),
    Import { conv: u8, messages: Vec<(i64, u8)> },
    PruneImports(i64),
    PruneAll,
    Erase(u8),
    Checkpoint,
    Reopen,
    Rebuild,
    Crash(bool),
}

/// What must change nothing that was acknowledged.
fn upkeep() -> impl Strategy<Value = Op> {
    prop_oneof![
        2 => Just(Op::Checkpoint),
        1 => Just(Op::Reopen),
        1 => Just(Op::Rebuild),
        1 => any::<bool>().prop_map(Op::Crash),
    ]
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let conv = || 0_u8..3;
    let at = || (0_i64..20).prop_map(|at| BASE + at * 1000);
    let op = prop_oneof![
        4 => (conv(), at()).prop_map(|(conv, at)| Op::Accept { conv, at }),
        2 => any::<u8>().prop_map(Op::Steps),
        4 => (any::<u8>(), any::<bool>()).prop_map(|(run, answer)| Op::End { run, answer }),
        2 => any::<u8>().prop_map(Op::Note),
        5 => (0_u8..6, 0_u8..4, prop::option::of(conv()), prop::option::of(any::<u8>()))
            .prop_map(|(content, kind, conv, supersedes)| Op::Remember { content, kind, conv, supersedes }),
        2 => any::<u8>().prop_map(Op::Forget),
        1 => any::<u8>().prop_map(Op::Complete),
        4 => (conv(), prop::collection::vec((at(), 0_u8..40), 1..6))
            .prop_map(|(conv, messages)| Op::Import { conv, messages }),
        1 => at().prop_map(Op::PruneImports),
        1 => Just(Op::PruneAll),
        1 => conv().prop_map(Op::Erase),
        5 => upkeep(),
    ];
    prop::collection::vec(op, 1..40)
}

/// Mostly what remembers, replaces and forgets the same few things: chains of entries that have each other's place.
fn entry_ops() -> impl Strategy<Value = Vec<Op>> {
    let conv = || 0_u8..3;
    let op = prop_oneof![
        1 => conv().prop_map(|conv| Op::Accept { conv, at: BASE }),
        8 => (0_u8..3, prop::option::weighted(0.3, conv()), prop::option::of(any::<u8>()))
            .prop_map(|(content, conv, supersedes)| Op::Remember { content, kind: 0, conv, supersedes }),
        4 => any::<u8>().prop_map(Op::Forget),
        1 => conv().prop_map(Op::Erase),
        5 => upkeep(),
    ];
    prop::collection::vec(op, 1..40)
}

/// One record that holds messages: those of a run, or an imported one.
#[derive(Debug, Clone)]
struct Part {
    run: Option<RunId>,
    /// Of what begins something.
    at: Option<i64>,
    ids: Vec<String>,
}

#[derive(Debug, Clone)]
struct Run {
    id: RunId,
    conv: u8,
    ended: bool,
    steps: usize,
    note: Option<u32>,
}

#[derive(Debug, Default)]
struct Model {
    /// By conversation, in the order of the log.
    parts: BTreeMap<u8, Vec<Part>>,
    runs: Vec<Run>,
    memories: Vec<MemoryEntry>,
    /// Notes that no other record was written after.
    unsure: Vec<(RunId, Option<u32>)>,
    answers: u64,
    noted: u32,
}

fn name(conv: u8) -> String {
    format!("c{conv}")
}

impl Model {
    /// The ids of a conversation's messages in order, found the slow way.
    fn ids(&self, conv: u8) -> Vec<String> {
        let parts = self.parts.get(&conv).cloned().unwrap_or_default();
        let mut order: Vec<Part> = parts.iter().filter(|part| part.run.is_some()).cloned().collect();
        let mut imports: Vec<Part> = parts.into_iter().filter(|part| part.run.is_none()).collect();
        imports.sort_by_key(|part| part.at);
        let top = |order: &[Part], until: usize| {
            let run = order[..=until].iter().filter(|part| part.run.is_some());
            run.filter_map(|part| part.at).max()
        };
        for import in imports {
            let later = |place: &usize| {
                let part = &order[*place];
                part.run.is_some() && part.at.is_some() && top(&order, *place) > import.at
            };
            let place = (0..order.len()).find(later).unwrap_or(order.len());
            order.insert(place, import);
        }
        order.into_iter().flat_map(|part| part.ids).collect()
    }

    fn pending(&self, pick: u8) -> Option<usize> {
        let open: Vec<usize> = (0..self.runs.len()).filter(|at| !self.runs[*at].ended).collect();
        (!open.is_empty()).then(|| open[usize::from(pick) % open.len()])
    }

    fn memory(&self, pick: u8) -> Option<MemoryId> {
        let count = self.memories.len();
        (count > 0).then(|| self.memories[usize::from(pick) % count].id)
    }

    fn get(&mut self, id: MemoryId) -> Option<&mut MemoryEntry> {
        self.memories.iter_mut().find(|entry| entry.id == id)
    }

    fn drop_memories(&mut self, going: impl Fn(&MemoryEntry) -> bool) -> usize {
        let (gone, stay): (Vec<_>, Vec<_>) = std::mem::take(&mut self.memories).into_iter().partition(going);
        self.memories = stay;
        let mut freed = Vec::new();
        for entry in &mut self.memories {
            let mut gone_from = false;
            while let Some(by) = gone.iter().find(|gone| Some(gone.id) == entry.superseded_by) {
                entry.superseded_by = by.superseded_by;
                gone_from = true;
            }
            if gone_from && entry.superseded_by.is_none() && entry.completed_at.is_none() {
                freed.push(entry.id);
            }
        }
        // What was said again since keeps its place; of several that are free at once, the newest has it.
        freed.sort();
        while let Some(id) = freed.pop() {
            let entry = self.get(id).unwrap().clone();
            let twin = self.memories.iter().find(|other| {
                let same = other.kind == entry.kind && other.content == entry.content;
                let counts = other.superseded_by.is_none() && other.completed_at.is_none();
                same && counts && other.id != id && !freed.contains(&other.id)
            });
            let twin = twin.map(|twin| twin.id);
            self.get(id).unwrap().superseded_by = twin;
        }
        gone.len()
    }

    fn drop_parts(&mut self, going: impl Fn(&Part) -> bool) {
        for parts in self.parts.values_mut() {
            parts.retain(|part| !going(part));
        }
        let parts = &self.parts;
        let holds = |run: &Run| parts[&run.conv].iter().any(|part| part.run == Some(run.id));
        self.runs.retain(|run| !run.ended || holds(run));
    }
}

struct World {
    dir: tempfile::TempDir,
    fs: FaultFs,
    memory: Option<Memory>,
    model: Model,
}

impl World {
    fn open(fs: FaultFs, dir: tempfile::TempDir, model: Model) -> Self {
        let config = MemoryConfig { min_free_mb: 0, ..MemoryConfig::default() };
        let memory = Memory::open_on(Arc::new(fs.clone()), dir.path(), &config).unwrap().0;
        Self { dir, fs, memory: Some(memory), model }
    }

    fn memory(&self) -> &Memory {
        self.memory.as_ref().unwrap()
    }

    fn reopened(mut self, crash: Option<Crash>, rebuild: bool) -> Self {
        let fs = crash.map_or_else(|| self.fs.clone(), |crash| self.fs.crash(crash));
        drop(self.memory.take());
        if rebuild {
            fs.remove(&self.dir.path().join("index/index.redb")).unwrap();
        }
        Self::open(fs, self.dir, self.model)
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each thing that can be done")]
    async fn apply(mut self, op: &Op) -> Self {
        let writes = !matches!(op, Op::Note(_) | Op::Checkpoint | Op::Reopen | Op::Rebuild | Op::Crash(_));
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
                assert_eq!(erased.map(|erased| (erased.messages, erased.memories)), expected);
                wrote = expected.is_some();
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

    async fn check(&self) {
        let (memory, model) = (self.memory(), &self.model);
        let page = memory.conversations(page(100)).await.unwrap();
        let mut listed: Vec<String> = page.conversations.iter().map(|item| item.id.to_string()).collect();
        assert!(
            page.conversations.windows(2).all(|pair| pair[0].last_message_at >= pair[1].last_message_at),
            "{page:?}"
        );
        listed.sort();
        let there: Vec<u8> =
            model.parts.iter().filter(|(_, parts)| !parts.is_empty()).map(|(conv, _)| *conv).collect();
        assert_eq!(listed, there.iter().map(|conv| name(*conv)).collect::<Vec<_>>());
        assert_eq!(page.total, there.len());
        let mut messages = 0;
        for conv in there {
            let (key, ids) = (support::conv(&name(conv)), model.ids(conv));
            let view = memory.conversation(&key, MessageWindow::default()).await.unwrap().unwrap();
            let found: Vec<_> = view.messages.iter().map(|message| message.id.to_string()).collect();
            assert_eq!(found, ids);
            assert_eq!(view.summary.message_count, ids.len() as u64);
            let last = view.messages.iter().map(|message| message.timestamp).max().unwrap();
            assert_eq!(view.summary.last_message_at, last);
            let begun = model.parts[&conv].iter().filter_map(|part| part.at).min().unwrap();
            assert_eq!(view.summary.created_at.unix_millis(), begun);
            let recent = memory.recent(&key, 3, usize::MAX).await.unwrap();
            let recent: Vec<_> = recent.iter().map(|message| message.id.to_string()).collect();
            assert_eq!(recent, ids[ids.len().saturating_sub(3)..]);
            let middle = &view.messages[ids.len() / 2].id;
            let window = MessageWindow { limit: Some(2), before: Some(middle.clone()) };
            let cut = memory.conversation(&key, window).await.unwrap().unwrap();
            let cut: Vec<_> = cut.messages.iter().map(|message| message.id.to_string()).collect();
            let until = ids.len() / 2;
            assert_eq!(cut, ids[until.saturating_sub(2)..until]);
            messages += ids.len();
        }
        let mut entries =
            memory.entries(EntryFilter { all: true, limit: 1000, ..Default::default() }).await.unwrap();
        let mut expected = model.memories.clone();
        expected.sort_by_key(|entry| std::cmp::Reverse(entry.id));
        assert_eq!(entries.total, expected.len());
        assert_eq!(entries.entries, expected);
        entries = memory.entries(EntryFilter { limit: 1000, ..Default::default() }).await.unwrap();
        expected.retain(|entry| entry.superseded_by.is_none());
        assert_eq!(entries.entries, expected);
        let stats = memory.stats().await.unwrap().wal;
        assert_eq!(stats.entries, (messages + model.memories.len()) as u64);
        let oldest = model.parts.values().flatten().filter_map(|part| part.at).min();
        assert_eq!(stats.oldest.map(Timestamp::unix_millis), oldest);
        assert_eq!(memory.totals().0, model.answers);
        let pending = memory.pending_runs().await.unwrap();
        let open = model.runs.iter().filter(|run| !run.ended).count();
        assert_eq!(pending.len(), open);
        for run in &model.runs {
            assert!(memory.run(run.id).await.unwrap().is_some(), "{run:?}");
            if model.unsure.iter().all(|(id, _)| *id != run.id) {
                let note = memory.context_note(run.id).await.unwrap().map(|note| note.window);
                assert_eq!(note, run.note, "{run:?}");
            }
        }
        let mut exported = Vec::new();
        let mut after = None;
        loop {
            let part = memory.export(after, 3).await.unwrap();
            exported.extend(part.messages);
            after = part.next;
            if after.is_none() {
                break;
            }
        }
        // Tool calls have no text to give.
        let calls: usize = model.runs.iter().map(|run| run.steps / 2).sum();
        assert_eq!(exported.len(), messages - calls);
        let found = memory.search(query("imported words")).await.unwrap();
        let imports = model.parts.values().flatten().filter(|part| part.run.is_none()).count();
        assert_eq!(found.total, imports);
        let found = memory.search(query("content")).await.unwrap();
        assert_eq!(found.total, model.memories.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_is_a_plain_model(ops in ops()) {
        run(&ops);
    }

    /// No entry names one that is gone, and nothing counts twice.
    #[test]
    fn entries_that_replace_each_other_are_a_plain_model(ops in entry_ops()) {
        run(&ops);
    }
}

/// What links the first to the third is overwritten with the third, so that only the replay of forgetting the second can say it.
#[test]
fn a_chain_whose_links_were_forgotten_one_by_one_leaves_its_first_entry() {
    let remember = |content, supersedes| Op::Remember { content, kind: 0, conv: None, supersedes };
    let chain = [remember(0, None), remember(1, Some(0)), remember(2, Some(1))];
    run(&[&chain[..], &[Op::Checkpoint, Op::Forget(1), Op::Forget(1), Op::Crash(false)]].concat());
}

fn run(ops: &[Op]) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let mut world = World::open(FaultFs::new(), tempfile::tempdir().unwrap(), Model::default());
        for op in ops {
            world = world.apply(op).await;
            world.check().await;
        }
        world = world.reopened(None, true);
        world.model.unsure.clear();
        world.check().await;
    });
}

#[tokio::test]
async fn what_went_into_prompts_counts_as_used() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    let new = NewMemory {
        kind: MemoryKind::Fact,
        content: "drinks green tea".into(),
        importance: 0.9,
        tags: Vec::new(),
        expires_at: None,
        conversation: None,
        sources: Vec::new(),
        supersedes: None,
    };
    let entry = memory.remember(new).await.unwrap();
    let recall = async |memory: &Memory| {
        let query =
            RecallQuery { text: "tea".into(), conversation: conv("c"), present: Vec::new(), limit: 5 };
        memory.recall(query).await.unwrap()
    };
    let first = recall(&memory).await;
    assert_eq!((first.len(), first[0].id.clone()), (1, entry.id.to_string()));
    assert_eq!((first[0].kind, first[0].frequency, first[0].relevance), (MemoryKind::Fact, 0.0, 1.0));
    assert!((first[0].importance - 0.9).abs() < 1e-6 && first[0].recency > 0.99);
    let id = RunId::generate();
    memory.accept_run(new_run(id, Some("c"), "question")).await.unwrap();
    let used = ContextMemory { id: entry.id.to_string(), score: 0.75, factors: [1.0, 0.9, 1.0, 0.0] };
    let note = ContextNote { window: 8192, memories: vec![used], ..ContextNote::default() };
    memory.note_context(id, note.clone()).await.unwrap();
    memory.end_run(id, reply("answer")).await.unwrap();
    let used = recall(&memory).await.remove(0).frequency;
    assert!(used > 0.1, "{used}");
    for _ in 0..2 {
        assert!(memory.checkpoint_now());
        assert_eq!(recall(&memory).await[0].frequency.to_bits(), used.to_bits());
    }
    let found = memory.context_note(id).await.unwrap().unwrap();
    assert_eq!((found.window, found.memories[0].id.as_str()), (8192, entry.id.to_string().as_str()));
    assert!((found.memories[0].score - 0.75).abs() < 1e-3);
    assert!(memory.note_context(id, note).await.is_err());
}
