//! The encoder: twelve layers (in the known model) of attention and a feed-forward network over the tokens of each text, then
//! the mean over its tokens.

use super::{
    file::Sizes,
    maths::{AddAndNormalise, LANES, Small, Softmax, gelu},
    matrix::{GROUP, Input, Matrix},
    room::returnable,
};

/// Numbers of a head of attention; [`super::file::Sizes`] admits no other.
pub(super) const HEAD: usize = 32;
/// Tokens whose attention to the others is held at a time.
const ATTENDING: usize = 64;

/// The layers, and what stands before them: sizes, and one piece of memory in which everything lies in the file's order.
#[derive(Debug)]
pub(super) struct Encoder {
    pub(super) sizes: Sizes,
    pub(super) epsilon: f32,
    pub(super) words: Vec<u32>,
}

/// What is left of the memory.
struct Rest<'a>(&'a [u32]);

impl<'a> Rest<'a> {
    fn take(&mut self, words: usize) -> &'a [u32] {
        let (taken, rest) = self.0.split_at(words);
        self.0 = rest;
        taken
    }

    fn floats(&mut self, count: usize) -> &'a [f32] {
        pulp::bytemuck::cast_slice(self.take(count))
    }

    fn linear(&mut self, rows: usize, columns: usize) -> Linear<'a> {
        let words = self.take(rows / GROUP * Matrix::group(columns));
        Linear { matrix: Matrix::new(words, columns), bias: self.floats(rows) }
    }

    fn norm(&mut self, width: usize) -> Norm<'a> {
        Norm { gain: self.floats(width), bias: self.floats(width) }
    }
}

/// A matrix with what is added to its products.
struct Linear<'a> {
    matrix: Matrix<'a>,
    bias: &'a [f32],
}

impl Linear<'_> {
    fn apply(&self, input: &Input, output: &mut Vec<f32>, tokens: usize) {
        output.resize(tokens * self.bias.len(), 0.0);
        self.matrix.multiply(input, self.bias, output);
    }
}

/// The normalisation after a part of a layer.
struct Norm<'a> {
    gain: &'a [f32],
    bias: &'a [f32],
}

impl Norm<'_> {
    fn run(&self, rows: &mut [f32], others: Option<&[f32]>, epsilon: f32) {
        AddAndNormalise { rows, others, gain: self.gain, bias: self.bias, epsilon }.run();
    }
}

impl Encoder {
    /// Takes the table's rows of the tokens of several texts, one text after the other, `lengths` tokens each and at least
    /// one. Gives the mean of each text's tokens, one after the other.
    pub(super) fn encode(&self, mut states: Vec<f32>, lengths: &[usize]) -> Vec<f32> {
        let (width, inner) = (self.sizes.width, self.sizes.inner);
        let mut rest = Rest(&self.words);
        // What is added to a token for its place in the text.
        let positions = rest.floats(self.sizes.positions * width);
        let tokens = states.len() / width;
        let mut place = 0;
        for length in lengths {
            let of_text = &mut states[place * width..(place + length) * width];
            of_text.iter_mut().zip(positions).for_each(|(value, position)| *value += position);
            place += length;
        }
        rest.norm(width).run(&mut states, None, self.epsilon);
        let (mut input, mut wide, mut narrow) =
            (Input::new(tokens, inner.max(width)), returnable(0), returnable(0));
        let (mut merged, mut room) = (returnable(0), Attention::default());
        merged.resize(states.len(), 0.0);
        for _ in 0..self.sizes.layers {
            // Queries, keys and values of a token, one after the other.
            input.refill(width, &states);
            rest.linear(3 * width, width).apply(&input, &mut wide, tokens);
            let mut place = 0;
            for length in lengths {
                let of_text = place * 3 * width..(place + length) * 3 * width;
                room.run(&wide[of_text], width, &mut merged[place * width..(place + length) * width]);
                place += length;
            }
            input.refill(width, &merged);
            rest.linear(width, width).apply(&input, &mut narrow, tokens);
            rest.norm(width).run(&mut states, Some(&narrow), self.epsilon);
            input.refill(width, &states);
            rest.linear(inner, width).apply(&input, &mut wide, tokens);
            gelu(&mut wide);
            input.refill(inner, &wide);
            rest.linear(width, inner).apply(&input, &mut narrow, tokens);
            rest.norm(width).run(&mut states, Some(&narrow), self.epsilon);
        }
        let mut means = vec![0f32; lengths.len() * width];
        let mut place = 0;
        for (mean, length) in means.chunks_exact_mut(width).zip(lengths) {
            for token in states[place * width..(place + length) * width].chunks_exact(width) {
                mean.iter_mut().zip(token).for_each(|(sum, value)| *sum += value);
            }
            mean.iter_mut().for_each(|sum| *sum /= *length as f32);
            place += length;
        }
        means
    }
}

/// Room for the attention of one head.
#[derive(Debug, Default)]
struct Attention {
    queries: Vec<f32>,
    /// Keys, a column per token.
    keys: Vec<f32>,
    values: Vec<f32>,
    weights: Vec<f32>,
    output: Vec<f32>,
}

impl Attention {
    /// Attention among the tokens of one text: `all` holds query, key and value of each, `merged` gets what the heads found.
    fn run(&mut self, all: &[f32], width: usize, merged: &mut [f32]) {
        let tokens = merged.len() / width;
        let padded = tokens.next_multiple_of(LANES);
        let scale = 1.0 / (HEAD as f32).sqrt();
        for buffer in [&mut self.queries, &mut self.values, &mut self.output] {
            buffer.resize(tokens * HEAD, 0.0);
        }
        // Columns beyond the tokens stay whatever they are: the softmax makes their weights 0.
        self.keys.resize(HEAD * padded, 0.0);
        self.weights.resize(ATTENDING.min(tokens) * padded, 0.0);
        for head in (0..width).step_by(HEAD) {
            for (token, all) in all.chunks_exact(3 * width).enumerate() {
                let here = token * HEAD..(token + 1) * HEAD;
                for (to, from) in self.queries[here.clone()].iter_mut().zip(&all[head..]) {
                    *to = from * scale;
                }
                for (index, key) in all[width + head..][..HEAD].iter().enumerate() {
                    self.keys[index * padded + token] = *key;
                }
                self.values[here].copy_from_slice(&all[2 * width + head..][..HEAD]);
            }
            for first in (0..tokens).step_by(ATTENDING) {
                let rows = ATTENDING.min(tokens - first);
                let weights = &mut self.weights[..rows * padded];
                Small {
                    a: &self.queries[first * HEAD..],
                    a_stride: HEAD,
                    b: &self.keys,
                    b_stride: padded,
                    output: &mut *weights,
                    output_stride: padded,
                    rows,
                    depth: HEAD,
                }
                .run();
                Softmax { rows: &mut *weights, stride: padded, length: tokens }.run();
                Small {
                    a: weights,
                    a_stride: padded,
                    b: &self.values,
                    b_stride: HEAD,
                    output: &mut self.output[first * HEAD..],
                    output_stride: HEAD,
                    rows,
                    depth: tokens,
                }
                .run();
            }
            for (to, from) in merged.chunks_exact_mut(width).zip(self.output.chunks_exact(HEAD)) {
                to[head..head + HEAD].copy_from_slice(from);
            }
        }
    }
}
