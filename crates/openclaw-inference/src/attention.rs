//! The small pieces between the matrix products: norms, positions, attention.

use pulp::Arch;

/// Divides each row by its root mean square and scales it by `weights`.
pub(super) fn rms_norm(rows: &[f32], weights: &[f32], epsilon: f32, output: &mut [f32]) {
    let width = weights.len();
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for (row, output) in rows.chunks_exact(width).zip(output.chunks_exact_mut(width)) {
                let scale = 1.0 / (dot(row, row) / width as f32 + epsilon).sqrt();
                for ((output, value), weight) in output.iter_mut().zip(row).zip(weights) {
                    *output = value * scale * weight;
                }
            }
        },
    );
}

/// `gate = silu(gate) · up`.
pub(super) fn silu_times(gate: &mut [f32], up: &[f32]) {
    for (gate, up) in gate.iter_mut().zip(up) {
        *gate = *gate / (1.0 + (-*gate).exp()) * up;
    }
}

/// `a += b`.
pub(super) fn add(a: &mut [f32], b: &[f32]) {
    for (a, b) in a.iter_mut().zip(b) {
        *a += b;
    }
}

/// Which numbers of a head are turned together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pairing {
    /// Neighbours: 0 with 1, 2 with 3 (llama).
    Neighbours,
    /// The halves: 0 with d/2, 1 with d/2 + 1 (qwen).
    Halves,
}

/// Rotary position embedding.
#[derive(Debug)]
pub(super) struct Rotation {
    /// Angle per position, one for each pair.
    pub(super) frequencies: Vec<f32>,
    pub(super) pairing: Pairing,
}

impl Rotation {
    /// Turns every head of `rows`, whose first row stands at `position`.
    pub(super) fn turn(&self, rows: &mut [f32], width: usize, head: usize, position: usize) {
        let pairs = self.frequencies.len();
        let mut turns = vec![(0f32, 0f32); pairs];
        for (offset, row) in rows.chunks_exact_mut(width).enumerate() {
            for (turn, frequency) in turns.iter_mut().zip(&self.frequencies) {
                *turn = ((position + offset) as f32 * frequency).sin_cos();
            }
            for head in row.chunks_exact_mut(head) {
                for (index, (sin, cos)) in turns.iter().enumerate() {
                    let (first, second) = match self.pairing {
                        Pairing::Neighbours => (2 * index, 2 * index + 1),
                        Pairing::Halves => (index, index + pairs),
                    };
                    let (x, y) = (head[first], head[second]);
                    head[first] = x * cos - y * sin;
                    head[second] = x * sin + y * cos;
                }
            }
        }
    }
}

/// Keys or values of the positions seen so far, and how queries are grouped over them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) keys: &'a [f32],
    pub(super) values: &'a [f32],
    /// Width of one position: all key heads.
    pub(super) width: usize,
    /// Width of one head.
    pub(super) head: usize,
    /// Query heads that share a key head.
    pub(super) group: usize,
}

impl Seen<'_> {
    /// What the query of one token gathers from the first `positions` positions.
    pub(super) fn gather(self, query: &[f32], positions: usize, scores: &mut Vec<f32>, output: &mut [f32]) {
        let Self { keys, values, width, head, group } = self;
        let scale = 1.0 / (head as f32).sqrt();
        Arch::new().dispatch(
            #[inline(always)]
            || {
                let heads = query.chunks_exact(head).zip(output.chunks_exact_mut(head));
                for (index, (query, output)) in heads.enumerate() {
                    let offset = index / group * head;
                    scores.clear();
                    let keys = keys.chunks_exact(width).take(positions);
                    scores.extend(keys.map(|key| dot(query, &key[offset..offset + head]) * scale));
                    softmax(scores);
                    output.fill(0.0);
                    for (value, score) in values.chunks_exact(width).zip(scores.iter()) {
                        for (output, value) in output.iter_mut().zip(&value[offset..offset + head]) {
                            *output += score * value;
                        }
                    }
                }
            },
        );
    }
}

/// Turns scores into shares of 1.
#[inline(always)]
pub(super) fn softmax(scores: &mut [f32]) {
    let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0f32;
    for score in scores.iter_mut() {
        *score = (*score - most).exp();
        sum += *score;
    }
    let inverse = 1.0 / sum;
    for score in scores {
        *score *= inverse;
    }
}

/// Sixteen running sums, so that the compiler may use vectors: float addition has an order it must keep.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0f32; 16];
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    for (a, b) in a.iter().zip(b) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotation_keeps_lengths_and_leaves_position_zero_alone() {
        for pairing in [Pairing::Neighbours, Pairing::Halves] {
            let rotation = Rotation { frequencies: vec![1.0, 0.1], pairing };
            let start = [1.0f32, 2.0, 3.0, 4.0];
            let mut rows: Vec<f32> = start.repeat(2);
            rotation.turn(&mut rows, 4, 4, 0);
            assert_eq!(rows[..4], start);
            assert_ne!(rows[4..], start);
            assert!((dot(&rows[4..], &rows[4..]) - 30.0).abs() < 1e-4);
        }
    }

    #[test]
    fn attention_to_one_position_is_its_value() {
        let (keys, values) = ([0.5f32, -0.5, 9.0, 9.0], [3.0f32, 4.0, 9.0, 9.0]);
        let seen = Seen { keys: &keys, values: &values, width: 2, head: 2, group: 2 };
        let mut output = [0f32; 4];
        seen.gather(&[1.0, 2.0, 3.0, 4.0], 1, &mut Vec::new(), &mut output);
        assert_eq!(output, [3.0, 4.0, 3.0, 4.0]);
    }
}
