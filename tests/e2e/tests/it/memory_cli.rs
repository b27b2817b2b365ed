//! `gateway memory …`: what it says, and that it says the same whether a gateway runs or not.

use openclaw_e2e::{Home, Provider, Setup, files_containing, need_gateway};
use serde_json::{Value, json};

fn line(conversation: &str, role: &str, content: &str, timestamp: &str, id: &str) -> String {
    format!(
        "{{\"conversation_id\":\"{conversation}\",\"channel\":\"chatgpt\",\"role\":\"{role}\",\"content\":\"{content}\",\"timestamp\":\"{timestamp}\",\"id\":\"{id}\"}}\n"
    )
}

fn lines() -> String {
    [
        line("old", "user", "저는 김치찌개를 좋아합니다", "2020-01-02T03:04:05Z", "m1"),
        line("old", "assistant", "noted \\\"well\\\"", "2020-01-02T03:04:06.007Z", "m2"),
        line("newer", "user", "我最喜歡吃牛肉麵", "2024-05-06T07:08:09Z", "m3"),
    ]
    .concat()
}

/// A file beside the data directory.
fn file(home: &Home, name: &str, content: &str) -> String {
    let path = home.path().parent().unwrap().join(name);
    std::fs::write(&path, content).unwrap();
    path.display().to_string()
}

/// Runs a command that must succeed; what it printed.
#[track_caller]
fn ok(setup: &Setup, args: &[&str]) -> String {
    let (status, stdout, stderr) = setup.run(args);
    assert!(status.success(), "{args:?}: {status}\n{stdout}\n{stderr}");
    stdout
}

/// Runs a command that must fail with this code; what it complained.
#[track_caller]
fn fails(setup: &Setup, args: &[&str], code: i32) -> String {
    let (status, stdout, stderr) = setup.run(args);
    assert_eq!(status.code(), Some(code), "{args:?}\n{stdout}\n{stderr}");
    stderr
}

#[track_caller]
fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn export_and_import_give_the_same_bytes_with_and_without_a_gateway() {
    need_gateway!();
    let setup = Setup::with(&Provider::openai());
    let source = file(setup.data(), "in.jsonl", &lines());
    let imported = ok(&setup, &["memory", "import", &source]);
    assert_eq!(imported, "3 entries imported, 0 there already\n");
    assert_eq!(ok(&setup, &["memory", "import", &source]), "0 entries imported, 3 there already\n");
    assert_eq!(ok(&setup, &["memory", "export"]), lines());

    let gateway = setup.start();
    assert_eq!(ok(&setup, &["memory", "import", &source]), "0 entries imported, 3 there already\n");
    let said = json!({"channel": "api", "conversation_id": "live", "message": "and one of today"});
    let _ = gateway.client().post("/message", &said).expect(200);
    let view = gateway.client().get("/conversations/old").expect(200);
    assert_eq!(
        (&view["channel"], &view["messages"][1]["content"]),
        (&json!("chatgpt"), &json!("noted \"well\""))
    );
    let out = file(setup.data(), "out.jsonl", "");
    assert!(fails(&setup, &["memory", "export", &out], 1).contains("remove it first"));
    std::fs::remove_file(&out).unwrap();
    assert!(ok(&setup, &["memory", "export", &out]).starts_with("5 messages in "));
    let first = std::fs::read_to_string(&out).unwrap();
    assert!(first.starts_with(&lines()) && first.lines().count() == 5, "{first}");

    let other = Setup::with(&Provider::openai());
    let other_gateway = other.start();
    assert_eq!(ok(&other, &["memory", "import", &out]), "5 entries imported, 0 there already\n");
    assert_eq!(ok(&other, &["memory", "export"]), first);
    drop(other_gateway);
    assert_eq!(ok(&other, &["memory", "export"]), first);
}

#[test]
fn a_hyphen_is_standard_input_and_output() {
    need_gateway!();
    let setup = Setup::new();
    let source = file(setup.data(), "in.jsonl", &lines());
    let mut import = setup.command(&["memory", "import", "-"]);
    let output = import.stdin(std::fs::File::open(source).unwrap()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "3 entries imported, 0 there already\n");
    assert_eq!(ok(&setup, &["memory", "export", "-"]), lines());
    let told = fails(&setup, &["memory", "import", "-", "/nowhere/x"], 1);
    assert!(told.contains("can't read /nowhere/x"), "{told}");
}

#[test]
fn what_is_remembered_leaves_with_the_export_and_comes_back() {
    need_gateway!();
    let setup = Setup::new();
    let _ = ok(&setup, &["memory", "import", &file(setup.data(), "in.jsonl", &lines())]);
    let store = |args: &[&str]| json_of(&ok(&setup, &[&["memory", "store", "--json"], args].concat()));
    let old = store(&["茶が好き", "--kind", "preference"]);
    let expiring =
        ["서울에 산다", "--importance", "0.9", "--tag", "집", "--tag", "city", "--expires", "2999-01-01"];
    let _ = store(&expiring);
    let _ = store(&["prefers coffee", "--kind", "preference", "--supersedes", old["id"].as_str().unwrap()]);
    let task = store(&["water the plants", "--kind", "task"]);
    let _ = ok(&setup, &["memory", "complete", task["id"].as_str().unwrap()]);
    let listed = |setup: &Setup| json_of(&ok(setup, &["memory", "list", "--all", "--json"]));
    let here = listed(&setup);
    assert_eq!(here["total"], 4);

    let out = setup.data().path().parent().unwrap().join("out.jsonl").display().to_string();
    assert!(ok(&setup, &["memory", "export", &out]).starts_with("3 messages and 4 remembered entries in "));
    for running in [false, true] {
        let other = Setup::new();
        let gateway = running.then(|| other.start());
        assert_eq!(ok(&other, &["memory", "import", &out]), "7 entries imported, 0 there already\n");
        assert_eq!(ok(&other, &["memory", "import", &out]), "0 entries imported, 7 there already\n");
        assert_eq!(listed(&other), here);
        assert_eq!(ok(&other, &["memory", "export"]), std::fs::read_to_string(&out).unwrap());
        drop(gateway);
    }
}

#[test]
fn a_mistake_is_named_by_file_and_line_and_what_stands_before_it_is_kept() {
    need_gateway!();
    let setup = Setup::new();
    let bad = format!("{}{}", lines(), line("old", "robot", "beep", "2024-01-01T00:00:00Z", "m4"));
    let source = file(setup.data(), "bad.jsonl", &bad);
    let told = fails(&setup, &["memory", "import", &source], 1);
    assert!(told.contains("bad.jsonl:4: `role`"), "{told}");
    // It would not go on: the file is to be mended first.
    assert!(told.ends_with("3 entries imported, 0 there already\n"), "{told}");
    assert_eq!(ok(&setup, &["memory", "export"]), lines());
    let strange = file(setup.data(), "table.csv", "a,b\n");
    assert!(fails(&setup, &["memory", "import", &strange], 1).contains("in no format that can be imported"));
    assert!(fails(&setup, &["memory", "import", "/nowhere/x"], 1).contains("can't read /nowhere/x"));
}

#[test]
fn exports_of_others_and_a_workspace_come_in() {
    need_gateway!();
    let setup = Setup::new();
    let node = |id: &str, parent: Value, role: &str, text: &str| {
        json!({"id": id, "parent": parent, "children": [], "message": {"id": id, "author": {"role": role},
            "create_time": 1_700_000_000.5, "content": {"content_type": "text", "parts": [text]}}})
    };
    let chatgpt = json!([{"conversation_id": "6630a6a0-4f9c", "current_node": "b", "mapping": {
        "a": node("a", Value::Null, "user", "서울 날씨"), "b": node("b", json!("a"), "assistant", "맑음")}}]);
    let claude = json!([{"uuid": "0b1c2d3e", "chat_messages": [
        {"uuid": "c", "sender": "human", "text": "どのお茶?", "created_at": "2024-05-01T09:00:01Z"}]}]);
    let workspace = setup.data().path().parent().unwrap().join("workspace");
    std::fs::create_dir_all(workspace.join("memory")).unwrap();
    std::fs::write(workspace.join("MEMORY.md"), "# Home\n- lives in 서울\n- [ ] renew the passport\n")
        .unwrap();
    std::fs::write(workspace.join("memory/2026-03-02.md"), "shipped on Friday\n").unwrap();
    let files = [
        file(setup.data(), "chatgpt.json", &chatgpt.to_string()),
        file(setup.data(), "claude.json", &claude.to_string()),
        workspace.display().to_string(),
    ];
    let args = ["memory", "import", &files[0], &files[1], &files[2]];
    assert_eq!(ok(&setup, &args), "6 entries imported, 0 there already\n");
    assert_eq!(ok(&setup, &args), "0 entries imported, 6 there already\n");
    let exported = ok(&setup, &["memory", "export"]);
    assert!(
        exported.contains("\"content\":\"맑음\",\"timestamp\":\"2023-11-14T22:13:20.500Z\",\"id\":\"b\"}"),
        "{exported}"
    );
    assert!(exported.contains("どのお茶?"), "{exported}");
    let listed = json_of(&ok(&setup, &["memory", "list", "--json"]));
    assert_eq!(listed["total"], 3, "{listed}");
    let tasks = json_of(&ok(&setup, &["memory", "list", "--kind", "task", "--json"]));
    assert_eq!(
        (&tasks["entries"][0]["content"], &tasks["entries"][0]["tags"]),
        (&json!("renew the passport"), &json!(["Home"]))
    );
    let noted = ok(&setup, &["memory", "list", "--tag", "2026-03-02"]);
    assert!(noted.contains("shipped on Friday"), "{noted}");
    let noted = json_of(&ok(&setup, &["memory", "list", "--tag", "2026-03-02", "--json"]));
    assert_eq!(noted["entries"][0]["created_at"], "2026-03-02T12:00:00Z");
}

#[test]
fn what_is_stored_is_found_shown_and_forgotten_without_a_trace() {
    need_gateway!();
    let setup = Setup::new();
    let canary = "okapi-48213";
    for running in [false, true] {
        let gateway = running.then(|| setup.start());
        let stored = ok(&setup, &["memory", "store", "the", "word", "is", canary, "--tag", "test", "--json"]);
        let entry = json_of(&stored);
        let id = entry["id"].as_str().unwrap();
        assert!(ok(&setup, &["memory", "store", "the word is okapi-48213"]).contains("says so already"));
        let shown = ok(&setup, &["memory", "show", id]);
        assert!(shown.contains(canary) && shown.contains("test"), "{shown}");
        assert_eq!(json_of(&ok(&setup, &["memory", "show", id, "--json"])), entry);
        assert!(fails(&setup, &["memory", "complete", id], 1).contains("only a task"));
        assert!(
            !files_containing(setup.data().path(), canary).is_empty(),
            "else this test would prove nothing"
        );
        assert!(ok(&setup, &["memory", "forget", id]).contains("is forgotten"));
        assert_eq!(files_containing(setup.data().path(), canary), Vec::<std::path::PathBuf>::new());
        assert!(fails(&setup, &["memory", "show", id], 1).contains("No entry"));
        drop(gateway);
        assert_eq!(files_containing(setup.data().path(), canary), Vec::<std::path::PathBuf>::new());
    }
}

#[test]
fn search_and_stats_say_the_same_with_and_without_a_gateway() {
    need_gateway!();
    let setup = Setup::new();
    let source = file(setup.data(), "in.jsonl", &lines());
    let _ = ok(&setup, &["memory", "import", &source]);
    let ask = |args: &[&str]| {
        let mut told = json_of(&ok(&setup, args));
        told["took_ms"] = Value::Null;
        told
    };
    let asks: [&[&str]; 4] = [
        &["memory", "search", "牛肉麵", "--json"],
        &["memory", "search", "김치찌개", "-c", "old", "--channel", "chatgpt", "--json"],
        &["memory", "search", "김치찌개", "--since", "2024-01-01", "--json"],
        &["memory", "history", "--json"],
    ];
    let alone: Vec<Value> = asks.iter().map(|args| ask(args)).collect();
    assert_eq!(alone[0]["results"][0]["id"], "m3", "an imported id comes back");
    assert_eq!(alone[1]["results"][0]["id"], "m1");
    assert_eq!(alone[2]["results"], json!([]));
    let gateway = setup.start();
    assert_eq!(asks.iter().map(|args| ask(args)).collect::<Vec<_>>(), alone);
    let told = ok(&setup, &["memory", "search", "牛肉麵"]);
    assert!(told.contains("user in newer (chatgpt)") && told.contains("2024-05-06 07:08"), "{told}");
    assert!(ok(&setup, &["memory", "stats"]).contains("3 entries"));
    assert_eq!(ok(&setup, &["memory", "search", "xylophone"]), "nothing found\n");
    assert!(fails(&setup, &["memory", "search", "x", "--limit", "0"], 2).contains("--limit"));
    drop(gateway);
}

#[test]
fn the_past_is_looked_at_while_no_gateway_runs() {
    need_gateway!();
    let setup = Setup::new();
    assert!(fails(&setup, &["memory", "search", "x"], 1).contains("there is no memory"));
    let source = file(setup.data(), "in.jsonl", &lines());
    let _ = ok(&setup, &["memory", "import", &source]);
    let then = ["memory", "rewind", "--to", "2021-01-01"];
    let look = |rest: &[&str]| ok(&setup, &[&then[..], rest].concat());
    let listed = json_of(&look(&["list", "--json"]));
    assert_eq!((&listed["total"], &listed["conversations"][0]["id"]), (&json!(1), &json!("old")));
    let shown = look(&["show", "old"]);
    assert!(shown.contains("2020-01-02 03:04  user\n저는 김치찌개를 좋아합니다"), "{shown}");
    assert_eq!(look(&["search", "牛肉麵"]), "nothing found\n");
    assert!(look(&["search", "김치찌개"]).contains("m1"));
    assert!(fails(&setup, &[&then[..], &["show", "newer"]].concat(), 1).contains("no conversation newer"));
    let gateway = setup.start();
    for args in [&["memory", "repair"][..], &[&then[..], &["list"]].concat()] {
        let told = fails(&setup, args, 4);
        assert!(told.contains(&format!("process {}", gateway.pid())) && told.contains("stop it"), "{told}");
    }
}

#[test]
fn damage_is_found_and_put_in_order() {
    need_gateway!();
    let setup = Setup::new();
    let source = file(setup.data(), "in.jsonl", &lines());
    let _ = ok(&setup, &["memory", "import", &source]);
    let sound = || ok(&setup, &["memory", "verify"]).lines().last().unwrap().starts_with("sound: ");
    assert!(sound());
    assert!(ok(&setup, &["memory", "repair"]).contains("nothing was changed"));
    let needle = "noted".as_bytes();
    let holding = files_containing(setup.data().path(), "noted");
    for path in &holding {
        let mut bytes = std::fs::read(path).unwrap();
        let at = bytes.windows(needle.len()).position(|part| part == needle).unwrap();
        bytes[at] ^= 0x20;
        std::fs::write(path, bytes).unwrap();
    }
    assert!(!holding.is_empty());
    let left: Vec<String> = lines().lines().map(str::to_owned).collect();
    let left = [left[0].as_str(), left[2].as_str()];
    let not_whole = |args: &[&str]| {
        let (status, out, told) = setup.run(args);
        assert_eq!(status.code(), Some(1), "{told}");
        assert!(
            told.contains("1 damaged place of the log") && told.contains("gateway memory verify"),
            "{told}"
        );
        assert!(told.contains("gateway memory repair"), "{told}");
        out
    };
    assert_eq!(not_whole(&["memory", "export"]).lines().collect::<Vec<_>>(), left);
    let out = setup.data().path().parent().unwrap().join("out.jsonl").display().to_string();
    assert!(not_whole(&["memory", "export", &out]).starts_with("2 messages in "));
    assert_eq!(std::fs::read_to_string(&out).unwrap().lines().collect::<Vec<_>>(), left);
    let gateway = setup.start();
    assert_eq!(not_whole(&["memory", "export"]).lines().collect::<Vec<_>>(), left);
    drop(gateway);
    let (status, found, _) = setup.run(&["memory", "verify", "--json"]);
    assert_eq!((status.code(), &json_of(&found)["sound"]), (Some(1), &json!(false)), "{found}");
    assert!(found.contains("gateway memory repair"), "{found}");
    let repaired = json_of(&ok(&setup, &["memory", "repair", "--json"]));
    assert_eq!((&repaired["sound"], &repaired["lost"]), (&json!(true), &json!(1)), "{repaired}");
    assert!(sound());
    assert_eq!(ok(&setup, &["memory", "export"]).lines().collect::<Vec<_>>(), left);
}
