use bytes::Bytes;
use openclaw_core::{Attachment, AttachmentSource, ErrorCode, ToolCall, ToolResult};
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
