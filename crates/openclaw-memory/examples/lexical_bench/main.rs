//! Size and speed of the lexical index over invented messages in four languages; processor time beside the time on the wall.
//!
//! `cargo run --release -p openclaw-memory --example lexical_bench -- [DIRECTORY] [DOCUMENTS…]`

#![expect(clippy::print_stdout, reason = "a program that prints figures")]

mod text;

use std::{
    error::Error,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use openclaw_memory::engine::{DocKey, Filter, Lexical, NewDoc, Options, Query, RealFs, Space};

use text::{Random, Words};

/// Questions asked.
const QUERIES: usize = 400;
/// Passages asked for: what search asks for, to have something to put in order.
const LIMIT: usize = 100;
/// The same, for those that must be the best.
const SURE: usize = 20;

fn percentile(times: &mut [Duration], percent: usize) -> Duration {
    times.sort_unstable();
    times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied().unwrap_or_default()
}

/// Processor time of this thread: on a busy machine the clock on the wall says little.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = stat.split_whitespace().next().and_then(|field| field.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

fn bytes_in(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}

fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
    line.split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse::<u64>().ok())
        .map_or_else(String::new, |kib| format!("{} MiB", kib >> 10))
}

/// An index, the bytes of its texts, and some of these.
type Built = (Lexical, u64, Vec<String>);

fn build(dir: &Path, documents: u64, words: &Words) -> Result<Built, Box<dyn Error>> {
    // One that is there already is of the same texts.
    let known = Lexical::open(Arc::new(RealFs), dir, Options::default())
        .ok()
        .filter(|index| index.stats().documents == documents);
    let build = known.is_none();
    let index = known.map_or_else(|| Lexical::create(Arc::new(RealFs), dir, Options::default()), Ok)?;
    let mut random = Random(documents);
    let mut text = String::new();
    let (mut bytes, mut said) = (0, Vec::new());
    let stop = AtomicBool::new(false);
    for major in 1..=documents {
        text.clear();
        // A conversation keeps its language; about twenty run side by side.
        let conversation = major / 400 * 20 + random.next() % 20;
        let words_of_it = 4 + random.zipf(60);
        words.text(&mut random, (conversation % 4) as usize, words_of_it, &mut text);
        bytes += text.len() as u64;
        let id = format!("conv_{conversation}");
        let doc = NewDoc {
            key: DocKey { space: Space::Log, major, minor: 0 },
            text: &text,
            time_ms: 1_700_000_000_000 + major as i64 * 20_000 + random.below(20_000) as i64,
            kind: (random.below(2)) as u8,
            importance: 0,
            place: bytes as u32,
            conversation: id.as_bytes(),
            channel: if conversation.is_multiple_of(5) { b"telegram" } else { b"api" },
        };
        if build {
            index.add(&[doc], major)?;
        }
        if major.is_multiple_of(documents.div_ceil(QUERIES as u64)) {
            said.push(text.clone());
        }
        if build && index.flush_is_due() {
            while index.maintain(&stop)? {}
        }
    }
    index.flush()?;
    while index.maintain(&stop)? {}
    Ok((index, bytes, said))
}

/// Every other question is a few words in a row of something that was said, the others are words at random.
fn question(random: &mut Random, number: usize, said: &[String], words: &Words) -> String {
    let mut text = String::new();
    let count = 2 + random.below(9);
    if number.is_multiple_of(2) {
        words.text(random, number / 2 % 4, count, &mut text);
        return text;
    }
    let from = said.get(random.below(said.len())).map_or("", String::as_str);
    if from.contains(' ') {
        let skipped = random.below(from.split(' ').count());
        let picked: Vec<&str> = from.split(' ').skip(skipped).take(count).collect();
        picked.join(" ")
    } else {
        from.chars().skip(random.below(from.chars().count())).take(2 * count).collect()
    }
}

fn measure(index: &Lexical, documents: u64, said: &[String], words: &Words) -> Result<(), Box<dyn Error>> {
    let last = 1_700_000_000_000 + documents as i64 * 20_000;
    let week = Some(last - 7 * 86_400_000);
    let filters = [
        ("no filter", Filter::default()),
        ("since a week ago", Filter { since_ms: week, ..Filter::default() }),
        ("until a week ago", Filter { until_ms: week, ..Filter::default() }),
        ("one channel", Filter { channel: Some(b"telegram"), ..Filter::default() }),
        ("one kind", Filter { kinds: &[1], ..Filter::default() }),
        ("one conversation", Filter { conversation: Some(b"conv_7"), ..Filter::default() }),
    ];
    for (name, filter) in filters {
        let mut random = Random(99);
        let (mut times, mut processor) = (Vec::new(), Vec::new());
        let mut slowest = (Duration::ZERO, String::new());
        for number in 0..QUERIES {
            let text = question(&mut random, number, said, words);
            let query = Query { text: &text, filter, limit: LIMIT, sure: SURE, count_to: 1000 };
            let (begun, used) = (Instant::now(), processor_time());
            index.search(&query, &AtomicBool::new(false))?;
            let took = begun.elapsed();
            times.push(took);
            processor.push(processor_time().saturating_sub(used));
            if took > slowest.0 {
                slowest = (took, text);
            }
        }
        let (p50, p99) = (percentile(&mut times, 50), percentile(&mut times, 99));
        let (cpu50, cpu99) = (percentile(&mut processor, 50), percentile(&mut processor, 99));
        println!(
            "  {name:18} p50 {p50:8.1?} p99 {p99:8.1?}, processor {cpu50:8.1?} {cpu99:8.1?}, slowest {:.1?} ({:.30})",
            slowest.0, slowest.1
        );
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let base = PathBuf::from(arguments.next().unwrap_or_else(|| "target/lexical-bench".to_owned()));
    let mut sizes: Vec<u64> = arguments.map(|size| size.parse()).collect::<Result<_, _>>()?;
    if sizes.is_empty() {
        sizes = vec![10_000, 100_000, 1_000_000];
    }
    let words = Words::new();
    for documents in sizes {
        let dir = base.join(documents.to_string());
        let begun = Instant::now();
        let (index, text, said) = build(&dir, documents, &words)?;
        let took = begun.elapsed();
        let bytes = bytes_in(&dir);
        println!(
            "{documents} documents, {:.1} MB of text, index {:.1} MB ({:.1} %), {:?}",
            text as f64 / 1e6,
            bytes as f64 / 1e6,
            100.0 * bytes as f64 / text as f64,
            index.stats(),
        );
        println!(
            "  built in {took:.1?}: {:.0} documents/s; resident {}",
            documents as f64 / took.as_secs_f64(),
            resident()
        );
        drop(index);
        let begun = Instant::now();
        let index = Lexical::open(Arc::new(RealFs), &dir, Options::default())?;
        println!("  opened in {:.1?}", begun.elapsed());
        measure(&index, documents, &said, &words)?;
        println!("  resident {}", resident());
    }
    Ok(())
}
