//! Markdown that people have edited: whatever stands in a file, it is read to its end, and taking out what cites something
//! that is gone leaves every other passage as it was.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use openclaw_memory::{
    engine::{FaultFs, Fs},
    markdown::{check_citations, erase_citations, passages},
};

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    let before: Vec<_> = passages(&text).collect();
    assert!(before.windows(2).all(|pair| pair[0].line < pair[1].line));

    let (fs, dir) = (FaultFs::new(), Path::new("/compacted"));
    let path = dir.join("facts.md");
    fs.create_dir_all(dir).expect("memory does not fail");
    fs.create(&path).expect("memory does not fail").write_all_at(text.as_bytes(), 0).expect("nor here");
    let _ = check_citations(&fs, dir, &|id| id.len() % 2 == 0);
    let gone = |id: &str| id.len() % 2 == 1;
    let Ok(_) = erase_citations(&fs, dir, &gone) else { return };
    let left = fs.contents(&path).unwrap_or_default();
    let left = String::from_utf8_lossy(&left);
    let mut after = passages(&left);
    // In their order.
    for kept in before.iter().filter(|passage| passage.citations.is_empty()) {
        assert!(after.any(|passage| passage.text == kept.text), "lost {kept:?}");
    }
});
