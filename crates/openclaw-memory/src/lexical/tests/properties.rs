//! Any order of additions, deletions, flushes, merges and starts answers as the model does.

use proptest::prelude::*;

use super::{super::*, create, maintain, model::Model, open};
use crate::fs::FaultFs;

const WORDS: [&str; 24] = [
    "the",
    "of",
    "tea",
    "green",
    "running",
    "http_server",
    "v1.2.3",
    "example.com",
    "飲食",
    "偏好",
    "綠茶",
    "的",
    "我",
    "学习",
    "明日",
    "パソコン",
    "買います",
    "사용자",
    "취미는",
    "등산",
    "에서",
    "🎉",
    "2026",
    "ชา",
];

#[derive(Debug, Clone)]
enum Op {
    Add { count: u16, seed: u64 },
    DeleteConversation(u8),
    DeleteKeys { log: bool, from: u64, len: u64 },
    Flush,
    Maintain,
    Reopen,
    Search { seed: u64, limit: usize, filters: u8 },
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        4 => (1..200_u16, any::<u64>()).prop_map(|(count, seed)| Op::Add { count, seed }),
        1 => (0..12_u8).prop_map(Op::DeleteConversation),
        1 => (any::<bool>(), 0..600_u64, 0..40_u64).prop_map(|(log, from, len)| Op::DeleteKeys { log, from, len }),
        2 => Just(Op::Flush),
        1 => Just(Op::Maintain),
        1 => Just(Op::Reopen),
        4 => (any::<u64>(), 1..30_usize, any::<u8>()).prop_map(|(seed, limit, filters)| Op::Search { seed, limit, filters }),
    ];
    prop::collection::vec(op, 1..24)
}

/// Splitmix64 (public domain, Vigna 2015).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }

    /// Words of which the first are the most frequent.
    pub(super) fn text(&mut self, words: u64) -> String {
        let mut text = String::new();
        for _ in 0..words {
            let top = 1 + self.below(WORDS.len() as u64);
            text.push_str(WORDS[self.below(top) as usize]);
            if self.below(3) > 0 {
                text.push(' ');
            }
        }
        text
    }
}

struct Pair {
    fs: FaultFs,
    index: Lexical,
    model: Model,
    next: [u64; 2],
}

impl Pair {
    fn new() -> Self {
        let fs = FaultFs::new();
        Self { index: create(&fs), fs, model: Model::new(), next: [1, 1] }
    }

    fn add(&mut self, count: u64, seed: u64) {
        let mut random = Random(seed);
        for _ in 0..count {
            let space = if random.below(5) == 0 { Space::Markdown } else { Space::Log };
            let next = &mut self.next[space as usize];
            let parts = 1 + random.below(2) as u32;
            for minor in 0..parts {
                let words = 1 + random.below(25);
                let text = random.text(words);
                let conversation = format!("c{}", random.below(12));
                let channel = ["api", "telegram"][random.below(2) as usize];
                // Imports bring times out of order.
                let time_ms = 1_700_000_000_000 + *next as i64 * 1000 + random.below(50_000) as i64;
                let kind = random.below(3) as u8;
                let new = NewDoc {
                    key: DocKey { space, major: *next, minor },
                    text: &text,
                    time_ms,
                    kind,
                    importance: 1,
                    place: 0,
                    conversation: conversation.as_bytes(),
                    channel: channel.as_bytes(),
                };
                self.index.add(&[new], *next).unwrap();
                self.model.add((space, *next, minor), &text, time_ms, kind, (&conversation, channel));
            }
            *next += 1 + random.below(3);
        }
    }

    fn delete(&mut self, doomed: Doomed<'_>) {
        let gone = self.index.delete(&[doomed]).unwrap();
        let mut expected = 0;
        for doc in self.model.docs.iter_mut().filter(|doc| !doc.dead) {
            let hit = match doomed {
                Doomed::Conversation(id) => doc.conversation.as_bytes() == id,
                Doomed::Keys { space, from, to } => {
                    doc.key.0 == space && (from..=to).contains(&(doc.key.1, doc.key.2))
                }
            };
            doc.dead |= hit;
            expected += u64::from(hit);
        }
        assert_eq!(gone, expected);
    }

    fn flush(&mut self) {
        self.index.flush().unwrap();
        self.model.flush();
    }

    fn search(&self, seed: u64, limit: usize, filters: u8) -> Result<(), String> {
        let mut random = Random(seed);
        let words = 1 + random.below(6);
        let text = random.text(words);
        let conversation = format!("c{}", random.below(12));
        let middle = 1_700_000_000_000 + random.below(self.next[1] + 30) as i64 * 1000;
        let filter = Filter {
            space: (filters & 3 == 1).then_some(Space::Log),
            since_ms: (filters & 4 > 0).then_some(middle),
            until_ms: (filters & 8 > 0).then_some(middle + random.below(200_000) as i64),
            conversation: (filters & 0x30 == 0x30).then_some(conversation.as_bytes()),
            channel: (filters & 0x40 > 0).then_some(b"telegram"),
            kinds: if filters & 0x80 > 0 { &[0, 2] } else { &[] },
        };
        let found = super::search(&self.index, &text, filter, limit);
        self.model
            .check(&found, &text, &filter, limit)
            .map_err(|wrong| format!("{text:?} {filter:?}: {wrong}"))
    }

    fn apply(&mut self, op: &Op) -> Result<(), String> {
        match op {
            Op::Add { count, seed } => self.add(u64::from(*count), *seed),
            Op::DeleteConversation(number) => {
                self.delete(Doomed::Conversation(format!("c{number}").as_bytes()));
            }
            Op::DeleteKeys { log, from, len } => {
                let space = if *log { Space::Log } else { Space::Markdown };
                self.delete(Doomed::Keys { space, from: (*from, 0), to: (from + len, 0) });
            }
            Op::Flush => self.flush(),
            Op::Maintain => {
                maintain(&self.index);
                self.model.maintain();
            }
            Op::Reopen => {
                self.flush();
                self.index = open(&self.fs).unwrap();
            }
            Op::Search { seed, limit, filters } => self.search(*seed, *limit, *filters)?,
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn it_answers_as_the_model_does(ops in ops(), seed in any::<u64>()) {
        let mut pair = Pair::new();
        for op in &ops {
            if let Err(wrong) = pair.apply(op) {
                prop_assert!(false, "{}", wrong);
            }
        }
        for filters in [0, 4, 0x30, 0xff] {
            if let Err(wrong) = pair.search(seed, 10, filters) {
                prop_assert!(false, "{}", wrong);
            }
        }
    }
}

#[test]
fn many_documents_answer_as_the_model_does() {
    let mut pair = Pair::new();
    for round in 0..9 {
        pair.add(if round == 0 { 3500 } else { 300 }, round);
        if round < 8 {
            pair.flush();
        }
        if round == 5 {
            maintain(&pair.index);
        }
    }
    pair.delete(Doomed::Keys { space: Space::Log, from: (1000, 1), to: (1100, 0) });
    for seed in 0..12 {
        for filters in [0, 0x4c, 0x80] {
            pair.search(seed, 10, filters).unwrap();
        }
    }
    maintain(&pair.index);
    pair.model.maintain();
    // What was deleted in memory counts until the next flush.
    pair.flush();
    for seed in 0..6 {
        pair.search(seed, 100, 0).unwrap();
    }
}
