//! Measures compaction by extraction: `compaction_bench [FILE.jsonl …]`, each line with a text in its field `text` or `content`;
//! without files, made-up talk in five languages. Prints messages, MiB of text, time for the first and for a second run over the
//! same input, and MB/s.

#![expect(clippy::print_stdout, reason = "a program whose output is its purpose")]

use std::{error::Error, fs, time::Duration, time::Instant};

use openclaw_core::{Role, Timestamp};
use openclaw_memory::{
    engine::RealFs,
    markdown::{Input, Options, Outcome, Spoken, compact},
};
use tokio_util::sync::CancellationToken;

/// Text that made-up talk amounts to, in bytes: about a segment.
const BYTES: usize = 16 << 20;
/// Messages of a conversation.
const TURNS: usize = 40;
/// Between two messages, in milliseconds.
const PAUSE: i64 = 4 * 60 * 1000;

const TALK: [&str; 10] = [
    "I moved to Lisbon last spring and I like the light there. What should I see in the old town on a rainy day?",
    "The tiled churches and the small museums are best in the rain. Start early, before the queues form at the tram.",
    "我最近在學做菜，特別喜歡做麻婆豆腐。你能不能告訴我怎麼讓豆腐不碎？",
    "豆腐先用鹽水燙一下，下鍋之後少翻動，用勺子背輕輕推就好。",
    "我住在杭州，每天骑车上班，大概要四十分钟。",
    "来月の京都旅行の計画を立てています。抹茶が好きなので、お茶屋さんを回りたいです。",
    "宇治まで足を延ばすと、歴史のある茶屋がたくさんあります。",
    "저는 매일 아침 한강에서 달리기를 해요. 다음 주 토요일에 대회가 있어요.",
    "Remind me to renew the lease before Friday. Here is the log:\n```\n2026-03-20 ERROR connection refused\n```",
    "The lease ends on the 30th; renewing takes two signatures and a copy of your passport.",
];

fn main() -> Result<(), Box<dyn Error>> {
    let texts = texts()?;
    let bytes: usize = texts.iter().map(String::len).sum();
    let messages = spoken(texts)?;
    let home = std::env::temp_dir().join(format!("compaction-bench-{}", std::process::id()));
    let measured = (|| {
        let first = run(&messages, &home.join("compacted"))?;
        Ok::<_, Box<dyn Error>>((first, run(&messages, &home.join("compacted"))?))
    })();
    fs::remove_dir_all(&home)?;
    let ((outcome, first), (again, second)) = measured?;
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let megabytes = bytes as f64 / 1e6;
    println!("{} messages, {megabytes:.1} MB of text", messages.len());
    println!("first run   {:>8.2} s {:>8.1} MB/s", first.as_secs_f64(), megabytes / first.as_secs_f64());
    println!("second run  {:>8.2} s {:>8.1} MB/s", second.as_secs_f64(), megabytes / second.as_secs_f64());
    println!(
        "{} lines in {} files; the second run changed {}",
        outcome.added,
        outcome.files.len(),
        again.files.len()
    );
    Ok(())
}

fn texts() -> Result<Vec<String>, Box<dyn Error>> {
    let mut texts = Vec::new();
    for path in std::env::args_os().skip(1) {
        for line in fs::read_to_string(path)?.lines() {
            let value: serde_json::Value = serde_json::from_str(line)?;
            let text = value.get("text").or_else(|| value.get("content")).and_then(serde_json::Value::as_str);
            texts.extend(text.map(str::to_owned));
        }
    }
    if texts.is_empty() {
        let mut size = 0;
        for round in 0_usize.. {
            let text = format!("{} ({round})", TALK[round % TALK.len()]);
            size += text.len();
            texts.push(text);
            if size > BYTES {
                break;
            }
        }
    }
    Ok(texts)
}

fn spoken(texts: Vec<String>) -> Result<Vec<Spoken>, Box<dyn Error>> {
    let mut messages = Vec::with_capacity(texts.len());
    for (index, text) in texts.into_iter().enumerate() {
        let since = i64::try_from(index)?.saturating_mul(PAUSE);
        messages.push(Spoken {
            conversation: format!("conv_{}", index / TURNS).parse()?,
            id: format!("msg_{index}").parse()?,
            role: if index % 2 == 0 { Role::User } else { Role::Assistant },
            timestamp: Timestamp::from_unix_millis(1_700_000_000_000 + since),
            text,
        });
    }
    Ok(messages)
}

fn run(messages: &[Spoken], dir: &std::path::Path) -> Result<(Outcome, Duration), Box<dyn Error>> {
    let cancel = CancellationToken::new();
    let mut messages = messages.iter().cloned().map(Ok);
    let input = Input { messages: &mut messages, remembered: &[] };
    let options = Options {
        distiller: None,
        deadline: Duration::from_secs(60),
        dry_run: false,
        progress: &|_, _| {},
        cancel: &cancel,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let begun = Instant::now();
    let outcome = runtime.block_on(compact(input, dir, &RealFs, options))?;
    Ok((outcome, begun.elapsed()))
}
