//! `gateway memory verify`, `repair` and `compact` on memories that are encrypted, in use, or both.

use std::path::{Path, PathBuf};

use super::config::eventually;
use openclaw_e2e::{Client, Provider, Setup, files_containing, need_gateway};
use serde_json::{Value, json};

/// Runs a command; its exit code, what it printed and what it complained.
fn run(setup: &Setup, args: &[&str]) -> (Option<i32>, String, String) {
    let (status, stdout, stderr) = setup.run(args);
    (status.code(), stdout, stderr)
}

#[track_caller]
fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn an_encrypted_memory_is_checked_and_repaired_without_a_gateway() {
    need_gateway!();
    let with = |memory: &str| format!("memory:\n  {memory}");
    let setup = Setup::with(&Provider::openai()).extra(&with("encryption: true"));
    let gateway = setup.start();
    let said = json!({"channel": "api", "conversation_id": "c", "message": "nobody is to read this"});
    let _ = gateway.client().post("/message", &said).expect(200);
    gateway.terminate();
    assert!(gateway.wait().0.success());

    for command in ["verify", "repair"] {
        let (code, told, complaint) = run(&setup, &["memory", command, "--json"]);
        let told = json_of(&told);
        assert_eq!((code, &told["sound"]), (Some(0), &json!(true)), "{told} {complaint}");
        assert!(told.get("locked").is_none(), "{told}");
    }

    // Without the key nobody can say what the records hold; with another one, why not.
    let key = setup.data().path().join("memory.key");
    let hidden = setup.data().path().join("elsewhere.key");
    let plain = setup.clone().extra("");
    let (code, told, complaint) = run(&plain, &["memory", "verify", "--json"]);
    assert_eq!((code, &json_of(&told)["locked"]), (Some(3), &json!(2)), "{complaint}");
    assert!(
        complaint.contains("2 records are encrypted") && complaint.contains("memory.encryption"),
        "{complaint}"
    );
    let other = setup.clone().extra(&with("encryption: true\n  passphrase: \"of another memory\""));
    let cases = [
        (&other, "keyring can't be opened with this passphrase"),
        (&setup, "memory.key is missing: put it back"),
        (&setup, "memory.key is no key file"),
        (&setup, "keyring can't be opened with this key file"),
    ];
    for (at, (setup, expected)) in cases.into_iter().enumerate() {
        match at {
            0 => {}
            1 => std::fs::rename(&key, &hidden).unwrap(),
            2 => std::fs::write(&key, "not a key").unwrap(),
            _ => std::fs::write(&key, "0f".repeat(32)).unwrap(),
        }
        for command in ["verify", "repair"] {
            let (code, told, complaint) = run(setup, &["memory", command]);
            assert_eq!((code, told.as_str()), (Some(3), ""), "{command}: {complaint}");
            assert!(complaint.contains(expected), "{command}: {complaint}");
        }
    }
    std::fs::rename(&hidden, &key).unwrap();
    assert_eq!(run(&setup, &["memory", "verify"]).0, Some(0));
}

const CANARY: &str = "wombat-60417";
const CONVERSATIONS: [&str; 4] = ["zh", "ko", "en", "secret"];

fn say(client: &Client, conversation: &str, text: &str) {
    let body = json!({"channel": "api", "message": text, "conversation_id": conversation});
    let _ = client.post("/message", &body).expect(200);
}

fn talk(client: &Client) {
    say(client, "zh", "我喜歡喝烏龍茶。我對花生過敏。");
    say(client, "ko", "저는 김치찌개를 좋아합니다. 제 이름은 민수입니다.");
    say(client, "en", "I like sourdough bread. I'm allergic to peanuts.\n\n```sh\nls -la\n```");
    say(client, "en", "Remind me to renew the passport.");
    say(client, "secret", &format!("I like {CANARY}. I'm allergic to {CANARY}. My cat is called {CANARY}."));
}

/// Every conversation, as the API tells it.
fn views(client: &Client) -> Vec<Value> {
    let of = |id: &&str| client.get(&format!("/conversations/{id}?limit=100")).expect(200);
    CONVERSATIONS.iter().map(of).collect()
}

/// Which conversations, or Markdown files, a search finds something in.
fn found(client: &Client, query: &str, kind: &str) -> Vec<String> {
    let found = client.post("/memory/search", &json!({"query": query, "type": kind})).expect(200);
    let place = |hit: &Value| {
        ["source", "conversation_id"].iter().find_map(|key| hit[key].as_str().map(str::to_owned))
    };
    found["results"].as_array().unwrap().iter().filter_map(place).collect()
}

fn extension(paths: &[PathBuf], extension: &str) -> usize {
    paths.iter().filter(|path| path.extension().is_some_and(|it| it == extension)).count()
}

fn nowhere(home: &Path) {
    assert_eq!(files_containing(home, CANARY), Vec::<PathBuf>::new());
}

#[test]
fn a_compaction_beside_a_running_gateway_changes_no_word() {
    need_gateway!();
    let setup = Setup::with(&Provider::openai());
    let gateway = setup.start();
    let client = gateway.client();
    talk(&client);
    let before = views(&client);
    let check = |client: &Client| {
        assert_eq!(views(client), before);
        for (query, conversation) in [("烏龍茶", "zh"), ("김치찌개", "ko"), ("sourdough", "en")] {
            assert_eq!(
                found(client, query, "wal").first().map(String::as_str),
                Some(conversation),
                "{query}"
            );
            assert!(found(client, query, "compacted").iter().any(|file| file.ends_with(".md")), "{query}");
        }
        let verified = client.post("/memory/verify", &json!({})).expect(200);
        assert_eq!((&verified["sound"], &verified["problems"]), (&json!(true), &json!([])), "{verified}");
        let (code, told, complaint) = run(&setup, &["memory", "verify"]);
        assert!(code == Some(0) && told.starts_with("sound: "), "{told} {complaint}");
    };
    let (code, told, complaint) = run(&setup, &["memory", "compact", "--everything", "--offline"]);
    assert!(code == Some(0) && told.starts_with("1 segment of 10 messages"), "{told} {complaint}");
    let home = gateway.home().path().to_owned();
    assert_eq!(extension(&files_containing(&home, "sourdough"), "arc"), 1);
    assert_eq!(extension(&files_containing(&home, "sourdough"), "wal"), 0);
    check(&client);

    // Nothing is left to do, and nothing is said of it.
    let (_, told, _) = run(&setup, &["memory", "compact", "--everything", "--offline"]);
    assert!(told.starts_with("nothing to compact"), "{told}");
    // What is said meanwhile and afterwards belongs to the next one, asked for over the API.
    say(&client, "later", "I like juggling.");
    let request = json!({"everything": true, "offline": true, "wait": true});
    let report = client.post("/memory/compact", &request).expect(200);
    assert_eq!((&report["segments"], &report["messages"]), (&json!(1), &json!(2)), "{report}");
    check(&client);
    let history = client.get("/memory/history").expect(200);
    assert_eq!(history["compactions"].as_array().unwrap().len(), 2, "{history}");
    let exported = run(&setup, &["memory", "export"]).1;
    assert_eq!(exported.lines().count(), 12);
    gateway.kill();
    let gateway = setup.start();
    check(&gateway.client());
    assert_eq!(run(&setup, &["memory", "export"]).1, exported);
    gateway.terminate();
    assert!(gateway.wait().0.success());
    assert_eq!(run(&setup, &["memory", "verify"]).0, Some(0));
}

#[test]
fn what_is_erased_after_a_compaction_is_in_no_file_however_packed() {
    need_gateway!();
    let setup = Setup::with(&Provider::openai());
    let gateway = setup.start();
    let client = gateway.client();
    talk(&client);
    // Once in Markdown and archive alone, and once in the log as well.
    let compact = json!({"everything": true, "offline": true, "wait": true});
    let _ = client.post("/memory/compact", &compact).expect(200);
    let home = gateway.home().path().to_owned();
    let holding = files_containing(&home, CANARY);
    assert!(extension(&holding, "arc") == 1 && extension(&holding, "wal") == 0, "{holding:?}");
    assert!(extension(&holding, "md") >= 2, "else this test would prove nothing: {holding:?}");
    say(&client, "secret", &format!("And {CANARY} again."));
    assert_eq!(extension(&files_containing(&home, CANARY), "wal"), 1);

    let erased = client.delete("/conversations/secret").expect(200);
    assert_eq!(erased["messages_deleted"], 4);
    assert!(erased["memories_deleted"].as_u64() > Some(1), "{erased}");
    nowhere(&home);
    let check = |client: &Client| {
        assert_eq!(found(client, CANARY, "all"), Vec::<String>::new());
        let exported = run(&setup, &["memory", "export"]).1;
        assert!(!exported.contains(CANARY) && exported.lines().count() == 8, "{exported}");
        // What others said is all there, in words and in Markdown.
        assert!(found(client, "sourdough", "compacted").iter().any(|file| file.ends_with(".md")));
        assert_eq!(run(&setup, &["memory", "verify"]).0, Some(0));
    };
    check(&client);
    gateway.kill();
    let gateway = setup.start();
    check(&gateway.client());
    let _ = gateway.client().post("/memory/compact", &compact).expect(200);
    gateway.terminate();
    assert!(gateway.wait().0.success());
    nowhere(&home);
}

#[test]
fn what_is_forgotten_after_a_compaction_is_in_no_file_however_packed() {
    need_gateway!();
    let setup = Setup::with(&Provider::openai());
    let gateway = setup.start();
    let client = gateway.client();
    say(&client, "en", "I like sourdough bread.");
    let fact = json!({"kind": "fact", "content": format!("The user's locker is {CANARY}"), "tags": [CANARY]});
    let id = client.post("/memory/entries", &fact).expect(201)["id"].as_str().unwrap().to_owned();
    let compact = json!({"everything": true, "offline": true, "wait": true});
    let _ = client.post("/memory/compact", &compact).expect(200);
    let home = gateway.home().path().to_owned();
    let holding = files_containing(&home, CANARY);
    assert!(extension(&holding, "arc") == 1 && extension(&holding, "md") == 1, "{holding:?}");
    assert!(run(&setup, &["memory", "export"]).1.contains(CANARY));

    assert_eq!(client.delete(&format!("/memory/entries/{id}")).expect(200)["deleted"], true);
    nowhere(&home);
    assert_eq!(found(&client, CANARY, "all"), Vec::<String>::new());
    assert!(!run(&setup, &["memory", "export"]).1.contains(CANARY));
    assert_eq!(run(&setup, &["memory", "verify"]).0, Some(0));
    gateway.kill();
    let gateway = setup.start();
    assert!(found(&gateway.client(), "sourdough", "compacted").iter().any(|file| file.ends_with(".md")));
    let _ = gateway.client().post("/memory/compact", &compact).expect(200);
    gateway.terminate();
    assert!(gateway.wait().0.success());
    nowhere(&home);
}

#[test]
fn what_a_person_writes_is_found_beside_years_of_days() {
    need_gateway!();
    let setup = Setup::with(&Provider::openai());
    let gateway = setup.start();
    let days = gateway.home().path().join("memory/compacted/conversation-summaries");
    std::fs::create_dir_all(&days).unwrap();
    for day in 0..100 {
        std::fs::write(days.join(format!("day-{day}.md")), format!("- We talked of otter {day}.\n")).unwrap();
    }
    let client = gateway.client();
    eventually("the days are found", || !found(&client, "otter 99", "compacted").is_empty());
    std::fs::write(days.join("day-7.md"), "- We talked of a heron instead.\n").unwrap();
    eventually("the edit is found", || {
        found(&client, "heron", "compacted") == ["memory/compacted/conversation-summaries/day-7.md"]
    });
    eventually("what it replaced is not", || {
        client.post("/memory/search", &json!({"query": "otter", "limit": 100})).expect(200)["total"] == 99
    });
}
