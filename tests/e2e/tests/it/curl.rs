//! The seed document's command lines, word by word, in a shell. Only the port differs, and the token, which stands in the
//! variables that the lines themselves name.

use std::process::Command;

use openclaw_e2e::{Gateway, Provider, Setup, TOKEN, need_gateway, skip};
use serde_json::{Value, json};

/// Each command line of the seed, with the status it must have on a gateway that was just set up.
const LINES: &[(u16, &str)] = &[
    (
        200,
        r#"curl -H "Authorization: Bearer YOUR_GATEWAY_TOKEN" \
http://127.0.0.1:18789/api/v1/health"#,
    ),
    (200, "curl http://127.0.0.1:18789/api/v1/health"),
    (
        200,
        r#"curl -H "Authorization: Bearer $TOKEN" \
http://127.0.0.1:18789/api/v1/status"#,
    ),
    (
        200,
        r#"curl -X POST \
-H "Authorization: Bearer $TOKEN" \
-H "Content-Type: application/json" \
-d '{
"channel": "api",
"message": "明天서울的天氣如何?",
"conversation_id": "conv_abc123",
"metadata": {
"user_id": "user_001",
"user_name": "사용자"
}
}' \
http://127.0.0.1:18789/api/v1/message"#,
    ),
    (
        200,
        r#"curl -X POST \
-H "Authorization: Bearer $TOKEN" \
-H "Content-Type: application/json" \
-H "Accept: text/event-stream" \
-d '{"channel": "api", "message": "寫一首詩"}' \
http://127.0.0.1:18789/api/v1/message"#,
    ),
    (
        200,
        r#"curl -H "Authorization: Bearer $TOKEN" \
"http://127.0.0.1:18789/api/v1/conversations?limit=20&offset=0""#,
    ),
    (
        200,
        r#"curl -H "Authorization: Bearer $TOKEN" \
http://127.0.0.1:18789/api/v1/conversations/conv_abc123"#,
    ),
    (
        200,
        r#"curl -X DELETE \
-H "Authorization: Bearer $TOKEN" \
http://127.0.0.1:18789/api/v1/conversations/conv_abc123"#,
    ),
    (
        200,
        r#"curl -H "Authorization: Bearer $TOKEN" \
http://127.0.0.1:18789/api/v1/memory/stats"#,
    ),
    (
        200,
        r#"curl -X POST \
-H "Authorization: Bearer $TOKEN" \
-H "Content-Type: application/json" \
-d '{
"query": "사용자的飲食偏好",
"limit": 10,
"type": "all"
}' \
http://127.0.0.1:18789/api/v1/memory/search"#,
    ),
    (
        200,
        r#"curl -X DELETE \
-H "Authorization: Bearer $TOKEN" \
-H "Content-Type: application/json" \
-d '{
"before": "2025-01-01T00:00:00Z",
"type": "wal",
"confirm": true
}' \
http://127.0.0.1:18789/api/v1/memory/prune"#,
    ),
    (
        200,
        r#"curl -H "Authorization: Bearer $TOKEN" \
http://127.0.0.1:18789/api/v1/skills"#,
    ),
    // It comes with the gateway: no registry is needed.
    (
        201,
        r#"curl -X POST \
-H "Authorization: Bearer $TOKEN" \
-H "Content-Type: application/json" \
-d '{
"name": "weather",
"version": "1.2.0"
}' \
http://127.0.0.1:18789/api/v1/skills/install"#,
    ),
    (
        200,
        r#"curl -X DELETE \
-H "Authorization: Bearer $TOKEN" \
http://127.0.0.1:18789/api/v1/skills/weather"#,
    ),
    (
        200,
        r#"curl -H "Authorization: Bearer $TOKEN" \
http://127.0.0.1:18789/api/v1/channels"#,
    ),
    (
        200,
        r#"curl -H "Authorization: Bearer $TOKEN" \
http://127.0.0.1:18789/api/v1/config"#,
    ),
    (
        200,
        r#"curl -X PUT \
-H "Authorization: Bearer $TOKEN" \
-H "Content-Type: application/json" \
-d '{
"gateway": {
"rate_limit": {
"requests_per_minute": 120
}
}
}' \
http://127.0.0.1:18789/api/v1/config"#,
    ),
    (
        200,
        r#"curl -H "Authorization: Bearer $TOKEN" \
"http://127.0.0.1:18789/api/v1/logs?lines=100&level=warn""#,
    ),
];

const ALIAS: &str = r#"# 설정別名簡化操作
alias oclaw='curl -s -H "Authorization: Bearer $GATEWAY_AUTH_TOKEN" -H "Content-Type: application/json"'

# 使用
oclaw http://127.0.0.1:18789/api/v1/health
oclaw -X POST -d '{"channel":"api","message":"你好"}' http://127.0.0.1:18789/api/v1/message
"#;

fn shell(gateway: &Gateway, script: &str, curlrc: &str) -> String {
    // Options for every curl, so that the lines themselves stay as they are.
    std::fs::write(gateway.home().path().parent().unwrap().join(".curlrc"), curlrc).unwrap();
    let port = gateway.address().port().to_string();
    let script = script.replace("18789", &port).replace("YOUR_GATEWAY_TOKEN", "$TOKEN");
    let output = Command::new("sh")
        .args(["-c", &script])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("CURL_HOME", gateway.home().path().parent().unwrap())
        .env("TOKEN", TOKEN)
        .env("GATEWAY_AUTH_TOKEN", TOKEN)
        .output()
        .unwrap();
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A gateway that was just set up, or why there is none here.
fn set_up() -> Result<Gateway, &'static str> {
    let has_curl = Command::new("curl").arg("--version").output().is_ok_and(|output| output.status.success());
    if has_curl { Ok(Setup::with(&Provider::openai()).start()) } else { Err("curl is not installed") }
}

#[test]
fn every_line_of_the_seed_works() {
    need_gateway!();
    let gateway = match set_up() {
        Ok(gateway) => gateway,
        Err(reason) => skip!("{reason}"),
    };
    for (status, line) in LINES {
        let output = shell(&gateway, line, "silent\nwrite-out = \"\\n%{http_code}\"\n");
        let (body, found) = output.rsplit_once('\n').unwrap();
        assert_eq!(found, status.to_string(), "{line}\n{body}");
        if line.contains("text/event-stream") {
            assert!(body.starts_with("data: {\"type\"") || body.starts_with("id: "), "{body}");
            assert!(body.contains("\"end\"") && body.ends_with("\n\n"), "{body}");
        } else {
            let json: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body}"));
            assert!(json.is_object(), "{json}");
        }
    }
}

#[test]
fn the_alias_of_the_seed_works() {
    need_gateway!();
    let gateway = match set_up() {
        Ok(gateway) => gateway,
        Err(reason) => skip!("{reason}"),
    };
    // A shell that keeps aliases for people only is given the same words as a function.
    let expands = Command::new("sh").args(["-c", "alias hi='echo ok'\nhi"]).output().unwrap();
    let script = if expands.status.success() {
        ALIAS.to_owned()
    } else {
        ALIAS.replacen("alias oclaw='", "oclaw() { ", 1).replacen("json\"'\n", "json\" \"$@\"; }\n", 1)
    };
    let output = shell(&gateway, &script, "write-out = \"\\n\"\n");
    let answers: Vec<Value> = output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 2, "{output}");
    assert_eq!((&answers[0]["status"], &answers[1]["role"]), (&json!("ok"), &json!("assistant")));
}
