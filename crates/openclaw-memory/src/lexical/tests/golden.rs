//! Files of version 2 stay readable, byte by byte.

use std::path::PathBuf;

use super::{super::*, DIR, create, doc, keys, open, search};
use crate::fs::{FaultFs, Fs as _};

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/lexical-v2")
}

fn make() -> FaultFs {
    let fs = FaultFs::new();
    let index = create(&fs);
    for major in 1..=300 {
        let text = format!(
            "message {major}: 我的飲食偏好 {} 사용자 snake_case 🎉",
            "tea ".repeat(major as usize % 4)
        );
        index.add(&[doc(major, &text)], major).unwrap();
    }
    index.set_notes(b"notes".to_vec());
    index.flush().unwrap();
    index.delete(&[Doomed::Keys { space: Space::Log, from: (7, 0), to: (9, 0) }]).unwrap();
    fs
}

#[test]
#[ignore = "writes the fixture; once per format version: cargo test -p openclaw-memory --lib lexical::tests::golden -- --ignored"]
fn write_version_2() {
    let made = make();
    std::fs::create_dir_all(fixtures()).unwrap();
    for path in made.files() {
        std::fs::write(fixtures().join(path.file_name().unwrap()), made.contents(&path).unwrap()).unwrap();
    }
}

#[test]
fn files_of_version_2_are_what_they_were() {
    let made = make();
    let disk = FaultFs::new();
    let mut names = Vec::new();
    for path in made.files() {
        let name = path.file_name().unwrap().to_owned();
        let fixture = fixtures().join(&name);
        let kept = std::fs::read(&fixture).unwrap();
        assert!(made.contents(&path).unwrap() == kept, "{name:?} is written differently now");
        disk.create(&path).unwrap().write_all_at(&kept, 0).unwrap();
        names.push(name);
    }
    assert_eq!(names.len(), 3, "{names:?}");
    let index = open(&disk).unwrap();
    assert_eq!((index.covered(), index.notes()), (300, b"notes".to_vec()));
    let found = search(&index, "message 299", Filter::default(), 2);
    assert_eq!((keys(&found)[0], found.total), ((299, 0), 297));
    assert_eq!(search(&index, "8", Filter::default(), 10).total, 0);
    assert!(disk.files().iter().all(|path| path.starts_with(DIR)));
}
