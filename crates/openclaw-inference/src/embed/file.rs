//! The model's file, in the format that `docs/formats.md` describes byte by byte: a header, the normaliser, the vocabulary, the
//! layers, and the table of the vocabulary's vectors, of which only the rows in use are ever read.

mod parts;
mod table;

use std::{
    fs::File,
    io::{BufReader, Read as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

pub(super) use self::{
    parts::{Damage, Parts},
    table::{ROW_CHECK, Table},
};
use super::{
    encoder::HEAD,
    error::EmbedFileError,
    matrix::{BLOCK, GROUP, PACKED},
};

/// What every file begins with.
pub(super) const MAGIC: [u8; 8] = *b"OCEMBED\x1a";
/// The version that this program writes, and the only one it reads.
pub(super) const VERSION: u32 = 1;
/// Bytes of the header.
pub(super) const HEADER: usize = 128;
/// Most bytes of a model's name.
pub(super) const NAME: usize = 48;
/// Bytes of a block of 32 numbers in the table: a scale of sixteen bits, then the numbers.
pub(super) const ROW_BLOCK: usize = 2 + BLOCK / 2;
/// Bytes of a block of a group of rows in a matrix, the scales counted in.
pub(super) const GROUP_BLOCK: usize = PACKED + 2 * GROUP;

/// How large a model is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sizes {
    /// Numbers of a token and of a vector.
    pub(super) width: usize,
    pub(super) layers: usize,
    /// Numbers of a token inside the feed-forward network.
    pub(super) inner: usize,
    /// Most tokens of a text.
    pub(super) positions: usize,
    /// Rows of the table.
    pub(super) rows: usize,
    pub(super) pieces: usize,
    /// Bytes of the normaliser.
    pub(super) normaliser: usize,
    /// Bytes of the pieces' texts.
    pub(super) texts: usize,
}

impl Sizes {
    /// Whether everything is within bounds that leave room for no overflow and no absurd allocation.
    pub(super) fn are_sound(&self) -> bool {
        let within = |value: usize, most: usize| (1..=most).contains(&value);
        self.width.is_multiple_of(HEAD)
            && self.inner.is_multiple_of(BLOCK)
            && within(self.width, 1024)
            && within(self.inner, 4096)
            && within(self.layers, 24)
            && (8..=512).contains(&self.positions)
            && within(self.rows, 1 << 20)
            && within(self.pieces, self.rows)
            && self.normaliser <= 1 << 20
            && within(self.texts, 1 << 24)
    }

    /// Bytes of the vocabulary.
    pub(super) fn vocabulary(&self) -> u64 {
        (4 * (3 * self.pieces + 1) + self.texts) as u64
    }

    /// Bytes of a matrix.
    fn matrix(rows: usize, columns: usize) -> usize {
        rows / GROUP * (columns / BLOCK) * GROUP_BLOCK
    }

    /// Bytes of the layers and what stands before them.
    pub(super) fn weights(&self) -> u64 {
        let (width, inner) = (self.width, self.inner);
        let matrices = Self::matrix(3 * width, width)
            + Self::matrix(width, width)
            + Self::matrix(inner, width)
            + Self::matrix(width, inner);
        let floats = 3 * width + width + inner + width + 4 * width;
        (4 * (self.positions + 2) * width + self.layers * (matrices + 4 * floats)) as u64
    }

    /// Bytes of a row of the table.
    pub(super) fn row(&self) -> usize {
        self.width / BLOCK * ROW_BLOCK + ROW_CHECK
    }

    /// Where the table begins.
    pub(super) fn table(&self) -> u64 {
        HEADER as u64 + self.normaliser as u64 + self.vocabulary() + self.weights()
    }

    /// Bytes of the whole file.
    pub(super) fn file(&self) -> u64 {
        self.table() + (self.rows * self.row()) as u64
    }
}

/// The header.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Header {
    pub(super) sizes: Sizes,
    pub(super) epsilon: f32,
    pub(super) fingerprint: u64,
    /// CRC-32 of the normaliser, the vocabulary and the weights.
    pub(super) checks: [u32; 3],
    pub(super) name: String,
}

impl Header {
    /// The bytes of a file's beginning. `name` is at most [`NAME`] bytes.
    pub(super) fn encode(&self) -> [u8; HEADER] {
        let mut bytes = Vec::with_capacity(HEADER);
        bytes.extend_from_slice(&MAGIC);
        let sizes = &self.sizes;
        for number in [
            VERSION as usize,
            sizes.width,
            sizes.layers,
            sizes.inner,
            sizes.positions,
            sizes.rows,
            sizes.pieces,
            sizes.normaliser,
            sizes.texts,
        ] {
            bytes.extend_from_slice(&(number as u32).to_le_bytes());
        }
        bytes.extend_from_slice(&self.epsilon.to_le_bytes());
        bytes.extend_from_slice(&self.fingerprint.to_le_bytes());
        for check in self.checks {
            bytes.extend_from_slice(&check.to_le_bytes());
        }
        bytes.extend_from_slice(self.name.as_bytes());
        bytes.resize(HEADER - 4, 0);
        let check = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&check.to_le_bytes());
        let mut header = [0; HEADER];
        header.copy_from_slice(&bytes);
        header
    }

    /// Reads it. `length` is the file's.
    pub(super) fn decode(bytes: &[u8; HEADER], length: u64) -> Result<Self, HeaderFault> {
        let number = |place: usize| {
            let mut four = [0; 4];
            four.copy_from_slice(&bytes[place..place + 4]);
            u32::from_le_bytes(four)
        };
        if bytes[..8] != MAGIC {
            return Err(HeaderFault::Foreign("it begins otherwise"));
        }
        if number(8) != VERSION {
            return Err(HeaderFault::Foreign("another version of the format"));
        }
        if crc32fast::hash(&bytes[..HEADER - 4]) != number(HEADER - 4) {
            return Err(HeaderFault::Damaged("the header's checksum is wrong"));
        }
        let size = |place: usize| number(place) as usize;
        let sizes = Sizes {
            width: size(12),
            layers: size(16),
            inner: size(20),
            positions: size(24),
            rows: size(28),
            pieces: size(32),
            normaliser: size(36),
            texts: size(40),
        };
        let epsilon = f32::from_bits(number(44));
        if !sizes.are_sound() || !(0.0..1.0).contains(&epsilon) {
            return Err(HeaderFault::Damaged("sizes that make no model"));
        }
        if sizes.file() != length {
            return Err(HeaderFault::Damaged("it is not as long as its header says"));
        }
        let name = bytes[68..68 + NAME].split(|byte| *byte == 0).next().unwrap_or_default();
        let name = std::str::from_utf8(name).map_err(|_| HeaderFault::Damaged("its name is no text"))?;
        Ok(Self {
            sizes,
            epsilon,
            fingerprint: u64::from(number(48)) | u64::from(number(52)) << 32,
            checks: [number(56), number(60), number(64)],
            name: name.to_owned(),
        })
    }
}

/// What is wrong with a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderFault {
    Foreign(&'static str),
    Damaged(&'static str),
}

/// Which file lies at a path: it changes when another one is put there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
    changed: (i64, i64),
    length: u64,
}

impl Identity {
    pub(super) fn of(metadata: &std::fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            changed: (metadata.mtime(), metadata.mtime_nsec()),
            length: metadata.len(),
        }
    }
}

/// A file whose header is read and sound.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) file: File,
    pub(super) header: Header,
    pub(super) identity: Identity,
}

impl Opened {
    pub(super) fn open(path: &Path) -> Result<Self, EmbedFileError> {
        let io = |source| EmbedFileError::io(path, source);
        let mut file = File::open(path).map_err(io)?;
        let metadata = file.metadata().map_err(io)?;
        let foreign = |what| EmbedFileError::Foreign { path: path.to_owned(), what };
        if !metadata.is_file() || metadata.len() < HEADER as u64 {
            return Err(foreign("too short, or no file"));
        }
        let mut bytes = [0; HEADER];
        file.read_exact(&mut bytes).map_err(io)?;
        let header = Header::decode(&bytes, metadata.len()).map_err(|fault| match fault {
            HeaderFault::Foreign(what) => foreign(what),
            HeaderFault::Damaged(what) => EmbedFileError::damaged(path, 0, what),
        })?;
        Ok(Self { file, header, identity: Identity::of(&metadata) })
    }

    /// Reads everything but the table, which stays in the file.
    pub(super) fn load(self, path: &Path) -> Result<(Parts, Table), EmbedFileError> {
        let reader = BufReader::with_capacity(1 << 16, &self.file);
        let parts = Parts::read(&self.header, reader).map_err(|damage| match damage {
            Damage::Io(source) => EmbedFileError::io(path, source),
            Damage::Wrong { offset, what } => EmbedFileError::damaged(path, offset, what),
        })?;
        Ok((parts, Table::new(self.file, path, self.header.sizes)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header() -> Header {
        Header {
            sizes: Sizes {
                width: 384,
                layers: 12,
                inner: 1536,
                positions: 512,
                rows: 250_037,
                pieces: 249_997,
                normaliser: 45_000,
                texts: 2_581_000,
            },
            epsilon: 1e-12,
            fingerprint: 0x0123_4567_89ab_cdef,
            checks: [1, 2, 3],
            name: "multilingual-e5-small".to_owned(),
        }
    }

    #[test]
    fn a_header_is_read_as_it_was_written() {
        let header = header();
        let bytes = header.encode();
        assert_eq!(Header::decode(&bytes, header.sizes.file()), Ok(header.clone()));
        let short = Header::decode(&bytes, header.sizes.file() - 1);
        assert_eq!(short, Err(HeaderFault::Damaged("it is not as long as its header says")));
        let mut later = bytes;
        later[8] = 2;
        assert!(matches!(Header::decode(&later, header.sizes.file()), Err(HeaderFault::Foreign(_))));
    }

    #[test]
    fn the_known_model_keeps_twelve_megabytes_in_memory() {
        let sizes = header().sizes;
        assert!((12_000_000..13_500_000).contains(&sizes.weights()), "{}", sizes.weights());
        assert_eq!(sizes.row(), 220);
    }

    proptest! {
        /// No changed byte goes unnoticed, and none makes the program fail.
        #[test]
        fn a_changed_header_is_refused(place in 0..HEADER, bit in 0..8u8) {
            let header = header();
            let mut bytes = header.encode();
            bytes[place] ^= 1 << bit;
            prop_assert!(Header::decode(&bytes, header.sizes.file()).is_err());
        }
    }
}
