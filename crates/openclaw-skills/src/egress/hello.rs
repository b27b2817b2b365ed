//! The name that a TLS client asks for, before anything is encrypted: `server_name` of a ClientHello (RFC 8446, RFC 6066).

/// What the first bytes of a connection are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum First {
    /// The beginning of a ClientHello; there is more to come.
    More,
    /// A ClientHello that asks for this name.
    Name(String),
    /// A ClientHello that asks for none, or something else.
    Other,
}

/// Longest ClientHello that is waited for, in bytes.
pub(super) const HELLO_BYTES: usize = 16 * 1024;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;

/// Reads what has come so far.
pub(super) fn read(bytes: &[u8]) -> First {
    if bytes.first().is_some_and(|first| *first != HANDSHAKE) {
        return First::Other;
    }
    match handshake(bytes) {
        Some(message) => match name(&message) {
            Ok(Some(name)) => First::Name(name),
            Ok(None) => First::Other,
            Err(Short) if bytes.len() < HELLO_BYTES => First::More,
            Err(Short) => First::Other,
        },
        None if bytes.len() < HELLO_BYTES => First::More,
        None => First::Other,
    }
}

/// The message is not whole.
struct Short;

/// What the records at the beginning carry, put together: a hello may be spread over several. `None`: not even one is whole.
fn handshake(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut message = Vec::new();
    while let Some((&HANDSHAKE, rest)) = bytes.split_first() {
        let Some((head, rest)) = rest.split_at_checked(4) else { break };
        let &[_, _, high, low] = head else { break };
        let Some((body, rest)) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low]))) else {
            break;
        };
        message.extend_from_slice(body);
        bytes = rest;
    }
    (!message.is_empty()).then_some(message)
}

/// A cursor over what is left.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Short> {
        let (head, rest) = self.0.split_at_checked(count).ok_or(Short)?;
        self.0 = rest;
        Ok(head)
    }

    fn number(&mut self, bytes: usize) -> Result<usize, Short> {
        Ok(self.take(bytes)?.iter().fold(0, |number, byte| (number << 8) | usize::from(*byte)))
    }

    /// What stands behind a length of so many bytes.
    fn vector(&mut self, length_bytes: usize) -> Result<Self, Short> {
        let length = self.number(length_bytes)?;
        Ok(Self(self.take(length)?))
    }
}

fn name(message: &[u8]) -> Result<Option<String>, Short> {
    let mut message = Rest(message);
    if message.number(1)? != usize::from(CLIENT_HELLO) {
        return Ok(None);
    }
    let mut hello = message.vector(3)?;
    hello.take(2 + 32)?; // version, random
    hello.vector(1)?; // session
    hello.vector(2)?; // ciphers
    hello.vector(1)?; // compression
    if hello.0.is_empty() {
        return Ok(None);
    }
    let mut extensions = hello.vector(2)?;
    while !extensions.0.is_empty() {
        let kind = extensions.number(2)?;
        let mut extension = extensions.vector(2)?;
        if kind == usize::from(SERVER_NAME) {
            let mut names = extension.vector(2)?;
            while !names.0.is_empty() {
                let is_host = names.number(1)? == 0;
                let name = names.vector(2)?;
                if is_host {
                    return Ok(Some(String::from_utf8_lossy(name.0).into_owned()));
                }
            }
        }
    }
    Ok(None)
}

/// For the fuzzer: reads anything, with every prefix.
#[doc(hidden)]
pub fn fuzz(bytes: &[u8]) {
    let mut was = First::More;
    for end in [bytes.len() / 4, bytes.len() / 2, bytes.len()] {
        let now = read(bytes.get(..end).unwrap_or_default());
        // More bytes never change what is known already.
        if was != First::More {
            assert_eq!(now, was, "a decision changed with more bytes");
        }
        was = now;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A ClientHello with this name, in records of `size` bytes.
    pub(in crate::egress) fn hello(name: Option<&str>, size: usize) -> Vec<u8> {
        let vector = |width: usize, body: &[u8]| {
            let mut all = body.len().to_be_bytes()[8 - width..].to_vec();
            all.extend_from_slice(body);
            all
        };
        let mut extensions = vec![0, 23, 0, 0];
        if let Some(name) = name {
            let entry = [&[0][..], &vector(2, name.as_bytes())].concat();
            extensions.extend([&[0, 0][..], &vector(2, &vector(2, &entry))].concat());
        }
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend(vector(1, &[1, 2, 3]));
        body.extend(vector(2, &[0x13, 1]));
        body.extend(vector(1, &[0]));
        body.extend(vector(2, &extensions));
        let message = [&[1][..], &vector(3, &body)].concat();
        message.chunks(size).flat_map(|part| [&[22, 3, 1][..], &vector(2, part)].concat()).collect()
    }

    #[test]
    fn reads_the_name_however_it_is_cut() {
        for size in [1000, 40, 7] {
            let whole = hello(Some("api.example.com"), size);
            assert_eq!(read(&whole), First::Name("api.example.com".to_owned()));
            for end in 0..whole.len() {
                assert_eq!(read(&whole[..end]), First::More, "{end} of {}", whole.len());
            }
        }
        assert_eq!(read(&hello(None, 1000)), First::Other);
        assert_eq!(read(b"GET / HTTP/1.1\r\n"), First::Other);
        assert_eq!(read(b""), First::More);
    }

    #[test]
    fn what_never_becomes_a_hello_is_given_up() {
        let mut endless = vec![22, 3, 1, 0xff, 0xff];
        endless.resize(HELLO_BYTES, 0);
        assert_eq!(read(&endless), First::Other);
        assert_eq!(read(&[22, 3, 1, 0, 1, 2]), First::Other);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..600), tail in 0usize..600) {
            fuzz(&bytes);
            let mut near = hello(Some("a.example"), 50);
            near.truncate(tail);
            near.extend(&bytes);
            fuzz(&near);
        }
    }
}
