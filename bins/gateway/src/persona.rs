//! `soul.md`, read again when it changes.

use std::{
    io::Read as _,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

/// Longest persona that is used, in bytes; the rest of a longer file is left out.
const MAX_BYTES: usize = 64 * 1024;
/// How long a look at the file counts.
const FRESH: Duration = Duration::from_secs(1);

struct Cached {
    text: String,
    stamp: Option<(SystemTime, u64)>,
    looked: Instant,
}

/// The persona as it stands in the file. A turn pays for one look at the file's time a second.
pub(crate) fn persona(path: PathBuf) -> Arc<dyn Fn() -> String + Send + Sync> {
    let stamp = stamp(&path);
    let cached = Mutex::new(Cached { text: read(&path), stamp, looked: Instant::now() });
    Arc::new(move || {
        let mut cached = cached.lock().unwrap_or_else(PoisonError::into_inner);
        if cached.looked.elapsed() >= FRESH {
            cached.looked = Instant::now();
            let now = self::stamp(&path);
            if now != cached.stamp {
                cached.stamp = now;
                cached.text = read(&path);
                tracing::info!(path = %path.display(), bytes = cached.text.len(), "persona read again");
            }
        }
        cached.text.clone()
    })
}

fn stamp(path: &std::path::Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// At most one byte more than is used. A pipe or a device is not opened: that could wait for ever.
fn read_start(path: &std::path::Path) -> std::io::Result<Vec<u8>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn read(path: &std::path::Path) -> String {
    match read_start(path) {
        Ok(bytes) => {
            if bytes.len() > MAX_BYTES {
                tracing::warn!(path = %path.display(), used = MAX_BYTES, "persona is cut: it is too long");
            }
            String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_BYTES)]).trim().to_owned()
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "persona can't be read: going on without");
            String::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_persona_is_empty_and_a_long_one_is_cut() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("soul.md");
        assert_eq!(persona(path.clone())(), "");
        assert_eq!(persona(directory.path().to_owned())(), "", "a directory is no persona");
        std::fs::write(&path, "x".repeat(MAX_BYTES + 10)).unwrap();
        assert_eq!(persona(path)().len(), MAX_BYTES);
    }
}
