//! Reading an event stream as it comes.

use std::{
    collections::VecDeque,
    io::{BufReader, Read as _},
    net::TcpStream,
};

use serde_json::Value;

use crate::http::read_chunk;

/// One event, as it was written and as it was meant.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Everything up to and with the empty line.
    pub raw: String,
    /// The `id:` line.
    pub id: String,
    /// The `data:` line.
    pub data: Value,
}

impl Event {
    /// Its type.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.data["type"].as_str().unwrap_or_default()
    }
}

/// Reads events from a connection.
pub struct EventReader {
    reader: BufReader<TcpStream>,
    chunked: bool,
    text: Vec<u8>,
    comments: Vec<String>,
    ready: VecDeque<Event>,
}

impl EventReader {
    pub(crate) fn new(reader: BufReader<TcpStream>, chunked: bool) -> Self {
        Self { reader, chunked, text: Vec::new(), comments: Vec::new(), ready: VecDeque::new() }
    }

    /// Reads on until there is a comment, and takes it as it was written; events on the way stay to be read. `None` at the end of the
    /// stream, or when it was silent for a minute.
    pub fn comment(&mut self) -> Option<String> {
        while self.comments.is_empty() {
            if !self.fill() {
                return None;
            }
            self.parse();
        }
        Some(self.comments.remove(0))
    }

    /// The events that are left, up to the end of the stream.
    #[must_use]
    pub fn rest(self) -> Vec<Event> {
        self.collect()
    }

    fn fill(&mut self) -> bool {
        if self.chunked {
            match read_chunk(&mut self.reader) {
                Ok(Some(chunk)) => self.text.extend_from_slice(&chunk),
                Ok(None) | Err(_) => return false,
            }
        } else {
            let mut bytes = [0; 4096];
            match self.reader.read(&mut bytes) {
                Ok(0) | Err(_) => return false,
                Ok(count) => self.text.extend_from_slice(&bytes[..count]),
            }
        }
        true
    }

    fn parse(&mut self) {
        while let Some(end) = self.text.windows(2).position(|pair| pair == b"\n\n") {
            let raw = String::from_utf8(self.text.drain(..end + 2).collect()).unwrap();
            if raw.starts_with(':') {
                self.comments.push(raw);
                continue;
            }
            let field = |name: &str| raw.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            let id = field("id:").unwrap_or_default().to_owned();
            let data = serde_json::from_str(field("data:").unwrap_or_default())
                .unwrap_or_else(|error| panic!("{error} in {raw:?}"));
            self.ready.push_back(Event { raw, id, data });
        }
    }
}

impl Iterator for EventReader {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if !self.fill() {
                return None;
            }
            self.parse();
        }
    }
}
