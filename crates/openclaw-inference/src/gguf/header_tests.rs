//! Headers, whole and broken.

use super::*;

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

fn key(name: &str, kind: u32, value: &[u8]) -> Vec<u8> {
    [&text(name), kind.to_le_bytes().as_slice(), value].concat()
}

fn tensor(name: &str, sizes: &[u64], kind: u32, start: u64) -> Vec<u8> {
    let sizes_bytes: Vec<u8> = sizes.iter().flat_map(|size| size.to_le_bytes()).collect();
    [
        &text(name),
        (sizes.len() as u32).to_le_bytes().as_slice(),
        &sizes_bytes,
        &kind.to_le_bytes(),
        &start.to_le_bytes(),
    ]
    .concat()
}

fn file(version: u32, keys: &[Vec<u8>], tensors: &[Vec<u8>], data: usize) -> Vec<u8> {
    let mut bytes = [
        b"GGUF".as_slice(),
        &version.to_le_bytes(),
        &(tensors.len() as u64).to_le_bytes(),
        &(keys.len() as u64).to_le_bytes(),
        &keys.concat(),
        &tensors.concat(),
    ]
    .concat();
    bytes.resize(bytes.len().next_multiple_of(32) + data, 0);
    bytes
}

fn list(kind: u32, count: u64, items: &[u8]) -> Vec<u8> {
    [kind.to_le_bytes().as_slice(), &count.to_le_bytes(), items].concat()
}

fn sample() -> Vec<u8> {
    let keys = [
        key("a.byte", 0, &[200]),
        key("a.small", 1, &[200]),
        key("a.float", 6, &0.5f32.to_le_bytes()),
        key("a.flag", 7, &[1]),
        key("a.text", 8, &text("naïve")),
        key("a.texts", 9, &list(8, 3, &[text("x"), text(""), text("yz")].concat())),
        key("a.wholes", 9, &list(5, 2, &[0xff, 0xff, 0xff, 0xff, 7, 0, 0, 0])),
        key("a.nested", 9, &list(9, 1, &list(6, 1, &[0; 4]))),
        key("a.large", 10, &u64::MAX.to_le_bytes()),
        key("a.double", 12, &2.5f64.to_le_bytes()),
    ];
    let tensors = [tensor("one", &[4], 0, 0), tensor("two", &[32, 3], 8, 32)];
    file(3, &keys, &tensors, 32 + 3 * 34)
}

fn read(bytes: &[u8]) -> Result<Header, HeaderError> {
    Header::read(bytes, bytes.len() as u64)
}

/// What a refusal says.
fn refusal(bytes: &[u8]) -> String {
    format!("{:?}", read(bytes).unwrap_err())
}

#[test]
fn values_and_tensors_are_read() {
    let bytes = sample();
    let header = read(&bytes).unwrap();
    let value = |key: &str| &header.metadata[key];
    assert_eq!(*value("a.byte"), Value::Whole(200));
    assert_eq!(*value("a.small"), Value::Whole(-56));
    assert_eq!(*value("a.float"), Value::Float(0.5));
    assert_eq!(*value("a.double"), Value::Float(2.5));
    assert_eq!(*value("a.flag"), Value::Flag(true));
    assert_eq!(*value("a.text"), Value::Text("naïve".to_owned()));
    assert_eq!(*value("a.wholes"), Value::Wholes(vec![-1, 7]));
    assert_eq!((value("a.nested"), value("a.large")), (&Value::Other, &Value::Other));
    let Value::Texts(texts) = value("a.texts") else { panic!("{header:?}") };
    assert_eq!(texts.iter().collect::<Vec<_>>(), ["x", "", "yz"]);
    assert_eq!((texts.len(), texts.get(2), texts.get(3)), (3, Some("yz"), None));
    let data = (bytes.len() - 32 - 3 * 34) as u64;
    let tensor = &header.tensors["two"];
    assert_eq!((tensor.kind, &tensor.sizes, tensor.start), (Kind::Q8_0, &vec![32, 3], data + 32));
    assert!(read(&file(2, &[], &[], 0)).is_ok());
}

#[test]
fn a_header_cut_anywhere_is_refused() {
    let bytes = sample();
    for length in 0..bytes.len() {
        assert!(read(&bytes[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn no_byte_makes_it_panic() {
    let bytes = sample();
    for index in 0..bytes.len() {
        for byte in [0, 1, 9, 0x7f, 0x80, 0xff] {
            let mut broken = bytes.clone();
            broken[index] = byte;
            // Many are as good as before; what is wanted is an end, without a panic and without much memory.
            let _ = read(&broken);
        }
    }
    let mut state = 1u32;
    for _ in 0..500 {
        let mut noise = b"GGUF\x03\0\0\0".to_vec();
        noise.extend((0..200).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if state >> 30 == 0 { (state >> 16) as u8 } else { (state >> 29) as u8 & 1 }
        }));
        let _ = read(&noise);
    }
}

#[test]
fn lengths_are_not_believed() {
    let huge = u64::MAX.to_le_bytes();
    for keys in [
        key("a", 8, &huge),
        key("a", 8, &(1u64 << 40).to_le_bytes()),
        key("a", 9, &list(8, u64::MAX, &[])),
        key("a", 9, &list(4, 1 << 40, &[])),
        huge.to_vec(),
    ] {
        assert!(refusal(&file(3, &[keys], &[], 64)).contains("cut off"));
    }
    let mut counts = file(3, &[], &[], 64);
    counts[8..16].copy_from_slice(&huge);
    assert!(refusal(&counts).contains("tensors"));
    let long = text(&"k".repeat(1 << 17));
    assert!(refusal(&file(3, &[long], &[], 64)).contains("a name of 131072 bytes"));
}

#[test]
fn tensors_lie_inside_of_the_file() {
    let refused = |tensors: &[Vec<u8>]| refusal(&file(3, &[], tensors, 64));
    assert!(refused(&[tensor("a", &[17], 0, 0)]).contains("tensor a lies beyond"));
    assert!(refused(&[tensor("a", &[4], 0, 64)]).contains("tensor a lies beyond"));
    assert!(refused(&[tensor("a", &[1 << 40, 1 << 40], 0, 0)]).contains("tensor a lies beyond"));
    assert!(refused(&[tensor("a", &[4], 0, u64::MAX - 31)]).contains("tensor a lies beyond"));
    assert!(refused(&[tensor("a", &[16], 8, 0)]).contains("tensor a lies beyond"));
    assert!(refused(&[tensor("a", &[4], 0, 8)]).contains("tensor a is not aligned"));
    assert!(refused(&[tensor("a", &[1; 5], 0, 0)]).contains("5 dimensions"));
    let twice = [tensor("a", &[4], 0, 0), tensor("a", &[4], 0, 32)];
    assert!(refused(&twice).contains("twice"));
}

#[test]
fn what_is_not_read_here_is_named() {
    assert!(refusal(&file(3, &[], &[tensor("a", &[256], 16, 0)], 512)).contains("stored as IQ2_XXS"));
    assert!(refusal(&file(3, &[], &[tensor("a", &[256], 77, 0)], 512)).contains("unknown type 77"));
    assert!(refusal(&file(1, &[], &[], 0)).contains("version 1"));
    assert!(refusal(&file(3u32.swap_bytes(), &[], &[], 0)).contains("big-endian"));
    assert!(refusal(&file(3, &[key("a", 13, &[])], &[], 64)).contains("unknown kind 13"));
    assert!(refusal(&file(3, &[key("a", 9, &list(13, 0, &[]))], &[], 64)).contains("unknown kind 13"));
    let alignment = |bytes: u32| key("general.alignment", 4, &bytes.to_le_bytes());
    assert!(refusal(&file(3, &[alignment(0)], &[], 64)).contains("alignment"));
    assert!(refusal(&file(3, &[alignment(48)], &[], 64)).contains("alignment"));
    assert!(read(&file(3, &[alignment(64)], &[], 64)).is_ok());
    assert!(matches!(read(b"GGU").unwrap_err(), HeaderError::NotGguf));
}
