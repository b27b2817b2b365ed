//! A decoder for server-sent events, as providers send them (HTML Living Standard, "Interpreting an event stream").
//! Bytes go in as the network cuts them, whole events come out; nothing is allocated per event once its buffers have grown.

use memchr::memchr2;

/// Longest line, and longest event, that is taken: far more than any vendor sends, far less than would hurt.
pub const MAX_EVENT_BYTES: usize = 8 * 1024 * 1024;

/// A line or an event is longer than [`MAX_EVENT_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event of the stream is longer than {MAX_EVENT_BYTES} bytes")]
pub struct EventTooLong;

/// Turns bytes into events. Fields other than `event` and `data` are read past.
#[derive(Debug, Default)]
pub struct SseDecoder {
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    /// `event` of the event at hand.
    event: Vec<u8>,
    /// `data` of the event at hand, lines joined by `\n`.
    data: Vec<u8>,
    has_data: bool,
    /// The last byte was `\r`: a `\n` that follows belongs to it.
    after_cr: bool,
    /// The stream's first line, which may begin with a byte order mark, is over.
    begun: bool,
}

impl SseDecoder {
    /// A decoder at the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes and gives each event that is whole to `on_event` as its name (empty when unsaid) and data. An
    /// event that the stream breaks off in is never given out.
    ///
    /// # Errors
    /// [`EventTooLong`], or the first error of `on_event`; the decoder is of no use afterwards.
    pub fn feed<E: From<EventTooLong>>(
        &mut self,
        mut bytes: &[u8],
        mut on_event: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        while !bytes.is_empty() {
            if std::mem::take(&mut self.after_cr) && bytes[0] == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let Some(end) = memchr2(b'\n', b'\r', bytes) else {
                if self.line.len() + bytes.len() > MAX_EVENT_BYTES {
                    return Err(EventTooLong.into());
                }
                self.line.extend_from_slice(bytes);
                return Ok(());
            };
            self.after_cr = bytes[end] == b'\r';
            let (head, rest) = (&bytes[..end], &bytes[end + 1..]);
            if self.line.is_empty() {
                self.take_line(head, &mut on_event)?;
            } else {
                let mut line = std::mem::take(&mut self.line);
                line.extend_from_slice(head);
                self.take_line(&line, &mut on_event)?;
                line.clear();
                self.line = line;
            }
            bytes = rest;
        }
        Ok(())
    }

    fn take_line<E: From<EventTooLong>>(
        &mut self,
        line: &[u8],
        on_event: &mut impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let line = if std::mem::replace(&mut self.begun, true) {
            line
        } else {
            line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line)
        };
        if line.is_empty() {
            let result = if self.has_data { on_event(&self.event, &self.data) } else { Ok(()) };
            self.event.clear();
            self.data.clear();
            self.has_data = false;
            return result;
        }
        let (field, value) = match memchr::memchr(b':', line) {
            Some(colon) => {
                let value = &line[colon + 1..];
                (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
            }
            None => (line, &b""[..]),
        };
        match field {
            b"data" => {
                if self.data.len() + value.len() >= MAX_EVENT_BYTES {
                    return Err(EventTooLong.into());
                }
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.has_data = true;
                self.data.extend_from_slice(value);
            }
            b"event" => {
                self.event.clear();
                self.event.extend_from_slice(value);
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Events = Vec<(String, String)>;

    fn decode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Events {
        let (mut decoder, mut events) = (SseDecoder::new(), Vec::new());
        for chunk in chunks {
            decoder
                .feed::<EventTooLong>(chunk, |event, data| {
                    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                    events.push((text(event), text(data)));
                    Ok(())
                })
                .unwrap();
        }
        events
    }

    fn one(text: &str) -> Events {
        decode([text.as_bytes()])
    }

    fn pair(event: &str, data: &str) -> (String, String) {
        (event.to_owned(), data.to_owned())
    }

    #[test]
    fn reads_what_the_standard_says() {
        let cases = [
            ("data: a\n\ndata: b\n\n", vec![pair("", "a"), pair("", "b")]),
            ("event: x\ndata: a\ndata:b\n\n", vec![pair("x", "a\nb")]),
            ("event: x\r\ndata: a\r\n\r\n", vec![pair("x", "a")]),
            ("data: a\r\rdata: b\r\r", vec![pair("", "a"), pair("", "b")]),
            (": a comment\nid: 7\nretry: 10\ndata\n\n", vec![pair("", "")]),
            ("\u{feff}data: a\n\n", vec![pair("", "a")]),
            ("data:  two spaces\n\n", vec![pair("", " two spaces")]),
            ("event: lost\n\ndata: a\n\n", vec![pair("", "a")]),
            ("data: never finished\n", vec![]),
            ("", vec![]),
        ];
        for (text, expected) in cases {
            assert_eq!(one(text), expected, "{text:?}");
        }
    }

    #[test]
    fn an_endless_line_is_refused() {
        let mut decoder = SseDecoder::new();
        let half = vec![b'x'; MAX_EVENT_BYTES / 2 + 1];
        let mut feed = || decoder.feed::<EventTooLong>(&half, |_, _| Ok(()));
        assert_eq!(feed(), Ok(()));
        assert_eq!(feed(), Err(EventTooLong));
    }

    #[test]
    fn endless_data_lines_are_refused() {
        let mut decoder = SseDecoder::new();
        let line = [b"data: ".as_slice(), &vec![b'x'; 1 << 20], b"\n"].concat();
        let refused = (0..10).any(|_| decoder.feed::<EventTooLong>(&line, |_, _| Ok(())).is_err());
        assert!(refused);
    }

    proptest! {
        #[test]
        fn chunking_changes_nothing(
            text in "(data: ?|event: |: |id: 1|[a-zé{}\":]{0,12}|\r\n|\n|\r){0,60}",
            cuts in proptest::collection::vec(0_usize..400, 0..20),
        ) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let chunks = cuts.windows(2).map(|ends| &bytes[ends[0]..ends[1]]);
            prop_assert_eq!(decode(chunks), decode([bytes]));
            prop_assert_eq!(decode(bytes.chunks(1)), decode([bytes]));
        }
    }
}
