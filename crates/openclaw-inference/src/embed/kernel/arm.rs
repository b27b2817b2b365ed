//! 64-bit ARM: `smlal` adds the products of two rows' four columns with four numbers of the input into sixteen bits, where a
//! block of them stays below 8 · 15 · 127 = 15,240; at its end the four sums of each row become one.

use std::arch::aarch64::{float32x4_t, int8x8_t, int16x8_t, int32x4_t};

use pulp::{NullaryFnOnce, aarch64::Neon};

use super::Kernel;
use crate::embed::matrix::{GROUP, Product, Row, Tile};

pub(super) struct OnNeon<'a> {
    pub(super) simd: Neon,
    pub(super) product: Product<'a>,
}

impl NullaryFnOnce for OnNeon<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.product.run_with(&self.simd);
    }
}

impl Kernel<1> for Neon {
    #[inline(always)]
    fn sums<const N: usize>(
        &self,
        tile: &Tile<1>,
        rows: [Row<'_>; N],
        bias: [[f32; GROUP]; 1],
    ) -> [[[f32; GROUP]; 1]; N] {
        let neon = self.neon;
        let mut sums: [[float32x4_t; 2]; N] = [pulp::cast(bias[0]); N];
        for (block, (numbers, scales)) in tile.numbers.iter().zip(&tile.scales).enumerate() {
            let scales: [float32x4_t; 2] = pulp::cast(scales[0]);
            for (sums, row) in sums.iter_mut().zip(&rows) {
                // Two rows in each.
                let mut pairs: [int16x8_t; 4] = [neon.vdupq_n_s16(0); 4];
                for (step, [numbers]) in numbers.iter().enumerate() {
                    let numbers: [int8x8_t; 4] = pulp::cast(*numbers);
                    let input: int8x8_t = pulp::cast(neon.vdup_n_s32(row.words[block][step]));
                    for (pairs, numbers) in pairs.iter_mut().zip(numbers) {
                        *pairs = neon.vmlal_s8(*pairs, numbers, input);
                    }
                }
                let halves = pairs.map(|pairs| neon.vpaddlq_s16(pairs));
                let excess = neon.vdupq_n_s32(row.excess[block]);
                let scale = neon.vdupq_n_f32(row.scales[block]);
                let of_four: [int32x4_t; 2] =
                    [neon.vpaddq_s32(halves[0], halves[1]), neon.vpaddq_s32(halves[2], halves[3])];
                for ((sum, whole), scales) in sums.iter_mut().zip(of_four).zip(scales) {
                    let whole = neon.vcvtq_f32_s32(neon.vsubq_s32(whole, excess));
                    *sum = neon.vfmaq_f32(*sum, whole, neon.vmulq_f32(scales, scale));
                }
            }
        }
        let mut given = [bias; N];
        for (given, sum) in given.iter_mut().zip(sums) {
            *given = pulp::cast(sum);
        }
        given
    }
}
