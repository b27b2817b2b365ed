//! How a tensor's numbers are stored, and how to read them.
//!
//! Block layouts are those of ggml; `golden.txt` holds blocks with the values that the `gguf` Python package reads from them.

/// The formats read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    F32,
    F16,
    Bf16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q2K,
    Q3K,
    Q4K,
    Q5K,
    Q6K,
}

/// Numbers in a block of the plain quantisations.
const PLAIN: usize = 32;
/// Numbers in a block of the "K" quantisations.
const SUPER: usize = 256;

impl Kind {
    /// The kind by its number in the file.
    pub(super) fn from_id(id: u32) -> Option<Self> {
        Some(match id {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            6 => Self::Q5_0,
            7 => Self::Q5_1,
            8 => Self::Q8_0,
            10 => Self::Q2K,
            11 => Self::Q3K,
            12 => Self::Q4K,
            13 => Self::Q5K,
            14 => Self::Q6K,
            30 => Self::Bf16,
            _ => return None,
        })
    }

    /// What to call a kind that [`Self::from_id`] does not know.
    pub(super) fn name_of_unread(id: u32) -> String {
        let known = match id {
            9 => "Q8_1",
            15 => "Q8_K",
            16 => "IQ2_XXS",
            17 => "IQ2_XS",
            18 => "IQ3_XXS",
            19 => "IQ1_S",
            20 => "IQ4_NL",
            21 => "IQ3_S",
            22 => "IQ2_S",
            23 => "IQ4_XS",
            24 => "I8",
            25 => "I16",
            26 => "I32",
            27 => "I64",
            28 => "F64",
            29 => "IQ1_M",
            34 => "TQ1_0",
            35 => "TQ2_0",
            39 => "MXFP4",
            _ => return format!("the unknown type {id}"),
        };
        known.to_owned()
    }

    /// Numbers in a block.
    pub(super) fn block(self) -> usize {
        match self {
            Self::F32 | Self::F16 | Self::Bf16 => 1,
            Self::Q4_0 | Self::Q4_1 | Self::Q5_0 | Self::Q5_1 | Self::Q8_0 => PLAIN,
            Self::Q2K | Self::Q3K | Self::Q4K | Self::Q5K | Self::Q6K => SUPER,
        }
    }

    /// Bytes of a block.
    pub(super) fn block_bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::Q4_0 => 18,
            Self::Q4_1 => 20,
            Self::Q5_0 => 22,
            Self::Q5_1 => 24,
            Self::Q8_0 => 34,
            Self::Q2K => 84,
            Self::Q3K => 110,
            Self::Q4K => 144,
            Self::Q5K => 176,
            Self::Q6K => 210,
        }
    }

    /// Bytes of a tensor; `None` when its sizes make no sense.
    pub(super) fn bytes(self, sizes: &[usize]) -> Option<u64> {
        if !sizes.first()?.is_multiple_of(self.block()) {
            return None;
        }
        let count = sizes.iter().try_fold(1usize, |count, size| count.checked_mul(*size))?;
        u64::try_from((count / self.block()).checked_mul(self.block_bytes())?).ok()
    }

    /// Appends the numbers of whole blocks.
    pub(super) fn decode(self, bytes: &[u8], into: &mut Vec<f32>) {
        match self {
            Self::F32 => into.extend(bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes))),
            Self::F16 => into.extend(bytes.as_chunks().0.iter().map(|bytes| half(*bytes))),
            Self::Bf16 => {
                let wide = |[low, high]: &[u8; 2]| f32::from_le_bytes([0, 0, *low, *high]);
                into.extend(bytes.as_chunks().0.iter().map(wide));
            }
            Self::Q4_0 | Self::Q5_0 | Self::Q8_0 => self.whole_blocks(bytes, |quants, scale| {
                into.extend(quants.map(|quant| f32::from(quant) * scale));
            }),
            Self::Q4_1 => blocks(bytes, into, q4_1),
            Self::Q5_1 => blocks(bytes, into, q5_1),
            Self::Q2K => blocks(bytes, into, q2_k),
            Self::Q3K => blocks(bytes, into, q3_k),
            Self::Q4K => blocks(bytes, into, q4_k),
            Self::Q5K => blocks(bytes, into, q5_k),
            Self::Q6K => blocks(bytes, into, q6_k),
        }
    }

    /// Whether blocks are nothing but whole numbers with a scale, as they are held in memory: nothing is lost then.
    pub(super) fn is_whole(self) -> bool {
        matches!(self, Self::Q4_0 | Self::Q5_0 | Self::Q8_0)
    }

    /// The blocks of a kind that [`Self::is_whole`]; other kinds have none.
    pub(super) fn whole_blocks(self, bytes: &[u8], mut take: impl FnMut([i8; PLAIN], f32)) {
        match self {
            Self::Q4_0 => {
                for block in bytes.as_chunks::<18>().0 {
                    let quants = nibbles(tail::<16>(block, 2));
                    take(quants.map(|quant| quant as i8 - 8), half_at(block, 0));
                }
            }
            Self::Q5_0 => {
                for block in bytes.as_chunks::<22>().0 {
                    let quants = fives(tail(block, 2), tail(block, 6));
                    take(quants.map(|quant| quant as i8 - 16), half_at(block, 0));
                }
            }
            Self::Q8_0 => {
                for block in bytes.as_chunks::<34>().0 {
                    take(tail::<32>(block, 2).map(|byte| byte as i8), half_at(block, 0));
                }
            }
            _ => {}
        }
    }
}

/// Decodes block by block; `N` numbers from `B` bytes each.
fn blocks<const B: usize, const N: usize>(
    bytes: &[u8],
    into: &mut Vec<f32>,
    decode: impl Fn(&[u8; B], &mut [f32; N]),
) {
    let mut numbers = [0f32; N];
    for block in bytes.as_chunks::<B>().0 {
        decode(block, &mut numbers);
        into.extend_from_slice(&numbers);
    }
}

/// `N` bytes from `start` on; both are constants of a layout, inside of the block.
#[inline(always)]
fn tail<const N: usize>(block: &[u8], start: usize) -> [u8; N] {
    std::array::from_fn(|index| block[start + index])
}

#[inline(always)]
fn half_at(block: &[u8], start: usize) -> f32 {
    half([block[start], block[start + 1]])
}

/// A number of sixteen bits (IEEE 754 binary16).
pub(crate) fn half(bytes: [u8; 2]) -> f32 {
    let bits = u32::from(u16::from_le_bytes(bytes));
    let (sign, exponent, fraction) = ((bits & 0x8000) << 16, bits >> 10 & 0x1f, bits & 0x3ff);
    match exponent {
        // Below the smallest normal number: steps of 2^-24.
        0 => f32::from_bits((fraction as f32 / 16_777_216.0).to_bits() | sign),
        0x1f => f32::from_bits(sign | 0x7f80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}

/// The low halves of the bytes, then the high ones.
#[inline(always)]
fn nibbles(bytes: [u8; 16]) -> [u8; PLAIN] {
    std::array::from_fn(|index| if index < 16 { bytes[index] & 15 } else { bytes[index - 16] >> 4 })
}

/// Nibbles with a fifth bit from `high`.
#[inline(always)]
fn fives(high: [u8; 4], low: [u8; 16]) -> [u8; PLAIN] {
    let (high, low) = (u32::from_le_bytes(high), nibbles(low));
    std::array::from_fn(|index| low[index] | ((high >> index & 1) as u8) << 4)
}

fn q4_1(block: &[u8; 20], into: &mut [f32; PLAIN]) {
    let (scale, least) = (half_at(block, 0), half_at(block, 2));
    *into = nibbles(tail(block, 4)).map(|quant| f32::from(quant) * scale + least);
}

fn q5_1(block: &[u8; 24], into: &mut [f32; PLAIN]) {
    let (scale, least) = (half_at(block, 0), half_at(block, 2));
    *into = fives(tail(block, 4), tail(block, 8)).map(|quant| f32::from(quant) * scale + least);
}

/// Sixteen groups of 16; each has a scale and a minimum of four bits, and numbers of two.
fn q2_k(block: &[u8; 84], into: &mut [f32; SUPER]) {
    let (scale, least) = (half_at(block, 80), half_at(block, 82));
    for (group, into) in into.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let (of_scale, of_least) = (block[group] & 15, block[group] >> 4);
        let (scale, least) = (scale * f32::from(of_scale), least * f32::from(of_least));
        let (half, shift, start) = (group / 8, group % 8 / 2 * 2, group % 2 * 16);
        let quants = &block[16 + half * 32 + start..][..16];
        for (into, quant) in into.iter_mut().zip(quants) {
            *into = scale * f32::from(quant >> shift & 3) - least;
        }
    }
}

/// Sixteen groups of 16; each has a scale of six bits, and numbers of two bits with a third elsewhere.
fn q3_k(block: &[u8; 110], into: &mut [f32; SUPER]) {
    let whole = half_at(block, 108);
    let scales = &block[96..108];
    for (group, into) in into.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let low = if group < 8 { scales[group] & 15 } else { scales[group - 8] >> 4 };
        let high = scales[8 + group % 4] >> (group / 4 * 2) & 3;
        let scale = whole * (f32::from(low | high << 4) - 32.0);
        let (half, shift, start) = (group / 8, group % 8 / 2 * 2, group % 2 * 16);
        let third = 1 << (group / 2);
        let (highs, lows) = (&block[start..][..16], &block[32 + half * 32 + start..][..16]);
        for ((into, high), low) in into.iter_mut().zip(highs).zip(lows) {
            let below = if high & third == 0 { 4.0 } else { 0.0 };
            *into = scale * (f32::from(low >> shift & 3) - below);
        }
    }
}

/// The six-bit scale and minimum of one of eight groups, packed into twelve bytes.
#[inline(always)]
fn scale_and_least(packed: &[u8], group: usize) -> (f32, f32) {
    let (scale, least) = if group < 4 {
        (packed[group] & 63, packed[group + 4] & 63)
    } else {
        (
            packed[group + 4] & 15 | packed[group - 4] >> 6 << 4,
            packed[group + 4] >> 4 | packed[group] >> 6 << 4,
        )
    };
    (scale.into(), least.into())
}

/// Eight groups of 32 numbers of four bits.
fn q4_k(block: &[u8; 144], into: &mut [f32; SUPER]) {
    let (scale, least) = (half_at(block, 0), half_at(block, 2));
    for (group, into) in into.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (of_scale, of_least) = scale_and_least(&block[4..16], group);
        let (scale, least) = (scale * of_scale, least * of_least);
        let shift = group % 2 * 4;
        for (into, quant) in into.iter_mut().zip(&block[16 + group / 2 * 32..][..32]) {
            *into = scale * f32::from(quant >> shift & 15) - least;
        }
    }
}

/// Eight groups of 32 numbers of four bits with a fifth elsewhere.
fn q5_k(block: &[u8; 176], into: &mut [f32; SUPER]) {
    let (scale, least) = (half_at(block, 0), half_at(block, 2));
    for (group, into) in into.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (of_scale, of_least) = scale_and_least(&block[4..16], group);
        let (scale, least) = (scale * of_scale, least * of_least);
        let shift = group % 2 * 4;
        let lows = &block[48 + group / 2 * 32..][..32];
        for ((into, low), high) in into.iter_mut().zip(lows).zip(&block[16..48]) {
            *into = scale * f32::from(low >> shift & 15 | (high >> group & 1) << 4) - least;
        }
    }
}

/// Sixteen groups of 16 numbers of four bits with two more elsewhere; each group has a scale of eight bits.
fn q6_k(block: &[u8; 210], into: &mut [f32; SUPER]) {
    let whole = half_at(block, 208);
    for (group, into) in into.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let scale = whole * f32::from(block[192 + group] as i8);
        let (half, quarter, start) = (group / 8, group % 8 / 2, group % 2 * 16);
        let lows = &block[half * 64 + quarter % 2 * 32 + start..][..16];
        let highs = &block[128 + half * 32 + start..][..16];
        let (low_shift, high_shift) = (quarter / 2 * 4, quarter * 2);
        for ((into, low), high) in into.iter_mut().zip(lows).zip(highs) {
            let quant = low >> low_shift & 15 | (high >> high_shift & 3) << 4;
            *into = scale * (f32::from(quant) - 32.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks with the values that the `gguf` Python package (0.19) reads from them.
    #[test]
    fn every_kind_is_read_as_the_reference_does() {
        let mut kinds = Vec::new();
        for entry in include_str!("golden.txt").split("\n\n").map(str::trim) {
            let mut lines = entry.lines().filter(|line| !line.starts_with('#'));
            let Some(id) = lines.next() else { continue };
            let kind = Kind::from_id(id.parse().unwrap()).unwrap();
            let bytes: Vec<u8> = lines
                .next()
                .unwrap()
                .as_bytes()
                .chunks(2)
                .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
                .collect();
            let expected: Vec<f32> =
                lines.next().unwrap().split(' ').map(|value| value.parse().unwrap()).collect();
            assert_eq!(kind.bytes(&[expected.len()]), Some(bytes.len() as u64), "{kind:?}");
            let mut values = Vec::new();
            kind.decode(&bytes, &mut values);
            assert_eq!(values, expected, "{kind:?}");
            let mut whole = Vec::new();
            kind.whole_blocks(&bytes, |quants, scale| whole.extend(quants.map(|q| f32::from(q) * scale)));
            assert_eq!(whole, if kind.is_whole() { expected } else { Vec::new() }, "{kind:?}");
            kinds.push(kind);
        }
        assert_eq!(kinds.len(), 13, "{kinds:?}");
        let ids = (0..100).filter_map(Kind::from_id);
        assert!(ids.clone().all(|kind| kinds.contains(&kind)), "{:?}", ids.collect::<Vec<_>>());
    }

    #[test]
    fn infinities_and_numbers_that_are_none_stay_such() {
        assert_eq!(half([0, 0x7c]), f32::INFINITY);
        assert_eq!(half([0, 0xfc]), f32::NEG_INFINITY);
        assert!(half([1, 0x7c]).is_nan());
        assert!(half([0, 0x80]).is_sign_negative());
    }

    #[test]
    fn sizes_that_make_no_sense_have_no_bytes() {
        assert_eq!(Kind::Q4K.bytes(&[128, 2]), None);
        assert_eq!(Kind::F32.bytes(&[usize::MAX, 2]), None);
        assert_eq!(Kind::F32.bytes(&[usize::MAX]), None);
        assert_eq!(Kind::F32.bytes(&[]), None);
        assert_eq!(Kind::Q8_0.bytes(&[64, 3]), Some(204));
        assert_eq!(Kind::Q8_0.bytes(&[0, 3]), Some(0));
    }
}
