//! One log file and its predecessors: `gateway.log`, `gateway.log.1`, ….

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// Size past which a file is put aside, in bytes.
pub(super) const MAX_BYTES: u64 = 8 * 1024 * 1024;
/// Files that are kept, the current one counted in.
pub(super) const FILES: usize = 4;

pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    bytes: u64,
    max_bytes: u64,
}

impl LogFile {
    pub(super) fn open(path: &Path, max_bytes: u64) -> io::Result<Self> {
        if let Some(directory) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        }
        let (file, bytes) = open(path)?;
        Ok(Self { path: path.to_owned(), file, bytes, max_bytes })
    }

    /// Appends whole lines.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.bytes > 0 && self.bytes + lines.len() as u64 > self.max_bytes {
            self.rotate()?;
        }
        let before = self.bytes;
        match self.file.write_all(lines) {
            Ok(()) => self.bytes += lines.len() as u64,
            Err(error) => {
                // Half a line would swallow the next one.
                let _ = self.file.set_len(before);
                return Err(error);
            }
        }
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        for age in (1..FILES).rev() {
            let from = aged(&self.path, age - 1);
            match fs::rename(&from, aged(&self.path, age)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        (self.file, self.bytes) = open(&self.path)?;
        Ok(())
    }
}

/// The file that is `age` rotations old.
pub(super) fn aged(path: &Path, age: usize) -> PathBuf {
    if age == 0 {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{age}"));
    PathBuf::from(name)
}

fn open(path: &Path) -> io::Result<(File, u64)> {
    let mut file = OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(path)?;
    let mut bytes = file.metadata()?.len();
    if bytes > 0 {
        // A kill may have torn the last line; the next one must not be lost with it.
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != [b'\n'] {
            file.write_all(b"\n")?;
            bytes += 1;
        }
    }
    Ok((file, bytes))
}

/// Bytes read at once when reading backwards.
const CHUNK: usize = 64 * 1024;

/// Calls `visit` with every line of the file, last one first, until it returns false. Returns whether it never did.
pub(super) fn backwards(file: &mut File, mut visit: impl FnMut(&[u8]) -> bool) -> io::Result<bool> {
    let mut at = file.seek(SeekFrom::End(0))?;
    let mut pending: Vec<u8> = Vec::new();
    let mut chunk = vec![0; CHUNK];
    while at > 0 {
        let size = usize::try_from(at).unwrap_or(CHUNK).min(CHUNK);
        at -= size as u64;
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut chunk[..size])?;
        let mut end = size;
        while let Some(newline) = chunk[..end].iter().rposition(|byte| *byte == b'\n') {
            let more = if pending.is_empty() {
                visit(&chunk[newline + 1..end])
            } else {
                pending.splice(0..0, chunk[newline + 1..end].iter().copied());
                let more = visit(&pending);
                pending.clear();
                more
            };
            if !more {
                return Ok(false);
            }
            end = newline;
        }
        pending.splice(0..0, chunk[..end].iter().copied());
    }
    Ok(pending.is_empty() || visit(&pending))
}
