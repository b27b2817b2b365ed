//! A container that runs: what it hangs on, and what is done when that is let go of.

use std::{
    fs,
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{process::Child, time::timeout};
use tracing::warn;

use super::Shared;
use crate::{egress, sandbox::engine::EngineError};

/// How long a container may take to be gone once it was let go of.
const GONE: Duration = Duration::from_secs(10);

/// A container by its lifeline: a socket that its init connects to and nobody accepts at. Init ends everything inside when the socket is closed,
/// or finds it closed when it begins. So a container outlives neither its sandbox nor a gateway that was killed.
#[derive(Debug)]
pub(crate) struct Running {
    shared: Arc<Shared>,
    name: String,
    socket: PathBuf,
    /// `None` once it was let go of.
    line: Option<UnixListener>,
}

impl Running {
    pub(super) fn begin(shared: &Arc<Shared>) -> Result<Self, EngineError> {
        let (socket, line) = egress::bind(&shared.folder)?;
        let stem = socket.file_stem().unwrap_or_default().to_string_lossy();
        Ok(Self { name: format!("openclaw-{stem}"), shared: Arc::clone(shared), socket, line: Some(line) })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Where its root is, if it has one of its own.
    pub(super) fn root(&self) -> PathBuf {
        self.socket.with_extension("root")
    }

    /// Ends everything inside, also if it has not begun yet.
    pub(crate) fn let_go(&mut self) {
        self.line = None;
    }

    /// Sees to it that the command which started it ends, and the container with it, without anybody waiting. It is not killed at once: half-way,
    /// it would leave a container that nobody starts.
    pub(crate) fn bury(mut self, mut command: Child, leader: Option<Pid>) {
        self.let_go();
        let shared = Arc::clone(&self.shared);
        let burying = async move {
            if timeout(GONE, command.wait()).await.is_ok() {
                return;
            }
            warn!(container = self.name, "a container does not end by itself; it is removed");
            if let Some(leader) = leader {
                let _ = kill_process_group(leader, Signal::KILL);
            }
            if self.shared.remove(&[&self.name]).await.is_none() {
                warn!(container = self.name, "it can't be removed now; the next start does");
            }
        };
        shared.tasks.spawn_on(burying, &shared.handle);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let (socket, root) = (self.socket.clone(), self.root());
        let remove = move || {
            let _ = fs::remove_file(socket);
            let _ = fs::remove_dir_all(root);
        };
        self.shared.tasks.spawn_blocking_on(remove, &self.shared.handle);
    }
}
