//! What one memory gives out, another takes in as it was.

use openclaw_core::{
    ContentBlock, ForeignMemory, ForeignMessage, MemoryEntry, MemoryId, MemoryKind, MessageId, Metadata,
    NewMemory, NewRun, Reply, Role, RunId, RunOutcome, Timestamp, TokenUsage, ToolCall, ToolResult,
    config::MemoryConfig,
    port::{CurationPort as _, MemoryError, MemoryPort as _},
};
use openclaw_http::MemoryApi;
use openclaw_memory::Memory;
use proptest::{collection::vec, option, prelude::*};
use std::sync::Arc;
use tempfile::TempDir;

use super::*;

/// What happens to a memory.
#[derive(Debug, Clone)]
enum Deed {
    /// Somebody asks; the agent speaks, calls tools and answers.
    Run {
        conversation: String,
        channel: String,
        question: String,
        steps: Vec<Vec<ContentBlock>>,
        answer: String,
    },
    Import(ForeignMessage),
    /// The place of an earlier entry may be taken.
    Remember(NewMemory, Option<usize>),
    /// With an id of any time.
    Restore(MemoryEntry),
    Complete(usize),
    Forget(usize),
}

/// Any text of a message; now and then one that no message of a person may be as long as.
fn content() -> impl Strategy<Value = String> {
    let said = prop_oneof![
        4 => any::<String>(),
        4 => "[a-z \u{0}-\u{1f}\u{7f}\"\\\\\u{2028}明天서울の🐈\u{200d}é]{1,40}",
        1 => Just(" ".to_owned()),
    ];
    let count = prop_oneof![12 => Just(1_usize), 1 => 20_000..30_000_usize];
    (said, count).prop_map(|(said, count)| {
        let most = limits::STORED_MESSAGE_BYTES / 8;
        said.repeat(count.min(most / said.len().max(1)).max(1))
    })
}

fn said() -> impl Strategy<Value = String> {
    content().prop_filter("a message says something", |content| !content.is_empty())
}

fn timestamp() -> impl Strategy<Value = Timestamp> {
    prop_oneof![1_700_000_000_000..1_800_000_000_000_i64, any::<i64>(), Just(-1),]
        .prop_map(Timestamp::from_unix_millis)
}

fn conversation() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[ab]", 1 => "[A-Za-z0-9_-]{64}"]
}

fn channel() -> impl Strategy<Value = String> {
    prop_oneof![3 => Just("api".to_owned()), 1 => "[A-Za-z0-9_.-]{1,64}"]
}

fn message_id() -> impl Strategy<Value = MessageId> {
    prop_oneof!["m[0-9]", "[!-~]{128}", "msg_user_[0-9A-Z]{26}"].prop_map(|id| id.parse().unwrap())
}

fn block() -> impl Strategy<Value = ContentBlock> {
    let call = |id: String| ToolCall { id, name: "look".to_owned(), arguments: json!({"at": "서울"}) };
    let result =
        |(call_id, content, is_error)| ToolResult { call_id, name: "look".to_owned(), content, is_error };
    prop_oneof![
        content().prop_map(ContentBlock::Text),
        "[a-z]{3}".prop_map(call).prop_map(ContentBlock::ToolCall),
        ("[a-z]{3}", content(), any::<bool>()).prop_map(result).prop_map(ContentBlock::ToolResult),
    ]
}

fn imported() -> impl Strategy<Value = ForeignMessage> {
    let role = prop_oneof![Just(Role::System), Just(Role::User), Just(Role::Assistant), Just(Role::Tool)];
    (conversation(), channel(), role, said(), timestamp(), option::of(message_id())).prop_map(
        |(conversation, channel, role, content, timestamp, id)| ForeignMessage {
            conversation: conversation.parse().unwrap(),
            channel,
            role,
            content,
            timestamp,
            id,
        },
    )
}

fn remembered() -> impl Strategy<Value = NewMemory> {
    let content =
        prop_oneof![Just("known".to_owned()), any::<String>(), Just("長".repeat(limits::MEMORY_BYTES / 3))];
    let content = content.prop_filter("an entry says something", |content| !content.trim().is_empty());
    let tag = "[a-z집 ]{0,20}[a-z집]";
    let kind = proptest::sample::select(MemoryKind::ALL.to_vec());
    let expires = option::of(timestamp());
    let rest = (vec(tag, 0..3), expires, option::of(conversation()), vec(message_id(), 0..3));
    (kind, content, 0.0..=1.0_f32, rest).prop_map(|(kind, content, importance, rest)| NewMemory {
        kind,
        content,
        importance,
        tags: rest.0,
        expires_at: rest.1,
        conversation: rest.2.map(|id| id.parse().unwrap()),
        sources: rest.3,
        supersedes: None,
    })
}

fn deed() -> impl Strategy<Value = Deed> {
    let run = (conversation(), channel(), content(), vec(vec(block(), 1..4), 0..3), content());
    let run = run.prop_map(|(conversation, channel, question, steps, answer)| Deed::Run {
        conversation,
        channel,
        question,
        steps,
        answer,
    });
    let entry = |(id, new): ([u8; 16], NewMemory)| MemoryEntry {
        id: MemoryId::from_bytes(id),
        kind: new.kind,
        content: new.content,
        importance: new.importance,
        tags: new.tags,
        expires_at: new.expires_at,
        completed_at: None,
        conversation: new.conversation,
        sources: new.sources,
        superseded_by: None,
    };
    prop_oneof![
        3 => run,
        4 => imported().prop_map(Deed::Import),
        4 => (remembered(), option::of(0..8_usize)).prop_map(|(new, old)| Deed::Remember(new, old)),
        1 => (any::<[u8; 16]>(), remembered()).prop_map(entry).prop_map(Deed::Restore),
        1 => (0..8_usize).prop_map(Deed::Complete),
        1 => (0..8_usize).prop_map(Deed::Forget),
    ]
}

async fn act(memory: &Memory, ids: &mut Vec<MemoryId>, deed: Deed) {
    let named = |ids: &[MemoryId], index: usize| ids.get(index % ids.len().max(1)).copied();
    match deed {
        Deed::Run { conversation, channel, question, steps, answer } => {
            let id = RunId::generate();
            let conversation = conversation.parse().unwrap();
            let metadata = Metadata::default();
            let run = NewRun { id, conversation, channel, text: question, metadata, idempotency_key: None };
            memory.accept_run(run).await.unwrap();
            for blocks in steps {
                memory.append_steps(id, blocks).await.unwrap();
            }
            let usage = TokenUsage { input: 1, output: 2 };
            let reply = Reply {
                content: answer,
                skills_used: Vec::new(),
                usage,
                latency_ms: 3,
                model: "m".to_owned(),
            };
            memory.end_run(id, RunOutcome::Completed(reply)).await.unwrap();
        }
        Deed::Import(message) => drop(memory.import(vec![message]).await.unwrap()),
        Deed::Remember(new, old) => {
            let mut supersedes = old.and_then(|index| named(ids, index));
            if let Some(id) = supersedes
                && memory.entry(id).await.unwrap().is_none()
            {
                supersedes = None;
            }
            let new = NewMemory { supersedes, ..new };
            let entry = match memory.remember(new.clone()).await {
                // Of what nobody said here only an import knows.
                Err(MemoryError::Invalid { field: "sources", .. }) => {
                    memory.remember(NewMemory { sources: Vec::new(), ..new }).await.unwrap()
                }
                done => done.unwrap(),
            };
            ids.push(entry.id);
        }
        Deed::Restore(entry) => {
            ids.push(entry.id);
            memory.restore(vec![ForeignMemory { entry, supersedes: None }]).await.unwrap();
        }
        Deed::Complete(index) => {
            if let Some(id) = named(ids, index) {
                memory.complete(id).await.unwrap();
            }
        }
        Deed::Forget(index) => {
            if let Some(id) = named(ids, index) {
                memory.forget(id).await.unwrap();
            }
        }
    }
}

async fn here() -> (TempDir, Access, Arc<Memory>) {
    let directory = tempfile::tempdir().unwrap();
    let config = MemoryConfig { min_free_mb: 0, ..MemoryConfig::default() };
    let memory = Arc::new(Memory::open(&directory.path().join("memory"), &config).unwrap().0);
    let api = MemoryApi::new(Arc::clone(&memory) as _, Arc::clone(&memory) as _);
    let access = Access::Here { api, memory: Arc::clone(&memory) };
    (directory, access, memory)
}

/// Every line.
async fn exported(access: &Access) -> String {
    let mut out = Vec::new();
    assert!(pages(access, &mut out, false).await.is_ok());
    String::from_utf8(out).unwrap()
}

/// The lines of messages, in order, and those of entries, as a set: what an older entry superseded is told again behind both,
/// wherever that is.
fn parts(lines: &str) -> (Vec<&str>, Vec<&str>) {
    let (mut entries, messages): (Vec<_>, Vec<_>) =
        lines.lines().partition(|line| line.starts_with("{\"kind\":"));
    entries.sort_unstable();
    (messages, entries)
}

#[track_caller]
fn assert_same(left: &str, right: &str) {
    let (left, right) = (parts(left), parts(right));
    for (left, right) in [(left.0, right.0), (left.1, right.1)] {
        for (left, right) in left.iter().zip(&right) {
            assert!(left == right, "{left:.1000}\n{right:.1000}");
        }
        assert_eq!(left.len(), right.len());
    }
}

/// Takes in a file that holds these lines.
async fn taken_in(access: &Access, lines: &str) -> Done {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), lines).unwrap();
    let mut done = Done::default();
    let files = [file.path().to_owned()];
    if let Err(Halt::File(stop) | Halt::Passing(stop)) =
        import_all(access, &files, &mut done, &mut Bar::new()).await
    {
        panic!("{}", stop.message);
    }
    done
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_exported_comes_back_word_by_word(deeds in vec(deed(), 1..24)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let (_directory, source, memory) = here().await;
            let mut ids = Vec::new();
            for deed in deeds {
                act(&memory, &mut ids, deed).await;
            }
            drop(memory);
            let all = exported(&source).await;
            source.close().await;
            let (_elsewhere, target, _) = here().await;
            let done = taken_in(&target, &all).await;
            assert_eq!(done.imported + done.skipped, all.lines().count() as u64);
            assert_same(&exported(&target).await, &all);
            assert_eq!(taken_in(&target, &all).await.imported, 0, "nothing is new the second time");
            target.close().await;
        });
    }
}
