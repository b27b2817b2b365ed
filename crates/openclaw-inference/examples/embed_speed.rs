//! Measures the embedding model inside the process: `cargo run --profile quick -p openclaw-inference --example
//! embed_speed -- MODEL` prints the time of loading and of a query, tokens per second of passages, and the memory in use.
//! Times are those that the processor spent on it, where the system tells: other programs then don't count.

#![expect(clippy::print_stdout, reason = "an example that reports to its terminal")]

use std::time::Duration;

use openclaw_core::port::{EmbedPort as _, EmbedSide};
use openclaw_inference::embed::{EmbedOptions, Embedder};

const QUERIES: [&str; 6] = [
    "how high is mount fuji",
    "Wann fährt der letzte Zug nach Kyoto?",
    "我上次提到的那本书叫什么名字",
    "来週の会議は何時からですか",
    "지난주에 산 커피 원두 이름이 뭐였지",
    "¿Qué regalo le compré a mi madre?",
];
/// About two thirds of a window in each language.
const PASSAGE: &str = "The garden behind the house needs water every second evening in summer, and the tomatoes want \
    shade at noon. 院子里的番茄每隔一天需要浇一次水，中午要遮阴。夏の庭は一日おきに水やりが必要で、トマトは昼に日陰を好みます。\
    여름에는 정원에 이틀에 한 번 물을 주어야 하고 토마토는 정오에 그늘이 필요합니다. ";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let model = std::env::args().nth(1).ok_or("which model file?")?;
    let idle_unload = Duration::from_millis(200);
    let embedder = Embedder::new(EmbedOptions { idle_unload, ..EmbedOptions::new(model) });
    println!("resident before: {}", resident());
    let begun = now();
    embedder.embed(EmbedSide::Query, &QUERIES[..1])?;
    println!("load and first query: {:.1} ms, resident {}", 1e3 * (now() - begun), resident());
    let mut times = Vec::new();
    for _ in 0..20 {
        for query in QUERIES {
            let begun = now();
            embedder.embed(EmbedSide::Query, &[query])?;
            times.push(1e3 * (now() - begun));
        }
    }
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!("query: median {:.2} ms, p99 {:.2} ms", at(0.5), at(0.99));
    for (what, repeats) in [("short passages", 1), ("long passages", 4)] {
        let text = PASSAGE.repeat(repeats);
        let texts = vec![text.as_str(); 32 / repeats];
        let mut best = f64::INFINITY;
        for _ in 0..3 {
            let begun = now();
            embedder.embed(EmbedSide::Passage, &texts)?;
            best = best.min(now() - begun);
        }
        let tokens = embedder.token_count(&text)? * texts.len();
        println!("{what} of {} tokens: {:.0} tokens/s", tokens / texts.len(), tokens as f64 / best);
    }
    println!("resident after work: {}", resident());
    while embedder.is_loaded() {
        std::thread::sleep(Duration::from_millis(20));
    }
    println!("resident after unloading: {}", resident());
    embedder.embed(EmbedSide::Query, &QUERIES[..1])?;
    println!("resident, loaded again: {}", resident());
    while embedder.is_loaded() {
        std::thread::sleep(Duration::from_millis(20));
    }
    println!("resident, unloaded again: {}", resident());
    Ok(())
}

/// Seconds that this thread computed, as Linux counts them; elsewhere seconds that went by.
fn now() -> f64 {
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    let counted = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let counted = counted.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    counted.map_or_else(|| START.elapsed().as_secs_f64(), |nanoseconds| nanoseconds / 1e9)
}

/// What Linux says, or nothing elsewhere.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.map_or_else(|| "unknown".to_owned(), |line| line.trim().to_owned())
}
