//! Signatures: the symmetric scheme of Standard Webhooks 1.0 (<https://www.standardwebhooks.com>). Signed is `ID.TIMESTAMP.BODY` with
//! HMAC-SHA-256; the header may hold several signatures, of which one has to fit.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use openclaw_core::{Secret, Timestamp};
use ring::hmac;

/// Oldest and newest a request may be, in seconds: what is older may be a replay.
const WINDOW_SECONDS: u64 = 5 * 60;
/// Shortest secret.
const LEAST_CHARS: usize = 24;

/// The key that both sides have.
pub(super) struct Signer(hmac::Key);

/// What a request carries.
pub(super) struct Signed<'a> {
    pub(super) id: &'a str,
    /// Unix seconds.
    pub(super) timestamp: &'a str,
    pub(super) signature: &'a str,
}

impl Signer {
    /// `whsec_` and base64, or any text of 24 characters and more.
    pub(super) fn new(secret: &Secret) -> Result<Self, &'static str> {
        let text = secret.expose();
        let key = match text.strip_prefix("whsec_") {
            Some(encoded) => STANDARD.decode(encoded).map_err(|_| "is no base64 after `whsec_`")?,
            None if text.len() >= LEAST_CHARS => text.as_bytes().to_vec(),
            None => return Err("is too short: use at least 24 random characters"),
        };
        if key.len() < LEAST_CHARS {
            return Err("is too short: use at least 24 random bytes");
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &key)))
    }

    /// The signature's header of a request.
    pub(super) fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let tag = hmac::sign(&self.0, &content(id, &timestamp.to_string(), body));
        format!("v1,{}", STANDARD.encode(tag))
    }

    /// Whether the request is signed with our key, and lately.
    pub(super) fn is_good(&self, signed: &Signed<'_>, body: &[u8], now: Timestamp) -> bool {
        let now = u64::try_from(now.unix_millis() / 1000).unwrap_or(0);
        let is_recent =
            signed.timestamp.parse::<u64>().is_ok_and(|then| now.abs_diff(then) <= WINDOW_SECONDS);
        let content = content(signed.id, signed.timestamp, body);
        let fits = |text: &str| {
            let tag = text.strip_prefix("v1,").and_then(|tag| STANDARD.decode(tag).ok());
            // Compares in constant time.
            tag.is_some_and(|tag| hmac::verify(&self.0, &content, &tag).is_ok())
        };
        is_recent && !signed.id.is_empty() && signed.signature.split(' ').any(fits)
    }
}

fn content(id: &str, timestamp: &str, body: &[u8]) -> Vec<u8> {
    [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specifications_own_example_fits() {
        // From the reference libraries of Standard Webhooks.
        let signer = Signer::new(&"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into()).unwrap();
        let body = br#"{"test": 2432232314}"#;
        let signature = signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let signed =
            |signature| Signed { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: "1614265330", signature };
        let at = |seconds: i64| Timestamp::from_unix_millis((1_614_265_330 + seconds) * 1000);
        let two = format!("v1a,x {signature}");
        assert!(
            signer.is_good(&signed(&two), body, at(300)) && signer.is_good(&signed(&two), body, at(-300))
        );
        assert!(!signer.is_good(&signed(&two), body, at(301)));
        assert!(!signer.is_good(&signed(&two), b"{}", at(0)));
        assert!(
            !signer.is_good(&signed("v1,AAAA"), body, at(0)) && !signer.is_good(&signed(""), body, at(0))
        );
    }

    #[test]
    fn short_secrets_are_none() {
        for secret in ["", "short", "whsec_!!", "whsec_c2hvcnQ="] {
            assert!(Signer::new(&secret.into()).is_err(), "{secret}");
        }
        assert!(Signer::new(&"any text of enough characters".into()).is_ok());
    }
}
