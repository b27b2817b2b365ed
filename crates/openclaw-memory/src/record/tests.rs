use bytes::Bytes;
use openclaw_core::{
    Attachment, AttachmentSource, ErrorCode, MemoryKind, Role, ToolCall, ToolResult,
    port::{CompactionReport, ContextCut, ContextMemory, ContextNote},
};
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn metadata() -> Metadata {
    let mut metadata = Metadata {
        user_id: Some("user_001".into()),
        user_name: Some("사용자".into()),
        ..Metadata::default()
    };
    metadata.attachments = vec![
        Attachment {
            name: "圖.png".into(),
            mime_type: "image/png".into(),
            source: AttachmentSource::Data(Bytes::from_static(&[0, 255, 1])),
        },
        Attachment {
            name: "b".into(),
            mime_type: "text/html".into(),
            source: AttachmentSource::Url("https://example.com/b".into()),
        },
    ];
    metadata.extra.insert("z".into(), json!({"deep": [1, null, "x"]}));
    metadata.extra.insert("a".into(), json!(true));
    metadata
}

fn new_run(channel: &str, text: &str, conversation: Option<&str>) -> NewRun {
    let id = RunId::generate();
    NewRun {
        id,
        conversation: conversation.map_or_else(|| id.new_conversation_id(), |text| text.parse().unwrap()),
        channel: channel.into(),
        text: text.into(),
        metadata: Metadata::default(),
        idempotency_key: None,
    }
}

#[test]
fn a_plain_message_costs_eighteen_bytes_over_its_text() {
    let run = new_run("api", "明天서울的天氣如何?", None);
    let key = ConvKey::of(&run.conversation);
    assert_eq!(encode_accepted(&run, &key, None).len(), 18 + run.text.len());
}

#[test]
fn messages_come_back_in_every_form() {
    let mark = IdempotencyMark { key: [7; 16], request: [9; 8] };
    let other = RunId::generate().new_conversation_id();
    for conversation in [None, Some(other.as_str()), Some("conv_abc123")] {
        for channel in ["api", "telegram", "teams"] {
            for (metadata, mark) in
                [(Metadata::default(), None), (metadata(), Some(mark)), (Metadata::default(), Some(mark))]
            {
                let mut run = new_run(channel, "hello", conversation);
                run.metadata = metadata;
                let key = ConvKey::of(&run.conversation);
                let payload = encode_accepted(&run, &key, mark.as_ref());
                let Ok(Record::Accepted(read)) = Record::decode(&payload) else {
                    panic!("no accepted record: {payload:?}")
                };
                assert_eq!((read.run, &read.conversation, read.text), (run.id, &key, "hello"));
                assert_eq!((read.channel.as_str(), read.mark), (channel, mark));
                assert_eq!(read.metadata().unwrap(), run.metadata);
            }
        }
    }
}

#[test]
fn steps_come_back_and_make_messages_by_role() {
    let call = |id: &str| {
        ContentBlock::ToolCall(ToolCall {
            id: id.into(),
            name: "weather".into(),
            arguments: json!({"city": "서울"}),
        })
    };
    let result = |id: &str, is_error| {
        ContentBlock::ToolResult(ToolResult {
            call_id: id.into(),
            name: "weather".into(),
            content: "晴".into(),
            is_error,
        })
    };
    let blocks = vec![
        ContentBlock::Text("let me see".into()),
        call("1"),
        call("2"),
        result("1", false),
        result("2", true),
    ];
    let run = RunId::generate();
    let payload = encode_steps(run, -5, &blocks);
    let Ok(Record::Steps(read)) = Record::decode(&payload) else { panic!("no steps") };
    assert_eq!((read.run, read.after_ms), (run, -5));
    assert_eq!(read.blocks().unwrap(), blocks);
    assert_eq!(count_messages(&blocks), 2);
    let messages = into_messages(blocks);
    assert_eq!(
        messages.iter().map(|(role, parts)| (role_of(&parts[0]) == *role, parts.len())).collect::<Vec<_>>(),
        [(true, 3), (true, 2)]
    );
    assert_eq!(count_messages(&[]), 0);
}

#[test]
fn ends_come_back() {
    let reply = Reply {
        content: "春風拂面".into(),
        skills_used: vec!["weather".into()],
        usage: TokenUsage { input: 150, output: 200 },
        latency_ms: 2300,
        model: "claude-opus-4-6".into(),
    };
    let failure = Failure::new(ErrorCode::ServiceUnavailable, "nobody answers").with("reason", "interrupted");
    for outcome in [RunOutcome::Completed(reply), RunOutcome::Failed(failure), RunOutcome::Cancelled] {
        let run = RunId::generate();
        let payload = encode_ended(run, 2301, &outcome);
        let Ok(Record::Ended(read)) = Record::decode(&payload) else { panic!("no end") };
        assert_eq!((read.run, read.after_ms), (run, 2301));
        assert_eq!(read.outcome.to_outcome().unwrap(), outcome);
    }
}

#[test]
fn intents_come_back() {
    for before_ms in [None, Some(-1), Some(1_774_000_000_000)] {
        let record = ForgottenRecord {
            before_ms,
            conversations: vec![
                ConvKey::of(&RunId::generate().new_conversation_id()),
                ConvKey::of(&"conv_abc123".parse().unwrap()),
            ],
            keeps_lines: before_ms.is_some(),
            memories: if before_ms == Some(-1) {
                vec![MemoryId::generate(), MemoryId::generate()]
            } else {
                Vec::new()
            },
            totals: (7, 7000),
            records: vec![
                Pointer { lsn: Lsn(9), offset: 4096, len: 7 },
                Pointer { lsn: Lsn(3), offset: u32::MAX, len: 0 },
            ],
        };
        let payload = encode_forgotten(&record);
        assert!(matches!(Record::decode(&payload), Ok(Record::Forgotten(read)) if read == record));
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Fixed ids: `mem_`, `msg_user_` and `conv_` with a ULID of these bytes.
const ULID: [u8; 16] = [1, 0x9d, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

/// The bytes that logs hold: they never change.
#[test]
fn golden_records_of_what_is_remembered() {
    let id = MemoryId::from_bytes(ULID);
    let run = RunId::from_bytes(ULID);
    let remembered = RememberedRecord {
        id,
        kind: MemoryKind::Task,
        importance: 0.75,
        expires_ms: Some(1_774_000_000_000),
        conversation: Some(ConvKey::of(&run.new_conversation_id())),
        supersedes: Some(id),
        tags: vec!["집", "a"],
        sources: vec![run.step_message_id(3), "t:1".parse().unwrap()],
        content: "buy 茶",
    };
    let ulid = "019d0000000102030405060708090a0b";
    let payload = encode_remembered(&remembered);
    let expected = format!(
        "053a{ulid}0000403f80b09eaaa1671101{ulid}{ulid}0203eca79101610204{ulid}030003743a3162757920e88cb6"
    );
    assert_eq!(hex(&payload), expected);
    assert!(matches!(Record::decode(&payload), Ok(Record::Remembered(read)) if read == remembered));

    for (what, expected) in [
        (Changed::Completed, format!("0600{ulid}03")),
        (Changed::Superseded(id), format!("0601{ulid}03{ulid}")),
    ] {
        let changed = ChangedRecord { id, at_ms: -2, what };
        let payload = encode_changed(&changed);
        assert_eq!(hex(&payload), expected);
        assert!(matches!(Record::decode(&payload), Ok(Record::Changed(read)) if read == changed));
    }

    let imported = ImportedRecord {
        conversation: ConvKey::of(&"c1".parse().unwrap()),
        channel: Channel::of("teams"),
        role: Role::Assistant,
        at_ms: 5,
        id: made_name(ULID).parse().unwrap(),
        content: "好",
    };
    let payload = encode_imported(&imported);
    assert_eq!(hex(&payload), format!("07f60a026331057465616d7305{ulid}e5a5bd"));
    assert!(matches!(Record::decode(&payload), Ok(Record::Imported(read)) if read == imported));
    let known = ImportedRecord { conversation: ConvKey::Ulid(ULID), channel: Channel::of("api"), ..imported };
    let payload = encode_imported(&known);
    assert_eq!(hex(&payload), format!("07020a{ulid}05{ulid}e5a5bd"));
    assert!(matches!(Record::decode(&payload), Ok(Record::Imported(read)) if read == known));

    let forgotten = ForgottenRecord {
        before_ms: None,
        keeps_lines: false,
        conversations: Vec::new(),
        memories: vec![id],
        totals: (1, 2),
        records: vec![Pointer { lsn: Lsn(9), offset: 64, len: 7 }],
    };
    let payload = encode_forgotten(&forgotten);
    assert_eq!(hex(&payload), format!("040201020001{ulid}124007"));
    assert!(matches!(Record::decode(&payload), Ok(Record::Forgotten(read)) if read == forgotten));
}

#[test]
fn golden_records_of_notes_and_marks() {
    let ulid = "019d0000000102030405060708090a0b";
    let run = RunId::from_bytes(ULID);
    let note = ContextNote {
        window: 200,
        tokens: [1, 2, 3, 4],
        recent: 5,
        memories: vec![ContextMemory {
            id: MemoryId::from_bytes(ULID).to_string(),
            score: 0.5,
            factors: [1.0, 0.0, 1.0, 0.0],
        }],
        cuts: vec![ContextCut { id: "soul.md".into(), reason: "long".into(), tokens: 9 }],
    };
    let payload = encode_note(run, &note);
    assert_eq!(
        hex(&payload),
        format!("08{ulid}c80101020304050101{ulid}0010ff00ff000007736f756c2e6d64046c6f6e6709")
    );
    let Ok(Record::Note(read)) = Record::decode(&payload) else { panic!("no note") };
    assert_eq!((read.run, read.note().unwrap()), (run, note));

    let report = CompactionReport {
        started_at: openclaw_core::Timestamp::from_unix_millis(0),
        took_ms: 1,
        segments: 2,
        messages: 3,
        added: 4,
        superseded: 5,
        rejected: 6,
        wal_bytes_before: 7,
        wal_bytes_after: 8,
        method: "model".into(),
        files: vec!["a.md".into()],
        dry_run: false,
    };
    let payload = encode_mark(&(Lsn(1)..Lsn(300)), &report, &[("a.md".into(), [0xab; 32])]);
    let head = format!("0901ac020104612e6d64{}", "ab".repeat(32));
    assert!(hex(&payload).starts_with(&head), "{}", hex(&payload));
    let json = r#"{"started_at":"1970-01-01T00:00:00Z","took_ms":1,"segments":2,"messages":3,"added":4,"superseded":5,"rejected":6,"wal_bytes_before":7,"wal_bytes_after":8,"method":"model","files":[],"dry_run":false}"#;
    assert_eq!(std::str::from_utf8(&payload[head.len() / 2..]), Ok(json));
    let Ok(Record::Mark(read)) = Record::decode(&payload) else { panic!("no mark") };
    assert_eq!((read.lsns.clone(), read.report().unwrap()), (Lsn(1)..Lsn(300), report));
}

#[test]
fn what_a_note_has_no_room_for_is_cut() {
    let memory = |score, factor| ContextMemory { id: "m".into(), score, factors: [factor; 4] };
    let memories = vec![memory(-1.0, 7.0), memory(f32::NAN, f32::NAN), memory(99.0, -3.0)];
    let payload = encode_note(RunId::generate(), &ContextNote { memories, ..ContextNote::default() });
    let Ok(Record::Note(read)) = Record::decode(&payload) else { panic!("no note") };
    let found: Vec<_> = read.note().unwrap().memories;
    assert_eq!((found[0].score, found[0].factors[0], found[1].score), (0.0, 1.0, 0.0));
    assert!(found[2].score > 7.9 && found[2].factors[3] == 0.0);
}

#[test]
fn what_a_later_version_writes_is_refused_by_name() {
    assert_eq!(
        Record::decode(&[0x21]).err(),
        Some(CodecError::Unknown { what: "version of a record", value: 0x21 })
    );
    assert_eq!(Record::decode(&[10]).err(), Some(CodecError::Unknown { what: "kind of record", value: 10 }));
    assert_eq!(Record::decode(&[]).err(), Some(CodecError::Truncated));
}

proptest! {
    #[test]
    fn any_bytes_are_a_record_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200), kind in 0_u8..10) {
        let mut payload = vec![kind];
        payload.extend(bytes);
        if let Ok(record) = Record::decode(&payload) {
            match record {
                Record::Accepted(read) => drop(read.metadata()),
                Record::Steps(read) => drop(read.blocks()),
                Record::Ended(read) => drop(read.outcome.to_outcome()),
                Record::Note(read) => drop(read.note()),
                Record::Mark(read) => drop(read.report()),
                Record::Forgotten(_) | Record::Remembered(_) | Record::Changed(_) | Record::Imported(_) => {}
            }
        }
    }

    #[test]
    fn any_text_comes_back(text in "\\PC*", channel in "[a-z]{1,12}") {
        let run = new_run(&channel, &text, None);
        let payload = encode_accepted(&run, &ConvKey::of(&run.conversation), None);
        prop_assert!(matches!(Record::decode(&payload), Ok(Record::Accepted(read)) if read.text == text));
    }
}
