//! A text's length in terms, as one byte: exact up to 31, within 3 % beyond.

/// Code of a length. Longer texts never have a smaller code.
pub(super) fn encode(length: u32) -> u8 {
    if length < 32 {
        return length as u8;
    }
    let exponent = 31 - length.leading_zeros();
    let sixteenth = (length >> (exponent - 4)) & 15;
    (32 + (exponent - 5) * 16 + sixteenth).min(255) as u8
}

/// The length that a code stands for.
pub(super) fn decode(code: u8) -> u32 {
    let code = u32::from(code);
    if code < 32 {
        return code;
    }
    let exponent = (code - 32) / 16 + 5;
    let low = (16 + (code - 32) % 16) << (exponent - 4);
    // The middle of what has this code.
    low + (1 << (exponent - 4)) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_keep_their_order_and_nearly_their_size() {
        for code in 0..=255 {
            assert_eq!(encode(decode(code)), code);
        }
        for length in (0..500_000).step_by(7) {
            let code = encode(length);
            assert!(encode(length + 1) >= code);
            let error = f64::from(decode(code).abs_diff(length));
            assert!(error <= 0.035 * f64::from(length), "{length}");
        }
        assert_eq!(encode(u32::MAX), 255);
    }
}
