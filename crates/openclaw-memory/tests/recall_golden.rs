//! How good the answers of search are, on a small set of our own in five languages: a gate. What counts for more is measured by
//! `cargo xtask bench recall`.

#[expect(dead_code, reason = "the tests of the store share it; each uses its part")]
mod support;

use openclaw_core::{
    ForeignMessage, Role, Timestamp,
    port::{CurationPort, MemoryPort, SearchQuery},
};
use serde_json::Value;
use support::*;

const PASSAGES: &str = include_str!("golden/recall/passages.jsonl");
const QUERIES: &str = include_str!("golden/recall/queries.jsonl");
/// Least recall and gain within the first ten, by words alone.
const LEAST: (f64, f64) = (0.80, 0.75);
/// Kinds of queries that words must answer whole.
const LITERAL: [&str; 4] = ["name", "number", "url", "emoji"];

#[expect(clippy::unwrap_used, reason = "a helper of tests")]
fn lines(text: &str) -> impl Iterator<Item = Value> {
    text.lines().filter(|line| !line.is_empty()).map(|line| serde_json::from_str(line).unwrap())
}

#[tokio::test]
async fn words_alone_find_what_they_should() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    let passages = lines(PASSAGES).zip(0..).map(|(passage, number)| ForeignMessage {
        conversation: format!("c{number}").parse().unwrap(),
        channel: "api".to_owned(),
        role: Role::User,
        content: passage["text"].as_str().unwrap().to_owned(),
        timestamp: Timestamp::from_unix_millis(1_700_000_000_000 + number * 1000),
        id: Some(passage["id"].as_str().unwrap().parse().unwrap()),
    });
    memory.import(passages.collect()).await.unwrap();
    let (mut recall, mut gain, mut count) = (0.0, 0.0, 0.0);
    let mut literal_misses = Vec::new();
    for query in lines(QUERIES) {
        let text = query["text"].as_str().unwrap().to_owned();
        let found =
            memory.search(SearchQuery { query: text, limit: 10, ..SearchQuery::default() }).await.unwrap();
        let relevant: Vec<&str> =
            query["relevant"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let discount = |rank: usize| 1.0 / (rank as f64 + 2.0).log2();
        let ranks: Vec<usize> = (0..)
            .zip(&found.hits)
            .filter(|(_, hit)| relevant.contains(&hit.id.as_str()))
            .map(|(rank, _)| rank)
            .collect();
        let ideal: f64 = (0..relevant.len().min(10)).map(discount).sum();
        recall += ranks.len() as f64 / relevant.len() as f64;
        gain += ranks.iter().map(|rank| discount(*rank)).sum::<f64>() / ideal;
        count += 1.0;
        let tags = query["tags"].as_array().unwrap();
        if tags.iter().any(|tag| LITERAL.contains(&tag.as_str().unwrap())) && ranks.len() < relevant.len() {
            literal_misses.push(query["id"].as_str().unwrap().to_owned());
        }
    }
    let (recall, gain) = (recall / count, gain / count);
    assert!(recall >= LEAST.0 && gain >= LEAST.1, "R@10 {recall:.3}, nDCG@10 {gain:.3}");
    assert!(literal_misses.is_empty(), "{literal_misses:?}");
}
