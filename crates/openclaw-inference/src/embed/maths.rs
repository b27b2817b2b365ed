//! What is computed in floats: small products, the softmax, the activation, the normalisation of layers. Loops here are plain
//! arithmetic that the compiler turns into the instructions of the path chosen while running.

use pulp::{Arch, Simd, WithSimd};

/// Columns of [`Small::b`] and [`Small::output`] come in whole multiples of this: two registers of the widest path.
pub(super) const LANES: usize = 32;

/// A product of two small matrices: `output = a · b`, row-major, each with its stride.
pub(super) struct Small<'a> {
    pub(super) a: &'a [f32],
    pub(super) a_stride: usize,
    pub(super) b: &'a [f32],
    /// Also the columns that are computed; a multiple of [`LANES`].
    pub(super) b_stride: usize,
    pub(super) output: &'a mut [f32],
    pub(super) output_stride: usize,
    pub(super) rows: usize,
    /// Columns of `a` and rows of `b`.
    pub(super) depth: usize,
}

impl Small<'_> {
    pub(super) fn run(self) {
        Arch::new().dispatch(self);
    }

    /// `N` rows from `row` on.
    #[inline(always)]
    fn rows<S: Simd, const N: usize>(&mut self, simd: S, row: usize) {
        let width = size_of::<S::f32s>() / size_of::<f32>();
        let mut a = [&self.a[..0]; N];
        for (index, a) in a.iter_mut().enumerate() {
            *a = &self.a[(row + index) * self.a_stride..][..self.depth];
        }
        for column in (0..self.b_stride).step_by(2 * width) {
            let mut sums = [[simd.splat_f32s(0.0); 2]; N];
            for step in 0..self.depth {
                let b = S::as_simd_f32s(&self.b[step * self.b_stride + column..][..2 * width]).0;
                for (sums, a) in sums.iter_mut().zip(&a) {
                    let a = simd.splat_f32s(a[step]);
                    sums[0] = simd.mul_add_e_f32s(a, b[0], sums[0]);
                    sums[1] = simd.mul_add_e_f32s(a, b[1], sums[1]);
                }
            }
            for (index, sums) in sums.into_iter().enumerate() {
                let output = &mut self.output[(row + index) * self.output_stride + column..][..2 * width];
                S::as_mut_simd_f32s(output).0.copy_from_slice(&sums);
            }
        }
    }
}

impl WithSimd for Small<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let mut row = 0;
        while row + 4 <= self.rows {
            self.rows::<S, 4>(simd, row);
            row += 4;
        }
        while row < self.rows {
            self.rows::<S, 1>(simd, row);
            row += 1;
        }
    }
}

/// e to the power of `x`, to seven digits; as good as nothing below -87.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Adding 1.5 · 2^23 rounds to a whole number, which then lies in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    let x = if x > -87.3 { x } else { -87.3 };
    let x = if x < 88.0 { x } else { 88.0 };
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let whole = rounded - ROUND;
    // ln 2 in two parts, so that the rest is exact.
    let rest = (x - whole * 0.693_359_4) + whole * 2.121_944_4e-4;
    let mut sum = 1.987_569_1e-4;
    for factor in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_66, 0.5] {
        sum = sum * rest + factor;
    }
    let power = f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23));
    (sum * rest * rest + rest + 1.0) * power
}

/// The error function, to 1.5e-7 (Abramowitz and Stegun, 7.1.26).
#[inline(always)]
fn erf(x: f32) -> f32 {
    let size = x.abs();
    let t = 1.0 / (1.0 + 0.327_591_1 * size);
    let mut sum = 1.061_405_4;
    for factor in [-1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6] {
        sum = sum * t + factor;
    }
    (1.0 - sum * t * exp(-size * size)).copysign(x)
}

/// The activation between the two layers of the feed-forward network (GELU, the exact one).
pub(super) fn gelu(values: &mut [f32]) {
    Arch::new().dispatch(Gelu(values));
}

struct Gelu<'a>(&'a mut [f32]);

impl WithSimd for Gelu<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for value in self.0 {
            *value = 0.5 * *value * (1.0 + erf(*value * std::f32::consts::FRAC_1_SQRT_2));
        }
    }
}

/// Softmax over the first `length` numbers of each row of `stride`; the rest become 0.
pub(super) struct Softmax<'a> {
    pub(super) rows: &'a mut [f32],
    pub(super) stride: usize,
    pub(super) length: usize,
}

impl Softmax<'_> {
    pub(super) fn run(self) {
        Arch::new().dispatch(self);
    }
}

impl WithSimd for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for row in self.rows.chunks_exact_mut(self.stride) {
            let (row, rest) = row.split_at_mut(self.length);
            rest.fill(0.0);
            let largest = largest(row);
            for value in &mut *row {
                *value = exp(*value - largest);
            }
            let inverse = 1.0 / sum(row);
            for value in row {
                *value *= inverse;
            }
        }
    }
}

/// `rows += others` if there are any, then each row to mean 0 and deviation 1, times `gain`, plus `bias`.
pub(super) struct AddAndNormalise<'a> {
    pub(super) rows: &'a mut [f32],
    pub(super) others: Option<&'a [f32]>,
    pub(super) gain: &'a [f32],
    pub(super) bias: &'a [f32],
    pub(super) epsilon: f32,
}

impl AddAndNormalise<'_> {
    pub(super) fn run(self) {
        Arch::new().dispatch(self);
    }
}

impl WithSimd for AddAndNormalise<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let width = self.gain.len();
        for (index, row) in self.rows.chunks_exact_mut(width).enumerate() {
            if let Some(others) = self.others {
                for (value, other) in row.iter_mut().zip(&others[index * width..]) {
                    *value += other;
                }
            }
            let mean = sum(row) / width as f32;
            for value in &mut *row {
                *value -= mean;
            }
            let inverse = 1.0 / (sum_of_squares(row) / width as f32 + self.epsilon).sqrt();
            for ((value, gain), bias) in row.iter_mut().zip(self.gain).zip(self.bias) {
                *value = *value * inverse * gain + bias;
            }
        }
    }
}

/// One value joined with another.
trait Join {
    fn join(lane: f32, value: f32) -> f32;
}

struct Plus;

impl Join for Plus {
    #[inline(always)]
    fn join(lane: f32, value: f32) -> f32 {
        lane + value
    }
}

struct Larger;

impl Join for Larger {
    #[inline(always)]
    fn join(lane: f32, value: f32) -> f32 {
        if value > lane { value } else { lane }
    }
}

/// Joins values in sixteen lanes, which lets the compiler use wide registers: it may not reorder a sum by itself.
#[inline(always)]
fn in_lanes<J: Join>(values: &[f32], start: f32, of: impl Fn(f32) -> f32) -> f32 {
    let (chunks, rest) = values.as_chunks::<16>();
    let mut lanes = [start; 16];
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = J::join(*lane, of(*value));
        }
    }
    let mut joined = start;
    for value in rest {
        joined = J::join(joined, of(*value));
    }
    for lane in lanes {
        joined = J::join(joined, lane);
    }
    joined
}

#[inline(always)]
fn sum(values: &[f32]) -> f32 {
    in_lanes::<Plus>(
        values,
        0.0,
        #[inline(always)]
        |value| value,
    )
}

#[inline(always)]
fn sum_of_squares(values: &[f32]) -> f32 {
    in_lanes::<Plus>(
        values,
        0.0,
        #[inline(always)]
        |value| value * value,
    )
}

#[inline(always)]
fn largest(values: &[f32]) -> f32 {
    in_lanes::<Larger>(
        values,
        f32::NEG_INFINITY,
        #[inline(always)]
        |value| value,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_and_gelu_are_those_of_the_library() {
        for step in -870..=800 {
            let x = step as f32 / 10.0;
            let (got, exact) = (exp(x), x.exp());
            assert!((got - exact).abs() <= 3e-7 * exact.max(1e-37), "exp({x}) = {got}, not {exact}");
        }
        // From the definition, integrated by Simpson's rule.
        let erf_of = |x: f64| {
            let (steps, mut sum) = (2000, 0.0);
            for index in 0..=steps {
                let at = x * f64::from(index) / f64::from(steps);
                let weight =
                    if index == 0 || index == steps { 1.0 } else { 2.0 + 2.0 * f64::from(index % 2) };
                sum += weight * (-at * at).exp();
            }
            sum * x / f64::from(steps) / 3.0 * std::f64::consts::FRAC_2_SQRT_PI
        };
        for step in -60..=60 {
            let x = step as f32 / 10.0;
            let mut got = [x];
            gelu(&mut got);
            let exact = 0.5 * f64::from(x) * (1.0 + erf_of(f64::from(x) / 2f64.sqrt()));
            assert!((f64::from(got[0]) - exact).abs() < 1e-6, "gelu({x}) = {}, not {exact}", got[0]);
        }
    }

    #[test]
    fn softmax_sums_to_one_and_leaves_out_the_rest() {
        let mut rows = vec![1.0, 2.0, 3.0, 99.0, -1000.0, 0.0, 0.0, 99.0];
        Softmax { rows: &mut rows, stride: 4, length: 3 }.run();
        let exact = [0.090_030_57, 0.244_728_48, 0.665_240_94, 0.0, 0.0, 0.5, 0.5, 0.0];
        assert!(rows.iter().zip(exact).all(|(got, exact)| (got - exact).abs() < 1e-6), "{rows:?}");
    }

    #[test]
    fn a_layer_is_normalised() {
        let mut rows = vec![1.0, 2.0, 3.0, 4.0];
        AddAndNormalise {
            rows: &mut rows,
            others: Some(&[1.0, 0.0, -1.0, 4.0]),
            gain: &[1.0, 1.0, 2.0, 1.0],
            bias: &[0.0, 0.0, 0.0, 5.0],
            epsilon: 0.0,
        }
        .run();
        let deviation = (27f32 / 4.0).sqrt();
        let exact = [-1.5 / deviation, -1.5 / deviation, -3.0 / deviation, 4.5 / deviation + 5.0];
        assert!(rows.iter().zip(exact).all(|(got, exact)| (got - exact).abs() < 1e-6), "{rows:?} {exact:?}");
    }

    #[test]
    fn small_products_are_products() {
        let (rows, depth, columns) = (7, 5, 2 * LANES);
        let a: Vec<f32> = (0..rows * depth).map(|index| index as f32 * 0.25 - 3.0).collect();
        let b: Vec<f32> = (0..depth * columns).map(|index| (index % 17) as f32 - 8.0).collect();
        let mut output = vec![0f32; rows * columns];
        Small {
            a: &a,
            a_stride: depth,
            b: &b,
            b_stride: columns,
            output: &mut output,
            output_stride: columns,
            rows,
            depth,
        }
        .run();
        for (index, got) in output.iter().enumerate() {
            let (row, column) = (index / columns, index % columns);
            let exact: f32 = (0..depth).map(|step| a[row * depth + step] * b[step * columns + column]).sum();
            assert!((got - exact).abs() < 1e-4, "{got}, not {exact}");
        }
    }
}
