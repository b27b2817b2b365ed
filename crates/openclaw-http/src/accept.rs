//! Which form of answer a client wants.

use hyper::{HeaderMap, header};

/// Whether the client wants events: `text/event-stream` is named, and not less than JSON (RFC 9110, section 12.5.1).
pub(crate) fn wants_events(fields: &HeaderMap) -> bool {
    let mut events = None::<f32>;
    let mut json = 0.0_f32;
    for value in fields.get_all(header::ACCEPT) {
        for range in value.to_str().unwrap_or_default().split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default();
            let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
            let quality = quality.map_or(1.0, |text| text.trim().parse().unwrap_or(0.0));
            if media.eq_ignore_ascii_case("text/event-stream") {
                events = Some(quality);
            } else if media.eq_ignore_ascii_case("application/json") {
                json = quality;
            }
        }
    }
    events.is_some_and(|quality| quality > 0.0 && quality >= json)
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn events_must_be_named() {
        for (accept, expected) in [
            ("text/event-stream", true),
            ("Text/Event-Stream; charset=utf-8", true),
            ("application/json, text/event-stream", true),
            ("text/event-stream;q=0.5, application/json", false),
            ("text/event-stream;q=0", false),
            ("text/event-stream; q=0.9, application/json;q=0.8", true),
            ("*/*", false),
            ("text/*", false),
            ("application/json", false),
            ("", false),
        ] {
            let fields = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_str(accept).unwrap())]);
            assert_eq!(wants_events(&fields), expected, "{accept}");
        }
        assert!(!wants_events(&HeaderMap::new()));
    }
}
