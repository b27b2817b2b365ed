//! The id that a request, its response and its log line share.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use hyper::{HeaderMap, header::HeaderValue};

use crate::headers::X_REQUEST_ID;

const MAX_CHARS: usize = 128;
const FRESH_CHARS: usize = 4 + 16;

/// The client's id when it is one, a fresh one otherwise.
pub(crate) fn of(headers: &HeaderMap) -> HeaderValue {
    match headers.get(X_REQUEST_ID) {
        Some(given) if is_valid(given.as_bytes()) => given.clone(),
        _ => fresh(),
    }
}

fn is_valid(id: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=MAX_CHARS).contains(&id.len()) && id.iter().all(allowed)
}

fn fresh() -> HeaderValue {
    let bytes = Bytes::copy_from_slice(&fresh_bytes());
    HeaderValue::from_maybe_shared(bytes).unwrap_or_else(|_| HeaderValue::from_static("req_0"))
}

/// The text of a fresh id.
pub(crate) fn fresh_text() -> String {
    fresh_bytes().iter().copied().map(char::from).collect()
}

/// `req_` and 16 hexadecimal digits: unique within the process, and distinct between processes by a random start. It
/// identifies, it does not protect.
fn fresh_bytes() -> [u8; FRESH_CHARS] {
    static START: OnceLock<u64> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let start = *START.get_or_init(|| RandomState::new().hash_one(std::process::id()));
    let number = mix(start.wrapping_add(COUNT.fetch_add(1, Ordering::Relaxed)));
    let mut id = *b"req_0000000000000000";
    for (index, digit) in id[4..].iter_mut().enumerate() {
        let nibble = (number >> (60 - 4 * index)) & 0xf;
        *digit = b"0123456789abcdef"[nibble as usize];
    }
    id
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood 2014): a bijection, so counted ids stay distinct.
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_a_valid_id_and_replaces_any_other() {
        let mut headers = HeaderMap::new();
        headers.insert(X_REQUEST_ID, HeaderValue::from_static("abc-1.2_3"));
        assert_eq!(of(&headers), "abc-1.2_3");
        for bad in ["", "a b", "a/b", &"x".repeat(129)] {
            headers.insert(X_REQUEST_ID, HeaderValue::from_str(bad).unwrap());
            let id = of(&headers);
            assert!(is_valid(id.as_bytes()) && id != bad, "{bad:?} gave {id:?}");
        }
    }

    #[test]
    fn fresh_ids_differ() {
        let ids: std::collections::HashSet<_> = (0..1000).map(|_| fresh_text()).collect();
        assert_eq!(ids.len(), 1000);
    }
}
