//! Files stay short enough to be read in one go.

use super::{Findings, files::File};

const WARN: usize = 400;
const FAIL: usize = 600;

pub(super) fn check(files: &[File], findings: &mut Findings) {
    for file in files.iter().filter(|file| file.is("rs")) {
        let lines = file.text.lines().count();
        if lines > FAIL {
            findings.error(format!("{} has {lines} lines; split it ({FAIL} at most)", file.path));
        } else if lines > WARN {
            findings.warn(format!("{} has {lines} lines; {WARN} are comfortable", file.path));
        }
    }
}
