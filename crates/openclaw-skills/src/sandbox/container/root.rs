//! The empty root that the host's system directories are mounted into.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Stdio,
};

use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType, Header, HeaderMode};
use tokio::{io::AsyncWriteExt as _, time::timeout};

use super::{COMMAND, Shared, running::Running};
use crate::sandbox::{
    engine::{EngineError, Job},
    host,
    plan::Bind,
};

/// What is in it, by its path without the first slash.
enum Entry {
    Folder,
    Link(PathBuf),
    File(&'static str),
}

fn entries() -> Vec<(String, Entry)> {
    let mut entries: Vec<(String, Entry)> =
        ["dev", "proc", "sys", "run", "tmp", "work", "skill", ".openclaw", "etc"]
            .map(|name| (name.to_owned(), Entry::Folder))
            .into();
    for path in host::SYSTEM {
        let Ok(metadata) = fs::symlink_metadata(path) else { continue };
        let link = metadata.is_symlink().then(|| fs::read_link(path).unwrap_or_default());
        entries.push((path.trim_start_matches('/').to_owned(), link.map_or(Entry::Folder, Entry::Link)));
    }
    entries.extend(host::ETC_FILES.map(|(name, text)| (format!("etc/{name}"), Entry::File(text))));
    entries
}

impl Shared {
    /// The root in the file system. Without grants it is made once for all sandboxes. The engine makes mount points in it, which tell where
    /// grants lie: with them, each sandbox has its own.
    pub(super) fn root(&self, job: &Job, running: &Running) -> Result<PathBuf, EngineError> {
        if job.grants.is_empty() {
            return self.common_root(running);
        }
        let root = running.root();
        prepared(&root, make(&root)).map(|()| root)
    }

    fn common_root(&self, running: &Running) -> Result<PathBuf, EngineError> {
        let root = self.folder.join("root");
        if root.exists() {
            return Ok(root);
        }
        let fresh = running.root();
        prepared(&fresh, make(&fresh))?;
        match fs::rename(&fresh, &root) {
            // Another sandbox was quicker; what it made is the same.
            Err(_) if root.exists() => {
                let _ = fs::remove_dir_all(&fresh);
                Ok(root)
            }
            done => prepared(&root, done).map(|()| root),
        }
    }

    /// Files of /etc that docker would show the host's of.
    pub(super) fn names(&self, running: &Running) -> Result<impl Iterator<Item = Bind> + use<>, EngineError> {
        let etc = self.common_root(running)?.join("etc");
        Ok(["hosts", "hostname", "resolv.conf"].into_iter().map(move |name| Bind {
            source: etc.join(name).to_string_lossy().into_owned(),
            target: format!("/etc/{name}"),
            writable: false,
            judged: true,
        }))
    }

    /// The root as an image, which is all that docker takes; its name says what is in it.
    pub(super) async fn image(&self) -> Result<String, EngineError> {
        self.image.get_or_try_init(|| self.import()).await.cloned()
    }

    async fn import(&self) -> Result<String, EngineError> {
        let failed = |source| EngineError::Start { program: "docker import".to_owned(), source };
        let archive = archive().map_err(failed)?;
        let digest = Sha256::digest(&archive);
        let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let name = format!("openclaw-sandbox:{digest}");
        if self.ask(&["image", "inspect", "--format", "{{.Id}}", &name]).await.is_some() {
            return Ok(name);
        }
        let mut command = self.command();
        command.args(["import", "-", &name]);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let import = async {
            let mut child = command.spawn()?;
            if let Some(mut stdin) = child.stdin.take() {
                stdin.write_all(&archive).await?;
            }
            let output = child.wait_with_output().await?;
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            if output.status.success() { Ok(()) } else { Err(io::Error::other(said)) }
        };
        let done = timeout(COMMAND, import).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        done.map(|()| name).map_err(failed)
    }
}

fn prepared<T>(path: &Path, done: io::Result<T>) -> Result<T, EngineError> {
    done.map_err(|source| EngineError::Prepare { path: path.to_owned(), source })
}

fn make(root: &Path) -> io::Result<()> {
    for (path, entry) in entries() {
        let path = root.join(path);
        match entry {
            Entry::Folder => fs::create_dir_all(&path)?,
            Entry::Link(to) => std::os::unix::fs::symlink(to, &path)?,
            Entry::File(text) => fs::write(&path, text)?,
        }
    }
    Ok(())
}

fn archive() -> io::Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    archive.mode(HeaderMode::Deterministic);
    for (path, entry) in entries() {
        let mut header = Header::new_gnu();
        header.set_mode(if matches!(entry, Entry::File(_)) { 0o644 } else { 0o755 });
        match entry {
            Entry::Folder => {
                header.set_entry_type(EntryType::Directory);
                archive.append_data(&mut header, path, io::empty())?;
            }
            Entry::Link(to) => {
                header.set_entry_type(EntryType::Symlink);
                archive.append_link(&mut header, path, to)?;
            }
            Entry::File(text) => {
                header.set_size(u64::try_from(text.len()).unwrap_or_default());
                archive.append_data(&mut header, path, text.as_bytes())?;
            }
        }
    }
    archive.into_inner()
}
