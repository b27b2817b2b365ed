//! Eight-bit matrices and the products with them, the bulk of all computing here.
//!
//! Weights of every quantisation are held as blocks of 32 signed bytes with one scale, and so are activations while they
//! are multiplied; sums are exact in 32 bits within a block. On x86-64 the AVX2 path is chosen while running, so that one
//! portable build is fast everywhere it can be; other targets leave the plain loop to the compiler's vectoriser.

use pulp::{Arch, NullaryFnOnce};
use rayon::prelude::*;

/// Numbers that share a scale.
pub(super) const BLOCK: usize = 32;

/// Rows of a matrix, each a whole number of blocks.
#[derive(Debug, Default)]
pub(super) struct Quantised {
    quants: Vec<[i8; BLOCK]>,
    scales: Vec<f32>,
    blocks_per_row: usize,
}

/// One row.
#[derive(Clone, Copy)]
struct Row<'a> {
    quants: &'a [[i8; BLOCK]],
    scales: &'a [f32],
}

impl Quantised {
    /// Room for a matrix; `columns` is a multiple of [`BLOCK`].
    pub(super) fn with_capacity(rows: usize, columns: usize) -> Self {
        let blocks = rows * columns / BLOCK;
        Self {
            quants: Vec::with_capacity(blocks),
            scales: Vec::with_capacity(blocks),
            blocks_per_row: columns / BLOCK,
        }
    }

    /// Takes other rows in place of these, keeping the memory.
    pub(super) fn refill(&mut self, columns: usize, values: &[f32]) {
        self.quants.clear();
        self.scales.clear();
        self.blocks_per_row = columns / BLOCK;
        self.extend(values);
    }

    /// Appends rows.
    pub(super) fn extend(&mut self, values: &[f32]) {
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for block in values.as_chunks::<BLOCK>().0 {
                    let largest = block.iter().fold(0f32, |most, value| most.max(value.abs()));
                    let scale = largest / 127.0;
                    let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
                    // Rounding by adding half and cutting: `round` is a call into the maths library without SSE4.1.
                    self.quants.push(block.map(|value| {
                        let scaled = value * inverse;
                        (scaled + 0.5f32.copysign(scaled)) as i8
                    }));
                    self.scales.push(scale);
                }
            },
        );
    }

    /// Appends a block that is one already.
    pub(super) fn push(&mut self, quants: [i8; BLOCK], scale: f32) {
        self.quants.push(quants);
        self.scales.push(scale);
    }

    pub(super) fn rows(&self) -> usize {
        self.quants.len() / self.blocks_per_row.max(1)
    }

    fn row(&self, index: usize) -> Row<'_> {
        let range = index * self.blocks_per_row..(index + 1) * self.blocks_per_row;
        Row { quants: &self.quants[range.clone()], scales: &self.scales[range] }
    }

    /// One row as floats.
    pub(super) fn read_row(&self, index: usize, into: &mut [f32]) {
        let row = self.row(index);
        for ((into, quants), scale) in
            into.as_chunks_mut::<BLOCK>().0.iter_mut().zip(row.quants).zip(row.scales)
        {
            *into = quants.map(|quant| f32::from(quant) * scale);
        }
    }

    /// `output[t][r] = input[t] · self[r]`, on `threads` threads of the rayon pool this is called in.
    pub(super) fn multiply(&self, threads: usize, input: &Quantised, output: &mut [f32]) {
        let (tokens, rows) = (input.rows(), self.rows());
        if threads < 2 {
            Product { weights: self, first_row: 0, input, first_token: 0, rows, output }.run();
        } else if tokens == 1 {
            let share = rows.div_ceil(threads);
            output.par_chunks_mut(share).enumerate().for_each(|(index, output)| {
                let rows = output.len();
                Product { weights: self, first_row: index * share, input, first_token: 0, rows, output }
                    .run();
            });
        } else {
            let share = tokens.div_ceil(threads);
            output.par_chunks_mut(share * rows).enumerate().for_each(|(index, output)| {
                Product { weights: self, first_row: 0, input, first_token: index * share, rows, output }
                    .run();
            });
        }
    }
}

/// A part of a matrix product: some rows with some tokens.
struct Product<'a> {
    weights: &'a Quantised,
    first_row: usize,
    input: &'a Quantised,
    first_token: usize,
    rows: usize,
    output: &'a mut [f32],
}

impl Product<'_> {
    fn run(self) {
        #[cfg(target_arch = "x86_64")]
        if let Some(simd) = pulp::x86::V3::try_new() {
            simd.vectorize(Avx2 { simd, product: self });
            return;
        }
        self.run_with(
            #[inline(always)]
            |weights, input| [dot(weights, input[0])],
            #[inline(always)]
            |weights, input| input.map(|input| dot(weights, input)),
        );
    }

    /// A row of weights is multiplied with four tokens at a time: it is read once for all of them.
    #[inline(always)]
    fn run_with(
        self,
        one: impl Fn(Row<'_>, [Row<'_>; 1]) -> [f32; 1],
        four: impl Fn(Row<'_>, [Row<'_>; 4]) -> [f32; 4],
    ) {
        let rows = self.rows;
        let tokens = self.output.len() / rows.max(1);
        for row in 0..rows {
            let weights = self.weights.row(self.first_row + row);
            let mut token = 0;
            while token + 4 <= tokens {
                let input = std::array::from_fn(|index| self.input.row(self.first_token + token + index));
                for (index, sum) in four(weights, input).into_iter().enumerate() {
                    self.output[(token + index) * rows + row] = sum;
                }
                token += 4;
            }
            while token < tokens {
                let [sum] = one(weights, [self.input.row(self.first_token + token)]);
                self.output[token * rows + row] = sum;
                token += 1;
            }
        }
    }
}

/// The portable dot product.
#[inline(always)]
fn dot(a: Row<'_>, b: Row<'_>) -> f32 {
    let mut sum = 0f32;
    for (((a, a_scale), b), b_scale) in a.quants.iter().zip(a.scales).zip(b.quants).zip(b.scales) {
        let mut whole = 0i32;
        for (a, b) in a.iter().zip(b) {
            whole = whole.wrapping_add(i32::from(*a) * i32::from(*b));
        }
        sum += whole as f32 * (a_scale * b_scale);
    }
    sum
}

#[cfg(target_arch = "x86_64")]
struct Avx2<'a> {
    simd: pulp::x86::V3,
    product: Product<'a>,
}

#[cfg(target_arch = "x86_64")]
impl NullaryFnOnce for Avx2<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let simd = self.simd;
        self.product.run_with(
            #[inline(always)]
            |weights, input| dots(simd, weights, input),
            #[inline(always)]
            |weights, input| dots(simd, weights, input),
        );
    }
}

/// Dot products of one row with `N` others. `maddubs` wants one side unsigned: the weight's sign moves to the other side.
/// No product sum overflows sixteen bits: a file's weights reach -128, inputs 127, and 2 · 128 · 127 < 32768.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn dots<const N: usize>(simd: pulp::x86::V3, weights: Row<'_>, input: [Row<'_>; N]) -> [f32; N] {
    use std::arch::x86_64::__m256i;
    let ones = simd.avx._mm256_set1_epi16(1);
    let mut sums = [simd.avx._mm256_setzero_ps(); N];
    let blocks = weights.quants.len();
    // Equal lengths, told to the compiler once so that no bound is checked inside.
    let input = input.map(|row| Row { quants: &row.quants[..blocks], scales: &row.scales[..blocks] });
    let scales = &weights.scales[..blocks];
    for (block, (weight, weight_scale)) in weights.quants.iter().zip(scales).enumerate() {
        let weight: __m256i = pulp::cast(*weight);
        let size = simd.avx2._mm256_sign_epi8(weight, weight);
        for (sum, row) in sums.iter_mut().zip(&input) {
            let other: __m256i = pulp::cast(row.quants[block]);
            let pairs = simd.avx2._mm256_maddubs_epi16(size, simd.avx2._mm256_sign_epi8(other, weight));
            let whole = simd.avx._mm256_cvtepi32_ps(simd.avx2._mm256_madd_epi16(pairs, ones));
            let scale = simd.avx._mm256_set1_ps(weight_scale * row.scales[block]);
            *sum = simd.fma._mm256_fmadd_ps(whole, scale, *sum);
        }
    }
    sums.map(|sum| pulp::cast::<_, [f32; 8]>(sum).iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let step = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 8_388_608.0 - 1.0
        };
        (0..count).map(step).collect()
    }

    #[test]
    fn products_are_near_those_of_floats_and_the_same_on_every_path() {
        let (tokens, rows, columns) = (7, 13, 96);
        let (a, b) = (noise(rows * columns, 1), noise(tokens * columns, 2));
        let mut weights = Quantised::with_capacity(rows, columns);
        weights.extend(&a);
        let mut input = Quantised::default();
        input.refill(columns, &b);
        let mut output = vec![0f32; tokens * rows];
        weights.multiply(1, &input, &mut output);
        for token in 0..tokens {
            for row in 0..rows {
                let exact: f32 = a[row * columns..][..columns]
                    .iter()
                    .zip(&b[token * columns..][..columns])
                    .map(|(a, b)| a * b)
                    .sum();
                let got = output[token * rows + row];
                assert!((got - exact).abs() < 0.15, "{got} for {exact}");
                let plain = dot(weights.row(row), input.row(token));
                assert!((got - plain).abs() < 1e-4, "{got} here, {plain} portably");
            }
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        let mut parallel = vec![0f32; tokens * rows];
        pool.install(|| weights.multiply(3, &input, &mut parallel));
        assert_eq!(parallel, output);
        let mut single = Quantised::default();
        single.refill(columns, &b[..columns]);
        let mut parallel = vec![0f32; rows];
        pool.install(|| weights.multiply(3, &single, &mut parallel));
        assert_eq!(parallel, output[..rows]);
    }

    #[test]
    fn a_row_comes_back_within_half_a_step() {
        let values = noise(64, 3);
        let mut matrix = Quantised::with_capacity(1, 64);
        matrix.extend(&values);
        let mut back = vec![0f32; 64];
        matrix.read_row(0, &mut back);
        for (value, back) in values.iter().zip(back) {
            assert!((value - back).abs() <= 0.5 / 127.0 + 1e-6);
        }
    }
}
