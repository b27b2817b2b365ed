//! What a client reads whose request could not even be parsed.
//!
//! hyper answers such a request itself, with a bare status line, and closes. No handler sees it; only the socket does. So this
//! is where the answer gets the contract's form: a JSON body and a request id.

use hyper::StatusCode;

use crate::request_id;

/// How every answer begins that hyper gives of its own accord.
const REFUSAL: &[u8] = b"HTTP/1.1 4";
const END_OF_HEAD: &[u8] = b"\r\n\r\n";
/// No head of hyper's own is longer.
const MOST: usize = 512;

/// Where in `written` a bare refusal of hyper's begins, and what takes its place. It is the last thing on a connection, so it
/// stands at the end. Our own answers are told apart by their request id, and a body never looks like this: in JSON a line
/// break is escaped.
pub(super) fn replace(written: &[u8]) -> Option<(usize, Vec<u8>)> {
    if !written.ends_with(END_OF_HEAD) {
        return None;
    }
    let from = written.len().saturating_sub(MOST);
    let begin = from + written[from..].windows(REFUSAL.len()).rposition(|window| window == REFUSAL)?;
    let head = written[begin..].to_ascii_lowercase();
    let has = |text: &[u8]| head.windows(text.len()).any(|window| window == text);
    if has(b"x-request-id") || !has(b"content-length: 0\r\n") {
        return None;
    }
    let status = StatusCode::from_bytes(written.get(begin + 9..begin + 12)?).ok()?;
    Some((begin, answer(status)))
}

fn answer(status: StatusCode) -> Vec<u8> {
    let (code, message) = match status {
        StatusCode::URI_TOO_LONG => {
            ("payload_too_large", "The request's address is too long; shorten its path or query")
        }
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            ("payload_too_large", "The request has too many headers, or too large ones; send fewer")
        }
        _ => ("bad_request", "This is not an HTTP/1.1 request: check its first line and its headers"),
    };
    let number = status.as_u16();
    let body = format!(r#"{{"error":"{code}","message":"{message}","status":{number},"details":{{}}}}"#);
    format!(
        "HTTP/1.1 {number} {reason}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         connection: close\r\nx-request-id: {id}\r\n\r\n{body}",
        reason = status.canonical_reason().unwrap_or_default(),
        length = body.len(),
        id = request_id::fresh_text(),
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BARE: &[u8] =
        b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\
        date: Sun, 22 Nov 2026 10:00:00 GMT\r\n\r\n";

    #[test]
    fn a_bare_refusal_gets_a_body_wherever_it_stands() {
        for before in [&b""[..], b"HTTP/1.1 404 Not Found\r\nx-request-id: a\r\ncontent-length: 2\r\n\r\n{}"]
        {
            let (begin, text) = replace(&[before, BARE].concat()).unwrap();
            assert_eq!(begin, before.len());
            let text = String::from_utf8(text).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with("HTTP/1.1 431 ") && head.contains("x-request-id: req_"), "{head}");
            assert!(head.contains(&format!("content-length: {}", body.len())));
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!((&body["error"], &body["status"]), (&"payload_too_large".into(), &431.into()));
        }
    }

    #[test]
    fn answers_of_our_own_stay() {
        for ours in [
            &b"HTTP/1.1 404 Not Found\r\nx-request-id: a\r\ncontent-length: 0\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}",
            b"\r\n\r\n",
        ] {
            assert!(replace(ours).is_none(), "{}", String::from_utf8_lossy(ours));
        }
    }
}
