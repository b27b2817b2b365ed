//! Embeds the lines of a file: `cargo run --profile quick -p openclaw-inference --example embed_file -- MODEL
//! (query|passage) INPUT OUTPUT`.
//!
//! INPUT holds one JSON object per line, `{"id": …, "text": …}`. OUTPUT gets a file of the same name with `.ids` (one id per
//! line, as JSON) and, itself, the vectors: little-endian floats, one vector after the other. A name that ends in `.jsonl` gets
//! lines `{"id": …, "vector": […]}` instead. A text too long for the model has several vectors, and its id as many lines.

#![expect(clippy::print_stderr, reason = "an example that reports to its terminal")]

use std::{
    fs::File,
    io::{BufRead as _, BufReader, BufWriter, Write as _},
    time::Instant,
};

use openclaw_core::port::{EmbedPort as _, EmbedSide};
use openclaw_inference::embed::{EmbedOptions, Embedder};
use serde_json::{Value, json};

/// Texts that are embedded in one call.
const CALL: usize = 64;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [model, side, input, output] = args.as_slice() else {
        return Err("MODEL (query|passage) INPUT OUTPUT".into());
    };
    let side = match side.as_str() {
        "query" => EmbedSide::Query,
        "passage" => EmbedSide::Passage,
        _ => return Err("the side is `query` or `passage`".into()),
    };
    let embedder = Embedder::new(EmbedOptions::new(model));
    let mut texts: Vec<(Value, String)> = Vec::new();
    for line in BufReader::new(File::open(input)?).lines() {
        let line: Value = serde_json::from_str(&line?)?;
        let text = line["text"].as_str().ok_or("a line without `text`")?;
        let windows = if side == EmbedSide::Passage { embedder.windows(text)? } else { Vec::new() };
        if windows.len() < 2 {
            texts.push((line["id"].clone(), text.to_owned()));
        } else {
            texts.extend(windows.into_iter().map(|window| (line["id"].clone(), text[window].to_owned())));
        }
    }
    let as_json = output.ends_with(".jsonl");
    let mut vectors = BufWriter::new(File::create(output)?);
    let mut ids = if as_json { None } else { Some(BufWriter::new(File::create(format!("{output}.ids"))?)) };
    let begun = Instant::now();
    for (index, call) in texts.chunks(CALL).enumerate() {
        let passages: Vec<&str> = call.iter().map(|(_, text)| text.as_str()).collect();
        for ((id, _), vector) in call.iter().zip(embedder.embed(side, &passages)?) {
            if let Some(ids) = &mut ids {
                writeln!(ids, "{id}")?;
                vector.iter().try_for_each(|value| vectors.write_all(&value.to_le_bytes()))?;
            } else {
                writeln!(vectors, "{}", json!({ "id": id, "vector": &*vector }))?;
            }
        }
        if index % 16 == 0 {
            eprintln!("{} of {}", index * CALL, texts.len());
        }
    }
    vectors.flush()?;
    if let Some(ids) = &mut ids {
        ids.flush()?;
    }
    eprintln!("{} vectors in {:.1} s", texts.len(), begun.elapsed().as_secs_f64());
    Ok(())
}
