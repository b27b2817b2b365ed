//! Rows as they lie on the disk of an encrypted memory: each sealed by itself, with its place.

use std::io;

use super::row::Layout;
use crate::vault::{Key, SEAL_BYTES, open_into, seal_into};

/// Which of the files of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Rows = 0,
    Sketches = 1,
}

/// What seals rows; without a key they lie as they are.
#[derive(Clone, Default)]
pub(super) struct Sealer(Option<Key>);

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Sealer").field(&self.0.is_some()).finish()
    }
}

impl Sealer {
    pub(super) fn new(key: Option<Key>) -> Self {
        Self(key)
    }

    pub(super) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Bytes that a row takes on the disk.
    pub(super) fn bytes(&self, layout: Layout, part: Part) -> usize {
        let plain = match part {
            Part::Rows => layout.row_bytes(),
            Part::Sketches => layout.sketch_bytes(),
        };
        if self.is_on() { plain + SEAL_BYTES } else { plain }
    }

    /// A row on its way to the disk.
    pub(super) fn seal(&self, part: Part, row: u32, plain: Vec<u8>) -> io::Result<Vec<u8>> {
        let Some(key) = &self.0 else { return Ok(plain) };
        let mut out = Vec::with_capacity(plain.len() + SEAL_BYTES);
        seal_into(key, &place(part, row), &plain, &mut out).map_err(io::Error::other)?;
        Ok(out)
    }

    /// Appends a row as it was before, or zeros for one that is free, or was never wholly written.
    pub(super) fn open(&self, part: Part, row: u32, bytes: &[u8], out: &mut Vec<u8>) {
        let Some(key) = &self.0 else { return out.extend_from_slice(bytes) };
        let start = out.len();
        let is_free = bytes.iter().all(|byte| *byte == 0);
        if is_free || open_into(key, &place(part, row), bytes, out).is_none() {
            out.truncate(start);
            out.resize(start + bytes.len().saturating_sub(SEAL_BYTES), 0);
        }
    }

    /// Something small beside the rows.
    pub(super) fn seal_state(&self, plain: Vec<u8>) -> io::Result<Vec<u8>> {
        let Some(key) = &self.0 else { return Ok(plain) };
        let mut out = Vec::with_capacity(plain.len() + SEAL_BYTES);
        seal_into(key, &[], &plain, &mut out).map_err(io::Error::other)?;
        Ok(out)
    }

    /// `None`: it was sealed with another key, or changed.
    pub(super) fn open_state(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let Some(key) = &self.0 else { return Some(bytes.to_vec()) };
        let mut out = Vec::new();
        open_into(key, &[], bytes, &mut out)?;
        Some(out)
    }
}

fn place(part: Part, row: u32) -> [u8; 5] {
    let [a, b, c, d] = row.to_le_bytes();
    [part as u8, a, b, c, d]
}
