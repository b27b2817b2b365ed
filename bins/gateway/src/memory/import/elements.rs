//! The elements of a JSON array, or values that follow one another, cut out of a stream one by one: only as much of a file
//! is held as one of them takes.

use std::io::{self, BufRead};

/// Cuts a stream of JSON into its outermost values; of an array, into its elements.
pub(super) struct Elements<R> {
    reader: R,
    /// The line of the byte that is read next, from 1.
    line: u64,
    began: bool,
    in_array: bool,
    ended: bool,
    most: usize,
}

/// A value as it stands in the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) bytes: Vec<u8>,
    /// The line of its first byte.
    pub(super) line: u64,
}

/// Why there is no further element.
#[derive(Debug)]
pub(super) enum CutError {
    Io(io::Error),
    /// At this line something is not JSON, or too large.
    Wrong {
        line: u64,
        what: String,
    },
}

impl From<io::Error> for CutError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl<R: BufRead> Elements<R> {
    /// Over `reader`; an element may have `most` bytes.
    pub(super) fn new(reader: R, most: usize) -> Self {
        Self { reader, line: 1, began: false, in_array: false, ended: false, most }
    }

    /// The next element; `None` at the end. After an error there is no next one.
    pub(super) fn next(&mut self) -> Result<Option<Element>, CutError> {
        if self.ended {
            return Ok(None);
        }
        let cut = self.cut();
        self.ended = !matches!(cut, Ok(Some(_)));
        cut
    }

    fn cut(&mut self) -> Result<Option<Element>, CutError> {
        let mut between = self.began;
        loop {
            match self.peek()? {
                None if self.in_array => return Err(self.wrong("the file ends in the middle of a list")),
                None => return Ok(None),
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.skip(),
                Some(b'[') if !self.began => {
                    (self.began, self.in_array) = (true, true);
                    between = false;
                    self.skip();
                }
                Some(b',') if self.in_array && between => {
                    between = false;
                    self.skip();
                }
                Some(b']') if self.in_array => {
                    self.skip();
                    return self.end();
                }
                Some(_) if self.in_array && between => return Err(self.wrong("a comma is missing here")),
                Some(b'{' | b'[') => {
                    self.began = true;
                    return self.container().map(Some);
                }
                Some(_) => return Err(self.wrong("an object was expected here")),
            }
        }
    }

    /// After the array nothing may follow.
    fn end(&mut self) -> Result<Option<Element>, CutError> {
        loop {
            match self.peek()? {
                None => return Ok(None),
                Some(byte) if byte.is_ascii_whitespace() => self.skip(),
                Some(_) => return Err(self.wrong("something follows after the end of the list")),
            }
        }
    }

    /// Takes an object or array, by counting its brackets.
    fn container(&mut self) -> Result<Element, CutError> {
        let line = self.line;
        let (mut bytes, mut depth) = (Vec::new(), 0_usize);
        let (mut in_text, mut escaped) = (false, false);
        loop {
            let buffer = self.reader.fill_buf()?;
            if buffer.is_empty() {
                let what = "the file ends in the middle of an object".to_owned();
                return Err(CutError::Wrong { line, what });
            }
            let mut used = 0;
            let mut whole = false;
            for byte in buffer {
                used += 1;
                self.line += u64::from(*byte == b'\n');
                if in_text {
                    in_text = escaped || *byte != b'"';
                    escaped = !escaped && *byte == b'\\';
                    continue;
                }
                match byte {
                    b'"' => in_text = true,
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
                if depth == 0 {
                    whole = true;
                    break;
                }
            }
            if bytes.len() + used > self.most {
                let what = format!("one conversation is over the bound of {} MiB", self.most / (1024 * 1024));
                return Err(CutError::Wrong { line, what });
            }
            bytes.extend_from_slice(&buffer[..used]);
            self.reader.consume(used);
            if whole {
                return Ok(Element { bytes, line });
            }
        }
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.reader.fill_buf()?.first().copied())
    }

    fn skip(&mut self) {
        // Only called after a look at the byte.
        if self.peek().is_ok_and(|byte| byte == Some(b'\n')) {
            self.line += 1;
        }
        self.reader.consume(1);
    }

    fn wrong(&self, what: &str) -> CutError {
        CutError::Wrong { line: self.line, what: what.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn cut(text: &str, buffer: usize) -> Result<Vec<(String, u64)>, String> {
        let mut elements = Elements::new(BufReader::with_capacity(buffer, text.as_bytes()), 40);
        let mut found = Vec::new();
        loop {
            match elements.next() {
                Ok(Some(element)) => found.push((String::from_utf8(element.bytes).unwrap(), element.line)),
                Ok(None) => return Ok(found),
                Err(CutError::Wrong { line, what }) => return Err(format!("{line}: {what}")),
                Err(CutError::Io(error)) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn arrays_and_sequences_are_cut_wherever_the_buffer_ends() {
        let array = "\n [ {\"a\": \"]}\\\"{\"},\n\n{\"b\":[{}]} , [1] ]\n ";
        let objects = [r#"{"a": "]}\"{"}"#, r#"{"b":[{}]}"#, "[1]"];
        for buffer in 1..9 {
            let found = cut(array, buffer).unwrap();
            assert_eq!(found.iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>(), objects);
            assert_eq!(found.iter().map(|(_, line)| *line).collect::<Vec<_>>(), [2, 4, 4]);
            let lines = cut("{\"a\":1}\n{}\n\n{\"b\":\n2}", buffer).unwrap();
            assert_eq!(lines.iter().map(|(_, line)| *line).collect::<Vec<_>>(), [1, 2, 4]);
        }
        assert_eq!(cut("", 8), Ok(Vec::new()));
        assert_eq!(cut("[]", 8), Ok(Vec::new()));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, expected) in [
            ("[\n{}", "2: the file ends in the middle of a list"),
            ("[\n{\"a\":", "2: the file ends in the middle of an object"),
            ("[{}\n{}]", "2: a comma is missing"),
            ("[{}]\n x", "2: something follows"),
            ("[1]", "1: an object was expected"),
            ("true", "1: an object was expected"),
            ("[{},,{}]", "1: an object was expected"),
            (&format!("[\n\n{{\"a\":\"{}\"}}]", "x".repeat(40)), "3: one conversation is over"),
        ] {
            let told = cut(text, 4).unwrap_err();
            assert!(told.starts_with(expected), "{text}: {told}");
        }
    }
}
