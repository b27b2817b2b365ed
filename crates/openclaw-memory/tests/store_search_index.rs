//! The lexical index under the search: kept up to date, rebuilt, and forgetting.

#![expect(clippy::unwrap_used, reason = "helpers of tests: a failure is the test's failure")]

#[expect(dead_code, reason = "the tests of the store share it; each uses its part")]
mod support;

use std::path::Path;

use openclaw_core::port::{MemoryPort, MemoryType, SearchQuery};
use openclaw_memory::Memory;
use support::*;

async fn found(memory: &Memory, text: &str) -> Vec<String> {
    let hits = memory.search(query(text)).await.unwrap().hits;
    hits.into_iter().map(|hit| hit.content).collect()
}

fn segments(dir: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(dir.join("index/lexical")).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|it| it == "seg")).collect()
}

/// So many turns that the index has to write a segment, and what is said in the last.
async fn fill(memory: &Memory) {
    for n in 0..2100 {
        turn(memory, &format!("c{}", n % 7), &format!("question number {n} about tea"), "noted").await;
        if n % 1000 == 999 {
            // As many records as a question waits for.
            found(memory, "nothing like it").await;
        }
    }
}

#[tokio::test]
async fn an_index_that_was_flushed_is_opened_and_one_that_is_damaged_or_gone_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    fill(&memory).await;
    let expected = found(&memory, "number 1234").await;
    assert_eq!(expected[0], "question number 1234 about tea");
    while segments(dir.path()).is_empty() {
        // The thread that flushes looks once a second.
        std::thread::yield_now();
    }
    memory.close().await;
    drop(memory);
    for damage in ["nothing", "a segment", "the manifest", "the directory"] {
        match damage {
            "a segment" => {
                for path in segments(dir.path()) {
                    let mut bytes = std::fs::read(&path).unwrap();
                    bytes.iter_mut().skip(4096).step_by(900).for_each(|byte| *byte ^= 1);
                    std::fs::write(path, bytes).unwrap();
                }
            }
            "the manifest" => {
                std::fs::write(dir.path().join("index/lexical/manifest"), "no manifest").unwrap()
            }
            "the directory" => std::fs::remove_dir_all(dir.path().join("index/lexical")).unwrap(),
            _ => {}
        }
        let (memory, report) = open(dir.path());
        assert!(!report.rebuilt, "{damage}: the log's own index has nothing to do with it");
        // Complete at once, whether the index answers or the log is gone through.
        assert_eq!(found(&memory, "number 1234").await[0], expected[0], "{damage}");
        assert_eq!(found(&memory, "2099").await.len(), 1, "{damage}");
        turn(&memory, "new", "a dragon appears", "indeed").await;
        assert!(found(&memory, "dragon").await[0].contains("dragon"), "{damage}");
        memory.close().await;
    }
}

#[tokio::test]
async fn filters_of_a_query_reach_the_index() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    for n in 0..30 {
        turn(&memory, &format!("c{}", n % 3), &format!("tea {n}"), "noted").await;
    }
    let narrow = SearchQuery { conversation: Some(conv("c1")), limit: 100, ..query("tea") };
    let hits = memory.search(narrow.clone()).await.unwrap();
    assert_eq!((hits.hits.len(), hits.total), (10, 10));
    let other = SearchQuery { channel: Some("telegram".to_owned()), ..narrow.clone() };
    assert_eq!(memory.search(other).await.unwrap().total, 0);
    let same = SearchQuery { channel: Some("api".to_owned()), ..narrow };
    assert_eq!(memory.search(same).await.unwrap().total, 10);
}

#[tokio::test]
async fn what_is_erased_is_gone_and_markdown_follows_its_files() {
    let dir = tempfile::tempdir().unwrap();
    let (memory, _) = open(dir.path());
    turn(&memory, "keep", "green tea", "noted").await;
    turn(&memory, "erase", "black tea", "noted").await;
    assert_eq!(memory.search(query("tea")).await.unwrap().total, 2);
    memory.erase_conversation(&conv("erase")).await.unwrap().unwrap();
    let left = memory.search(query("tea")).await.unwrap();
    assert_eq!((left.total, left.hits[0].content.as_str()), (1, "green tea"));

    let file = dir.path().join("compacted/facts.md");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "# Facts\n\n- drinks oolong\n\n- lives in 서울\n").unwrap();
    let hit = memory.search(query("oolong")).await.unwrap().hits.remove(0);
    assert_eq!((hit.kind, hit.content.as_str()), (MemoryType::Compacted, "drinks oolong"));
    std::fs::write(&file, "# Facts\n\n- drinks sencha now\n").unwrap();
    assert!(found(&memory, "oolong").await.is_empty());
    assert_eq!(found(&memory, "sencha").await, ["drinks sencha now"]);
    std::fs::remove_file(&file).unwrap();
    assert!(found(&memory, "sencha").await.is_empty());
    memory.close().await;
}
