//! Forms with a file: RFC 7578.

use bytes::Bytes;

use crate::message::OutFile;

/// A form that is being put together.
#[derive(Debug)]
pub struct Form {
    boundary: String,
    bytes: Vec<u8>,
}

impl Default for Form {
    fn default() -> Self {
        let boundary = format!("openclaw-{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        Self { boundary, bytes: Vec::new() }
    }
}

impl Form {
    /// With a field. `kind` is its media type, when the receiver wants one.
    #[must_use]
    pub fn field(mut self, name: &str, kind: Option<&str>, value: &str) -> Self {
        self.head(&format!("name=\"{name}\""), kind);
        self.bytes.extend_from_slice(value.as_bytes());
        self.bytes.extend_from_slice(b"\r\n");
        self
    }

    /// With a file. Its name and type can't break out of their header.
    #[must_use]
    pub fn file(mut self, name: &str, file: &OutFile) -> Self {
        let file_name = file.name.replace(['"', '\r', '\n', '\\'], "_");
        let kind = file.mime_type.replace(['\r', '\n'], "");
        self.head(&format!("name=\"{name}\"; filename=\"{file_name}\""), Some(&kind));
        self.bytes.extend_from_slice(&file.bytes);
        self.bytes.extend_from_slice(b"\r\n");
        self
    }

    /// The media type and the body.
    #[must_use]
    pub fn finish(mut self) -> (String, Bytes) {
        self.bytes.extend_from_slice(format!("--{}--\r\n", self.boundary).as_bytes());
        (format!("multipart/form-data; boundary={}", self.boundary), self.bytes.into())
    }

    fn head(&mut self, disposition: &str, kind: Option<&str>) {
        let kind = kind.map(|kind| format!("Content-Type: {kind}\r\n")).unwrap_or_default();
        let head =
            format!("--{}\r\nContent-Disposition: form-data; {disposition}\r\n{kind}\r\n", self.boundary);
        self.bytes.extend_from_slice(head.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_fields_and_files_and_nothing_breaks_out() {
        let name = "a\"b\r\nX: y\\.txt".to_owned();
        let file =
            OutFile { name, mime_type: "text/plain\r\nX: y".to_owned(), bytes: Bytes::from_static(b"hi") };
        let (kind, body) = Form::default().field("chat", None, "7").file("doc", &file).finish();
        let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
        let expected = "--B\r\nContent-Disposition: form-data; name=\"chat\"\r\n\r\n7\r\n\
            --B\r\nContent-Disposition: form-data; name=\"doc\"; filename=\"a_b__X: y_.txt\"\r\nContent-Type: text/plainX: y\r\n\r\nhi\r\n--B--\r\n";
        assert_eq!(
            String::from_utf8(body.to_vec()).unwrap(),
            expected.replace("--B", &format!("--{boundary}"))
        );
    }
}
