//! The server name in a TLS client hello (RFC 8446, section 4.1.2; RFC 6066, section 3).
//!
//! Strict: what a server might read in another way than this is [`Hello::Broken`], and goes nowhere.

/// Bytes of a client hello with its records' headers. Those with post-quantum key shares have about 2 KiB.
pub(super) const MOST_BYTES: usize = 16 << 10;

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const HOST_NAME: u8 = 0;
/// Bytes of a record's content.
const RECORD_BYTES: usize = 1 << 14;

/// What a connection begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hello {
    /// No TLS.
    Plain,
    /// A client hello that goes on.
    Partial,
    /// TLS, but not a proper client hello.
    Broken,
    /// A client hello, with the server's name if it has one.
    Whole(Option<String>),
}

/// What `bytes`, the first ones of a connection, are.
pub(super) fn read(bytes: &[u8]) -> Hello {
    let bytes = bytes.get(..MOST_BYTES).unwrap_or(bytes);
    match bytes.first() {
        None => return Hello::Partial,
        // Every type of record, since a lenient server may skip some in front of the hello.
        Some(20..=24) => {}
        Some(_) => return Hello::Plain,
    }
    match message(bytes) {
        Some(Some(hello)) => server_name(&hello).map_or(Hello::Broken, Hello::Whole),
        Some(None) if bytes.len() < MOST_BYTES => Hello::Partial,
        _ => Hello::Broken,
    }
}

/// The client hello, put together from its records; `Some(None)` when it's not all there, `None` when it's broken.
fn message(bytes: &[u8]) -> Option<Option<Vec<u8>>> {
    let mut records = Reader(bytes);
    let mut message = Vec::new();
    loop {
        let Some(&kind) = records.0.first() else { return Some(None) };
        if kind != HANDSHAKE || records.0.get(1).is_some_and(|major| *major != 3) {
            return None;
        }
        let Some(header) = records.take(5) else { return Some(None) };
        let length = usize::from(u16::from_be_bytes([*header.get(3)?, *header.get(4)?]));
        if length == 0 || length > RECORD_BYTES {
            return None;
        }
        let present = length.min(records.0.len());
        message.extend_from_slice(records.take(present)?);
        if message.first().is_some_and(|kind| *kind != CLIENT_HELLO) {
            return None;
        }
        if let [_, high, middle, low, rest @ ..] = message.as_slice() {
            let length = u32::from_be_bytes([0, *high, *middle, *low]) as usize;
            if length > MOST_BYTES {
                return None;
            }
            if let Some(hello) = rest.get(..length) {
                return Some(Some(hello.to_vec()));
            }
        }
    }
}

/// The name in a client hello without its header; `None` when the hello is broken.
fn server_name(hello: &[u8]) -> Option<Option<String>> {
    let mut hello = Reader(hello);
    // Version and random; then session, cipher suites, compression methods.
    hello.take(2 + 32)?;
    hello.vector_of_u8_length()?;
    hello.vector()?;
    hello.vector_of_u8_length()?;
    if hello.0.is_empty() {
        return Some(None);
    }
    let mut extensions = hello.vector()?;
    if !hello.0.is_empty() {
        return None;
    }
    let mut found = None;
    while !extensions.0.is_empty() {
        let kind = extensions.u16()?;
        let mut extension = extensions.vector()?;
        if kind != SERVER_NAME {
            continue;
        }
        let mut names = extension.vector()?;
        let kind = *names.take(1)?.first()?;
        let name = names.vector()?;
        let is_alone = names.0.is_empty() && extension.0.is_empty();
        if kind != HOST_NAME || name.0.is_empty() || !is_alone || found.is_some() {
            return None;
        }
        found = Some(std::str::from_utf8(name.0).ok()?.to_owned());
    }
    Some(found)
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        let bytes = self.take(2)?;
        Some(u16::from_be_bytes([*bytes.first()?, *bytes.get(1)?]))
    }

    /// Bytes behind their length of two bytes.
    fn vector(&mut self) -> Option<Self> {
        let length = self.u16()?;
        self.take(length.into()).map(Self)
    }

    fn vector_of_u8_length(&mut self) -> Option<Self> {
        let length = *self.take(1)?.first()?;
        self.take(length.into()).map(Self)
    }
}

/// Reads the first bytes of a connection, for the fuzzer; a client hello that is whole stays what it is when more follows.
#[doc(hidden)]
pub fn fuzz_client_hello(bytes: &[u8]) {
    let whole = read(bytes);
    if let Hello::Whole(_) = whole {
        assert_eq!(read(&[bytes, b"more"].concat()), whole);
    }
    for end in [bytes.len() / 2, bytes.len().saturating_sub(1)] {
        let part = bytes.get(..end).map(read);
        let stays_broken = part != Some(Hello::Broken) || whole == Hello::Broken;
        assert!(stays_broken, "{part:?} became {whole:?}");
    }
}

#[cfg(test)]
mod tests;
