//! The real model, where it lies in the checkout's `models/`: `cargo xtask model embeddings` puts it there. Without it these
//! tests say `SKIPPED:`; with `OPENCLAW_REQUIRE_ALL=1` they fail.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use openclaw_core::port::{EmbedPort as _, EmbedSide};

use super::{Dir, EmbedOptions, Embedder, tiny};
use crate::{
    embed::{Checkpoint, FILE, Loaded, convert_checkpoint, file::Opened},
    gguf::half,
};

/// The model's path, or `None` after saying why the test is skipped.
fn model() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models").join(FILE);
    if path.is_file() {
        return Some(path);
    }
    let reason = format!("no model at {} (get it with `cargo xtask model embeddings`)", path.display());
    assert!(std::env::var_os("OPENCLAW_REQUIRE_ALL").is_none_or(|all| all != "1"), "{reason}");
    eprintln!("SKIPPED: {reason}");
    None
}

fn loaded(path: &Path) -> Loaded {
    Loaded::new(Opened::open(path).unwrap(), path).unwrap()
}

/// The entries of a table of this folder.
fn lines(table: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    table.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('\t'))
}

#[test]
fn texts_have_the_ids_of_the_reference() {
    let Some(path) = model() else { return };
    let loaded = loaded(&path);
    let mut texts = 0;
    for (text, ids) in lines(include_str!("ids.txt")) {
        let text: String = serde_json::from_str(text).unwrap();
        let ids: Vec<u32> = ids.split_whitespace().map(|id| id.parse().unwrap()).collect();
        assert_eq!(loaded.tokens(&text), ids, "{text:?}");
        texts += 1;
    }
    assert_eq!(texts, 32);
}

#[test]
fn cosines_are_those_of_the_reference() {
    let Some(path) = model() else { return };
    let embedder = Embedder::new(EmbedOptions::new(path));
    let of = |what: &str| -> Vec<&str> {
        lines(include_str!("cosines.txt")).filter(|(kind, _)| *kind == what).map(|(_, text)| text).collect()
    };
    let queries = embedder.embed(EmbedSide::Query, &of("query")).unwrap();
    let passages = embedder.embed(EmbedSide::Passage, &of("passage")).unwrap();
    assert_eq!((queries.len(), passages.len()), (6, 6));
    for ((index, query), row) in queries.iter().enumerate().zip(of("cosines")) {
        let got: Vec<f32> = passages.iter().map(|passage| query.cosine(passage)).collect();
        let expected = row.split(' ').map(|number| number.parse::<f32>().unwrap());
        assert!(
            got.iter().zip(expected).all(|(got, expected)| (got - expected).abs() < 0.004),
            "{got:?}\n{row}"
        );
        assert!(
            got.iter().all(|cosine| *cosine <= got[index]),
            "query {index} finds another passage: {got:?}"
        );
    }
}

#[test]
fn long_texts_have_windows_that_fit() {
    let Some(path) = model() else { return };
    let embedder = Embedder::new(EmbedOptions::new(&path));
    let loaded = loaded(&path);
    for text in
        ["The tomatoes want shade at noon. ".repeat(200), "夏の庭は一日おきに水やりが必要です。".repeat(150)]
    {
        let windows = embedder.windows(&text).unwrap();
        assert!((3..12).contains(&windows.len()), "{windows:?}");
        for window in windows {
            let tokens = loaded.input(EmbedSide::Passage, &text[window]).len();
            assert!((50..512).contains(&tokens), "{tokens}");
        }
    }
    assert_eq!(embedder.windows("short").unwrap(), vec![0..5]);
}

/// The layers become floats, as their publisher has them, and are made into four bits again: not a bit is another.
#[test]
fn what_was_floats_comes_back_as_it_was() {
    /// The rows of the table that are taken along.
    const ROWS: usize = 300;
    let Some(path) = model() else { return };
    let dir = Dir::new("round-trip");
    let sizes = Opened::open(&path).unwrap().header.sizes;
    let (width, inner) = (sizes.width, sizes.inner);
    let bytes = std::fs::read(&path).unwrap();
    let start = (sizes.table() - sizes.weights()) as usize;
    let mut place = start;
    let mut tensors = BTreeMap::new();
    let mut floats = |name: &str, shape: &[usize], place: &mut usize| {
        let count: usize = shape.iter().product();
        let words = bytes[*place..*place + 4 * count].as_chunks().0;
        let numbers = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
        tensors.insert(name.to_owned(), (shape.to_vec(), numbers));
        *place += 4 * count;
    };
    floats("embeddings.position_embeddings.weight", &[sizes.positions, width], &mut place);
    floats("embeddings.LayerNorm.weight", &[width], &mut place);
    floats("embeddings.LayerNorm.bias", &[width], &mut place);
    let mut matrices = BTreeMap::new();
    let mut matrix = |name: &str, rows: usize, columns: usize, place: &mut usize| {
        let numbers = dequantised(&bytes[*place..], rows, columns);
        matrices.insert(format!("{name}.weight"), (vec![rows, columns], numbers));
        *place += rows * columns / 256 * 144;
    };
    for layer in 0..sizes.layers {
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        let attention = ["query", "key", "value"].map(|part| name(&format!("attention.self.{part}")));
        attention.iter().for_each(|part| matrix(part, width, width, &mut place));
        attention.iter().for_each(|part| floats(&format!("{part}.bias"), &[width], &mut place));
        for (part, rows, columns) in
            [("attention.output", width, width), ("intermediate", inner, width), ("output", width, inner)]
        {
            matrix(&name(&format!("{part}.dense")), rows, columns, &mut place);
            floats(&name(&format!("{part}.dense.bias")), &[rows], &mut place);
            if part != "intermediate" {
                floats(&name(&format!("{part}.LayerNorm.weight")), &[width], &mut place);
                floats(&name(&format!("{part}.LayerNorm.bias")), &[width], &mut place);
            }
        }
    }
    assert_eq!(place as u64, sizes.table());
    tensors.append(&mut matrices);
    let ids: Vec<u32> = (0..ROWS as u32).collect();
    let mut table = Vec::new();
    loaded(&path).table.read(&ids, &mut table).unwrap();
    tensors.insert("embeddings.word_embeddings.weight".to_owned(), (vec![ROWS, width], table));
    let types = (vec![2, width], vec![0.0; 2 * width]);
    tensors.insert("embeddings.token_type_embeddings.weight".to_owned(), types);
    let checkpoint = Checkpoint { weights: dir.file("weights"), pieces: dir.file("pieces") };
    std::fs::write(&checkpoint.weights, tiny::safetensors(tensors)).unwrap();
    std::fs::write(&checkpoint.pieces, tiny::sentencepiece(&[("▁", -2.0)])).unwrap();
    let made = dir.file("made");
    convert_checkpoint(&checkpoint, &made, &mut |_, _| {}).unwrap();
    let again = Opened::open(&made).unwrap().header.sizes;
    let made = std::fs::read(&made).unwrap();
    let weights = |bytes: &[u8], end: u64| bytes[(end - sizes.weights()) as usize..end as usize].to_vec();
    assert!(weights(&made, again.table()) == weights(&bytes, sizes.table()), "the layers differ");
    let table = |bytes: &[u8], from: u64| bytes[from as usize..][..ROWS * sizes.row()].to_vec();
    assert!(table(&made, again.table()) == table(&bytes, sizes.table()), "the table differs");
}

/// The numbers of a matrix as it lies in a file.
fn dequantised(bytes: &[u8], rows: usize, columns: usize) -> Vec<f32> {
    let mut numbers = vec![0.0; rows * columns];
    for (index, block) in bytes.as_chunks::<144>().0[..rows * columns / 256].iter().enumerate() {
        let (group, block_of_row) = (index / (columns / 32), index % (columns / 32));
        for row in 0..8 {
            let scale = half([block[128 + 2 * row], block[129 + 2 * row]]);
            for column in 0..32 {
                let byte = block[column / 8 * 32 + row * 4 + column % 4];
                let number = if column % 8 < 4 { byte & 15 } else { byte >> 4 };
                let place = (group * 8 + row) * columns + block_of_row * 32 + column;
                numbers[place] = (f32::from(number) - 8.0) * scale;
            }
        }
    }
    numbers
}
