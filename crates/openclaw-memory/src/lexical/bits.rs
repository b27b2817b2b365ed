//! Numbers as few bits, lowest bit first.

/// Zeros after which a Rice code gives the number in plain binary.
const ESCAPE: u32 = 24;
/// Largest parameter of a Rice code.
pub(super) const MAX_RICE: u32 = 30;

/// Appends bits to bytes.
#[derive(Debug, Default)]
pub(super) struct BitWriter {
    out: Vec<u8>,
    held: u64,
    count: u32,
}

impl BitWriter {
    /// The low `width` bits of a value; at most 56.
    pub(super) fn put(&mut self, value: u64, width: u32) {
        self.held |= value << self.count;
        self.count += width;
        while self.count >= 8 {
            self.out.push(self.held as u8);
            self.held >>= 8;
            self.count -= 8;
        }
    }

    /// Any value, short when it is about `1 << k`.
    pub(super) fn put_rice(&mut self, value: u64, k: u32) {
        let quotient = value >> k;
        if quotient < u64::from(ESCAPE) {
            self.put(1 << quotient, quotient as u32 + 1);
            self.put(value & ((1 << k) - 1), k);
        } else {
            self.put(1 << ESCAPE, ESCAPE + 1);
            let width = 64 - value.leading_zeros();
            self.put(u64::from(width - 1), 6);
            self.put(value & 0xffff_ffff, width.min(32));
            if width > 32 {
                self.put(value >> 32, width - 32);
            }
        }
    }

    /// Fills the last byte with zeros and gives the bytes.
    pub(super) fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            self.out.push(self.held as u8);
        }
        self.out
    }
}

/// Bits that a value costs.
pub(super) fn rice_cost(value: u64, k: u32) -> u64 {
    let quotient = value >> k;
    if quotient < u64::from(ESCAPE) {
        quotient + 1 + u64::from(k)
    } else {
        u64::from(ESCAPE) + 7 + u64::from(64 - value.leading_zeros())
    }
}

/// The parameter that suits values with such a sum.
pub(super) fn rice_for(sum: u64, count: u64) -> u32 {
    // 0.69 of the mean is where the halves balance.
    let mean = sum.saturating_mul(7) / (10 * count.max(1));
    (64 - mean.leading_zeros()).saturating_sub(1).min(MAX_RICE)
}

/// The best parameter for some values.
pub(super) fn best_rice(values: &[u64]) -> u32 {
    let sum = values.iter().fold(0_u64, |sum, value| sum.saturating_add(*value));
    let guess = rice_for(sum, values.len() as u64);
    let cost = |k: &u32| values.iter().map(|value| rice_cost(*value, *k)).sum::<u64>();
    (guess.saturating_sub(3)..=(guess + 1).min(MAX_RICE)).min_by_key(cost).unwrap_or(0)
}

/// Reads what [`BitWriter`] wrote. Beyond the end there is nonsense; [`BitReader::is_over`] tells afterwards.
#[derive(Debug, Clone)]
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    /// Where they end: what may follow there is looked at, for speed, but counts for nothing.
    end: usize,
    position: usize,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self::within(bytes, bytes.len())
    }

    /// Reads the first `len` bytes. Those behind them, when there are eight, make it faster.
    pub(super) fn within(bytes: &'a [u8], len: usize) -> Self {
        Self { bytes, end: len * 8, position: 0 }
    }

    /// At least 57 bits from the position on.
    #[inline]
    fn peek(&self) -> u64 {
        let at = self.position / 8;
        let word = match self.bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
            Some(word) => u64::from_le_bytes(*word),
            None => {
                let mut word = [0; 8];
                for (to, from) in word.iter_mut().zip(self.bytes.get(at..).unwrap_or_default()) {
                    *to = *from;
                }
                u64::from_le_bytes(word)
            }
        };
        word >> (self.position % 8)
    }

    #[inline]
    pub(super) fn take(&mut self, width: u32) -> u64 {
        let value = self.peek() & ((1 << width) - 1);
        self.position += width as usize;
        value
    }

    #[inline]
    pub(super) fn take_rice(&mut self, k: u32) -> u64 {
        let bits = self.peek();
        let quotient = bits.trailing_zeros();
        if quotient < ESCAPE {
            self.position += (quotient + 1 + k) as usize;
            return u64::from(quotient) << k | (bits >> (quotient + 1)) & ((1 << k) - 1);
        }
        self.take_escaped()
    }

    /// A number far larger than the parameter is for.
    #[cold]
    fn take_escaped(&mut self) -> u64 {
        self.position += ESCAPE as usize + 1;
        let width = self.take(6) as u32 + 1;
        let low = self.take(width.min(32));
        if width > 32 { low | self.take(width - 32) << 32 } else { low }
    }

    /// Many numbers in a row, each as by [`Self::take_rice`]: those of a list of documents, which is most of what a search reads.
    #[inline]
    pub(super) fn each_rice(&mut self, k: u32, count: usize, mut tell: impl FnMut(usize, u64)) {
        let mask = (1 << k) - 1;
        let (mut held, mut left) = (0_u64, 0_u32);
        for at in 0..count {
            if left < ESCAPE + 1 + k {
                held = self.peek();
                left = 57;
            }
            let quotient = held.trailing_zeros();
            if quotient < ESCAPE {
                let used = quotient + 1 + k;
                tell(at, u64::from(quotient) << k | held >> (quotient + 1) & mask);
                held >>= used;
                left -= used;
                self.position += used as usize;
            } else {
                tell(at, self.take_escaped());
                left = 0;
            }
        }
    }

    /// Whether more was read than there is.
    pub(super) fn is_over(&self) -> bool {
        self.position > self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn numbers_come_back(values in proptest::collection::vec((proptest::num::u64::ANY, 0..64_u32), 0..50), k in 0..=MAX_RICE) {
            let values: Vec<u64> = values.into_iter().map(|(value, shift)| value >> shift).collect();
            let mut writer = BitWriter::default();
            let mut cost = 0;
            for value in &values {
                writer.put(5, 3);
                writer.put_rice(*value, k);
                cost += 3 + rice_cost(*value, k);
            }
            let bytes = writer.finish();
            proptest::prop_assert_eq!(bytes.len() as u64, cost.div_ceil(8));
            let mut reader = BitReader::new(&bytes);
            for value in &values {
                proptest::prop_assert_eq!(reader.take(3), 5);
                proptest::prop_assert_eq!(reader.take_rice(k), *value);
            }
            proptest::prop_assert!(!reader.is_over());
            let mut writer = BitWriter::default();
            values.iter().for_each(|value| writer.put_rice(*value, k));
            let bytes = writer.finish();
            let mut row = vec![0; values.len()];
            let mut reader = BitReader::new(&bytes);
            reader.each_rice(k, values.len(), |at, value| row[at] = value);
            proptest::prop_assert_eq!((&row, reader.position.div_ceil(8)), (&values, bytes.len()));
            let best = best_rice(&values);
            let sum = |k: u32| values.iter().map(|value| rice_cost(*value, k)).sum::<u64>();
            proptest::prop_assert!(values.is_empty() || sum(best) <= sum(rice_for(values.iter().fold(0, |a, b| a.saturating_add(*b)), values.len() as u64)));
        }
    }
}
