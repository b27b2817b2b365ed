use proptest::prelude::*;

use super::*;

fn vector(content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap();
    [&length.to_be_bytes()[..], content].concat()
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &vector(content)].concat()
}

fn name(name: &[u8]) -> Vec<u8> {
    extension(SERVER_NAME, &vector(&[&[HOST_NAME][..], &vector(name)].concat()))
}

/// A client hello with these extensions, as a handshake message.
fn hello(extensions: &[u8]) -> Vec<u8> {
    let session = [&[32][..], &[7; 32]].concat();
    let body = [&[3, 3][..], &[9; 32], &session, &vector(&[0x13, 1, 0x13, 2]), &[1, 0], &vector(extensions)]
        .concat();
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[CLIENT_HELLO, length[1], length[2], length[3]][..], &body].concat()
}

/// A message in records of at most `size` bytes.
fn records(message: &[u8], size: usize) -> Vec<u8> {
    message.chunks(size).flat_map(|part| [&[HANDSHAKE, 3, 1][..], &vector(part)].concat()).collect()
}

#[test]
fn finds_the_name() {
    let other = extension(10, &[0, 2, 0, 29]);
    for size in [1, 3, 5, 64, 4096] {
        let bytes = records(&hello(&[other.clone(), name(b"Example.com"), other.clone()].concat()), size);
        assert_eq!(read(&bytes), Hello::Whole(Some("Example.com".to_owned())), "records of {size}");
        for end in 0..bytes.len() {
            assert_eq!(read(&bytes[..end]), Hello::Partial, "{end} of {}", bytes.len());
        }
    }
    assert_eq!(read(&records(&hello(&other), 4096)), Hello::Whole(None));
    let more = [records(&hello(&name(b"a.b")), 4096), b"\x17\x03\x03\x00\x01x".to_vec()].concat();
    assert_eq!(read(&more), Hello::Whole(Some("a.b".to_owned())));
}

/// What rustls sends is what is read.
#[test]
fn reads_a_real_one() {
    let roots = rustls::RootCertStore::empty();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let host = "api.example.org".try_into().unwrap();
    let mut client = rustls::ClientConnection::new(std::sync::Arc::new(config), host).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    assert_eq!(read(&bytes), Hello::Whole(Some("api.example.org".to_owned())));
    fuzz_client_hello(&bytes);
}

#[test]
fn other_protocols_are_plain() {
    for bytes in [&b"SSH-2.0-x\r\n"[..], b"GET / HTTP/1.1\r\n", b"\x00", b"\x80\x2e\x01\x03\x01", b"\xff"] {
        assert_eq!(read(bytes), Hello::Plain);
    }
    assert_eq!(read(b""), Hello::Partial);
}

#[test]
fn what_a_server_might_read_otherwise_is_broken() {
    let whole = |extensions: &[u8]| records(&hello(extensions), 4096);
    let two = [&[HOST_NAME][..], &vector(b"a.b"), &[HOST_NAME], &vector(b"c.d")].concat();
    let mut trailing = hello(&name(b"a.b"));
    trailing.push(0);
    trailing[3] += 1;
    for (bytes, what) in [
        (whole(&[name(b"a.b"), name(b"c.d")].concat()), "two extensions"),
        (whole(&extension(SERVER_NAME, &vector(&two))), "two names"),
        (whole(&extension(SERVER_NAME, &[])), "an empty extension"),
        (whole(&name(b"")), "an empty name"),
        (whole(&name(b"a\xff.b")), "no text"),
        (whole(&extension(SERVER_NAME, &[vector(&[9, 0, 1, b'a'])].concat())), "another kind of name"),
        (whole(&[0, 0, 0, 9, 1]), "a length beyond the end"),
        (records(&trailing, 4096), "bytes behind the extensions"),
        (b"\x15\x03\x01\x00\x02\x01\x00".to_vec(), "an alert first"),
        (b"\x14\x03\x01\x00\x01\x01".to_vec(), "a change of ciphers first"),
        (b"\x16\x03\x01\x00\x00".to_vec(), "an empty record"),
        (b"\x16\x02\x01\x00\x01".to_vec(), "another version"),
        (b"\x16\x03\x01\x40\x01".to_vec(), "a record that is too long"),
        (b"\x16\x03\x01\x00\x01\x02".to_vec(), "another message"),
        (b"\x16\x03\x01\x00\x04\x01\x00\xff\xff".to_vec(), "a hello that is too long"),
    ] {
        assert_eq!(read(&bytes), Hello::Broken, "{what}");
        fuzz_client_hello(&bytes);
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300), begins_as_tls: bool) {
        let mut bytes = bytes;
        if begins_as_tls {
            bytes.splice(0..0, [HANDSHAKE, 3, 1]);
        }
        fuzz_client_hello(&bytes);
    }

    #[test]
    fn a_damaged_hello_is_read(at: prop::sample::Index, byte: u8, size in 1_usize..200) {
        let mut bytes = records(&hello(&[name(b"example.com"), extension(10, b"abc")].concat()), size);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        fuzz_client_hello(&bytes);
    }
}
