//! Arguments of a method call: from the query, a form, a multipart form, or JSON, as the platforms take them all.

use std::collections::HashMap;

use bytes::Bytes;
use serde_json::Value;

use crate::Request;

/// A file in a multipart form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Upload {
    pub(crate) name: String,
    pub(crate) mime: String,
    pub(crate) bytes: Bytes,
}

/// The arguments: everything is text, and what is more than that is JSON in text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Args {
    values: HashMap<String, String>,
    files: HashMap<String, Upload>,
}

impl Args {
    pub(crate) fn of(request: &Request) -> Self {
        let mut args = Self::default();
        args.form(&request.query);
        let kind = request.header("content-type");
        if let Some((_, boundary)) = kind.split_once("boundary=").filter(|_| kind.starts_with("multipart/")) {
            args.multipart(&request.body, boundary.trim_matches('"'));
        } else if kind.starts_with("application/json") {
            args.json(&request.json());
        } else {
            args.form(&String::from_utf8_lossy(&request.body));
        }
        args
    }

    fn form(&mut self, text: &str) {
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            self.values.insert(decoded(name), decoded(value));
        }
    }

    fn json(&mut self, body: &Value) {
        for (name, value) in body.as_object().into_iter().flatten() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            if !value.is_null() {
                self.values.insert(name.clone(), text);
            }
        }
    }

    /// RFC 7578.
    fn multipart(&mut self, body: &[u8], boundary: &str) {
        let mark = [b"--", boundary.as_bytes()].concat();
        let mut rest = body;
        while let Some(at) = find(rest, &mark) {
            rest = &rest[at + mark.len()..];
            let Some(head_end) = find(rest, b"\r\n\r\n") else { return };
            let head = String::from_utf8_lossy(&rest[..head_end]).into_owned();
            rest = &rest[head_end + 4..];
            let end = find(rest, &[b"\r\n", &mark[..]].concat()).unwrap_or(rest.len());
            self.part(&head, &rest[..end]);
            rest = &rest[end..];
        }
    }

    fn part(&mut self, head: &str, content: &[u8]) {
        let attribute = |name: &str| {
            let (_, after) = head.split_once(&format!("; {name}=\""))?;
            Some(decoded(after.split_once('"')?.0))
        };
        let Some(name) = attribute("name") else { return };
        let Some(file) = attribute("filename") else {
            self.values.insert(name, String::from_utf8_lossy(content).into_owned());
            return;
        };
        let mime = head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case("content-type").then(|| value.trim().to_owned())
        });
        let mime = mime.unwrap_or_else(|| "application/octet-stream".to_owned());
        self.files.insert(name, Upload { name: file, mime, bytes: Bytes::copy_from_slice(content) });
    }

    /// An argument; empty when it is not there, which is the same to the Bot API.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    pub(crate) fn integer(&self, name: &str) -> Option<i64> {
        self.text(name).trim().parse().ok()
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        matches!(self.text(name).to_ascii_lowercase().as_str(), "true" | "yes" | "1")
    }

    /// The same without one of them.
    pub(crate) fn without(&self, name: &str) -> Self {
        let mut args = self.clone();
        args.values.remove(name);
        args
    }

    /// An argument that is JSON; null when it is not there, or none.
    pub(crate) fn value(&self, name: &str) -> Value {
        serde_json::from_str(self.text(name)).unwrap_or_default()
    }

    /// The file that an argument holds or, by `attach://NAME`, refers to.
    pub(crate) fn file(&self, name: &str) -> Option<&Upload> {
        let referred = self.text(name).strip_prefix("attach://");
        self.files.get(referred.unwrap_or(name))
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// Percent-encoding and `+` undone.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        rest = after;
        match (first, hex.and_then(|two| u8::from_str_radix(two, 16).ok())) {
            (b'%', Some(code)) => {
                bytes.push(code);
                rest = &after[2..];
            }
            (b'+', _) => bytes.push(b' '),
            _ => bytes.push(*first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(kind: &str, body: &[u8]) -> Args {
        let mut headers = hyper::HeaderMap::new();
        headers.insert("content-type", kind.parse().unwrap());
        let (method, path) = (hyper::Method::POST, "/".to_owned());
        let body = Bytes::copy_from_slice(body);
        Args::of(&Request { method, path, query: "limit=3".to_owned(), headers, body })
    }

    #[test]
    fn every_form_of_body_says_the_same() {
        let form = args("application/x-www-form-urlencoded", b"text=a+b%26c&reply=%7B%22x%22%3A1%7D");
        let json =
            args("application/json; charset=utf-8", br#"{"text": "a b&c", "reply": {"x": 1}, "no": null}"#);
        let multipart = args(
            "multipart/form-data; boundary=XX",
            b"--XX\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\na b&c\r\n--XX\r\n\
              Content-Disposition: form-data; name=\"reply\"\r\n\r\n{\"x\":1}\r\n--XX\r\nContent-Type: image/png\r\n\
              Content-Disposition: form-data; name=\"up\"; filename=\"a.png\"\r\n\r\n\x00\r\n\xff\r\n--XX--\r\n",
        );
        for args in [&form, &json, &multipart] {
            assert_eq!((args.text("text"), args.integer("limit")), ("a b&c", Some(3)));
            assert_eq!(args.value("reply")["x"], 1);
        }
        let file = multipart.file("up").unwrap();
        assert_eq!(
            (&file.name[..], &file.mime[..], &file.bytes[..]),
            ("a.png", "image/png", &b"\x00\r\n\xff"[..])
        );
        assert!(!json.values.contains_key("no"));
    }
}
