//! Whatever is done in whatever order, the store answers as a plain model does: after checkpoints, compactions, restarts,
//! crashes, and without its index.

#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

mod check;
mod model;
mod ops;
#[expect(dead_code, reason = "the tests of the store share it; each uses its part")]
#[path = "../support/mod.rs"]
mod support;
mod world;

use openclaw_core::{
    MemoryKind, NewMemory, RunId,
    port::{ContextMemory, ContextNote, CurationPort, MemoryPort, RecallQuery},
};
use openclaw_memory::{Memory, engine::FaultFs};
use proptest::prelude::*;

use model::Model;
use ops::{Op, entry_ops, ops};
use support::*;
use world::World;

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
