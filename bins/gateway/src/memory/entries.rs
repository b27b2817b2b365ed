//! `gateway memory list`, `show`, `store`, `complete` and `forget`.

use hyper::Method;
use openclaw_core::MemoryKind;
use serde_json::{Value, json};

use super::{
    access::{Access, escaped},
    args::{List, Store},
    show::{columns, cut, json as print_json, minute, one_line, padded, text},
};
use crate::{
    exit::{Exit, Stop},
    output::{deliver, line},
};

/// Entries of a page, as many as the API gives.
const PAGE: usize = 200;

/// `gateway memory list`.
pub(super) async fn list(access: &Access, list: &List) -> Result<Exit, Stop> {
    let mut filter = String::new();
    let kind = list.kind.map(|kind| MemoryKind::from(kind).as_str().to_owned());
    let conversation = list.conversation.as_ref().map(ToString::to_string);
    for (name, value) in [("kind", &kind), ("tag", &list.tag), ("conversation_id", &conversation)] {
        if let Some(value) = value {
            filter.push_str(&format!("&{name}={}", escaped(value)));
        }
    }
    if list.all {
        filter.push_str("&all=true");
    }
    let (mut entries, mut offset) = (Vec::new(), 0);
    let columns = columns();
    loop {
        let target = format!("/memory/entries?limit={PAGE}&offset={offset}{filter}");
        let page = access.json(Method::GET, &target, None).await?;
        let found = page["entries"].as_array().cloned().unwrap_or_default();
        let (got, total) = (found.len(), page["total"].as_u64().unwrap_or_default());
        offset += got;
        let last = got < PAGE || offset as u64 >= total;
        if list.output.json {
            entries.extend(found);
            if last {
                print_json(&json!({"entries": entries, "total": total}))?;
            }
        } else {
            let told: String = found.iter().map(|entry| told(entry, columns)).collect();
            deliver(&told)?;
            if last && offset == 0 {
                line("nothing is remembered on purpose; gateway memory store TEXT does it");
            }
        }
        if last {
            return Ok(Exit::Ok);
        }
    }
}

/// An entry in a line.
fn told(entry: &Value, columns: Option<usize>) -> String {
    let importance = entry["importance"].as_f64().unwrap_or_default();
    let tags = entry["tags"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let tags: String = tags.map(|tag| format!("  #{}", one_line(tag, None))).collect();
    let state = if !entry["superseded_by"].is_null() {
        "superseded: "
    } else if !entry["completed_at"].is_null() {
        "done: "
    } else {
        ""
    };
    let line = format!(
        "{}  {}  {importance:.2}  {}  {state}{}{tags}",
        text(&entry["id"]),
        padded(&text(&entry["kind"]), 12),
        minute(&entry["created_at"]),
        one_line(entry["content"].as_str().unwrap_or_default(), None),
    );
    format!("{}\n", columns.map_or_else(|| line.clone(), |columns| cut(&line, columns)))
}

/// `gateway memory show`.
pub(super) async fn show(access: &Access, id: &str, as_json: bool) -> Result<Exit, Stop> {
    let entry = access.json(Method::GET, &format!("/memory/entries/{}", escaped(id)), None).await?;
    if as_json {
        print_json(&entry)?;
    } else {
        deliver(&whole(&entry))?;
    }
    Ok(Exit::Ok)
}

/// An entry as a whole.
fn whole(entry: &Value) -> String {
    let list = |value: &Value| {
        let names: Vec<String> = value.as_array().into_iter().flatten().map(text).collect();
        names.join(", ")
    };
    let mut told = format!("{}\n\n", text(&entry["content"]));
    let times = [("remembered", "created_at"), ("expires", "expires_at"), ("completed", "completed_at")];
    told.push_str(&format!(
        "kind        {}\nimportance  {}\n",
        text(&entry["kind"]),
        text(&entry["importance"])
    ));
    for (name, field) in times {
        if !entry[field].is_null() {
            told.push_str(&format!("{name:<12}{}\n", minute(&entry[field])));
        }
    }
    let rest = [
        ("tags", list(&entry["tags"])),
        ("from", entry["conversation_id"].as_str().map(str::to_owned).unwrap_or_default()),
        ("messages", list(&entry["sources"])),
        ("superseded", entry["superseded_by"].as_str().map(|id| format!("by {id}")).unwrap_or_default()),
    ];
    for (name, value) in rest.into_iter().filter(|(_, value)| !value.is_empty()) {
        told.push_str(&format!("{name:<12}{value}\n"));
    }
    told
}

/// `gateway memory store`.
pub(super) async fn store(access: &Access, store: &Store) -> Result<Exit, Stop> {
    let mut body = json!({
        "kind": MemoryKind::from(store.kind).as_str(),
        "content": store.text.join(" "),
        "importance": store.importance,
        "tags": store.tags,
    });
    if let Some(at) = store.expires {
        body["expires_at"] = json!(at);
    }
    if let Some(id) = &store.supersedes {
        body["supersedes"] = json!(id);
    }
    let body = bytes::Bytes::from(body.to_string());
    let answer = access.ask(&Method::POST, "/memory/entries", "application/json", body).await?;
    let entry = answer.json()?;
    if store.output.json {
        print_json(&entry)?;
    } else if answer.status == 200 {
        line(&format!("{} says so already", text(&entry["id"])));
    } else {
        line(&format!("remembered as {}", text(&entry["id"])));
    }
    Ok(Exit::Ok)
}

/// `gateway memory complete`.
pub(super) async fn complete(access: &Access, id: &str) -> Result<Exit, Stop> {
    let entry = access.json(Method::POST, &format!("/memory/entries/{}/complete", escaped(id)), None).await?;
    line(&format!("{} is done since {}", text(&entry["id"]), minute(&entry["completed_at"])));
    Ok(Exit::Ok)
}

/// `gateway memory forget`.
pub(super) async fn forget(access: &Access, id: &str) -> Result<Exit, Stop> {
    let gone = access.json(Method::DELETE, &format!("/memory/entries/{}", escaped(id)), None).await?;
    line(&format!("{} is forgotten; no file holds it any more", text(&gone["id"])));
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Value {
        json!({"id": "mem_1", "kind": "fact", "content": "對花生\n過敏", "importance": 0.9, "tags": ["health", "food"],
            "created_at": "2026-03-20T15:30:00Z", "expires_at": null, "completed_at": null, "conversation_id": "c",
            "sources": ["m1"], "superseded_by": null})
    }

    #[test]
    fn an_entry_is_a_line_and_more_when_shown() {
        assert_eq!(
            told(&entry(), None),
            "mem_1  fact          0.90  2026-03-20 15:30  對花生 過敏#health  #food\n"
                .replace("過敏#", "過敏  #")
        );
        assert_eq!(told(&entry(), Some(50)), "mem_1  fact          0.90  2026-03-20 15:30  對花…\n");
        let mut old = entry();
        old["superseded_by"] = json!("mem_2");
        assert!(told(&old, None).contains("superseded: 對"));
        assert!(
            whole(&old)
                .ends_with("tags        health, food\nfrom        c\nmessages    m1\nsuperseded  by mem_2\n")
        );
        assert!(
            whole(&entry())
                .starts_with("對花生\n過敏\n\nkind        fact\nimportance  0.9\nremembered  2026")
        );
    }
}
