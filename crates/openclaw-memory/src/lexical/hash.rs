//! Terms as keyed hashes: what is on the disk tells nobody without the key which words were said.

/// Bits of a term's hash.
pub(super) const BITS: u32 = 40;

/// A term. Two terms of an index share one with a probability of about one to a million.
pub(super) type TermHash = u64;

/// The key of the hashes, 128 bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HashKey(pub [u8; 16]);

impl std::fmt::Debug for HashKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HashKey(…)")
    }
}

/// What a term is about; the same bytes in two domains are two terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Domain {
    Text = 0,
    Conversation = 1,
    Channel = 2,
    Kind = 3,
    /// Whether the key is the right one.
    Check = 4,
}

impl HashKey {
    pub(super) fn term(&self, domain: Domain, bytes: &[u8]) -> TermHash {
        let half = |range: std::ops::Range<usize>| {
            self.0.get(range).and_then(|half| half.try_into().ok()).map_or(0, u64::from_le_bytes)
        };
        siphash(half(0..8), half(8..16) ^ domain as u64, bytes) >> (64 - BITS)
    }
}

/// SipHash-2-4 (Aumasson and Bernstein, 2012).
fn siphash(k0: u64, k1: u64, bytes: &[u8]) -> u64 {
    let mut v = [
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ];
    let (words, tail) = bytes.as_chunks::<8>();
    for word in words {
        absorb(&mut v, u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(tail) {
        *to = *from;
    }
    absorb(&mut v, u64::from_le_bytes(last) | (bytes.len() as u64) << 56);
    v[2] ^= 0xff;
    for _ in 0..4 {
        round(&mut v);
    }
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

fn absorb(v: &mut [u64; 4], word: u64) {
    v[3] ^= word;
    round(v);
    round(v);
    v[0] ^= word;
}

fn round(v: &mut [u64; 4]) {
    v[0] = v[0].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(13) ^ v[0];
    v[0] = v[0].rotate_left(32);
    v[2] = v[2].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(16) ^ v[2];
    v[0] = v[0].wrapping_add(v[3]);
    v[3] = v[3].rotate_left(21) ^ v[0];
    v[2] = v[2].wrapping_add(v[1]);
    v[1] = v[1].rotate_left(17) ^ v[2];
    v[2] = v[2].rotate_left(32);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_siphash() {
        // From the authors' test vectors: key 00 01 … 0f, input 00 01 … of the given length.
        let key: [u8; 16] = std::array::from_fn(|at| at as u8);
        let k0 = u64::from_le_bytes(key[..8].try_into().unwrap());
        let k1 = u64::from_le_bytes(key[8..].try_into().unwrap());
        let input: Vec<u8> = (0..15).collect();
        assert_eq!(siphash(k0, k1, &[]), 0x726f_db47_dd0e_0e31);
        assert_eq!(siphash(k0, k1, &input[..1]), 0x74f8_39c5_93dc_67fd);
        assert_eq!(siphash(k0, k1, &input[..8]), 0x93f5_f579_9a93_2462);
        assert_eq!(siphash(k0, k1, &input), 0xa129_ca61_49be_45e5);
    }

    #[test]
    fn domains_and_keys_keep_terms_apart() {
        let (a, b) = (HashKey([1; 16]), HashKey([2; 16]));
        assert_ne!(a.term(Domain::Text, b"tea"), b.term(Domain::Text, b"tea"));
        assert_ne!(a.term(Domain::Text, b"api"), a.term(Domain::Channel, b"api"));
        assert!(a.term(Domain::Text, b"tea") < 1 << BITS);
    }
}
