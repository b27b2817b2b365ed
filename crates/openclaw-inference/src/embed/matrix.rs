//! Four-bit matrices and the products with them, in which nearly all the time of an embedding goes.
//!
//! Rows lie in groups of [`GROUP`], and within a group the same few columns of all its rows next to each other. A register
//! then holds four columns of eight rows, is multiplied with four numbers of the input at once, and every lane ends as the
//! sum of a row: nothing is added across lanes. A group is unpacked once and then meets every token.

use pulp::{Simd, WithSimd};

use super::{
    kernel::{self, Kernel, Path},
    room::returnable,
};

/// Columns that share a scale.
pub(super) const BLOCK: usize = 32;
/// Rows that lie together.
pub(super) const GROUP: usize = 8;
/// Registers of a block of a group: four columns each.
pub(super) const STEPS: usize = BLOCK / 4;
/// Bytes of a block of a group, packed.
pub(super) const PACKED: usize = GROUP * BLOCK / 2;
/// Tokens that meet all groups before the next ones do: their numbers stay in the second-level cache.
const TOKENS: usize = 128;

/// A matrix of four-bit numbers, -8 to 7, with a scale for 32 of a row. It lies in words of the model's memory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matrix<'a> {
    /// Group after group: the packed blocks of all columns, then their scales.
    words: &'a [u32],
    /// Blocks of a row.
    blocks: usize,
}

/// Numbers of a block of a group. Byte `4r + c` of part `p` of four holds row `r`, column `8p + c` in its low half and column
/// `8p + 4 + c` in its high half, each eight more than the number.
pub(super) type Packed = [u8; PACKED];

/// Eight-bit numbers with a scale for 32, one row per token.
#[derive(Debug, Default)]
pub(super) struct Input {
    /// Four numbers in each, in the order of its bytes.
    pub(super) words: Vec<[i32; STEPS]>,
    pub(super) scales: Vec<f32>,
    /// Eight times the sum of each block's numbers: what the weights' being eight too much adds.
    pub(super) excess: Vec<i32>,
    blocks: usize,
}

impl Input {
    /// Room for rows of up to so many columns.
    pub(super) fn new(tokens: usize, columns: usize) -> Self {
        Self { words: returnable(tokens * columns / BLOCK), ..Self::default() }
    }

    /// Takes other rows in place of these, keeping the memory; `columns` is a multiple of [`BLOCK`].
    pub(super) fn refill(&mut self, columns: usize, values: &[f32]) {
        self.words.clear();
        self.scales.clear();
        self.excess.clear();
        self.blocks = columns / BLOCK;
        pulp::Arch::new().dispatch(Refill { input: self, values });
    }

    fn tokens(&self) -> usize {
        self.scales.len() / self.blocks.max(1)
    }

    /// The row of a token.
    #[inline(always)]
    pub(super) fn row(&self, token: usize) -> Row<'_> {
        let range = token * self.blocks..(token + 1) * self.blocks;
        Row {
            words: &self.words[range.clone()],
            scales: &self.scales[range.clone()],
            excess: &self.excess[range],
        }
    }
}

struct Refill<'a> {
    input: &'a mut Input,
    values: &'a [f32],
}

impl WithSimd for Refill<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for block in self.values.as_chunks::<BLOCK>().0 {
            let mut largest = [0f32; 8];
            for eight in block.as_chunks::<8>().0 {
                for (most, value) in largest.iter_mut().zip(eight) {
                    *most = larger(*most, value.abs());
                }
            }
            let mut most = 0f32;
            for value in largest {
                most = larger(most, value);
            }
            let scale = most / 127.0;
            let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
            let (mut numbers, mut sum) = ([0i8; BLOCK], 0);
            for (number, value) in numbers.iter_mut().zip(block) {
                // Adding 1.5 · 2^23 rounds, and leaves the whole number in the lowest bits.
                let rounded = (value * inverse + 12_582_912.0).to_bits() as i8;
                *number = rounded;
                sum += i32::from(rounded);
            }
            self.input.words.push(pulp::cast(numbers));
            self.input.scales.push(scale);
            self.input.excess.push(8 * sum);
        }
    }
}

/// `f32::max` for numbers that are some, in one instruction.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// What a token brings into a product.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) words: &'a [[i32; STEPS]],
    pub(super) scales: &'a [f32],
    pub(super) excess: &'a [i32],
}

/// `G` groups, unpacked: for each block and step four columns of their rows.
pub(super) struct Tile<const G: usize> {
    pub(super) numbers: Vec<[[[u8; 4 * GROUP]; G]; STEPS]>,
    pub(super) scales: Vec<[[f32; GROUP]; G]>,
}

impl<const G: usize> Tile<G> {
    fn new(blocks: usize) -> Self {
        Self { numbers: vec![[[[0; 4 * GROUP]; G]; STEPS]; blocks], scales: vec![[[0.0; GROUP]; G]; blocks] }
    }

    #[inline(always)]
    fn fill(&mut self, matrix: Matrix<'_>, first_group: usize) {
        for lane in 0..G {
            let (packed, scales) = matrix.blocks_of(first_group + lane);
            let unpacked = self.numbers.iter_mut().zip(&mut self.scales);
            for ((packed, scales), (numbers, to)) in packed.iter().zip(scales).zip(unpacked) {
                let parts = packed.as_chunks::<{ 4 * GROUP }>().0;
                for (part, steps) in parts.iter().zip(numbers.as_chunks_mut::<2>().0) {
                    let [low, high] = steps;
                    for (number, byte) in low[lane].iter_mut().zip(part) {
                        *number = byte & 15;
                    }
                    for (number, byte) in high[lane].iter_mut().zip(part) {
                        *number = byte >> 4;
                    }
                }
                to[lane] = *scales;
            }
        }
    }
}

impl<'a> Matrix<'a> {
    /// Words of a group of rows.
    pub(super) fn group(columns: usize) -> usize {
        columns / BLOCK * (PACKED / 4 + GROUP)
    }

    /// Appends a group of rows to the model's memory.
    pub(super) fn put(words: &mut Vec<u32>, packed: &[Packed], scales: &[[f32; GROUP]]) {
        words.extend(packed.iter().flat_map(|block| pulp::cast::<Packed, [u32; PACKED / 4]>(*block)));
        words.extend(scales.iter().flatten().map(|scale| scale.to_bits()));
    }

    /// The matrix in words that [`Self::put`] wrote; `columns` is a multiple of [`BLOCK`].
    pub(super) fn new(words: &'a [u32], columns: usize) -> Self {
        Self { words, blocks: columns / BLOCK }
    }

    pub(super) fn rows(&self) -> usize {
        self.words.len() / Self::group(self.blocks * BLOCK).max(1) * GROUP
    }

    /// The packed blocks of a group and their scales.
    #[inline(always)]
    fn blocks_of(&self, group: usize) -> (&'a [Packed], &'a [[f32; GROUP]]) {
        let length = Self::group(self.blocks * BLOCK);
        let (packed, scales) = self.words[group * length..][..length].split_at(self.blocks * PACKED / 4);
        (pulp::bytemuck::cast_slice(packed), pulp::bytemuck::cast_slice(scales))
    }

    /// `output[t][r] = bias[r] + input[t] · self[r]`, on the best path there is. The rows are a multiple of twice [`GROUP`].
    pub(super) fn multiply(&self, input: &Input, bias: &[f32], output: &mut [f32]) {
        self.multiply_on(Path::best(), input, bias, output);
    }

    /// The same on a path that [`Path::is_here`].
    pub(super) fn multiply_on(&self, path: Path, input: &Input, bias: &[f32], output: &mut [f32]) {
        debug_assert_eq!(output.len(), input.tokens() * self.rows());
        debug_assert_eq!(input.blocks, self.blocks);
        kernel::run(path, Product { matrix: *self, input, bias, output });
    }
}

/// A product to be computed.
pub(super) struct Product<'a> {
    matrix: Matrix<'a>,
    input: &'a Input,
    bias: &'a [f32],
    output: &'a mut [f32],
}

impl Product<'_> {
    /// Computes with a kernel: four tokens at a time, then what is left of them.
    #[inline(always)]
    pub(super) fn run_with<const G: usize>(self, kernel: &impl Kernel<G>) {
        let Self { matrix, input, bias, output } = self;
        let (rows, tokens) = (matrix.rows(), input.tokens());
        let mut tile = Tile::<G>::new(matrix.blocks);
        for start in (0..tokens).step_by(TOKENS) {
            let end = (start + TOKENS).min(tokens);
            for group in (0..rows / GROUP).step_by(G) {
                tile.fill(matrix, group);
                let mut place =
                    Place { input, bias: &bias[group * GROUP..], output, rows, first: group * GROUP };
                let mut token = start;
                while token + 4 <= end {
                    place.put::<G, 4>(kernel, &tile, token);
                    token += 4;
                }
                match end - token {
                    3 => place.put::<G, 3>(kernel, &tile, token),
                    2 => place.put::<G, 2>(kernel, &tile, token),
                    1 => place.put::<G, 1>(kernel, &tile, token),
                    _ => {}
                }
            }
        }
    }
}

/// Where a tile's sums go.
struct Place<'a> {
    input: &'a Input,
    /// From the first row of the tile on.
    bias: &'a [f32],
    output: &'a mut [f32],
    rows: usize,
    first: usize,
}

impl Place<'_> {
    #[inline(always)]
    fn put<const G: usize, const N: usize>(&mut self, kernel: &impl Kernel<G>, tile: &Tile<G>, token: usize) {
        let mut rows = [Row { words: &[], scales: &[], excess: &[] }; N];
        for (index, row) in rows.iter_mut().enumerate() {
            *row = self.input.row(token + index);
        }
        let mut bias = [[0.0; GROUP]; G];
        bias.as_flattened_mut().copy_from_slice(&self.bias[..G * GROUP]);
        for (index, sums) in kernel.sums(tile, rows, bias).iter().enumerate() {
            let start = (token + index) * self.rows + self.first;
            self.output[start..start + G * GROUP].copy_from_slice(sums.as_flattened());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let step = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1u32 << 23) as f32 - 1.0
        };
        (0..count).map(step).collect()
    }

    /// The words of a matrix of noise, with the numbers they stand for.
    fn matrix(rows: usize, columns: usize) -> (Vec<u32>, Vec<f32>) {
        let (mut made, mut values) = (Vec::new(), vec![0f32; rows * columns]);
        let noise: Vec<u8> =
            noise(rows * columns, 5).iter().map(|value| ((value + 1.0) * 7.99) as u8).collect();
        for group in 0..rows / GROUP {
            let (mut blocks, mut of_blocks) = (Vec::new(), Vec::new());
            for block in 0..columns / BLOCK {
                let scales: [f32; GROUP] = std::array::from_fn(|row| 0.01 * (1 + row + group + block) as f32);
                let at = |row: usize, column: usize| (group * GROUP + row) * columns + block * BLOCK + column;
                let mut packed = [0u8; PACKED];
                for (index, byte) in packed.iter_mut().enumerate() {
                    let (part, row, column) = (index / 32, index % 32 / 4, index % 4);
                    let (low, high) = (at(row, 8 * part + column), at(row, 8 * part + 4 + column));
                    *byte = noise[low] | noise[high] << 4;
                    for place in [low, high] {
                        values[place] = (f32::from(noise[place]) - 8.0) * scales[row];
                    }
                }
                blocks.push(packed);
                of_blocks.push(scales);
            }
            Matrix::put(&mut made, &blocks, &of_blocks);
        }
        (made, values)
    }

    #[test]
    fn products_are_near_those_of_floats_and_the_same_on_every_path() {
        for tokens in [1, 4, 7, 133] {
            let (rows, columns) = (48, 96);
            let (words, weights) = matrix(rows, columns);
            let matrix = Matrix::new(&words, columns);
            assert_eq!(matrix.rows(), rows);
            let (values, bias) = (noise(tokens * columns, 2), noise(rows, 3));
            let mut input = Input::default();
            input.refill(columns, &values);
            let mut plain = vec![0f32; tokens * rows];
            matrix.multiply_on(Path::Plain, &input, &bias, &mut plain);
            for (index, got) in plain.iter().enumerate() {
                let (token, row) = (index / rows, index % rows);
                let pairs =
                    weights[row * columns..][..columns].iter().zip(&values[token * columns..][..columns]);
                let exact = bias[row] + pairs.map(|(a, b)| a * b).sum::<f32>();
                assert!((got - exact).abs() < 0.06, "{got} for {exact}");
            }
            for path in Path::ALL {
                if !path.is_here() {
                    // Not "SKIPPED:", which CI takes for a failure: no machine has all of them.
                    eprintln!("{path:?} was not compared, this processor has none");
                    continue;
                }
                let mut output = vec![0f32; tokens * rows];
                matrix.multiply_on(path, &input, &bias, &mut output);
                for (got, plain) in output.iter().zip(&plain) {
                    assert!((got - plain).abs() < 1e-4, "{path:?}: {got}, plainly {plain}");
                }
            }
        }
    }

    #[test]
    fn the_largest_numbers_there_can_be_do_not_overflow() {
        let mut words = Vec::new();
        for nibble in [0xff, 0x00] {
            Matrix::put(&mut words, &[[nibble; PACKED]], &[[1.0; GROUP]]);
        }
        let matrix = Matrix::new(&words, BLOCK);
        for (value, seven, eight) in [(1.0, 7.0, -8.0), (-1.0, -7.0, 8.0)] {
            let mut input = Input::default();
            input.refill(BLOCK, &[value; BLOCK]);
            for path in Path::ALL.into_iter().filter(|path| path.is_here()) {
                let mut output = [0f32; 16];
                matrix.multiply_on(path, &input, &[0.0; 16], &mut output);
                for (got, expected) in output.iter().zip([seven; 8].into_iter().chain([eight; 8])) {
                    assert!((got - expected * 32.0).abs() < 1e-3, "{path:?}: {got}");
                }
            }
        }
    }
}
