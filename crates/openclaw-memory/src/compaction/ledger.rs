//! Which lines have been written: so that what a person took out is known to be missing, and does not come back.

use std::collections::BTreeMap;

use super::{line::digest, words};

/// The first line of a ledger.
const HEAD: &str = "openclaw-lines-1";

/// What has been written into the files of one ledger, by reference.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ledger(pub(super) BTreeMap<String, Written>);

/// A line that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    /// The file it was written to.
    pub(super) file: String,
    /// A hash of what it says.
    pub(super) says: String,
    /// Its sources.
    pub(super) from: Vec<String>,
}

/// The hash of what a line says.
pub(super) fn says(text: &str) -> String {
    digest(16, &["says", &words::key(text)])
}

impl Ledger {
    /// Reads a ledger; lines that make no sense are passed over, and counted.
    pub(super) fn parse(bytes: &[u8]) -> (Self, usize) {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.lines();
        let mut ledger = Self::default();
        if lines.next() != Some(HEAD) {
            return (ledger, usize::from(!bytes.is_empty()));
        }
        let mut wrong = 0;
        for line in lines {
            let mut fields = line.split(' ').map(str::to_owned);
            match (fields.next(), fields.next(), fields.next()) {
                (Some(reference), Some(says), Some(file)) => {
                    ledger.0.insert(reference, Written { file, says, from: fields.collect() });
                }
                _ => wrong += 1,
            }
        }
        (ledger, wrong)
    }

    pub(super) fn render(&self) -> Vec<u8> {
        let mut out = format!("{HEAD}\n");
        for (reference, Written { file, says, from }) in &self.0 {
            // Ids have no spaces, nor have our names of files.
            for field in [reference, says, file].into_iter().chain(from) {
                out.push_str(field);
                out.push(' ');
            }
            out.pop();
            out.push('\n');
        }
        out.into_bytes()
    }
}
