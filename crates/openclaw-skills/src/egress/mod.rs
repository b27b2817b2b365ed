//! The way out of a sandbox: an HTTP proxy in the gateway, with a socket of its own for each job.
//!
//! The sandbox has no route; a forwarder in it carries bytes from 127.0.0.1 to the socket. So the proxy knows who asks, resolves names
//! itself, connects only to what was declared, and tells the log of each attempt.

mod address;
mod hello;
mod proxy;
mod resolve;
#[cfg(test)]
mod tests;
mod tunnel;

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use openclaw_core::{HostPattern, config::SkillsConfig};
use tokio::{
    net::UnixListener,
    sync::{Semaphore, watch},
    task::JoinSet,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, info, warn};

pub(crate) use self::resolve::SystemResolver;
pub use self::{hello::fuzz as fuzz_client_hello, resolve::Resolve};

/// Longest path of a Unix socket (unix(7)), without the byte that ends it.
const SOCKET_PATH: usize = 107;
/// Connections of one job at the same time; more are closed.
const PER_LEASE: usize = 64;
/// Connections of all jobs.
const OVER_ALL: usize = 512;
/// Attempts of one job that are told to the log one by one.
const TOLD: u64 = 100;
/// How long a name may take to resolve.
const RESOLVE: Duration = Duration::from_secs(5);
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a connection may be silent both ways.
const IDLE: Duration = Duration::from_secs(60);

/// The proxy. Cloning shares.
#[derive(Debug, Clone)]
pub(crate) struct Egress {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    config: watch::Receiver<Arc<SkillsConfig>>,
    resolver: Arc<dyn Resolve>,
    connections: Arc<Semaphore>,
    tasks: TaskTracker,
}

/// One job's way out. Dropping it ends its connections and removes its socket.
#[derive(Debug)]
pub(crate) struct Lease {
    path: PathBuf,
    open: watch::Sender<bool>,
    job: Arc<Job>,
    end: CancellationToken,
}

/// Who asks, for what, and how often.
#[derive(Debug)]
struct Job {
    skill: String,
    hosts: Vec<HostPattern>,
    allowed: AtomicU64,
    refused: AtomicU64,
}

/// Why there is no way out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EgressError {
    /// The directory can't be used.
    #[error("can't use {} for sockets: {source}", path.display())]
    Folder {
        /// Which directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody else could put things there.
    #[error("{} belongs to another user: remove it, or set XDG_RUNTIME_DIR to a directory of your own", path.display())]
    NotOurs {
        /// Which directory.
        path: PathBuf,
    },
    /// A socket's path has a bound that can't be moved.
    #[error("{} is too long for a socket ({SOCKET_PATH} bytes at most): set XDG_RUNTIME_DIR to a shorter path", path.display())]
    TooLong {
        /// Of which socket.
        path: PathBuf,
    },
}

impl Egress {
    /// A proxy whose sockets lie in `folder`, which is made if need be. What a killed gateway left there is removed. Blocking.
    pub(crate) fn new(
        folder: PathBuf,
        config: watch::Receiver<Arc<SkillsConfig>>,
        resolver: Arc<dyn Resolve>,
        tasks: TaskTracker,
    ) -> Result<Self, EgressError> {
        prepare(&folder)?;
        let connections = Arc::new(Semaphore::new(OVER_ALL));
        Ok(Self { shared: Arc::new(Shared { folder, config, resolver, connections, tasks }) })
    }

    /// A way out for one job of a skill, to `hosts`. Nothing passes before [`Lease::activate`]: what asks earlier waits.
    pub(crate) fn lease(&self, skill: &str, hosts: Vec<HostPattern>) -> Result<Lease, EgressError> {
        let shared = &self.shared;
        let name = format!("{:016x}.sock", fastrand::u64(..));
        let path = shared.folder.join(name);
        if path.as_os_str().len() > SOCKET_PATH {
            return Err(EgressError::TooLong { path });
        }
        let failed = |source| EgressError::Folder { path: shared.folder.clone(), source };
        let listener = UnixListener::bind(&path).map_err(failed)?;
        // The directory is ours alone; who runs in the sandbox may be another user.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).map_err(failed)?;
        let job =
            Job { skill: skill.to_owned(), hosts, allowed: AtomicU64::new(0), refused: AtomicU64::new(0) };
        let (job, end, open) = (Arc::new(job), CancellationToken::new(), watch::Sender::new(false));
        let accepting = accept(listener, Arc::clone(shared), Arc::clone(&job), open.subscribe());
        shared.tasks.spawn(end.clone().run_until_cancelled_owned(accepting));
        Ok(Lease { path, open, job, end })
    }
}

/// Our directory, and nobody else's; without what is left in it.
fn prepare(folder: &Path) -> Result<(), EgressError> {
    let failed = |source| EgressError::Folder { path: folder.to_owned(), source };
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    // In a shared /tmp anybody could have made it first, or put a link in its place.
    let metadata = fs::symlink_metadata(folder).map_err(failed)?;
    if !metadata.is_dir() || metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(EgressError::NotOurs { path: folder.to_owned() });
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(failed)?;
    for entry in fs::read_dir(folder).map_err(failed)?.flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "sock" || extension == "pid") {
            let _ = fs::remove_file(path);
        }
    }
    Ok(())
}

impl Lease {
    /// Where the proxy listens for this job.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The job's call has begun: what waited goes out.
    pub(crate) fn activate(&self) {
        self.open.send_replace(true);
    }

    /// How many attempts were allowed and refused.
    #[cfg(test)]
    pub(crate) fn attempts(&self) -> (u64, u64) {
        (self.job.allowed.load(Ordering::Relaxed), self.job.refused.load(Ordering::Relaxed))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.end.cancel();
        let _ = fs::remove_file(&self.path);
        let (allowed, refused) =
            (self.job.allowed.load(Ordering::Relaxed), self.job.refused.load(Ordering::Relaxed));
        if allowed + refused > TOLD {
            info!(skill = self.job.skill, allowed, refused, "a skill reached out more often than was told");
        }
    }
}

impl Job {
    /// Tells the log of an attempt. Paths, queries and headers may hold secrets and are never told.
    fn tell(&self, host: &str, port: u16, refused: Option<&str>) {
        let count = if refused.is_some() { &self.refused } else { &self.allowed };
        if count.fetch_add(1, Ordering::Relaxed) >= TOLD {
            return;
        }
        match refused {
            None => info!(skill = self.skill, host, port, "a skill reaches out"),
            Some(reason) => {
                warn!(skill = self.skill, host, port, reason, "a skill was kept from reaching out")
            }
        }
    }
}

/// Takes connections until the lease ends; they end with this.
async fn accept(listener: UnixListener, shared: Arc<Shared>, job: Arc<Job>, open: watch::Receiver<bool>) {
    let mut running = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = running.join_next() => {}
            accepted = listener.accept() => {
                let stream = match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        debug!(skill = job.skill, %error, "a connection was lost");
                        tokio::time::sleep(Duration::from_millis(10)).await;
                        continue;
                    }
                };
                let place = Arc::clone(&shared.connections).try_acquire_owned();
                let (Ok(place), true) = (place, running.len() < PER_LEASE) else {
                    debug!(skill = job.skill, "too many connections at the same time; one was closed");
                    continue;
                };
                let (shared, job, mut open) = (Arc::clone(&shared), Arc::clone(&job), open.clone());
                running.spawn(async move {
                    let _place = place;
                    if open.wait_for(|open| *open).await.is_ok() {
                        proxy::serve(stream, &shared, &job).await;
                    }
                });
            }
        }
    }
}

/// The variables by which programs find the proxy, inside, where the forwarder listens on `port`. Programs differ in which they know and
/// how they spell them.
pub(crate) fn proxy_environment(port: u16) -> [(&'static str, String); 9] {
    let proxy = format!("http://127.0.0.1:{port}");
    [
        ("HTTP_PROXY", proxy.clone()),
        ("HTTPS_PROXY", proxy.clone()),
        ("ALL_PROXY", proxy.clone()),
        ("http_proxy", proxy.clone()),
        ("https_proxy", proxy.clone()),
        ("all_proxy", proxy),
        ("NO_PROXY", String::new()),
        ("no_proxy", String::new()),
        // Node.js from version 24 (and 22.21) on.
        ("NODE_USE_ENV_PROXY", "1".to_owned()),
    ]
}
