//! `GET /logs`.

use openclaw_e2e::{Setup, need_gateway};

#[test]
fn tells_what_happened_also_before_the_last_start() {
    need_gateway!();
    let setup = Setup::new();
    let gateway = setup.start();
    let before = gateway.client().get("/logs?lines=1000").expect(200);
    let lines = before["logs"].as_array().unwrap();
    assert!(!lines.is_empty() && before["total"].as_u64().unwrap() >= lines.len() as u64, "{before}");
    for line in lines {
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{line}");
        assert!(["info", "warn", "error"].contains(&line["level"].as_str().unwrap()), "{line}");
        let component = line["component"].as_str().unwrap();
        assert!(["gateway", "reasoning", "memory", "skills", "channels"].contains(&component), "{line}");
        assert!(line["message"].is_string() && line["fields"].is_object(), "{line}");
    }
    let times: Vec<_> = lines.iter().map(|line| line["timestamp"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    gateway.kill();
    let gateway = setup.start();
    let after = gateway.client().get("/logs?lines=1000").expect(200);
    assert_eq!(after["logs"][0], before["logs"][0]);
    assert!(after["total"].as_u64() > before["total"].as_u64());
    let one = gateway.client().get("/logs?lines=1").expect(200);
    assert_eq!(one["logs"].as_array().unwrap().len(), 1);
}

#[test]
fn filters_are_checked_and_applied() {
    need_gateway!();
    let gateway = Setup::new().start();
    let client = gateway.client();
    for wrong in ["lines=0", "lines=1001", "level=loud", "component=cellar", "since=soon"] {
        let error = client.get(&format!("/logs?{wrong}")).expect_error(400, "bad_request");
        assert_eq!(error["details"]["field"], wrong.split('=').next().unwrap());
    }
    let errors = client.get("/logs?level=error").expect(200);
    assert!(errors["logs"].as_array().unwrap().iter().all(|line| line["level"] == "error"), "{errors}");
    let memory = client.get("/logs?component=memory&level=debug").expect(200);
    assert!(memory["logs"].as_array().unwrap().iter().all(|line| line["component"] == "memory"), "{memory}");
    assert_eq!(client.get("/logs?since=2999-01-01").expect(200)["total"], 0);
}
