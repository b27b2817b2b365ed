//! x86-64: `maddubs` multiplies four columns of each row with four numbers of the input. Sums stay within sixteen bits for a
//! whole block: eight steps of two products of at most 15 · 127 are 30,480.

use std::arch::x86_64::{__m256i, __m512i};

use pulp::{
    NullaryFnOnce,
    x86::{V3, V4},
};

use super::Kernel;
use crate::embed::matrix::{GROUP, Product, Row, Tile};

pub(super) struct Avx2<'a> {
    pub(super) simd: V3,
    pub(super) product: Product<'a>,
}

impl NullaryFnOnce for Avx2<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.product.run_with(&self.simd);
    }
}

impl Kernel<1> for V3 {
    #[inline(always)]
    fn sums<const N: usize>(
        &self,
        tile: &Tile<1>,
        rows: [Row<'_>; N],
        bias: [[f32; GROUP]; 1],
    ) -> [[[f32; GROUP]; 1]; N] {
        let (avx, avx2, fma) = (self.avx, self.avx2, self.fma);
        let ones = avx._mm256_set1_epi16(1);
        let mut sums = [pulp::cast(bias[0]); N];
        let blocks = tile.numbers.len();
        // Equal lengths, told to the compiler once so that no bound is checked inside.
        let rows = within(rows, blocks);
        let scales = &tile.scales[..blocks];
        for (block, (numbers, scales)) in tile.numbers.iter().zip(scales).enumerate() {
            let mut pairs = [avx._mm256_setzero_si256(); N];
            for (step, [numbers]) in numbers.iter().enumerate() {
                let numbers: __m256i = pulp::cast(*numbers);
                for (pairs, row) in pairs.iter_mut().zip(&rows) {
                    let input = avx._mm256_set1_epi32(row.words[block][step]);
                    *pairs = avx2._mm256_add_epi16(*pairs, avx2._mm256_maddubs_epi16(numbers, input));
                }
            }
            for ((sum, pairs), row) in sums.iter_mut().zip(pairs).zip(&rows) {
                let excess = avx._mm256_set1_epi32(row.excess[block]);
                let whole = avx2._mm256_sub_epi32(avx2._mm256_madd_epi16(pairs, ones), excess);
                let scale = avx._mm256_mul_ps(pulp::cast(scales[0]), avx._mm256_set1_ps(row.scales[block]));
                *sum = fma._mm256_fmadd_ps(avx._mm256_cvtepi32_ps(whole), scale, *sum);
            }
        }
        let mut given = [bias; N];
        for (given, sum) in given.iter_mut().zip(sums) {
            *given = pulp::cast(sum);
        }
        given
    }
}

pub(super) struct Avx512<'a> {
    pub(super) simd: V4,
    pub(super) product: Product<'a>,
}

impl NullaryFnOnce for Avx512<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        self.product.run_with(&self.simd);
    }
}

/// The same with two groups in each register.
impl Kernel<2> for V4 {
    #[inline(always)]
    fn sums<const N: usize>(
        &self,
        tile: &Tile<2>,
        rows: [Row<'_>; N],
        bias: [[f32; GROUP]; 2],
    ) -> [[[f32; GROUP]; 2]; N] {
        let (avx512, words) = (self.avx512f, self.avx512bw);
        let ones = avx512._mm512_set1_epi16(1);
        let mut sums = [pulp::cast(bias); N];
        let blocks = tile.numbers.len();
        let rows = within(rows, blocks);
        let scales = &tile.scales[..blocks];
        for (block, (numbers, scales)) in tile.numbers.iter().zip(scales).enumerate() {
            let mut pairs = [avx512._mm512_setzero_si512(); N];
            for (step, numbers) in numbers.iter().enumerate() {
                let numbers: __m512i = pulp::cast(*numbers);
                for (pairs, row) in pairs.iter_mut().zip(&rows) {
                    let input = avx512._mm512_set1_epi32(row.words[block][step]);
                    *pairs = words._mm512_add_epi16(*pairs, words._mm512_maddubs_epi16(numbers, input));
                }
            }
            for ((sum, pairs), row) in sums.iter_mut().zip(pairs).zip(&rows) {
                let excess = avx512._mm512_set1_epi32(row.excess[block]);
                let whole = avx512._mm512_sub_epi32(words._mm512_madd_epi16(pairs, ones), excess);
                let scale =
                    avx512._mm512_mul_ps(pulp::cast(*scales), avx512._mm512_set1_ps(row.scales[block]));
                *sum = avx512._mm512_fmadd_ps(avx512._mm512_cvtepi32_ps(whole), scale, *sum);
            }
        }
        let mut given = [bias; N];
        for (given, sum) in given.iter_mut().zip(sums) {
            *given = pulp::cast(sum);
        }
        given
    }
}

#[inline(always)]
fn within<const N: usize>(mut rows: [Row<'_>; N], blocks: usize) -> [Row<'_>; N] {
    for row in &mut rows {
        *row =
            Row { words: &row.words[..blocks], scales: &row.scales[..blocks], excess: &row.excess[..blocks] };
    }
    rows
}
