//! The directory of the sockets.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher as _, Hasher as _},
    io,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
        net::UnixListener,
    },
    path::{Path, PathBuf},
};

/// Bytes of a socket's path. Linux takes 107, other systems 103; containers may see it under another path.
const PATH_BYTES: usize = 99;

/// A lease could not be had.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// No system takes so long a path for a socket.
    #[error(
        "the path of the socket {path} has {bytes} bytes, and at most {PATH_BYTES} work; use a shorter runtime directory"
    )]
    PathTooLong {
        /// The path.
        path: PathBuf,
        /// Its length.
        bytes: usize,
    },
    /// The directory belongs to somebody else, or is none.
    #[error("sockets can't lie in {path}: {reason}; remove it, or use another runtime directory")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The system refused.
    #[error("can't {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The gateway is stopping.
    #[error("the egress proxy is closed; the gateway is stopping")]
    Closed,
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> EgressError {
    let path = path.to_owned();
    move |source| EgressError::Io { action, path, source }
}

/// A new socket in `dir`. The directory keeps everybody else out; the socket itself is open to all, since a sandbox, which
/// sees nothing but the socket, may run under another user id.
pub(crate) fn bind(dir: &Path) -> Result<(PathBuf, UnixListener), EgressError> {
    // Random only to be new; who can list the directory could connect anyway.
    let name = RandomState::new().build_hasher().finish();
    let path = dir.join(format!("{name:016x}.sock"));
    let bytes = path.as_os_str().as_bytes().len();
    if bytes > PATH_BYTES {
        return Err(EgressError::PathTooLong { path, bytes });
    }
    prepare(dir)?;
    let listener = UnixListener::bind(&path).map_err(failed("bind the socket", &path))?;
    match open(dir, &path, &listener) {
        Ok(()) => Ok((path, listener)),
        Err(error) => {
            remove(&path);
            Err(error)
        }
    }
}

fn open(dir: &Path, path: &Path, listener: &UnixListener) -> Result<(), EgressError> {
    let owner = |path: &Path| std::fs::symlink_metadata(path).map(|metadata| metadata.uid());
    let (dir_owner, own) = (owner(dir), owner(path));
    if dir_owner.map_err(failed("look at", dir))? != own.map_err(failed("look at", path))? {
        return Err(EgressError::Directory { path: dir.to_owned(), reason: "it belongs to another user" });
    }
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666)).map_err(failed("open", path))?;
    listener.set_nonblocking(true).map_err(failed("set up the socket", path))
}

/// Makes sure that the directory is there, is ours, and keeps everybody else out. Blocking.
pub(crate) fn secure(dir: &Path) -> Result<(), EgressError> {
    let is_ours = || {
        let metadata = std::fs::symlink_metadata(dir).map_err(failed("look at", dir))?;
        Ok(metadata.uid() == rustix::process::geteuid().as_raw())
    };
    let wrong = || Err(EgressError::Directory { path: dir.to_owned(), reason: "it belongs to another user" });
    if dir.exists() && !is_ours()? {
        return wrong();
    }
    prepare(dir)?;
    if is_ours()? { Ok(()) } else { wrong() }
}

fn prepare(dir: &Path) -> Result<(), EgressError> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(failed("create the directory", dir))?;
    let metadata = std::fs::symlink_metadata(dir).map_err(failed("look at", dir))?;
    let wrong = |reason| Err(EgressError::Directory { path: dir.to_owned(), reason });
    if !metadata.is_dir() {
        return wrong("it is not a directory of its own");
    }
    if metadata.mode() & 0o777 != 0o700 {
        let private = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(dir, private).map_err(failed("close to other users", dir))?;
    }
    Ok(())
}

/// Removes a socket that may be gone already.
pub(super) fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "can't remove an egress socket");
    }
}

/// Removes the sockets that a killed gateway left.
pub(super) fn sweep(dir: &Path) {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => {
            tracing::warn!(path = %dir.display(), %error, "can't look for left-over egress sockets");
            return;
        }
    };
    for entry in entries.flatten() {
        let path = entry.path();
        let is_socket = entry.file_type().is_ok_and(|kind| kind.is_socket());
        if is_socket && path.extension().is_some_and(|extension| extension == "sock") {
            remove(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::symlink_metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn the_directory_is_private_and_the_socket_open() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("run/egress");
        let (path, _listener) = bind(&dir).unwrap();
        assert_eq!((mode(&dir), mode(&path)), (0o700, 0o666));
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o755)).unwrap();
        let (other, _listener) = bind(&dir).unwrap();
        assert_eq!(mode(&dir), 0o700);
        assert_ne!(path, other);
    }

    #[test]
    fn a_long_path_is_refused_before_anything_is_made() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("x".repeat(90));
        let error = bind(&dir).unwrap_err();
        assert!(matches!(error, EgressError::PathTooLong { bytes, .. } if bytes > PATH_BYTES), "{error}");
        assert!(!dir.exists());
    }

    #[test]
    fn a_link_in_place_of_the_directory_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let (real, link) = (home.path().join("real"), home.path().join("link"));
        std::fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert!(matches!(bind(&link), Err(EgressError::Directory { .. })));
    }

    #[test]
    fn only_left_over_sockets_are_swept() {
        let dir = tempfile::tempdir().unwrap();
        let (left, listener) = bind(dir.path()).unwrap();
        drop(listener);
        let notes = dir.path().join("notes.sock");
        std::fs::write(&notes, "no socket").unwrap();
        sweep(dir.path());
        sweep(&dir.path().join("missing"));
        assert!(!left.exists() && notes.exists());
    }
}
