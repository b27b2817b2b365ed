//! Noticing edits of `gateway.yaml`.
//!
//! The file is looked at once a second: editors replace files in too many ways (rename, truncate, through links, over network
//! mounts) for change notifications to be simpler or surer than a `stat`.

use std::{
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio_util::sync::CancellationToken;

use super::{LoadError, Store};

const INTERVAL: Duration = Duration::from_secs(1);

/// What a file looks like from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(path).ok()?;
    Some(Stamp { modified: metadata.modified().ok(), length: metadata.len(), inode: metadata.ino() })
}

/// Reloads the configuration when its file changes, and at every `kick`, until `shutdown`.
pub(crate) async fn watch(store: Arc<Store>, kick: Arc<tokio::sync::Notify>, shutdown: CancellationToken) {
    // Nothing is known of the file yet: it may have been edited while we started, so that the first look reads it.
    let mut last = None;
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let kicked = tokio::select! {
            () = shutdown.cancelled() => return,
            () = kick.notified() => true,
            _ = ticks.tick() => false,
        };
        let now = stamp(store.loader().file());
        if now == last && !kicked {
            continue;
        }
        if now.is_none() && !kicked {
            // Between an editor's unlink and its rename; a file that stays away changes nothing in force either.
            continue;
        }
        last = now;
        let reloading = Arc::clone(&store);
        if let Ok(result) = tokio::task::spawn_blocking(move || reloading.reload()).await {
            report(result, kicked);
        }
    }
}

fn report(result: Result<super::store::Reloaded, LoadError>, kicked: bool) {
    match result {
        Ok(reloaded) if reloaded.updated.is_empty() => {
            if kicked {
                tracing::info!("configuration read again: nothing has changed");
            }
        }
        Ok(reloaded) => {
            tracing::info!(updated = %reloaded.updated.join(", "), "configuration reloaded");
            if !reloaded.restart_required_for.is_empty() {
                let keys = reloaded.restart_required_for.join(", ");
                tracing::warn!(keys = %keys, "these changes take effect at the next start");
            }
        }
        Err(LoadError::Problems(problems)) => {
            for problem in &problems.0 {
                tracing::error!(problem = %problem, "configuration refused, the one in force stays");
            }
        }
        Err(error @ LoadError::Io { .. }) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            tracing::error!(%error, cause, "configuration refused, the one in force stays");
        }
    }
}
