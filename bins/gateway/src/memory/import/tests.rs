//! Each format, read as its files come.

use std::{
    fs::File,
    io::Write as _,
    path::Path,
    time::{Duration, SystemTime},
};

use openclaw_core::{ForeignNote, MemoryKind, Role, limits};
use openclaw_http::exchange::{Line, write_line};
use serde_json::{Value, json};

use super::{
    source::{Format, read_bytes},
    *,
};

fn read(name: &str, text: &str) -> Result<Vec<Item>, String> {
    read_bytes(name, text.as_bytes()).collect::<Result<_, _>>().map_err(|error| error.to_string())
}

/// Role and content of every message.
fn said(items: &[Item]) -> Vec<(Role, &str)> {
    let messages = items.iter().filter_map(|item| match &item.line {
        Line::Message(message) => Some((message.role, message.content.as_str())),
        Line::Memory(_) | Line::Entry(_) => None,
    });
    messages.collect()
}

fn lines(items: &[Item]) -> String {
    let messages = items.iter().filter_map(|item| match &item.line {
        Line::Message(message) => Some(write_line(message)),
        Line::Memory(_) | Line::Entry(_) => None,
    });
    messages.collect()
}

fn node(id: &str, parent: Option<&str>, children: &[&str], message: &Value) -> (String, Value) {
    (id.to_owned(), json!({"id": id, "message": message, "parent": parent, "children": children}))
}

fn said_by(role: &str, time: f64, parts: &Value) -> Value {
    json!({"id": format!("id-{time}"), "author": {"role": role, "name": null, "metadata": {}}, "create_time": time,
        "content": {"content_type": "text", "parts": parts}, "metadata": {}, "recipient": "all"})
}

/// A conversation with a hidden beginning, an answer that was asked for twice, a picture, a tool and thoughts.
fn chatgpt() -> Value {
    let mut hidden = said_by("system", 1.0, &json!(["about the user"]));
    hidden["metadata"] = json!({"is_visually_hidden_from_conversation": true});
    let pointer = json!({"content_type": "image_asset_pointer", "asset_pointer": "file-service://x"});
    let mut picture = said_by("user", 4.5, &json!([pointer, "這是什麼?"]));
    picture["content"]["content_type"] = json!("multimodal_text");
    let mut thoughts = said_by("assistant", 5.0, &json!(null));
    thoughts["content"] = json!({"content_type": "thoughts", "thoughts": [{"summary": "s", "content": "c"}]});
    let mut output = said_by("tool", 6.0, &json!(null));
    output["content"] = json!({"content_type": "execution_output", "text": "42"});
    let mut last = said_by("assistant", 7.25, &json!(["고양이", "입니다"]));
    last["create_time"] = Value::Null;
    let mapping: serde_json::Map<String, Value> = [
        node("root", None, &["hidden"], &Value::Null),
        node("hidden", Some("root"), &["ask"], &hidden),
        node("ask", Some("hidden"), &["first", "second"], &said_by("user", 2.0, &json!(["hello"]))),
        node("first", Some("ask"), &[], &said_by("assistant", 3.0, &json!(["a bad answer"]))),
        node("second", Some("ask"), &["picture"], &said_by("assistant", 4.0, &json!(["hi!"]))),
        node("picture", Some("second"), &["thoughts"], &picture),
        node("thoughts", Some("picture"), &["output"], &thoughts),
        node("output", Some("thoughts"), &["last"], &output),
        node("last", Some("output"), &[], &last),
    ]
    .into_iter()
    .collect();
    json!({"title": "A cat", "create_time": 1.5, "update_time": 9.0, "mapping": mapping, "current_node": "last",
        "conversation_id": "6630a6a0-4f9c-8001-9e0b-0123456789ab", "id": "6630a6a0-4f9c-8001-9e0b-0123456789ab"})
}

#[test]
fn chatgpt_gives_the_branch_that_was_seen_last() {
    let items = read("conversations.json", &json!([chatgpt()]).to_string()).unwrap();
    assert_eq!(
        said(&items),
        [
            (Role::User, "hello"),
            (Role::Assistant, "hi!"),
            (Role::User, "[image]\n這是什麼?"),
            (Role::Tool, "42"),
            (Role::Assistant, "고양이\n입니다"),
        ]
    );
    let text = lines(&items);
    let first = text.lines().next().unwrap();
    assert_eq!(
        first,
        r#"{"conversation_id":"6630a6a0-4f9c-8001-9e0b-0123456789ab","channel":"chatgpt","role":"user","content":"hello","timestamp":"1970-01-01T00:00:02Z","id":"id-2"}"#
    );
    assert!(text.ends_with("\"timestamp\":\"1970-01-01T00:00:06Z\",\"id\":\"id-7.25\"}\n"), "{text}");
}

#[test]
fn chatgpt_without_a_current_node_or_with_a_circle_still_ends() {
    let mut lost = chatgpt();
    lost["current_node"] = json!("nowhere");
    let items = read("x", &lost.to_string()).unwrap();
    assert_eq!(
        said(&items).last(),
        Some(&(Role::Assistant, "a bad answer")),
        "the leaf with the latest time"
    );
    let mut circle = chatgpt();
    circle["mapping"]["root"]["parent"] = json!("last");
    assert_eq!(read("x", &circle.to_string()).unwrap().len(), 5);
    let error = read("x", &json!([{}, chatgpt()]).to_string()).unwrap_err();
    assert!(error.starts_with("x:1: this is no conversation"), "{error}");
    let mut stranger = chatgpt();
    stranger["mapping"]["ask"]["message"]["author"]["role"] = json!("wizard");
    assert!(read("x", &stranger.to_string()).unwrap_err().contains("wizard"));
}

fn claude() -> Value {
    json!({"uuid": "0b1c2d3e-0000-4000-8000-000000000001", "name": "Tea", "created_at": "2024-05-01T09:00:00.123456Z",
        "updated_at": "2024-05-01T09:10:00Z", "account": {"uuid": "u"}, "chat_messages": [
        {"uuid": "m-1", "sender": "human", "text": "どのお茶?", "content": [{"type": "text", "text": "どのお茶?"}],
            "created_at": "2024-05-01T09:00:01.5+00:00", "attachments": [
                {"file_name": "list.txt", "file_size": 3, "extracted_content": "sencha"}, {"file_name": "a.png"}], "files": []},
        {"uuid": "m-2", "sender": "assistant", "text": "not supported on your device", "created_at": "2024-05-01T09:00:02Z",
            "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Let me look."},
                {"type": "tool_use", "name": "search", "input": {}}, {"type": "text", "text": "Sencha."}]},
        {"uuid": "m-3", "sender": "human", "text": "thanks", "created_at": "2024-05-01T09:00:03Z"},
        {"uuid": "m-4", "sender": "assistant", "text": "", "content": []},
    ]})
}

#[test]
fn claude_gives_what_was_said_and_what_was_attached() {
    let items = read("conversations.json", &json!([claude()]).to_string()).unwrap();
    assert_eq!(
        said(&items),
        [
            (Role::User, "どのお茶?\n\n[list.txt]\nsencha"),
            (Role::Assistant, "Let me look.\n\nSencha."),
            (Role::User, "thanks"),
        ]
    );
    let text = lines(&items);
    assert!(
        text.contains(r#""channel":"claude","role":"user""#) && text.contains(r#""id":"m-1"}"#),
        "{text}"
    );
    assert!(text.contains("2024-05-01T09:00:01.500Z"), "{text}");
}

#[test]
fn exports_are_read_from_their_archives_and_directories() {
    let directory = tempfile::tempdir().unwrap();
    let both = [
        ("conversations-000.json", json!([chatgpt()])),
        ("conversations-001.json", json!([chatgpt(), claude()])),
    ];
    for method in [rawzip::CompressionMethod::DEFLATE, rawzip::CompressionMethod::STORE] {
        let path = directory.path().join("export.zip");
        let packed = pack(
            method,
            &[
                ("user.json", "{}".to_owned()),
                ("a/conversations-000.json", both[0].1.to_string()),
                ("a/conversations-001.json", both[1].1.to_string()),
            ],
        );
        std::fs::write(&path, &packed).unwrap();
        let sources = open(&path).unwrap();
        let counts: Vec<_> = sources.into_iter().map(|source| drain(source).unwrap().len()).collect();
        assert_eq!(counts, [5, 8]);

        // What was altered on the way is noticed.
        let at = packed.windows(5).position(|part| part == b"hello");
        if method == rawzip::CompressionMethod::STORE {
            let mut altered = packed.clone();
            altered[at.unwrap()] = b'j';
            std::fs::write(&path, &altered).unwrap();
            let read = open(&path).map(|sources| sources.into_iter().map(drain).any(|read| read.is_err()));
            assert!(read.unwrap_or(true));
        }
    }
    std::fs::write(directory.path().join("conversations.json"), both[1].1.to_string()).unwrap();
    let found = open(directory.path()).unwrap();
    assert_eq!((found.len(), found[0].format), (1, Format::Conversations));
    std::fs::write(
        directory.path().join("empty.zip"),
        pack(rawzip::CompressionMethod::STORE, &[("a", String::new())]),
    )
    .unwrap();
    let error = open(&directory.path().join("empty.zip")).err().unwrap().to_string();
    assert!(error.contains("holds no conversations.json"), "{error}");
}

fn drain(mut source: super::source::Source) -> Result<Vec<Item>, ImportError> {
    std::iter::from_fn(|| source.next().transpose()).collect()
}

fn pack(method: rawzip::CompressionMethod, files: &[(&str, String)]) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut archive = rawzip::ZipArchiveWriter::new(&mut packed);
    for (name, content) in files {
        let (mut entry, config) = archive.new_file(name).compression_method(method).start().unwrap();
        let descriptor = if method == rawzip::CompressionMethod::STORE {
            let mut writer = config.wrap(&mut entry);
            writer.write_all(content.as_bytes()).unwrap();
            writer.finish().unwrap().1
        } else {
            let encoder = flate2::write::DeflateEncoder::new(&mut entry, flate2::Compression::fast());
            let mut writer = config.wrap(encoder);
            writer.write_all(content.as_bytes()).unwrap();
            let (encoder, descriptor) = writer.finish().unwrap();
            encoder.finish().unwrap();
            descriptor
        };
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap();
    packed
}

#[test]
fn json_lines_are_read_line_by_line_and_errors_name_theirs() {
    let line = r#"{"conversation_id":"c","channel":"api","role":"user","content":"hi","timestamp":"2026-01-01T00:00:00Z","id":"m1"}"#;
    let items = read("a.jsonl", &format!("{line}\r\n\n{line}")).unwrap();
    assert_eq!(items.iter().map(|item| item.at).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(lines(&items[..1]), format!("{line}\n"));
    let error = read("a.jsonl", &format!("{line}\n{{\"role\":\"user\"}}\n")).unwrap_err();
    assert!(error.starts_with("a.jsonl:2: `content` is required"), "{error}");
    let error =
        read("a.jsonl", &format!("{line}\n{{\"content\": \"{}\"}}", "x".repeat(LINE_BYTES))).unwrap_err();
    assert!(error.starts_with("a.jsonl:2: the line is over the bound"), "{error}");
    // The same messages as an array.
    assert_eq!(read("a.json", &format!("[\n{line},\n{line}]")).unwrap()[1].at, 3);
    assert_eq!(read("a.jsonl", "").unwrap(), []);
    assert!(read("a.csv", "a,b").unwrap_err().contains("neither JSON Lines"));
}

#[test]
fn long_messages_come_in_pieces() {
    let mut long = claude();
    long["chat_messages"][2]["text"] = json!("長".repeat(limits::STORED_MESSAGE_BYTES / 2));
    let items = read("x", &long.to_string()).unwrap();
    let pieces = &items[2..];
    assert_eq!(pieces.len(), 2);
    let text = lines(pieces);
    assert!(text.contains(r#""id":"m-3"}"#) && text.contains(r#""id":"m-3.part2"}"#));
    for piece in text.lines() {
        openclaw_http::exchange::read_line(piece.as_bytes()).unwrap();
    }
}

#[test]
fn notes_become_entries_with_their_headings_and_day() {
    let memory = [
        "---",
        "title: x",
        "---",
        "# Long-term",
        "",
        "Lives in 서울 since",
        "2019.",
        "",
        "## Preferences",
        "- **Tea**, not coffee",
        "  - green above all",
        "* short answers",
        "",
        "## Open",
        "1. [ ] renew the passport",
        "2. [x] book the dentist",
        "",
        "<!-- not",
        "this -->",
        "```sh",
        "# no heading",
        "",
        "ls",
        "```",
        "---",
        "-",
        "",
    ]
    .join("\n");
    let items = read("workspace/MEMORY.md", &memory).unwrap();
    let entries: Vec<_> = items
        .iter()
        .map(|item| match &item.line {
            Line::Memory(ForeignNote { memory, .. }) => {
                (memory.kind, memory.content.as_str(), memory.tags.join("|"), item.at)
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        entries,
        [
            (MemoryKind::Fact, "Lives in 서울 since\n2019.", "Long-term".to_owned(), 6),
            (
                MemoryKind::Preference,
                "**Tea**, not coffee\n  - green above all",
                "Long-term|Preferences".to_owned(),
                10
            ),
            (MemoryKind::Preference, "short answers", "Long-term|Preferences".to_owned(), 12),
            (MemoryKind::Task, "renew the passport", "Long-term|Open".to_owned(), 15),
            (MemoryKind::Fact, "book the dentist", "Long-term|Open|done".to_owned(), 16),
            (MemoryKind::Fact, "```sh\n# no heading\n\nls\n```", "Long-term|Open".to_owned(), 20),
        ]
    );
    let daily = read("memory/2026-03-02-standup.md", "## Decisions\n- ship on Friday\n").unwrap();
    let Line::Memory(ForeignNote { memory: note, noted_at }) = &daily[0].line else { panic!() };
    assert_eq!((note.tags.join("|"), note.importance), ("Decisions|2026-03-02".to_owned(), 0.4));
    assert_eq!(noted_at.unwrap().to_string(), "2026-03-02T12:00:00Z");
}

#[test]
fn a_workspace_is_read_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    assert!(open(root).is_err());
    std::fs::create_dir(root.join("memory")).unwrap();
    for (name, text) in
        [("MEMORY.md", "- kept"), ("memory/2026-03-02.md", "- later"), ("memory/2026-03-01.md", "- sooner")]
    {
        std::fs::write(root.join(name), text).unwrap();
    }
    std::fs::write(root.join("memory/picture.png"), "x").unwrap();
    let names = |path: &Path| -> Vec<String> {
        let file = |source: super::source::Source| source.name.rsplit('/').next().unwrap().to_owned();
        open(path).unwrap().into_iter().map(file).collect()
    };
    assert_eq!(names(root), ["MEMORY.md", "2026-03-01.md", "2026-03-02.md"]);
    // What is kept has the time of its file; so has a name that only looks like a day.
    std::fs::write(root.join("memory/2026-99-01.md"), "- odd").unwrap();
    let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    for name in ["MEMORY.md", "memory/2026-99-01.md"] {
        File::options().write(true).open(root.join(name)).unwrap().set_modified(modified).unwrap();
    }
    let read = open(root).unwrap().into_iter().flat_map(|source| drain(source).unwrap());
    let times: Vec<_> = read
        .map(|item| match item.line {
            Line::Memory(note) => note.noted_at.unwrap().to_string(),
            other => panic!("{other:?}"),
        })
        .collect();
    let kept = "2023-11-14T22:13:20Z";
    assert_eq!(times, [kept, "2026-03-01T12:00:00Z", "2026-03-02T12:00:00Z", kept]);
    std::fs::remove_file(root.join("memory/2026-99-01.md")).unwrap();
    assert_eq!(names(&root.join("memory")), ["2026-03-01.md", "2026-03-02.md"]);
}

#[test]
fn ids_that_are_none_of_ours_become_some() {
    let odd = conversation_id("a b/c", "chatgpt");
    assert!(odd.as_str().starts_with("chatgpt_abc_"), "{odd}");
    assert_ne!(odd, conversation_id("a b c", "chatgpt"));
    assert_eq!(odd, conversation_id("a b/c", "chatgpt"));
    assert_eq!(message_id(Some("a b"), &odd, 3).unwrap().as_str(), format!("{odd}.3"));
}

#[test]
fn whatever_the_bytes_are_reading_ends() {
    for seed in [
        &b""[..],
        b"{",
        b"[[",
        b"\xff\xfe",
        b"[{\"mapping\":{\"a\":{\"parent\":\"a\"}},\"id\":\"\"}]",
        b"PK\x03\x04",
        b"- \n1.\n####### x\n",
    ] {
        for name in ["x", "x.md", "2026-01-01.md"] {
            assert!(fuzz(name, seed) < 10);
        }
    }
}
