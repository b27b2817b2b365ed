//! Bodies: JSON, or a form with files.

use bytes::Bytes;
use serde_json::Value;

use crate::Request;

/// A body.
#[derive(Debug, Default)]
pub(super) struct Form {
    pub(super) json: Value,
    /// Number, name, type, bytes.
    pub(super) files: Vec<(u64, String, String, Bytes)>,
}

/// The body of a request; `None`: it can't be read.
pub(super) fn form(request: &Request) -> Option<Form> {
    let kind = request.header("content-type");
    if request.body.is_empty() {
        return Some(Form::default());
    }
    let Some((_, boundary)) = kind.split_once("boundary=") else {
        return Some(Form { json: serde_json::from_slice(&request.body).ok()?, files: Vec::new() });
    };
    let mut form = Form::default();
    let mark = format!("--{}", boundary.trim_matches('"'));
    for part in parts(&request.body, mark.as_bytes()) {
        let at = find(&part, b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&part[..at]).into_owned();
        let body = part.slice(at + 4..);
        let name = quoted(&head, " name=")?;
        if name == "payload_json" {
            form.json = serde_json::from_slice(&body).ok()?;
        } else {
            let number = name.strip_prefix("files[")?.strip_suffix(']')?.parse().ok()?;
            let line = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-type:").map(str::to_owned));
            let kind = line.map_or("application/octet-stream".to_owned(), |kind| kind.trim().to_owned());
            form.files.push((number, quoted(&head, "filename=")?, kind, body));
        }
    }
    Some(form)
}

fn parts(body: &Bytes, mark: &[u8]) -> Vec<Bytes> {
    let mut parts = Vec::new();
    let Some(mut begin) = find(body, mark).map(|at| at + mark.len()) else { return parts };
    let end = [b"\r\n", mark].concat();
    while body[begin..].starts_with(b"\r\n") {
        let Some(length) = find(&body[begin + 2..], &end) else { break };
        parts.push(body.slice(begin + 2..begin + 2 + length));
        begin += 2 + length + end.len();
    }
    parts
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn quoted(head: &str, name: &str) -> Option<String> {
    let (_, rest) = head.split_once(&format!("{name}\""))?;
    Some(rest.split('"').next()?.to_owned())
}
