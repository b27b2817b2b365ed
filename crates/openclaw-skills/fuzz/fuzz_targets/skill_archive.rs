//! Archives from strangers: whatever the bytes, unpacking returns, and nothing is written outside its folder.

#![no_main]

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // As they are, and as a tar archive: no mutation gets through gzip's checksum.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory does not fail");
    let packed = encoder.finish().expect("memory does not fail");
    for bytes in [bytes, &packed] {
        let dir = tempfile::tempdir().expect("there is a temporary directory");
        let dest = dir.path().join("dest");
        std::fs::create_dir(&dest).expect("it is empty");
        openclaw_skills::fuzzing::archive(bytes, &dest);
        let beside = std::fs::read_dir(dir.path()).expect("it is there").count();
        assert_eq!(beside, 1, "something was written beside it");
    }
});
