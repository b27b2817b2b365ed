//! What may be done to a store.

use openclaw_core::MemoryKind;
use proptest::prelude::*;

pub(crate) const BASE: i64 = 1_700_000_000_000;
pub(crate) const KINDS: [MemoryKind; 4] =
    [MemoryKind::Fact, MemoryKind::Task, MemoryKind::Preference, MemoryKind::Ephemeral];

#[derive(Debug, Clone)]
pub(crate) enum Op {
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
    Compact,
    Checkpoint,
    Reopen,
    Rebuild,
    Crash(bool),
}

/// What must change nothing that was acknowledged.
fn upkeep() -> impl Strategy<Value = Op> {
    prop_oneof![
        2 => Just(Op::Checkpoint),
        1 => Just(Op::Compact),
        1 => Just(Op::Reopen),
        1 => Just(Op::Rebuild),
        1 => any::<bool>().prop_map(Op::Crash),
    ]
}

pub(crate) fn ops() -> impl Strategy<Value = Vec<Op>> {
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
pub(crate) fn entry_ops() -> impl Strategy<Value = Vec<Op>> {
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
