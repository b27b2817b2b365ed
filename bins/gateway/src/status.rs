//! `gateway status`.

use hyper::Method;
use serde_json::Value;

use crate::{
    client::{Client, ClientError},
    exit::{Exit, Stop},
    output::{harmless, line, print},
};

/// Prints how the running gateway is.
pub(crate) async fn status(client: &Client, as_json: bool) -> Result<Exit, Stop> {
    let tree = client.json(Method::GET, "/status", None).await.map_err(|error| {
        let exit = if matches!(error, ClientError::NotRunning(_)) { Exit::NotRunning } else { Exit::Failure };
        Stop::new(exit, harmless(&error.to_string()))
    })?;
    if as_json {
        line(&serde_json::to_string_pretty(&tree).unwrap_or_default());
    } else {
        print(&told(&tree, &client.address().to_string()));
    }
    let ok = tree["status"] == "ok" || tree["status"] == "running" || tree["status"] == "healthy";
    Ok(if ok { Exit::Ok } else { Exit::Failure })
}

/// The tree in five lines, and one for each thing that is wrong with the sandbox.
fn told(tree: &Value, address: &str) -> String {
    let text = |value: &Value| match value {
        Value::Null => "–".to_owned(),
        Value::String(text) => harmless(text),
        other => other.to_string(),
    };
    let (reasoning, memory, skills) = (&tree["reasoning"], &tree["memory"], &tree["skills"]);
    let list = |value: &Value| {
        let names: Vec<String> = value.as_array().into_iter().flatten().map(channel).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    let problems = skills["problems"].as_array().into_iter().flatten();
    let problems: String = problems.map(|problem| format!("          ! {}\n", text(problem))).collect();
    let model = match (&reasoning["primary_provider"], &reasoning["primary_model"]) {
        (Value::Null, _) => "none yet".to_owned(),
        (provider, model) => format!("{} {}", text(provider), text(model)),
    };
    let answers = match reasoning["total_requests"].as_u64() {
        Some(1) => "1 answer".to_owned(),
        _ => format!("{} answers", text(&reasoning["total_requests"])),
    };
    let engine = match (&skills["container_engine"], &skills["rootless"]) {
        (engine, Value::Bool(true)) if engine != "none" => format!("{}, without root's rights", text(engine)),
        (engine, _) => text(engine),
    };
    format!(
        "Gateway   {} · version {} · http://{address} · up {}\n\
         Model     {model} · {answers}, {} ms on average\n\
         Memory    {} entries, {} compacted files, {} MB\n\
         Skills    {} installed, {} active · engine {engine}\n\
         {problems}\
         Channels  connected: {} · disconnected: {}\n",
        text(&tree["status"]),
        text(&tree["version"]),
        duration(tree["uptime_seconds"].as_u64().unwrap_or_default()),
        text(&reasoning["avg_latency_ms"]),
        text(&memory["wal_entries"]),
        text(&memory["compacted_files"]),
        text(&memory["total_size_mb"]),
        text(&skills["installed"]),
        text(&skills["active"]),
        list(&tree["channels"]["connected"]),
        list(&tree["channels"]["disconnected"]),
    )
}

fn channel(value: &Value) -> String {
    value.as_str().or_else(|| value["type"].as_str()).map_or_else(|| value.to_string(), harmless)
}

fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_contracts_tree_fits_five_lines() {
        let tree = json!({
            "status": "ok", "version": "0.1.0", "uptime_seconds": 90061,
            "gateway": {"port": 18789, "bind": "127.0.0.1", "auth_enabled": true},
            "reasoning": {"primary_provider": "local", "primary_model": "m", "total_requests": 3, "avg_latency_ms": 12},
            "memory": {"wal_entries": 6, "compacted_files": 0, "total_size_mb": 0.1},
            "skills": {"installed": 0, "active": 0, "container_engine": "none", "rootless": false},
            "channels": {"connected": [], "disconnected": ["telegram"]},
        });
        let mut broken = tree.clone();
        broken["skills"]["problems"] = json!(["podman: newuidmap is missing"]);
        let broken = super::told(&broken, "127.0.0.1:18789");
        let lines: Vec<&str> = broken.lines().collect();
        assert_eq!((lines.len(), lines[4]), (6, "          ! podman: newuidmap is missing"));
        let told = told(&tree, "127.0.0.1:18789");
        assert_eq!(told.lines().count(), 5);
        assert!(told.contains("local m · 3 answers, 12 ms"), "{told}");
        assert!(told.contains("up 1 d 1 h") && told.contains("disconnected: telegram"), "{told}");
    }
}
