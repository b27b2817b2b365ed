//! Which files are the index, and how far it reaches. Replaced as a whole.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{
    LexicalError,
    hash::{Domain, HashKey, TermHash},
};
use crate::{
    fs::Fs,
    record::{CodecError, Reader, put_bytes, put_varint},
};

const MAGIC: [u8; 8] = *b"OCLAWLXM";
/// Version of the manifest's bytes.
const VERSION: u32 = 1;
/// Version of the rules by which texts become terms. Raise it with every change of them.
const ANALYSIS: u32 = 2;
/// Most bytes of a manifest, which a damaged one may not exceed.
const MAX_BYTES: u64 = 64 << 20;

/// A segment, as the manifest names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) id: u64,
    /// Which list of deletions belongs to it; 0: none.
    pub(super) dead: u64,
}

/// What the manifest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) key: HashKey,
    /// Whether the key was handed in and is not to be stored.
    pub(super) foreign_key: bool,
    /// The next segment's id.
    pub(super) next: u64,
    /// Up to where the owner has given its documents.
    pub(super) covered: u64,
    /// What the owner wants to remember.
    pub(super) notes: Vec<u8>,
    /// In order of their documents' keys, in each space.
    pub(super) segments: Vec<Listed>,
}

/// Proves a key without telling it.
fn proof(key: &HashKey) -> TermHash {
    key.term(Domain::Check, b"openclaw lexical index")
}

pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join("manifest")
}

pub(super) fn segment_path(dir: &Path, id: u64) -> PathBuf {
    dir.join(format!("{id:010}.seg"))
}

pub(super) fn dead_path(dir: &Path, id: u64, dead: u64) -> PathBuf {
    dir.join(format!("{id:010}.{dead:010}.del"))
}

impl Manifest {
    pub(super) fn new(key: HashKey, foreign_key: bool) -> Self {
        Self { key, foreign_key, next: 1, covered: 0, notes: Vec::new(), segments: Vec::new() }
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&ANALYSIS.to_le_bytes());
        out.extend_from_slice(&proof(&self.key).to_le_bytes());
        out.extend_from_slice(if self.foreign_key { &[0; 16] } else { &self.key.0 });
        put_varint(&mut out, self.next);
        put_varint(&mut out, self.covered);
        put_bytes(&mut out, &self.notes);
        put_varint(&mut out, self.segments.len() as u64);
        for listed in &self.segments {
            put_varint(&mut out, listed.id);
            put_varint(&mut out, listed.dead);
        }
        let crc = crc32fast::hash(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads the manifest of a directory. A key that is handed in has to be the one it was written with.
    pub(super) fn read(fs: &dyn Fs, dir: &Path, key: Option<HashKey>) -> Result<Self, LexicalError> {
        let (mut manifest, check) = Self::read_unproven(fs, dir)?;
        let stored = manifest.key;
        manifest.key = key.unwrap_or(stored);
        if proof(&manifest.key) != check {
            return Err(LexicalError::OtherKey(path(dir)));
        }
        manifest.foreign_key = key.is_some_and(|given| given != stored);
        Ok(manifest)
    }

    /// The same for who has no key and needs none; with what proves the right one.
    pub(super) fn read_unproven(fs: &dyn Fs, dir: &Path) -> Result<(Self, TermHash), LexicalError> {
        let path = path(dir);
        let failed = |action, source| LexicalError::Io { action, path: path.clone(), source };
        let damaged = |what| LexicalError::Damaged { path: path.clone(), offset: 0, what };
        let file = match fs.open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(LexicalError::Absent(dir.to_owned()));
            }
            Err(source) => return Err(failed("open", source)),
        };
        let len = file.len().map_err(|source| failed("read", source))?;
        if len > MAX_BYTES {
            return Err(damaged("it is too long"));
        }
        let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
        file.read_exact_at(&mut bytes, 0).map_err(|source| failed("read", source))?;
        let (body, crc) = bytes.split_last_chunk::<4>().ok_or_else(|| damaged("it ends early"))?;
        if crc32fast::hash(body) != u32::from_le_bytes(*crc) {
            return Err(damaged("it does not verify"));
        }
        Self::decode(body, &path).unwrap_or_else(|_| Err(damaged("it makes no sense")))
    }

    /// The outer error: it ends early.
    fn decode(body: &[u8], path: &Path) -> Result<Result<(Self, TermHash), LexicalError>, CodecError> {
        let mut reader = Reader::new(body);
        if reader.array()? != MAGIC {
            return Err(CodecError::Truncated);
        }
        let versions = [u32::from_le_bytes(reader.array()?), u32::from_le_bytes(reader.array()?)];
        for (found, expected) in versions.into_iter().zip([VERSION, ANALYSIS]) {
            if found != expected {
                return Ok(Err(LexicalError::Version { path: path.to_owned(), found, expected }));
            }
        }
        let check = u64::from_le_bytes(reader.array()?);
        let key = HashKey(reader.array()?);
        let (next, covered) = (reader.varint()?, reader.varint()?);
        let notes = reader.bytes()?.to_vec();
        let count = reader.varint()?;
        let mut segments = Vec::new();
        for _ in 0..count {
            segments.push(Listed { id: reader.varint()?, dead: reader.varint()? });
        }
        Ok(Ok((Self { key, foreign_key: false, next, covered, notes, segments }, check)))
    }

    /// Puts this manifest in the place of the old one. After an error nobody knows which of the two a start will find.
    pub(super) fn replace(&self, fs: &dyn Fs, dir: &Path) -> Result<(), LexicalError> {
        let path = path(dir);
        let temporary = dir.join("manifest.tmp");
        write_file(fs, &temporary, &self.encode())?;
        let failed = |action, source| LexicalError::Io { action, path: path.clone(), source };
        // The names of the files it lists have to be durable before it can be.
        fs.sync_dir(dir).map_err(|source| failed("sync the directory of", source))?;
        fs.rename(&temporary, &path).map_err(|source| failed("replace", source))?;
        fs.sync_dir(dir).map_err(|source| failed("sync the directory of", source))
    }
}

/// Writes a small file and makes its bytes durable.
pub(super) fn write_file(fs: &dyn Fs, path: &Path, bytes: &[u8]) -> Result<(), LexicalError> {
    let failed = |action, source| LexicalError::Io { action, path: path.to_owned(), source };
    let file = fs.create(path).map_err(|source| failed("create", source))?;
    file.write_all_at(bytes, 0).map_err(|source| failed("write", source))?;
    file.sync_data().map_err(|source| failed("sync", source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::FaultFs;

    #[test]
    fn it_comes_back_with_the_right_key_only() {
        let (fs, dir) = (FaultFs::new(), Path::new("/index"));
        assert!(matches!(Manifest::read(&fs, dir, None), Err(LexicalError::Absent(_))));
        let mut manifest = Manifest::new(HashKey([7; 16]), false);
        manifest.segments = vec![Listed { id: 3, dead: 0 }, Listed { id: 900, dead: 2 }];
        (manifest.covered, manifest.notes) = (77, b"files".to_vec());
        manifest.replace(&fs, dir).unwrap();
        assert_eq!(Manifest::read(&fs, dir, None).unwrap(), manifest);
        let other = Some(HashKey([8; 16]));
        assert!(matches!(Manifest::read(&fs, dir, other), Err(LexicalError::OtherKey(_))));
        manifest.foreign_key = true;
        manifest.replace(&fs, dir).unwrap();
        assert_eq!(Manifest::read(&fs, dir, Some(HashKey([7; 16]))).unwrap(), manifest);
        assert!(matches!(Manifest::read(&fs, dir, None), Err(LexicalError::OtherKey(_))));
        fs.tamper(&path(dir), |bytes| bytes[40] ^= 1).unwrap();
        assert!(matches!(Manifest::read(&fs, dir, None), Err(LexicalError::Damaged { .. })));
    }
}
