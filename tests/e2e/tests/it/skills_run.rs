//! Skills that act: installed by the contract's own lines, called by a model, in a sandbox.

use std::fs;

use openclaw_e2e::{Client, Event, Provider, Setup, need_gateway};
use serde_json::{Value, json};

use super::config::eventually;

/// With the built-in sandbox, which needs nothing installed.
const NAMESPACE: &str = "skills:\n  engine: namespace";

/// Waits until the sandbox has proved itself.
fn ready(client: &Client) {
    eventually("a sandbox", || {
        client.get("/status").expect(200)["skills"]["container_engine"] == "namespace"
    });
}

fn kinds(events: &[Event]) -> Vec<String> {
    let shown = |event: &Event| match event.data["status"].as_str() {
        Some(status) => format!("{} {status}", event.kind()),
        None => event.kind().to_owned(),
    };
    events.iter().map(shown).collect()
}

#[test]
fn the_contracts_lines_install_list_and_remove() {
    need_gateway!();
    let gateway = Setup::new().extra(NAMESPACE).start();
    let client = gateway.client();
    ready(&client);
    let wanted = json!({"name": "weather", "version": "1.2.0"});
    let item = client.post("/skills/install", &wanted).expect(201);
    assert_eq!(
        (&item["name"], &item["version"], &item["status"]),
        (&json!("weather"), &json!("1.2.0"), &json!("active"))
    );
    assert_eq!(item["permissions"], json!({"network": true, "filesystem": false, "shell": false}));
    assert_eq!((&item["last_used"], &item["invocations"]), (&Value::Null, &json!(0)));
    assert_eq!(client.post("/skills/install", &wanted).expect(200), item, "it is there");
    let listed = client.get("/skills").expect(200);
    assert_eq!((&listed["total"], &listed["skills"][0]), (&json!(1), &item));
    let status = client.get("/status").expect(200);
    assert_eq!((&status["skills"]["installed"], &status["skills"]["active"]), (&json!(1), &json!(1)));

    let _ = client
        .post("/skills/install", &json!({"name": "weather", "version": "9.9.9"}))
        .expect_error(404, "not_found");
    let _ = client.post("/skills/install", &json!({"name": "no-such-skill"})).expect_error(404, "not_found");
    let removed = client.delete("/skills/weather").expect(200);
    assert_eq!(removed, json!({"removed": true, "name": "weather", "version": "1.2.0"}));
    assert_eq!(client.get("/skills").expect(200)["total"], 0);
}

#[test]
fn a_model_calls_a_skill_and_reads_what_it_found() {
    need_gateway!();
    let provider = Provider::openai();
    let setup = Setup::with(&provider).extra(NAMESPACE);
    let gateway = setup.start();
    let client = gateway.client();
    ready(&client);
    let _ = client.post("/skills/install", &json!({"name": "calc"})).expect(201);
    for (kind, expected) in [("first", 1), ("second", 2)] {
        provider.calls("calc", json!({"expression": "1/3 + 1/6"}));
        provider.answers(&["it is ", "a half"]);
        let events = client.stream_message(&json!({"channel": "api", "message": kind})).rest();
        let expected_kinds =
            ["start", "skill_call invoking", "skill_result completed", "token", "token", "end"];
        assert_eq!(
            kinds(&events),
            expected_kinds,
            "{:?}",
            events.iter().map(|event| &event.data).collect::<Vec<_>>()
        );
        assert_eq!(events[1].data["skill"], "calc");
        assert_eq!(events.last().unwrap().data["skills_used"], json!(["calc"]));
        let listed = client.get("/skills").expect(200);
        assert_eq!(listed["skills"][0]["invocations"], expected);
        assert!(listed["skills"][0]["last_used"].is_string(), "{listed}");
    }
    // What the model was shown: the result between marks, as data.
    let requests = provider.requests();
    let shown = requests.last().unwrap()["messages"].to_string();
    assert!(shown.contains("1/2") && shown.contains("skill_output"), "{shown}");
    let offered = requests.last().unwrap()["tools"].to_string();
    assert!(offered.contains("\"calc\""), "{offered}");

    // The counts are there after a restart.
    gateway.terminate();
    let _ = gateway.wait();
    let gateway = setup.start();
    assert_eq!(gateway.client().get("/skills").expect(200)["skills"][0]["invocations"], 2);
}

#[test]
fn a_person_is_asked_before_a_call_when_the_configuration_says_so() {
    need_gateway!();
    let provider = Provider::openai();
    let gateway = Setup::with(&provider).extra(&format!("{NAMESPACE}\n  approval: always")).start();
    let client = gateway.client();
    ready(&client);
    let _ = client.post("/skills/install", &json!({"name": "calc"})).expect(201);
    for (allow, expected) in [(true, "1/2"), (false, "denied")] {
        provider.calls("calc", json!({"expression": "1/4 + 1/4"}));
        provider.answers(&["done"]);
        let pending = client
            .post("/message", &json!({"channel": "api", "message": "x", "wait_for_response": false}))
            .expect(202);
        let path = format!("/message/{}", pending["id"].as_str().unwrap());
        let mut asked = Value::Null;
        eventually("a question", || {
            asked = client.get(&format!("{path}/status")).expect(200);
            asked["status"] == "awaiting_approval"
        });
        assert_eq!(asked["approvals"][0]["skill"], "calc", "{asked}");
        let _ = client.post(&format!("{path}/approve"), &json!({"approve": allow})).expect(200);
        let done = client.await_run(pending["id"].as_str().unwrap());
        assert_eq!(done["status"], "completed", "{done}");
        let shown = provider.requests().last().unwrap()["messages"].to_string();
        assert!(shown.contains(expected), "{shown}");
    }
}

#[test]
fn nothing_of_a_skill_outlives_a_killed_gateway() {
    need_gateway!();
    let provider = Provider::openai();
    let setup = Setup::with(&provider).extra(NAMESPACE);
    let skill = setup.data().path().join("skills/sleeper");
    fs::create_dir_all(&skill).unwrap();
    fs::write(skill.join("SKILL.md"), "---\nname: sleeper\ndescription: Sleeps.\ntimeout: 300\n---\n")
        .unwrap();
    let marker = format!("sleeper-{}", std::process::id());
    let program = format!("import sys, time\nMARK = '{marker}'\nsys.argv.append(MARK)\ntime.sleep(300)\n");
    fs::write(skill.join("main.py"), program).unwrap();
    let gateway = setup.start();
    let client = gateway.client();
    ready(&client);
    provider.calls("sleeper", json!({}));
    let _ = client
        .post("/message", &json!({"channel": "api", "message": "x", "wait_for_response": false}))
        .expect(202);
    let root = skill.canonicalize().unwrap();
    let running = || sandboxed(&root);
    eventually("the skill runs", || running() > 0);
    gateway.kill();
    eventually("nothing of it is left", || running() == 0);
}

/// Processes in whose view of the file system a folder of ours is mounted at `/skill`.
fn sandboxed(folder: &std::path::Path) -> usize {
    let folder = folder.to_str().unwrap();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter(|process| {
            let mounts = fs::read_to_string(process.path().join("mountinfo")).unwrap_or_default();
            mounts.lines().any(|line| line.contains(" /skill ") && line.contains(folder))
        })
        .count()
}
