//! The inner loops of the products, one for each instruction set; which one, the processor decides while running.

#[cfg(target_arch = "aarch64")]
mod arm;
#[cfg(target_arch = "x86_64")]
mod intel;

use super::matrix::{GROUP, Product, Row, Tile};

/// The ways to compute a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Path {
    /// 512-bit registers of x86-64.
    Avx512,
    /// 256-bit registers of x86-64.
    Avx2,
    /// 128-bit registers of 64-bit ARM.
    Neon,
    /// No instructions but those that every processor of the kind has.
    Plain,
}

impl Path {
    /// All of them, best first.
    pub(super) const ALL: [Self; 4] = [Self::Avx512, Self::Avx2, Self::Neon, Self::Plain];

    /// Whether this processor can.
    pub(super) fn is_here(self) -> bool {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => pulp::x86::V4::try_new().is_some(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => pulp::x86::V3::try_new().is_some(),
            #[cfg(target_arch = "aarch64")]
            Self::Neon => pulp::aarch64::Neon::try_new().is_some(),
            Self::Plain => true,
            _ => false,
        }
    }

    /// The best of this processor.
    pub(super) fn best() -> Self {
        Self::ALL.into_iter().find(|path| path.is_here()).unwrap_or(Self::Plain)
    }
}

/// Computes a product on a path, or plainly when this processor lacks it.
pub(super) fn run(path: Path, product: Product<'_>) {
    match path {
        #[cfg(target_arch = "x86_64")]
        Path::Avx512 => {
            if let Some(simd) = pulp::x86::V4::try_new() {
                return simd.vectorize(intel::Avx512 { simd, product });
            }
        }
        #[cfg(target_arch = "x86_64")]
        Path::Avx2 => {
            if let Some(simd) = pulp::x86::V3::try_new() {
                return simd.vectorize(intel::Avx2 { simd, product });
            }
        }
        #[cfg(target_arch = "aarch64")]
        Path::Neon => {
            if let Some(simd) = pulp::aarch64::Neon::try_new() {
                return pulp::Simd::vectorize(simd, arm::OnNeon { simd, product });
            }
        }
        _ => {}
    }
    product.run_with(&Plain);
}

/// The products of a tile with a few tokens, added to the bias.
pub(super) trait Kernel<const G: usize> {
    fn sums<const N: usize>(
        &self,
        tile: &Tile<G>,
        rows: [Row<'_>; N],
        bias: [[f32; GROUP]; G],
    ) -> [[[f32; GROUP]; G]; N];
}

struct Plain;

impl Kernel<1> for Plain {
    fn sums<const N: usize>(
        &self,
        tile: &Tile<1>,
        rows: [Row<'_>; N],
        bias: [[f32; GROUP]; 1],
    ) -> [[[f32; GROUP]; 1]; N] {
        let mut sums = [bias; N];
        for (block, (numbers, scales)) in tile.numbers.iter().zip(&tile.scales).enumerate() {
            for (sums, row) in sums.iter_mut().zip(&rows) {
                let mut whole = [-row.excess[block]; GROUP];
                for (step, word) in row.words[block].iter().enumerate() {
                    let input = word.to_ne_bytes().map(|byte| i32::from(byte as i8));
                    for (whole, numbers) in whole.iter_mut().zip(numbers[step][0].as_chunks::<4>().0) {
                        for (number, input) in numbers.iter().zip(input) {
                            *whole += i32::from(*number) * input;
                        }
                    }
                }
                for ((sum, whole), scale) in sums[0].iter_mut().zip(whole).zip(scales[0]) {
                    *sum += whole as f32 * (scale * row.scales[block]);
                }
            }
        }
        sums
    }
}
