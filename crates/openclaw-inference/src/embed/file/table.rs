//! The table of the vocabulary's vectors: a quarter of a million rows, of which a text needs a handful.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use super::{ROW_BLOCK, Sizes};
use crate::{
    embed::{error::EmbedFileError, matrix::BLOCK, vocabulary::TokenId},
    gguf::half,
};

/// Bytes of a row's checksum.
pub(in super::super) const ROW_CHECK: usize = 4;

/// Rows in a file, each read when it is needed. The system's page cache is the only one.
#[derive(Debug)]
pub(in super::super) struct Table {
    file: File,
    path: PathBuf,
    sizes: Sizes,
}

impl Table {
    pub(super) fn new(file: File, path: &Path, sizes: Sizes) -> Self {
        Self { file, path: path.to_owned(), sizes }
    }

    /// Appends the vectors of tokens.
    pub(in super::super) fn read(
        &self,
        tokens: &[TokenId],
        into: &mut Vec<f32>,
    ) -> Result<(), EmbedFileError> {
        let mut row = vec![0; self.sizes.row()];
        for token in tokens {
            let offset = self.sizes.table() + u64::from(*token) * row.len() as u64;
            let damaged = |what| EmbedFileError::damaged(&self.path, offset, what);
            self.file.read_exact_at(&mut row, offset).map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => damaged("it ends too early"),
                _ => EmbedFileError::io(&self.path, error),
            })?;
            let (blocks, check) = row.split_at(row.len() - ROW_CHECK);
            if crc32fast::hash(blocks).to_le_bytes() != check {
                return Err(damaged("a row's checksum is wrong"));
            }
            for block in blocks.as_chunks::<ROW_BLOCK>().0 {
                let scale = half([block[0], block[1]]);
                if !scale.is_finite() {
                    return Err(damaged("a scale is no number"));
                }
                let number = |nibble: u8| (f32::from(nibble) - 8.0) * scale;
                into.extend(block[2..].iter().map(|byte| number(byte & 15)));
                into.extend(block[2..].iter().map(|byte| number(byte >> 4)));
            }
            debug_assert!(into.len().is_multiple_of(BLOCK));
        }
        Ok(())
    }
}
