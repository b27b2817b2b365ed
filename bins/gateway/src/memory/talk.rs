//! `gateway memory search` and `gateway memory why`.

use hyper::Method;
use serde_json::{Value, json};

use super::{
    access::{Access, escaped},
    args::{Output, Search},
    show::{columns, counted, cut, json as print_json, minute, one_line, text, wrap},
};
use crate::{
    exit::{Exit, Stop},
    output::deliver,
};

/// Lines of a passage that are shown.
const PASSAGE_LINES: usize = 3;
/// Columns that a passage is indented by.
const INDENT: usize = 4;

/// `gateway memory search`.
pub(super) async fn search(access: &Access, search: &Search) -> Result<Exit, Stop> {
    let found = access.json(Method::POST, "/memory/search", Some(&query(search))).await?;
    if search.output.json {
        print_json(&found)?;
    } else {
        deliver(&results(&found, columns()))?;
    }
    Ok(Exit::Ok)
}

fn query(search: &Search) -> Value {
    let mut body = json!({
        "query": search.words.join(" "),
        "limit": search.limit,
        "type": search.kind.as_str(),
    });
    let time = |time: Option<openclaw_core::Timestamp>| time.map(|time| time.to_string());
    let optional = [
        ("since", time(search.since)),
        ("until", time(search.until)),
        ("channel", search.channel.clone()),
        ("conversation_id", search.conversation.as_ref().map(ToString::to_string)),
    ];
    for (field, value) in optional {
        if let Some(value) = value {
            body[field] = json!(value);
        }
    }
    body
}

/// The results of a search, as people read them.
pub(super) fn results(found: &Value, columns: Option<usize>) -> String {
    let hits = found["results"].as_array().map(Vec::as_slice).unwrap_or_default();
    if hits.is_empty() {
        return "nothing found\n".to_owned();
    }
    let mut told = String::new();
    for (at, hit) in (1..).zip(hits) {
        let place = match (&hit["source"], &hit["conversation_id"]) {
            (Value::String(source), _) => source.clone(),
            (_, Value::String(conversation)) => {
                format!("{} in {conversation} ({})", text(&hit["role"]), text(&hit["channel"]))
            }
            (_, _) if hit["role"].is_null() => "remembered".to_owned(),
            _ => text(&hit["role"]),
        };
        let score = hit["score"].as_f64().unwrap_or_default();
        let head = format!("{at}. {}  {score:.2}  {place}  {}", minute(&hit["timestamp"]), text(&hit["id"]));
        told.push_str(&columns.map_or_else(|| head.clone(), |columns| cut(&head, columns)));
        told.push('\n');
        let passage = one_line(hit["content"].as_str().unwrap_or_default(), None);
        match columns {
            None => told.push_str(&format!("    {passage}\n")),
            Some(columns) => {
                for line in wrap(&passage, columns - INDENT, PASSAGE_LINES) {
                    told.push_str(&format!("    {}\n", line.trim_end()));
                }
            }
        }
    }
    let total = found["total"].as_u64().unwrap_or_default();
    if total > hits.len() as u64 {
        told.push_str(&format!("{} of {}\n", hits.len(), counted(total, "passage", "passages")));
    }
    told
}

/// `gateway memory why`.
pub(super) async fn why(access: &Access, id: &str, output: Output) -> Result<Exit, Stop> {
    let told = access.json(Method::GET, &format!("/message/{}/context", escaped(id)), None).await?;
    if output.json {
        print_json(&told)?;
    } else {
        deliver(&explained(&told, columns()))?;
    }
    Ok(Exit::Ok)
}

fn explained(told: &Value, columns: Option<usize>) -> String {
    let context = &told["context"];
    let mut text_of = format!("{} in {}\n", text(&told["reply_id"]), text(&told["conversation_id"]));
    if context.is_null() {
        text_of.push_str(
            "nothing was noted of its prompt: it has not been asked yet, or was before prompts were noted\n",
        );
        return text_of;
    }
    let tokens = &context["tokens"];
    text_of.push_str(&format!(
        "Window    {} tokens: instructions {} · recent {} ({}) · memories {} · tools {}\n",
        text(&context["window"]),
        text(&tokens["instructions"]),
        text(&tokens["recent"]),
        counted(context["recent_messages"].as_u64().unwrap_or_default(), "message", "messages"),
        text(&tokens["memories"]),
        text(&tokens["tools"]),
    ));
    let memories = context["memories"].as_array().map(Vec::as_slice).unwrap_or_default();
    text_of.push_str(if memories.is_empty() {
        "Memories  none went in\n"
    } else {
        "Memories  score = relevance, importance, recency, frequency\n"
    });
    for memory in memories {
        let factor = |name: &str| memory["factors"][name].as_f64().unwrap_or_default();
        let line = format!(
            "  {:.2} = {:.2} {:.2} {:.2} {:.2}  {}  {}",
            memory["score"].as_f64().unwrap_or_default(),
            factor("relevance"),
            factor("importance"),
            factor("recency"),
            factor("frequency"),
            text(&memory["id"]),
            one_line(memory["content"].as_str().unwrap_or_default(), None),
        );
        let line = line.trim_end();
        text_of.push_str(&columns.map_or_else(|| line.to_owned(), |columns| cut(line, columns)));
        text_of.push('\n');
    }
    let cuts = context["cuts"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !cuts.is_empty() {
        text_of.push_str("Cuts\n");
    }
    for cut in cuts {
        text_of.push_str(&format!(
            "  {}: {} ({})\n",
            text(&cut["id"]),
            text(&cut["reason"]),
            counted(cut["tokens"].as_u64().unwrap_or_default(), "token", "tokens")
        ));
    }
    text_of
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_fit_the_terminal() {
        let hit = json!({"id": "m1", "type": "wal", "content": "明天서울的天氣如何? ".repeat(9), "score": 0.5,
            "timestamp": "2026-03-20T15:30:00Z", "conversation_id": "c", "channel": "api", "role": "user", "source": null});
        let file = json!({"id": "f", "type": "compacted", "content": "likes\ttea", "score": 1.25,
            "timestamp": "2026-03-20T15:30:00Z", "role": null, "source": "memory/compacted/facts.md"});
        let told = results(&json!({"results": [hit, file], "total": 7}), Some(40));
        assert!(told.starts_with("1. 2026-03-20 15:30  0.50  user in c (a…\n"), "{told}");
        assert_eq!(told.lines().filter(|line| line.starts_with("    ")).count(), 4, "{told}");
        assert!(
            told.contains("memory/compa…") && told.ends_with("    likes tea\n2 of 7 passages\n"),
            "{told}"
        );
        assert_eq!(results(&json!({"results": []}), None), "nothing found\n");
    }

    #[test]
    fn a_prompt_is_told_in_a_few_lines() {
        let told = json!({"reply_id": "msg_resp_1", "conversation_id": "c", "context": {"window": 8192,
            "tokens": {"instructions": 10, "recent": 20, "memories": 30, "tools": 0}, "recent_messages": 1,
            "memories": [{"id": "mem_1", "score": 0.75, "content": "likes\ntea",
                "factors": {"relevance": 1.0, "importance": 0.5, "recency": 0.25, "frequency": 0.0}}],
            "cuts": [{"id": "soul.md", "reason": "over its share", "tokens": 1}]}});
        assert_eq!(
            explained(&told, None),
            "msg_resp_1 in c\n\
             Window    8192 tokens: instructions 10 · recent 20 (1 message) · memories 30 · tools 0\n\
             Memories  score = relevance, importance, recency, frequency\n  \
             0.75 = 1.00 0.50 0.25 0.00  mem_1  likes tea\n\
             Cuts\n  soul.md: over its share (1 token)\n"
        );
        assert!(explained(&json!({"context": null}), None).contains("nothing was noted"));
    }
}
