//! A disk that is full.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use openclaw_e2e::{Home, Provider, Setup, files_containing, need_gateway, skip};
use serde_json::json;

/// A small file system of its own, in a mount namespace that a sleeping child keeps; we reach it through `/proc`.
struct SmallDisk {
    keeper: Child,
    path: PathBuf,
    _below: tempfile::TempDir,
}

impl SmallDisk {
    fn new(megabytes: u32) -> Option<Self> {
        let below = tempfile::tempdir().unwrap();
        let script =
            format!("mount -t tmpfs -o size={megabytes}m none \"$0\" && echo ready && exec sleep 600");
        let mut keeper = Command::new("unshare")
            .args(["-m", "sh", "-c", &script])
            .arg(below.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut line = String::new();
        BufReader::new(keeper.stdout.take()?).read_line(&mut line).ok()?;
        let path = PathBuf::from(format!("/proc/{}/root{}", keeper.id(), below.path().display()));
        let disk = Self { keeper, path, _below: below };
        (line == "ready\n").then_some(disk)
    }

    /// Fills it to the last byte; removing the file makes room again.
    fn fill(&self) -> PathBuf {
        let path = self.path.join("filler");
        let mut filler = File::create(&path).unwrap();
        for size in [1 << 20, 4096, 1] {
            while filler.write_all(&vec![b'x'; size]).is_ok() {}
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

#[test]
fn a_full_disk_stops_writing_says_so_and_loses_nothing() {
    need_gateway!();
    let Some(disk) = SmallDisk::new(64) else {
        skip!("mounting a small tmpfs needs root and `unshare`");
    };
    let provider = Provider::openai();
    let setup = Setup::with(&provider)
        .home(&Home::at(disk.path.join("home")))
        .extra("memory:\n  segment_mb: 1\n  checkpoint_mb: 1\n  min_free_mb: 1\n");
    let gateway = setup.start();
    let client = gateway.client();
    let send = |client: &openclaw_e2e::Client, conversation: &str| {
        client.post(
            "/message",
            &json!({"channel": "api", "message": "keep me", "conversation_id": conversation}),
        )
    };
    let kept = send(&client, "before").expect(200);
    let filler = disk.fill();
    // Buffers may take one more; a full disk must be noticed soon all the same.
    let refused =
        (0..50).map(|number| send(&client, &format!("full{number}"))).find(|answer| answer.status != 200);
    let refused = refused.expect("a full disk refuses");
    let _ = refused.expect_error(503, "service_unavailable");
    let health = client.get("/health");
    assert_eq!((health.status, &health.json()["status"]), (503, &json!("degraded")));
    // Reading goes on.
    let view = client.get("/conversations/before").expect(200);
    assert_eq!(view["messages"][1]["content"], kept["content"]);
    assert_eq!(client.get("/status").status, 200);
    let listed = client.get("/conversations?limit=100").expect(200);

    std::fs::remove_file(filler).unwrap();
    gateway.kill();
    let gateway = setup.start();
    let client = gateway.client();
    assert_eq!(client.get("/health").status, 200);
    let view = client.get("/conversations/before").expect(200);
    assert_eq!(view["messages"][1]["content"], kept["content"]);
    assert_eq!(client.get("/conversations?limit=100").expect(200)["total"], listed["total"]);
    let _ = send(&client, "after").expect(200);
}

/// What changes files says so on a full disk, and is whole once there is room.
#[test]
fn what_a_full_disk_stops_is_finished_when_there_is_room() {
    need_gateway!();
    let Some(disk) = SmallDisk::new(64) else {
        skip!("mounting a small tmpfs needs root and `unshare`");
    };
    let provider = Provider::openai();
    let home = Home::at(disk.path.join("home"));
    let setup = Setup::with(&provider)
        .home(&home)
        .extra("memory:\n  segment_mb: 1\n  checkpoint_mb: 1\n  min_free_mb: 1\n");
    let gateway = setup.start();
    let client = gateway.client();
    let send = |client: &openclaw_e2e::Client, conversation: &str, text: &str| {
        client.post("/message", &json!({"channel": "api", "message": text, "conversation_id": conversation}))
    };
    let _ = send(&client, "kept", "I love green tea and I live in Bergen").expect(200);
    let _ = send(&client, "gone", "the secret is zaubersaal").expect(200);
    let filler = disk.fill();
    let disk_full = |answer: openclaw_e2e::Response| {
        let error = answer.expect_error(503, "service_unavailable");
        assert_eq!(error["details"]["reason"], "disk_full", "{error}");
    };
    // To the last byte: what had room before is used up by the first of them.
    let entry = json!({"kind": "fact", "content": "drinks tea"});
    let refused = (0..50).map(|_| client.post("/memory/entries", &entry)).find(|answer| answer.status != 201);
    let _ = refused.expect("a full disk refuses").expect_error(503, "service_unavailable");
    disk_full(client.post("/memory/compact", &json!({"wait": true, "everything": true})));
    let deleted = client.delete("/conversations/gone");
    let found = client.post("/memory/search", &json!({"query": "green tea"})).expect(200);
    assert_eq!(found["results"][0]["conversation_id"], "kept", "{found}");
    if deleted.status != 200 {
        let _ = deleted.expect_error(503, "service_unavailable");
    }

    std::fs::remove_file(filler).unwrap();
    gateway.kill();
    let gateway = setup.start();
    let client = gateway.client();
    assert_eq!(client.get("/health").status, 200);
    let deleted = client.delete("/conversations/gone");
    assert!(matches!(deleted.status, 200 | 404), "{}", deleted.status);
    let report = client.post("/memory/compact", &json!({"wait": true, "everything": true})).expect(200);
    assert!(report["added"].as_u64().is_some_and(|added| added > 0), "{report}");
    let verified = client.post("/memory/verify", &json!({})).expect(200);
    assert_eq!(verified["problems"], json!([]));
    let holding = files_containing(&disk.path.join("home"), "zaubersaal");
    assert!(holding.is_empty(), "what was deleted is in {holding:?}");
}
