//! What a vendor answered with: a body to stream, or an error to read.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::HeaderMap;
use serde_json::Value;
use time::{
    OffsetDateTime, PrimitiveDateTime, format_description::well_known::Rfc2822, macros::format_description,
};
use tokio::time::timeout;

use super::{Endpoint, causes, near::NearBody};
use crate::ProviderError;

/// Most bytes that are read of an error's body.
const ERROR_BODY_BYTES: usize = 64 * 1024;
/// Longest that an error's body is waited for.
const ERROR_BODY_WAIT: Duration = Duration::from_secs(5);

/// A response's body, by either client.
#[derive(Debug)]
pub(crate) enum Body {
    Near(Box<NearBody>),
    Far(reqwest::Response),
}

impl Body {
    /// The next bytes; `None` at the end. The error says how the body broke, without any secret or address.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, String> {
        match self {
            Self::Near(body) => body.chunk().await,
            Self::Far(response) => response.chunk().await.map_err(|error| causes(&error.without_url())),
        }
    }

    /// The whole body as far as `most` bytes; what came before an error or the deadline is kept.
    pub(crate) async fn collect(&mut self, most: usize, deadline: Duration) -> Vec<u8> {
        let mut all = Vec::new();
        let _ = timeout(deadline, async {
            while let Ok(Some(bytes)) = self.chunk().await {
                let room = most - all.len();
                all.extend_from_slice(&bytes[..bytes.len().min(room)]);
                if all.len() >= most {
                    break;
                }
            }
        })
        .await;
        all
    }

    /// Reads the error that `status` announced.
    pub(super) async fn into_error(
        mut self,
        status: u16,
        headers: &HeaderMap,
        endpoint: &Endpoint,
    ) -> ProviderError {
        let retry_after = retry_after(headers, OffsetDateTime::now_utc());
        let body = self.collect(ERROR_BODY_BYTES, ERROR_BODY_WAIT).await;
        let message = endpoint.presentable(&words_of(status, &body));
        ProviderError::Status { status, message, retry_after }
    }
}

/// The sentence in an error body. Vendors write `{"error":{"message"}}`, `{"error":"…"}`, `{"message"}` or `{"detail"}`;
/// gateways in between write HTML, of which nothing is worth showing.
pub(crate) fn words_of(status: u16, body: &[u8]) -> String {
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        let value = value.get(0).unwrap_or(&value);
        let places = ["/error/message", "/error", "/message", "/detail", "/error/type", "/error/code"];
        let found =
            places.iter().find_map(|place| value.pointer(place)?.as_str().filter(|text| !text.is_empty()));
        if let Some(text) = found {
            return text.to_owned();
        }
    }
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.is_empty() || text.starts_with('<') {
        let reason = hyper::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        return reason.unwrap_or("no reason given").to_owned();
    }
    text.to_owned()
}

/// `Retry-After` in seconds or as an HTTP date (RFC 9110 §10.2.3), and Anthropic's and OpenAI's finer `retry-after-ms`.
fn retry_after(headers: &HeaderMap, now: OffsetDateTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    if let Some(ms) = text("retry-after-ms").and_then(|ms| ms.parse::<f64>().ok()) {
        return Duration::try_from_secs_f64(ms / 1000.0).ok();
    }
    let value = text("retry-after")?;
    if let Ok(seconds) = value.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let imf = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let at = PrimitiveDateTime::parse(value, imf)
        .map(PrimitiveDateTime::assume_utc)
        .or_else(|_| OffsetDateTime::parse(value, &Rfc2822))
        .ok()?;
    Some(Duration::try_from(at - now).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn the_vendors_sentence_is_found_wherever_it_is() {
        for (body, expected) in [
            (r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#, "Overloaded"),
            (r#"{"error":{"message":"","type":"server_error"}}"#, "server_error"),
            (r#"{"error":"model 'x' not found"}"#, "model 'x' not found"),
            (r#"{"message":"no"}"#, "no"),
            (r#"{"detail":"Not Found"}"#, "Not Found"),
            (r#"[{"error":{"message":"in a list"}}]"#, "in a list"),
            ("plain words\n", "plain words"),
            ("<html><body>502</body></html>", "Bad Gateway"),
            ("", "Bad Gateway"),
        ] {
            assert_eq!(words_of(502, body.as_bytes()), expected);
        }
        assert_eq!(words_of(529, b""), "no reason given");
    }

    #[test]
    fn every_form_of_retry_after_is_read() {
        let now = datetime!(2026-11-22 14:00:00 UTC);
        for (name, value, expected) in [
            ("retry-after", "7", Some(7_000)),
            ("retry-after", "0.5", Some(500)),
            ("retry-after", "Sun, 22 Nov 2026 14:01:30 GMT", Some(90_000)),
            ("retry-after", "Sun, 22 Nov 2026 13:00:00 GMT", Some(0)),
            ("retry-after-ms", "1500", Some(1_500)),
            ("retry-after", "soon", None),
            ("retry-after", "-3", None),
            ("retry-after", "1e400", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            assert_eq!(retry_after(&headers, now), expected.map(Duration::from_millis), "{name}: {value}");
        }
    }
}
