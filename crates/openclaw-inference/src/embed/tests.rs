//! The model as a whole: a tiny one that is made here, and the real one where it is.

mod real;
mod tiny;

use std::{path::PathBuf, time::Duration};

use openclaw_core::port::{EmbedError, EmbedPort as _, EmbedSide, Embedding};
use proptest::prelude::*;

use super::{EmbedFileError, EmbedOptions, Embedder};

/// A directory that is gone when this is dropped.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("openclaw-embed-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn near(a: &Embedding, b: &Embedding) -> bool {
    a.iter().zip(&**b).all(|(a, b)| (a - b).abs() < 1e-5)
}

#[test]
fn the_file_may_appear_be_replaced_and_vanish() {
    let dir = Dir::new("appear");
    let path = dir.file("model");
    let embedder = Embedder::new(EmbedOptions::new(&path));
    assert_eq!(embedder.model(), None);
    let error = embedder.embed(EmbedSide::Query, &["a"]).unwrap_err();
    assert!(error.is_missing() && error.to_string().contains("gateway model pull embeddings"), "{error}");
    assert!(embedder.windows("a").unwrap_err().is_missing());
    tiny::make(&dir, &path, 1);
    let first = embedder.model().unwrap();
    assert_eq!((first.name.as_str(), first.dimensions), ("multilingual-e5-small", 64));
    let before = embedder.embed(EmbedSide::Query, &["ab ba"]).unwrap();
    tiny::make(&dir, &path, 2);
    let second = embedder.model().unwrap();
    assert_ne!(second.fingerprint, first.fingerprint);
    assert!(!near(&before[0], &embedder.embed(EmbedSide::Query, &["ab ba"]).unwrap()[0]));
    std::fs::remove_file(&path).unwrap();
    assert_eq!(embedder.model(), None);
    assert!(embedder.embed(EmbedSide::Query, &["a"]).unwrap_err().is_missing());
}

#[test]
fn texts_keep_their_order_and_do_not_touch_each_other() {
    let dir = Dir::new("order");
    let path = dir.file("model");
    tiny::make(&dir, &path, 1);
    let embedder = Embedder::new(EmbedOptions::new(&path));
    let long = "ab ba a b ".repeat(300);
    let texts = ["", "a", long.as_str(), "ab ba", "語", " a ", long.as_str(), "b"];
    let together = embedder.embed(EmbedSide::Passage, &texts).unwrap();
    assert_eq!(together.len(), texts.len());
    for (text, vector) in texts.iter().zip(&together) {
        assert!((vector.cosine(vector) - 1.0).abs() < 1e-5, "{text:?}");
        assert!(near(&embedder.embed(EmbedSide::Passage, &[text]).unwrap()[0], vector), "{text:?}");
    }
    assert!(near(&together[1], &together[5]), "white space around a text is none of it");
    assert!(!near(&together[1], &together[7]));
    let query = embedder.embed(EmbedSide::Query, &["a"]).unwrap();
    assert!(!near(&query[0], &together[1]), "the sides differ");
    assert!(embedder.embed(EmbedSide::Query, &[]).unwrap().is_empty());
}

#[test]
fn an_idle_model_leaves_memory_and_comes_back() {
    let dir = Dir::new("idle");
    let path = dir.file("model");
    tiny::make(&dir, &path, 1);
    let options = EmbedOptions { idle_unload: Duration::from_millis(10), ..EmbedOptions::new(&path) };
    let embedder = Embedder::new(options);
    assert!(!embedder.is_loaded());
    for _ in 0..3 {
        embedder.embed(EmbedSide::Query, &["a"]).unwrap();
        // The test's own time limit is the only one.
        while embedder.is_loaded() {
            std::thread::yield_now();
        }
    }
    let stays = Embedder::new(EmbedOptions { idle_unload: Duration::ZERO, ..EmbedOptions::new(&path) });
    stays.embed(EmbedSide::Query, &["a"]).unwrap();
    assert!(stays.is_loaded());
}

#[test]
fn many_threads_share_one_model() {
    let dir = Dir::new("threads");
    let path = dir.file("model");
    tiny::make(&dir, &path, 1);
    let embedder = Embedder::new(EmbedOptions::new(&path));
    let alone = embedder.embed(EmbedSide::Passage, &["ab ba"]).unwrap();
    std::thread::scope(|scope| {
        for side in [EmbedSide::Query, EmbedSide::Passage, EmbedSide::Passage, EmbedSide::Query] {
            let (embedder, alone) = (&embedder, &alone);
            scope.spawn(move || {
                let vectors = embedder.embed(side, &["ab ba"; 8]).unwrap();
                assert!(vectors.iter().all(|vector| near(vector, &vectors[0])));
                assert_eq!(near(&vectors[0], &alone[0]), side == EmbedSide::Passage);
            });
        }
    });
}

#[test]
fn a_file_that_can_not_be_used_is_named_with_what_to_do() {
    let dir = Dir::new("broken");
    let path = dir.file("model");
    tiny::make(&dir, &path, 1);
    let whole = std::fs::read(&path).unwrap();
    let mut later = whole.clone();
    later[8] = 9;
    for (bytes, words) in [
        (Vec::new(), "too short"),
        (b"once upon a time".repeat(20), "begins otherwise"),
        (later, "another version"),
        (whole[..whole.len() - 1].to_vec(), "not as long"),
        ([&whole[..], &[0]].concat(), "not as long"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let embedder = Embedder::new(EmbedOptions::new(&path));
        assert_eq!(embedder.model(), None);
        let error = embedder.embed(EmbedSide::Query, &["a"]).unwrap_err();
        assert!(matches!(error, EmbedError::Unusable { .. }), "{error}");
        for words in [words, path.to_str().unwrap(), "gateway model pull embeddings"] {
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Wherever a byte changes, it is noticed: in the layers when the model is loaded, in the table when the row is used.
    #[test]
    fn a_changed_byte_is_noticed(place in 0.0..1.0f64, bit in 0..8u8) {
        let dir = Dir::new("changed");
        let path = dir.file("model");
        tiny::make(&dir, &path, 1);
        let expected = Embedder::new(EmbedOptions::new(&path)).embed(EmbedSide::Query, &["ab"]).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let place = (place * bytes.len() as f64) as usize;
        bytes[place] ^= 1 << bit;
        std::fs::write(&path, &bytes).unwrap();
        match Embedder::new(EmbedOptions::new(&path)).embed(EmbedSide::Query, &["ab"]) {
            // A row that this text does not need.
            Ok(vectors) => prop_assert!(vectors == expected && Embedder::verify(&path).is_ok()),
            Err(error) => prop_assert!(!error.is_missing(), "{}", error),
        }
        if place < bytes.len() - tiny::table() {
            let verified = Embedder::verify(&path);
            let noticed = matches!(verified, Err(EmbedFileError::Damaged { .. } | EmbedFileError::Foreign { .. }));
            prop_assert!(noticed, "{:?}", verified);
        }
    }

    /// Whatever a file holds, decoding it ends.
    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400), kind in 0..4usize) {
        let begin: [&[u8]; 4] = [b"", b"OCEMBED\x1a\x01\0\0\0", b"E5S1\x01\0\0\0", b"\x40\0\0\0\0\0\0\0{\"a\":"];
        super::fuzz_decode(&[begin[kind], &bytes].concat());
    }
}
