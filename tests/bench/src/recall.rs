//! Recall: how good the answers of search are, on a benchmark of passages and queries that lies outside this repository.
//!
//! `OPENCLAW_RECALL_DATA=DIR cargo xtask bench recall`; DIR holds `passages.SET.jsonl` with `{id,text,lang,doc}` and
//! `queries.SET[.VARIANT].jsonl` with `{id,text,lang,relevant[]}`. Every passage goes in through `import` and comes back through
//! `search`, as with any user. Passages of a document are no turns of a conversation, so each is one of its own, but in LoCoMo.

use std::{
    collections::HashMap,
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use openclaw_core::{
    ConversationId, ForeignMessage, Role, Timestamp,
    config::MemoryConfig,
    limits,
    port::{CurationPort, EmbedError, EmbedModel, EmbedPort, EmbedSide, Embedding, MemoryPort, SearchQuery},
};
use openclaw_inference::embed::{self, EmbedOptions, Embedder};
use openclaw_memory::{Memory, Parts};
use serde_json::Value;

use crate::table::{Table, median};

/// Where the benchmark lies.
const DATA: &str = "OPENCLAW_RECALL_DATA";
const LANGUAGES: [&str; 5] = ["ko", "zh-hant", "zh-hans", "ja", "en"];
const MIXED: [&str; 7] = ["agentmem", "ko", "zh-hant", "zh-hans", "ja", "en", "locomo"];
const CONVERSATIONS: &str = "locomo";
const COLUMNS: [&str; 12] = [
    "ko",
    "zh-Hant",
    "zh-Hans",
    "ja",
    "en",
    "LoCoMo",
    "mean",
    "short",
    "other script",
    "keywords",
    "notes",
    "notes, other language",
];
const GOALS: [[f64; 12]; 2] = [
    [0.95, 0.965, 0.987, 0.942, 0.90, 0.46, 0.868, 0.857, 0.978, 0.93, f64::NAN, f64::NAN],
    [0.955, 0.969, 0.994, 0.951, 0.931, 0.51, 0.885, 0.894, 0.985, 0.94, 0.90, 0.65],
];
/// How long the model may take over all passages of a set.
const EMBED_LIMIT: Duration = Duration::from_secs(3600);

/// Measures without and, when the model is there, with it.
pub(crate) fn recall(_release: &Path, table: &mut Table) -> Result<()> {
    let data = PathBuf::from(
        std::env::var_os(DATA).with_context(|| format!("set {DATA} to the benchmark's directory"))?,
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let lexical = runtime.block_on(measure(&data, None))?;
    report("lexical", &lexical, &GOALS[0], table);
    let embedder = embedder();
    if embedder.model().is_none() {
        table.row("recall, hybrid", "no embedding model: `cargo xtask model embeddings`", "");
        return Ok(());
    }
    let embedder = Arc::new(Remembering { inner: embedder, made: Mutex::default() });
    let hybrid = runtime.block_on(measure(&data, Some(embedder)))?;
    report("hybrid", &hybrid, &GOALS[1], table);
    Ok(())
}

/// The model of this checkout, where `cargo xtask model embeddings` puts it.
fn embedder() -> Arc<dyn EmbedPort> {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    Arc::new(Embedder::new(EmbedOptions::new(models.join(embed::FILE))))
}

struct Scores {
    columns: [f64; 12],
    /// Of one search, in ms.
    median: f64,
}

fn report(name: &str, scores: &Scores, goals: &[f64; 12], table: &mut Table) {
    for ((column, score), goal) in COLUMNS.iter().zip(scores.columns).zip(goals) {
        let goal = if goal.is_nan() { String::new() } else { format!("≥ {goal}") };
        table.row(format!("recall, {name}: {column}"), format!("{score:.4}"), goal);
    }
    table.row(format!("recall, {name}: median of a search"), format!("{:.2} ms", scores.median), "");
}

async fn measure(data: &Path, embedder: Option<Arc<dyn EmbedPort>>) -> Result<Scores> {
    let mut took = Vec::new();
    let mut own = Vec::new();
    let (mut short, mut script, mut keywords) = (Vec::new(), Vec::new(), Vec::new());
    for language in LANGUAGES {
        let set = Set::open(data, &[language], embedder.clone()).await?;
        own.push(set.ask(data, language, &mut took).await?.gain);
        keywords.push(set.ask(data, &format!("{language}.kw"), &mut took).await?.gain);
        if language.starts_with("zh") {
            script.push(set.ask(data, &format!("{language}.xscript"), &mut took).await?.gain);
        }
        set.close().await;
        let brief = format!("{language}-s");
        let set = Set::open(data, &[&brief], embedder.clone()).await?;
        short.push(set.ask(data, &brief, &mut took).await?.gain);
        set.close().await;
    }
    let set = Set::open(data, &[CONVERSATIONS], embedder.clone()).await?;
    own.push(set.ask(data, CONVERSATIONS, &mut took).await?.gain);
    set.close().await;
    let set = Set::open(data, &MIXED, embedder).await?;
    let notes = set.ask(data, "agentmem", &mut took).await?.recall;
    let foreign = set.ask(data, "agentmem-xling", &mut took).await?.recall;
    set.close().await;
    let mut columns: Vec<f64> = own.clone();
    columns.extend([mean(&own), mean(&short), mean(&script), mean(&keywords), notes, foreign]);
    let columns = columns.try_into().ok().context("twelve columns")?;
    Ok(Scores { columns, median: median(took) })
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Passages in a memory of their own.
struct Set {
    memory: Memory,
    _home: tempfile::TempDir,
}

struct Quality {
    /// nDCG@10.
    gain: f64,
    /// R@10.
    recall: f64,
}

impl Set {
    async fn open(data: &Path, sets: &[&str], embedder: Option<Arc<dyn EmbedPort>>) -> Result<Self> {
        let files = sets.iter().map(|set| Ok((*set, lines(&data.join(format!("passages.{set}.jsonl")))?)));
        Self::of(files.collect::<Result<_>>()?, embedder).await
    }

    /// Takes in passages of several sets and waits for their vectors.
    async fn of(sets: Vec<(&str, Vec<Value>)>, embedder: Option<Arc<dyn EmbedPort>>) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let parts = Parts { embedder, ..Parts::default() };
        let (memory, _) = Memory::open_with(&home.path().join("memory"), &MemoryConfig::default(), &parts)?;
        let mut messages = Vec::new();
        for (set, passages) in sets {
            for (number, passage) in passages.into_iter().enumerate() {
                let conversation = if set == CONVERSATIONS {
                    format!("{set}-{}", text(&passage, "doc")?)
                } else {
                    format!("{set}-{number}")
                };
                let conversation: ConversationId = conversation.parse()?;
                messages.push(ForeignMessage {
                    conversation,
                    channel: "api".to_owned(),
                    role: Role::User,
                    content: text(&passage, "text")?.to_owned(),
                    timestamp: Timestamp::from_unix_millis(1_700_000_000_000 + number as i64 * 1000),
                    id: Some(text(&passage, "id")?.parse()?),
                });
            }
        }
        for batch in messages.chunks(limits::IMPORT_MESSAGES) {
            memory.import(batch.to_vec()).await?;
        }
        let begun = Instant::now();
        while let Some(backlog) = memory.stats().await?.semantic.map(|semantic| semantic.backlog)
            && backlog > 0
        {
            ensure!(begun.elapsed() < EMBED_LIMIT, "{backlog} records still wait for the model");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(Self { memory, _home: home })
    }

    async fn close(self) {
        self.memory.close().await;
    }

    async fn ask(&self, data: &Path, queries: &str, took: &mut Vec<f64>) -> Result<Quality> {
        self.ask_all(&lines(&data.join(format!("queries.{queries}.jsonl")))?, took).await
    }

    async fn ask_all(&self, queries: &[Value], took: &mut Vec<f64>) -> Result<Quality> {
        let (mut gain, mut recall) = (0.0, 0.0);
        for query in queries {
            let relevant: Vec<&str> = query
                .get("relevant")
                .and_then(Value::as_array)
                .context("a query without `relevant`")?
                .iter()
                .filter_map(Value::as_str)
                .collect();
            let begun = Instant::now();
            let query =
                SearchQuery { query: text(query, "text")?.to_owned(), limit: 10, ..SearchQuery::default() };
            let found = self.memory.search(query).await?;
            took.push(begun.elapsed().as_secs_f64() * 1e3);
            let hits = found.hits.iter().map(|hit| relevant.contains(&hit.id.as_str()));
            let discount = |rank: usize| 1.0 / (rank as f64 + 2.0).log2();
            let (mut gained, mut right) = (0.0, 0_usize);
            for (rank, _) in hits.enumerate().filter(|(_, hit)| *hit) {
                gained += discount(rank);
                right += 1;
            }
            let ideal: f64 = (0..relevant.len().min(10)).map(discount).sum();
            gain += gained / ideal;
            recall += right as f64 / relevant.len() as f64;
        }
        let count = queries.len() as f64;
        Ok(Quality { gain: gain / count, recall: recall / count })
    }
}

fn lines(path: &Path) -> Result<Vec<Value>> {
    let file = std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?;
    file.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| serde_json::from_str(line).with_context(|| format!("a line of {}", path.display())))
        .collect()
}

fn text<'a>(value: &'a Value, field: &str) -> Result<&'a str> {
    value.get(field).and_then(Value::as_str).with_context(|| format!("no `{field}` in {value}"))
}

/// An embedder that makes each vector once: sets share passages.
struct Remembering {
    inner: Arc<dyn EmbedPort>,
    made: Mutex<HashMap<(EmbedSide, String), Embedding>>,
}

impl EmbedPort for Remembering {
    fn model(&self) -> Option<EmbedModel> {
        self.inner.model()
    }

    fn embed(&self, side: EmbedSide, texts: &[&str]) -> Result<Vec<Embedding>, EmbedError> {
        let mut found = Vec::with_capacity(texts.len());
        for text in texts {
            let key = (side, (*text).to_owned());
            let known = self.made.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
            found.push(match known {
                Some(vector) => vector,
                None => {
                    let vector = self.inner.embed(side, &[text])?;
                    let vector =
                        vector.into_iter().next().unwrap_or_else(|| Embedding::normalised(Box::default()));
                    self.made.lock().unwrap_or_else(PoisonError::into_inner).insert(key, vector.clone());
                    vector
                }
            });
        }
        Ok(found)
    }

    fn windows(&self, text: &str) -> Result<Vec<Range<usize>>, EmbedError> {
        self.inner.windows(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Least recall and gain within the first ten of our own golden set, with the model: a gate. By words alone: see the
    /// memory's `recall_golden`.
    /// Seen on 28 November 2026: 0.959 and 0.903. One query of 134 is less than before the share of words followed the language of what
    /// is nearest, which gained on most columns of the large benchmark (`docs/benchmarks.md`).
    const LEAST: (f64, f64) = (0.95, 0.89);

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn the_golden_set_is_found_with_the_model() {
        let embedder = embedder();
        if embedder.model().is_none() {
            let reason = "no embedding model here; `cargo xtask model embeddings` gets one";
            assert!(std::env::var_os("OPENCLAW_REQUIRE_ALL").is_none_or(|all| all != "1"), "{reason}");
            return eprintln!("SKIPPED: {reason}");
        }
        let golden =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/openclaw-memory/tests/golden/recall");
        let passages = lines(&golden.join("passages.jsonl")).unwrap();
        let set = Set::of(vec![("golden", passages)], Some(embedder)).await.unwrap();
        let queries = lines(&golden.join("queries.jsonl")).unwrap();
        let Quality { gain, recall } = set.ask_all(&queries, &mut Vec::new()).await.unwrap();
        set.close().await;
        assert!(recall >= LEAST.0 && gain >= LEAST.1, "R@10 {recall:.3}, nDCG@10 {gain:.3}");
    }
}
