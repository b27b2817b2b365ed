//! Removing what gateways that were killed have left.

use std::{fs, io, path::Path};

use tokio::net::UnixStream;
use tracing::{info, warn};

use super::{Container, HOME_LABEL, Kind, LINE_LABEL};
use crate::sandbox::engine::Engine as _;

impl Container {
    /// Removes containers and roots of this data directory that nobody holds any more.
    pub(crate) async fn sweep(&self) {
        let shared = &self.shared;
        let filter = format!("label={HOME_LABEL}={}", shared.owner);
        let line = match shared.kind {
            Kind::Podman => format!("{{{{index .Labels \"{LINE_LABEL}\"}}}}"),
            Kind::Docker => format!("{{{{.Label \"{LINE_LABEL}\"}}}}"),
        };
        let format = format!("{{{{.ID}}}} {line}");
        let listed = shared.ask(&["ps", "--all", "--filter", &filter, "--format", &format]).await;
        let listed = listed.unwrap_or_default();
        let mut left = Vec::new();
        for (id, socket) in listed.lines().map(|line| line.split_once(' ').unwrap_or((line, ""))) {
            // A command may be at work beside us, with a runtime directory of its own.
            let is_id = id.len() >= 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
            if is_id && !is_held(Path::new(socket)).await {
                left.push(id);
            }
        }
        if !left.is_empty() {
            info!(
                engine = self.name(),
                containers = left.len(),
                "removing containers that a killed gateway left"
            );
            if shared.remove(&left).await.is_none() {
                warn!(engine = self.name(), "they can't be removed; `{} ps --all` shows them", self.name());
            }
        }
        for entry in fs::read_dir(&shared.folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let is_root = path.extension().is_some_and(|extension| extension == "root");
            if is_root && !is_held(&path.with_extension("sock")).await {
                let _ = fs::remove_dir_all(path);
            }
        }
    }
}

/// Whether somebody lives at the other end.
async fn is_held(socket: &Path) -> bool {
    match UnixStream::connect(socket).await {
        Ok(_) => true,
        Err(error) => !matches!(
            error.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::InvalidInput
        ),
    }
}
