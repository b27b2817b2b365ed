//! A tiny model of the known one's structure, of made-up numbers.

use std::{collections::BTreeMap, path::Path};

use serde_json::json;

use super::Dir;
use crate::embed::{Checkpoint, convert_checkpoint};

const WIDTH: usize = 64;
const INNER: usize = 96;
const LAYERS: usize = 2;
const ROWS: usize = 12;

/// Bytes of the table at the file's end.
pub(super) fn table() -> usize {
    ROWS * (WIDTH / 32 * 18 + 4)
}

/// Makes a model's file; each seed gives another model.
pub(super) fn make(dir: &Dir, path: &Path, seed: usize) {
    let checkpoint = Checkpoint { weights: dir.file("weights"), pieces: dir.file("pieces") };
    std::fs::write(&checkpoint.weights, safetensors(tensors(seed))).unwrap();
    std::fs::write(&checkpoint.pieces, sentencepiece(&[("▁", -2.0), ("a", -2.5), ("b", -2.5), ("ab", -3.0)]))
        .unwrap();
    convert_checkpoint(&checkpoint, path, &mut |_, _| {}).unwrap();
}

/// A tensor's shape and numbers.
pub(super) type Tensor = (Vec<usize>, Vec<f32>);

fn tensors(seed: usize) -> BTreeMap<String, Tensor> {
    let mut tensors = BTreeMap::new();
    let mut state = seed as u32;
    let mut add = |name: String, shape: &[usize]| {
        let step = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1u32 << 23) as f32 - 1.0
        };
        tensors.insert(name, (shape.to_vec(), (0..shape.iter().product()).map(step).collect()));
    };
    for (name, rows) in [("word_embeddings", ROWS), ("position_embeddings", 64), ("token_type_embeddings", 2)]
    {
        add(format!("embeddings.{name}.weight"), &[rows, WIDTH]);
    }
    let mut norms = vec!["embeddings.LayerNorm".to_owned()];
    for layer in 0..LAYERS {
        for (part, rows, columns) in [
            ("attention.self.query", WIDTH, WIDTH),
            ("attention.self.key", WIDTH, WIDTH),
            ("attention.self.value", WIDTH, WIDTH),
            ("attention.output.dense", WIDTH, WIDTH),
            ("intermediate.dense", INNER, WIDTH),
            ("output.dense", WIDTH, INNER),
        ] {
            add(format!("encoder.layer.{layer}.{part}.weight"), &[rows, columns]);
            add(format!("encoder.layer.{layer}.{part}.bias"), &[rows]);
        }
        norms.extend(
            ["attention.output", "output"].map(|part| format!("encoder.layer.{layer}.{part}.LayerNorm")),
        );
    }
    for norm in norms {
        add(format!("{norm}.weight"), &[WIDTH]);
        add(format!("{norm}.bias"), &[WIDTH]);
    }
    tensors
}

/// A safetensors file of 32-bit floats.
pub(super) fn safetensors(tensors: BTreeMap<String, Tensor>) -> Vec<u8> {
    let (mut header, mut bytes) = (serde_json::Map::new(), Vec::new());
    for (name, (shape, numbers)) in tensors {
        let start = bytes.len();
        bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        header.insert(name, json!({ "dtype": "F32", "shape": shape, "data_offsets": [start, bytes.len()] }));
    }
    header.insert(
        "embeddings.position_ids".to_owned(),
        json!({ "dtype": "I64", "shape": [0], "data_offsets": [0, 0] }),
    );
    header.insert("__metadata__".to_owned(), json!({ "format": "pt" }));
    let header = serde_json::to_vec(&header).unwrap();
    [&(header.len() as u64).to_le_bytes()[..], &header, &bytes].concat()
}

/// A SentencePiece model: its three special pieces, then these, and a table that makes a tab a space.
pub(super) fn sentencepiece(pieces: &[(&str, f32)]) -> Vec<u8> {
    let varint = |number: usize| {
        let mut bytes = Vec::new();
        let mut rest = number;
        while rest > 0x7f {
            bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        bytes.push(rest as u8);
        bytes
    };
    let field = |number: u8, bytes: &[u8]| [&[number << 3 | 2][..], &varint(bytes.len()), bytes].concat();
    let piece = |text: &str, score: f32, kind: u8| {
        let score = [&[0x15][..], &score.to_le_bytes()].concat();
        field(1, &[field(1, text.as_bytes()), score, vec![0x18, kind]].concat())
    };
    let mut model = [piece("<unk>", 0.0, 2), piece("<s>", 0.0, 3), piece("</s>", 0.0, 3)].concat();
    for (text, score) in pieces {
        model.extend(piece(text, *score, 1));
    }
    // A double array: the root's children lie at 8 ^ byte, the tab's value at 8 ^ 9 ^ 2.
    let mut units = [0u32; 16];
    units[0] = 8 << 10;
    units[8 ^ 9] = 2 << 10 | 1 << 8 | 9;
    units[8 ^ 9 ^ 2] = 1 << 31;
    let units: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let charsmap = [&(units.len() as u32).to_le_bytes()[..], &units, b" \0"].concat();
    model.extend(field(3, &field(2, &charsmap)));
    model
}
