//! The token.

use std::net::IpAddr;

use hyper::{HeaderMap, header};
use openclaw_core::{ErrorCode, Failure};
use subtle::ConstantTimeEq;

use crate::{
    Limits, headers,
    limit::{Caller, RateLimiter},
    policy::Policy,
    respond::Refusal,
};

/// Checks the `Authorization` header. On success says whom to count the request for.
pub(crate) fn check(
    headers: &HeaderMap,
    policy: &Policy,
    peer: IpAddr,
    failures: &RateLimiter,
) -> Result<Caller, Refusal> {
    let presented = headers.get(header::AUTHORIZATION).and_then(|value| bearer(value.as_bytes()));
    check_token(presented, policy, peer, failures)
}

/// Checks a token however it came.
///
/// A remote address that failed too often is refused without a look at its token: otherwise the limit would not slow down
/// guessing. On loopback all programs share one address, and a confused one must not lock the owner out: there only
/// failures are refused.
pub(crate) fn check_token(
    presented: Option<&[u8]>,
    policy: &Policy,
    peer: IpAddr,
    failures: &RateLimiter,
) -> Result<Caller, Refusal> {
    if !policy.config.auth.enabled {
        return Ok(Caller::Peer(peer));
    }
    let caller = Caller::Peer(peer);
    if !peer.is_loopback()
        && let Some(refusal) = failures
            .standing(caller, Limits::FAILED_AUTHENTICATIONS)
            .and_then(|standing| Some((standing.refusal()?, standing.retry_after?)))
    {
        return Err(too_many(refusal));
    }
    if presented.is_some_and(|token| is_same(token, policy.config.auth.token.expose().as_bytes())) {
        return Ok(Caller::Token);
    }
    let standing = failures.count(caller, Limits::FAILED_AUTHENTICATIONS);
    match standing.refusal().zip(standing.retry_after) {
        Some(refusal) => Err(too_many(refusal)),
        None => Err(unauthorized()),
    }
}

/// Whether a peer that something else than our token vouches for (a webhook's signature) may try: one that failed too often may not,
/// as in [`check_token`].
pub(crate) fn may_try(peer: IpAddr, failures: &RateLimiter) -> Result<(), Refusal> {
    let standing = failures.standing(Caller::Peer(peer), Limits::FAILED_AUTHENTICATIONS);
    let refusal = standing.filter(|_| !peer.is_loopback()).and_then(|s| Some((s.refusal()?, s.retry_after?)));
    refusal.map_or(Ok(()), |refusal| Err(too_many(refusal)))
}

/// Counts a failure of such a peer.
pub(crate) fn failed(peer: IpAddr, failures: &RateLimiter) {
    let _ = failures.count(Caller::Peer(peer), Limits::FAILED_AUTHENTICATIONS);
}

fn too_many((mut failure, seconds): (Failure, u64)) -> Refusal {
    failure.message = format!("Too many failed authentications. Try again in {seconds} seconds.");
    Refusal::from(failure).with_header(header::RETRY_AFTER, seconds)
}

fn unauthorized() -> Refusal {
    Refusal::from(Failure::new(ErrorCode::Unauthorized, "Missing or invalid authentication token"))
        .with_header(header::WWW_AUTHENTICATE, headers::BEARER)
}

/// The token of a `Bearer` header.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(b"Bearer".len())?;
    let token = rest.strip_prefix(b" ")?.trim_ascii();
    scheme.eq_ignore_ascii_case(b"Bearer").then_some(token)
}

/// Compares in a time that depends on the presented token only, not on how much of it is right; that lengths differ is
/// found out in the same time, too.
fn is_same(presented: &[u8], expected: &[u8]) -> bool {
    // An empty token in the configuration is no token.
    if expected.is_empty() {
        return false;
    }
    let mut differs = presented.len().ct_ne(&expected.len());
    for (index, byte) in presented.iter().enumerate() {
        differs |= byte.ct_ne(&expected[index % expected.len()]);
    }
    !bool::from(differs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_has_no_case() {
        assert_eq!(bearer(b"Bearer abc"), Some(&b"abc"[..]));
        assert_eq!(bearer(b"bEARER   abc "), Some(&b"abc"[..]));
        for other in [&b"abc"[..], b"Basic abc", b"Bearer", b"Bearerabc", b""] {
            assert_eq!(bearer(other), None);
        }
    }

    #[test]
    fn only_the_whole_token_is_the_token() {
        assert!(is_same(b"secret-token", b"secret-token"));
        for other in [&b""[..], b"secret", b"secret-tokenx", b"secret-tokensecret-token", b"Secret-token"] {
            assert!(!is_same(other, b"secret-token"));
        }
        assert!(!is_same(b"", b""));
    }
}
