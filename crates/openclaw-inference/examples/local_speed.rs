//! Measures the model inside the process: `cargo run --profile quick -p openclaw-inference --example
//! local_speed -- FILE [THREADS]` prints the time to the first token, tokens per second of reading and of writing.

#![expect(clippy::print_stdout, reason = "an example that reports to its terminal")]

use std::{sync::Arc, time::Instant};

use futures_util::StreamExt as _;
use openclaw_core::{ContentBlock, Message, Metadata, Role, RunId};
use openclaw_inference::{LocalOptions, LocalProvider};
use openclaw_reasoning::{ModelEvent, ModelRequest, Provider as _};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let path = args.next().ok_or("which .gguf file?")?;
    let threads = args.next().map(|threads| threads.parse()).transpose()?;
    let options = LocalOptions { threads, temperature: 0.0, ..LocalOptions::new(path) };
    let provider = LocalProvider::new(options)?;
    let story = "Tell me a long story about a dragon.".to_owned();
    for (what, text, most) in [
        ("load and first token", "Hi".to_owned(), 1),
        ("write", story.clone(), 128),
        ("write again", story, 128),
        ("read", "word and thing ".repeat(150), 1),
    ] {
        let run = RunId::generate();
        let message = Message {
            id: run.user_message_id(),
            role: Role::User,
            content: vec![ContentBlock::Text(text)],
            timestamp: run.accepted_at(),
            metadata: Metadata::default(),
        };
        let request = ModelRequest {
            messages: vec![Arc::new(message)],
            max_tokens: Some(most),
            ..ModelRequest::default()
        };
        let asked = Instant::now();
        let mut stream = provider.stream(&request).await?;
        let first = asked.elapsed();
        let mut usage = None;
        while let Some(event) = stream.next().await {
            if let ModelEvent::Usage(counted) = event? {
                usage = Some(counted);
            }
        }
        let rest = (asked.elapsed() - first).as_secs_f64();
        let usage = usage.ok_or("no usage")?;
        let rate = if most > 1 {
            (usage.output.saturating_sub(1)) as f64 / rest
        } else {
            usage.input as f64 / first.as_secs_f64()
        };
        println!("{what}: {usage:?}, first after {} ms, {rate:.1} tokens/s", first.as_millis());
    }
    Ok(())
}
