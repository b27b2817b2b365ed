//! Floats as numbers of four bits.

use crate::embed::{file::ROW_BLOCK, matrix::BLOCK};

/// A block of floats as whole numbers from -8 to 7 with a scale: the largest float becomes -8, so the scale has the opposite
/// sign of it. `None` when one of them is not finite, or too large for a scale of sixteen bits.
pub(super) fn quantise(values: &[f32; BLOCK]) -> Option<[u8; ROW_BLOCK]> {
    let largest =
        values.iter().fold(0f32, |most, value| if value.abs() > most.abs() { *value } else { most });
    let scale = largest / -8.0;
    let half = to_half(scale);
    if !values.iter().all(|value| value.is_finite()) || half & 0x7c00 == 0x7c00 {
        return None;
    }
    let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
    let number = |value: f32| ((value * inverse + 8.5) as u8).min(15);
    let mut packed = [0; ROW_BLOCK];
    packed[..2].copy_from_slice(&half.to_le_bytes());
    let (low, high) = values.split_at(BLOCK / 2);
    for ((packed, low), high) in packed[2..].iter_mut().zip(low).zip(high) {
        *packed = number(*low) | number(*high) << 4;
    }
    Some(packed)
}

/// The nearest number of sixteen bits (IEEE 754 binary16), ties to even.
fn to_half(value: f32) -> u16 {
    let bits = value.to_bits();
    let sign = (bits >> 16 & 0x8000) as u16;
    let size = f32::from_bits(bits & 0x7fff_ffff);
    if !size.is_finite() || size >= 65520.0 {
        return sign | 0x7c00;
    }
    if size < 6.103_515_6e-5 {
        // Below the smallest normal number: steps of 2^-24, which the addition rounds to.
        let rounded = (size + 0.5).to_bits() - 0.5f32.to_bits();
        return sign | rounded as u16;
    }
    // Rounding may carry into the exponent, which is what it should do then.
    let bits = size.to_bits();
    let rounded = bits + 0xfff + (bits >> 13 & 1);
    sign | ((rounded >> 13) - (112 << 10)) as u16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::gguf::half;

    #[test]
    fn every_half_comes_back() {
        for bits in 0..=u16::MAX {
            let value = half(bits.to_le_bytes());
            if value.is_finite() {
                assert_eq!(to_half(value), bits, "{value}");
            }
        }
        assert_eq!(to_half(65519.0), 0x7bff);
        assert_eq!(to_half(65520.0), 0x7c00);
        assert_eq!(to_half(-1e9), 0xfc00);
        // A tie goes to the even neighbour: 1 + 2^-11 lies between 1 and the next.
        assert_eq!(to_half(1.000_488_3), 0x3c00);
        assert_eq!(to_half(1.001_464_8), 0x3c02);
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for bad in [f32::NAN, f32::INFINITY, 1e9] {
            let mut values = [1.0; BLOCK];
            values[5] = bad;
            assert_eq!(quantise(&values), None);
        }
        assert_eq!(quantise(&[0.0; BLOCK]).unwrap()[2..], [0x88; 16]);
    }

    proptest! {
        /// A number comes back within half a step; the one opposite of the largest within a whole one, since 8 is not there.
        #[test]
        fn numbers_come_back(values in prop::array::uniform32(-2.0f32..2.0)) {
            let packed = quantise(&values).unwrap();
            let scale = half([packed[0], packed[1]]);
            for (index, value) in values.iter().enumerate() {
                let byte = packed[2 + index % 16];
                let number = if index < 16 { byte & 15 } else { byte >> 4 };
                let back = (f32::from(number) - 8.0) * scale;
                prop_assert!((back - value).abs() <= scale.abs() * 1.01, "{} {}", back, value);
            }
        }
    }
}
