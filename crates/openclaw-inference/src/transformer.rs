//! The forward pass of the llama family: llama (mistral and SmolLM among them), qwen2 and qwen3.

use super::{
    arithmetic::{BLOCK, Quantised},
    attention::{Pairing, Rotation, Seen, add, rms_norm, silu_times},
    error::ModelFileError,
    gguf::ModelFile,
};

/// The sizes of a model.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    layers: usize,
    width: usize,
    inner: usize,
    heads: usize,
    key_heads: usize,
    head: usize,
    turned: usize,
    epsilon: f32,
    pairing: Pairing,
}

impl Shape {
    /// Reads the sizes and refuses what the forward pass would get wrong.
    pub(super) fn read(file: &ModelFile) -> Result<Self, ModelFileError> {
        let architecture = file.architecture()?.to_owned();
        let unsupported = |what: String| Err(ModelFileError::unsupported(file.path(), what));
        let pairing = match architecture.as_str() {
            "llama" => Pairing::Neighbours,
            "qwen2" | "qwen3" => Pairing::Halves,
            other => return unsupported(format!("its architecture is {other}")),
        };
        let optional =
            |key: &str| file.number(&format!("{architecture}.{key}")).map(|number| number as usize);
        if optional("expert_count").is_some_and(|experts| experts > 0) {
            return unsupported("it is a mixture of experts".to_owned());
        }
        match file.text(&format!("{architecture}.rope.scaling.type")) {
            None | Some("none") => {}
            Some(other) => return unsupported(format!("its positions are scaled ({other})")),
        }
        let number = |key: &str| file.own_number(key).map(|number| number as usize);
        let (width, heads) = (number("embedding_length")?, number("attention.head_count")?);
        let head = optional("attention.key_length").unwrap_or_else(|| width / heads.max(1));
        let shape = Self {
            layers: number("block_count")?,
            width,
            inner: number("feed_forward_length")?,
            heads,
            key_heads: optional("attention.head_count_kv").unwrap_or(heads),
            head,
            turned: optional("rope.dimension_count").unwrap_or(head),
            epsilon: file.float(&format!("{architecture}.attention.layer_norm_rms_epsilon")).unwrap_or(1e-5),
            pairing,
        };
        let whole = shape.heads > 0
            && shape.key_heads > 0
            && shape.heads.is_multiple_of(shape.key_heads)
            && shape.head > 0
            && (1..=1024).contains(&shape.layers)
            && [shape.width, shape.inner, shape.heads, shape.head]
                .iter()
                .all(|size| (1..=1 << 20).contains(size));
        if !whole {
            return Err(ModelFileError::damaged(file.path(), format!("its sizes make no sense: {shape:?}")));
        }
        let turnable = shape.turned.is_multiple_of(2)
            && shape.turned > 0
            && (shape.turned == shape.head || (shape.turned < shape.head && pairing == Pairing::Neighbours));
        let blocks = [shape.width, shape.inner, shape.heads * shape.head];
        if !turnable || blocks.iter().any(|size| !size.is_multiple_of(BLOCK)) {
            return unsupported(format!("its sizes are unusual: {shape:?}"));
        }
        Ok(shape)
    }

    fn query_width(&self) -> usize {
        self.heads * self.head
    }

    fn key_width(&self) -> usize {
        self.key_heads * self.head
    }
}

#[derive(Debug)]
struct Layer {
    attention_norm: Vec<f32>,
    query: Projection,
    key: Projection,
    value: Projection,
    /// Norms of each head (qwen3).
    head_norms: Option<(Vec<f32>, Vec<f32>)>,
    attended: Quantised,
    inner_norm: Vec<f32>,
    gate: Quantised,
    up: Quantised,
    down: Quantised,
    /// What the positions seen so far left behind.
    keys: Vec<f32>,
    values: Vec<f32>,
}

/// A matrix and what is added to its product (qwen2).
#[derive(Debug)]
struct Projection {
    matrix: Quantised,
    bias: Option<Vec<f32>>,
}

impl Projection {
    fn read(file: &mut ModelFile, name: &str, rows: usize, columns: usize) -> Result<Self, ModelFileError> {
        let matrix = file.matrix(&format!("{name}.weight"), rows, columns)?;
        let bias = format!("{name}.bias");
        let bias = if file.has_tensor(&bias) { Some(file.vector(&bias, rows)?) } else { None };
        Ok(Self { matrix, bias })
    }

    fn apply(&self, threads: usize, input: &Quantised, output: &mut Vec<f32>) {
        product(&self.matrix, threads, input, output);
        if let Some(bias) = &self.bias {
            output.chunks_exact_mut(bias.len()).for_each(|row| add(row, bias));
        }
    }
}

fn product(matrix: &Quantised, threads: usize, input: &Quantised, output: &mut Vec<f32>) {
    output.resize(input.rows() * matrix.rows(), 0.0);
    matrix.multiply(threads, input, output);
}

/// A model in memory, with the keys and values of the tokens it has read.
#[derive(Debug)]
pub(super) struct Transformer {
    shape: Shape,
    embedding: Quantised,
    layers: Vec<Layer>,
    norm: Vec<f32>,
    /// `None` when the embedding serves as output too.
    output: Option<Quantised>,
    rotation: Rotation,
    threads: usize,
    read: Vec<u32>,
    scratch: Scratch,
}

/// Buffers that live as long as the model, so that a token allocates nothing.
#[derive(Debug, Default)]
struct Scratch {
    input: Quantised,
    stream: Vec<f32>,
    normed: Vec<f32>,
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    gathered: Vec<f32>,
    scores: Vec<f32>,
    gate: Vec<f32>,
    up: Vec<f32>,
    logits: Vec<f32>,
}

impl Transformer {
    /// Reads the weights. `goes_on` is asked before each layer.
    pub(super) fn load(
        file: &mut ModelFile,
        vocabulary: usize,
        threads: usize,
        goes_on: &dyn Fn() -> bool,
    ) -> Result<Self, ModelFileError> {
        let shape = Shape::read(file)?;
        let Shape { width, inner, head, .. } = shape;
        let (query_width, key_width) = (shape.query_width(), shape.key_width());
        let embedding = file.matrix("token_embd.weight", vocabulary, width)?;
        let mut layers = Vec::with_capacity(shape.layers);
        for index in 0..shape.layers {
            if !goes_on() {
                return Err(ModelFileError::Stopped);
            }
            let name = |part: &str| format!("blk.{index}.{part}");
            let head_norms = if file.has_tensor(&name("attn_q_norm.weight")) {
                let query = file.vector(&name("attn_q_norm.weight"), head)?;
                Some((query, file.vector(&name("attn_k_norm.weight"), head)?))
            } else {
                None
            };
            layers.push(Layer {
                attention_norm: file.vector(&name("attn_norm.weight"), width)?,
                query: Projection::read(file, &name("attn_q"), query_width, width)?,
                key: Projection::read(file, &name("attn_k"), key_width, width)?,
                value: Projection::read(file, &name("attn_v"), key_width, width)?,
                head_norms,
                attended: file.matrix(&name("attn_output.weight"), width, query_width)?,
                inner_norm: file.vector(&name("ffn_norm.weight"), width)?,
                gate: file.matrix(&name("ffn_gate.weight"), inner, width)?,
                up: file.matrix(&name("ffn_up.weight"), inner, width)?,
                down: file.matrix(&name("ffn_down.weight"), width, inner)?,
                keys: Vec::new(),
                values: Vec::new(),
            });
        }
        let output = "output.weight";
        Ok(Self {
            rotation: rotation(file, &shape)?,
            norm: file.vector("output_norm.weight", width)?,
            output: if file.has_tensor(output) {
                Some(file.matrix(output, vocabulary, width)?)
            } else {
                None
            },
            shape,
            embedding,
            layers,
            threads,
            read: Vec::new(),
            scratch: Scratch::default(),
        })
    }

    /// The tokens read so far.
    pub(super) fn read(&self) -> &[u32] {
        &self.read
    }

    /// Forgets all but the first `keep` tokens.
    pub(super) fn rewind(&mut self, keep: usize) {
        self.read.truncate(keep);
        let width = self.shape.key_width();
        for layer in &mut self.layers {
            layer.keys.truncate(keep * width);
            layer.values.truncate(keep * width);
        }
        if keep == 0 {
            // A long conversation's memory goes back once it is over.
            for layer in &mut self.layers {
                layer.keys = Vec::new();
                layer.values = Vec::new();
            }
        }
    }

    /// Reads tokens, each below the vocabulary's size.
    pub(super) fn feed(&mut self, tokens: &[u32]) {
        let (shape, threads, position) = (self.shape, self.threads, self.read.len());
        let (query_width, key_width) = (shape.query_width(), shape.key_width());
        let scratch = &mut self.scratch;
        scratch.stream.resize(tokens.len() * shape.width, 0.0);
        for (token, row) in tokens.iter().zip(scratch.stream.chunks_exact_mut(shape.width)) {
            self.embedding.read_row(*token as usize, row);
        }
        for layer in &mut self.layers {
            scratch.norm(&layer.attention_norm, shape.epsilon);
            layer.query.apply(threads, &scratch.input, &mut scratch.query);
            layer.key.apply(threads, &scratch.input, &mut scratch.key);
            layer.value.apply(threads, &scratch.input, &mut scratch.value);
            if let Some((query, key)) = &layer.head_norms {
                for (rows, weights) in [(&mut scratch.query, query), (&mut scratch.key, key)] {
                    scratch.normed.resize(rows.len(), 0.0);
                    rms_norm(rows, weights, shape.epsilon, &mut scratch.normed);
                    rows.copy_from_slice(&scratch.normed);
                }
            }
            self.rotation.turn(&mut scratch.query, query_width, shape.head, position);
            self.rotation.turn(&mut scratch.key, key_width, shape.head, position);
            layer.keys.extend_from_slice(&scratch.key);
            layer.values.extend_from_slice(&scratch.value);

            let seen = Seen {
                keys: &layer.keys,
                values: &layer.values,
                width: key_width,
                head: shape.head,
                group: shape.heads / shape.key_heads,
            };
            scratch.gathered.resize(scratch.query.len(), 0.0);
            let rows = scratch.query.chunks_exact(query_width);
            for (index, (query, output)) in
                rows.zip(scratch.gathered.chunks_exact_mut(query_width)).enumerate()
            {
                seen.gather(query, position + index + 1, &mut scratch.scores, output);
            }
            scratch.input.refill(query_width, &scratch.gathered);
            product(&layer.attended, threads, &scratch.input, &mut scratch.normed);
            add(&mut scratch.stream, &scratch.normed);

            scratch.norm(&layer.inner_norm, shape.epsilon);
            product(&layer.gate, threads, &scratch.input, &mut scratch.gate);
            product(&layer.up, threads, &scratch.input, &mut scratch.up);
            silu_times(&mut scratch.gate, &scratch.up);
            scratch.input.refill(shape.inner, &scratch.gate);
            product(&layer.down, threads, &scratch.input, &mut scratch.normed);
            add(&mut scratch.stream, &scratch.normed);
        }
        self.read.extend_from_slice(tokens);
    }

    /// How likely each token is to follow the last one fed, as unscaled logarithms.
    pub(super) fn logits(&mut self) -> &mut [f32] {
        let scratch = &mut self.scratch;
        let width = self.shape.width;
        let last = scratch.stream.len().saturating_sub(width);
        scratch.stream.drain(..last);
        scratch.norm(&self.norm, self.shape.epsilon);
        let output = self.output.as_ref().unwrap_or(&self.embedding);
        product(output, self.threads, &scratch.input, &mut scratch.logits);
        &mut scratch.logits
    }
}

impl Scratch {
    /// Norms the stream into `input`, ready to be multiplied.
    fn norm(&mut self, weights: &[f32], epsilon: f32) {
        self.normed.resize(self.stream.len(), 0.0);
        rms_norm(&self.stream, weights, epsilon, &mut self.normed);
        self.input.refill(weights.len(), &self.normed);
    }
}

fn rotation(file: &mut ModelFile, shape: &Shape) -> Result<Rotation, ModelFileError> {
    let pairs = shape.turned / 2;
    let key = format!("{}.rope.freq_base", file.architecture()?);
    let base = file.float(&key).unwrap_or(10_000.0);
    let mut frequencies: Vec<f32> =
        (0..pairs).map(|pair| base.powf(-2.0 * pair as f32 / shape.turned as f32)).collect();
    // Llama 3.1 and later stretch the slow frequencies by factors that the file brings along.
    if file.has_tensor("rope_freqs.weight") {
        let factors = file.vector("rope_freqs.weight", pairs)?;
        for (frequency, factor) in frequencies.iter_mut().zip(factors) {
            *frequency /= factor;
        }
    }
    Ok(Rotation { frequencies, pairing: shape.pairing })
}
