//! `gateway memory verify`, `repair` and `compact` on memories that are encrypted, in use, or both.

use openclaw_e2e::{Provider, Setup, need_gateway};
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
