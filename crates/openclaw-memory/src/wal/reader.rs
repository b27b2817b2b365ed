//! Reading single records and scanning many.

use std::ops::Range;

use openclaw_core::Lsn;

use super::{Damage, Pointer, ReadError, Record, SegmentInfo};

/// Reads and scans the log, while it is written to and afterwards. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reader {
    _shared: (),
}

impl Reader {
    /// Reads one record's payload. Blocks, usually on one read of the page cache.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn read(&self, _pointer: Pointer) -> Result<Vec<u8>, ReadError> {
        todo!()
    }

    /// Starts a scan over the durable records of a range of Lsns, in order, with big sequential reads. Records that are
    /// appended meanwhile may or may not be met. For several threads, split the range along [`Reader::segments`].
    #[must_use]
    pub fn scan(&self, _range: Range<Lsn>) -> Scanner {
        todo!()
    }

    /// The segments, oldest first.
    #[must_use]
    pub fn segments(&self) -> Vec<SegmentInfo> {
        todo!()
    }

    /// From the first record still in the log to the one that will be written next.
    #[must_use]
    pub fn held(&self) -> Range<Lsn> {
        todo!()
    }
}

/// A scan under way. Holds one buffer: a quarter of a MiB, or the largest record met.
#[derive(Debug)]
pub struct Scanner {
    _shared: (),
}

impl Scanner {
    /// The next record, or `None` at the end. Damaged records are passed over and noted in [`Scanner::damages`]. Blocks.
    ///
    /// # Errors
    /// [`ReadError::Io`].
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, ReadError> {
        todo!()
    }

    /// Damage met so far.
    #[must_use]
    pub fn damages(&self) -> &[Damage] {
        todo!()
    }
}
