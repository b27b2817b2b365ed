//! `gateway channel list`, `test` and `paired`.

use hyper::Method;
use serde_json::{Value, json};

use super::{Here, stop};
use crate::{
    exit::{Exit, Stop},
    output::{complain, deliver, harmless, line},
};

pub(super) async fn list(here: &Here, as_json: bool) -> Result<Exit, Stop> {
    let config = here.config();
    let mut channels = Vec::new();
    for (kind, channel) in &config.channels {
        let told = match &here.client {
            Some(client) => client.json(Method::GET, &format!("/channels/{kind}/status"), None).await.ok(),
            None => None,
        };
        let unknown = if channel.enabled { "no gateway is running" } else { "disabled in the configuration" };
        let told = told.unwrap_or_else(|| json!({"type": kind, "status": "unknown", "last_error": unknown}));
        channels.push(told);
    }
    if as_json {
        deliver(&format!("{}\n", serde_json::to_string_pretty(&channels).unwrap_or_default()))?;
        return Ok(Exit::Ok);
    }
    if channels.is_empty() {
        complain("no channel is configured; connect one with: gateway channel add");
    }
    for channel in &channels {
        deliver(&format!("{}\n", harmless(&told(channel))))?;
    }
    Ok(Exit::Ok)
}

/// One channel in a line or two.
fn told(channel: &Value) -> String {
    let text = |key: &str| channel[key].as_str().unwrap_or_default();
    let mut line = format!("{:<10} {:<13}", text("type"), text("status"));
    match text("status") {
        "connected" => {
            let count = channel["messages_today"].as_u64().unwrap_or(0);
            let messages = if count == 1 { "message" } else { "messages" };
            line.push_str(&format!(" since {}, {count} {messages} today", text("connected_since")));
            if let Some(account) = channel["account"].as_str() {
                line.push_str(&format!(", as {account}"));
            }
        }
        _ => line.push_str(&format!(" {}", text("last_error"))),
    }
    let outbox = &channel["outbox"];
    for (key, what) in
        [("waiting", "on their way"), ("failed", "not taken"), ("expired", "too late, offered")]
    {
        if let Some(count) = outbox[key].as_u64().filter(|count| *count > 0) {
            line.push_str(&format!("; answers {what}: {count}"));
        }
    }
    if let Some(hint) = channel["hint"].as_str() {
        line.push_str(&format!("\n{:<24} {hint}", ""));
    }
    line
}

pub(super) async fn test(here: &Here, kind: &str, to: Option<&str>) -> Result<Exit, Stop> {
    let channel = here.channel(kind)?;
    let failed = |reason: String| Stop::new(Exit::Failure, format!("{kind}: {}", harmless(&reason)));
    let account = openclaw_channels::probe(kind, &channel).await.map_err(failed)?;
    line(&format!("{kind}: the bot is {} there", harmless(&account)));
    if let Some(chat) = to {
        let text = "This is a test by `gateway channel test`.";
        openclaw_channels::say(kind, &channel, chat, text).await.map_err(failed)?;
        line(&harmless(&format!("{kind}: sent a line to {chat}")));
    }
    Ok(Exit::Ok)
}

pub(super) async fn paired(here: &Here, kind: &str, remove: Option<&str>) -> Result<Exit, Stop> {
    here.channel(kind)?;
    let client = here.gateway()?;
    let path = format!("/channels/{kind}/paired");
    if let Some(user) = remove {
        let encoded: String = user.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let removed = client.json(Method::DELETE, &format!("{path}?user={encoded}"), None).await;
        removed.map_err(|error| stop(&error))?;
        line(&harmless(&format!("{user} may not talk to it any more")));
        return Ok(Exit::Ok);
    }
    let told = client.json(Method::GET, &path, None).await.map_err(|error| stop(&error))?;
    for user in told["users"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        deliver(&format!("{}\n", harmless(user)))?;
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_told_in_a_line() {
        let connected = json!({
            "type": "telegram", "status": "connected", "connected_since": "2026-03-20T08:00:00Z", "messages_today": 1,
            "account": "@claw_bot", "outbox": {"waiting": 2, "failed": 0, "expired": 0},
        });
        assert_eq!(
            told(&connected),
            "telegram   connected     since 2026-03-20T08:00:00Z, 1 message today, as @claw_bot; answers on their way: 2"
        );
        let not =
            json!({"type": "slack", "status": "disconnected", "last_error": "Token expired", "hint": "h"});
        assert_eq!(told(&not), format!("slack      disconnected  Token expired\n{:<24} h", ""));
    }
}
