//! One skill's way out: a Unix socket, and the connections that come through it.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use openclaw_core::HostPattern;
use tokio::{
    net::{UnixListener, UnixStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use super::{EgressError, Shared, journal::Journal, period::Period, proxy, runtime_dir, target::Target};

/// Pause after the system could not accept a connection: it has no descriptors or memory left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Declared hosts that a refusal lists.
const LISTED: usize = 8;

/// The current activation, if there is one.
type Active = Option<Arc<Period>>;

/// What a lease may do, and does.
pub(super) struct Inner {
    pub(super) shared: Arc<Shared>,
    pub(super) skill: Arc<str>,
    hosts: Vec<HostPattern>,
    totals: Arc<Totals>,
    token: CancellationToken,
}

#[derive(Default)]
pub(super) struct Totals {
    pub(super) allowed: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) received: AtomicU64,
}

/// What a lease has done since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EgressCounts {
    /// Connections made, and requests passed on over plain HTTP.
    pub allowed: u64,
    /// Attempts that the proxy refused.
    pub refused: u64,
    /// Attempts that were allowed and failed: no such name, nobody listening, no answer.
    pub failed: u64,
    /// Bytes that the skill sent, without the heads of plain HTTP responses.
    pub sent: u64,
    /// Bytes that it received.
    pub received: u64,
}

/// One skill's way out. Until it is activated, connections are accepted and held; dropped, its connections are closed and
/// its socket is removed.
pub struct Lease {
    inner: Arc<Inner>,
    path: PathBuf,
    active: watch::Sender<Active>,
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lease").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Lease {
    pub(super) fn open(
        shared: &Arc<Shared>,
        skill: &str,
        hosts: Vec<HostPattern>,
    ) -> Result<Self, EgressError> {
        if shared.token.is_cancelled() {
            return Err(EgressError::Closed);
        }
        let (path, listener) = runtime_dir::bind(&shared.runtime_dir)?;
        let listener = match UnixListener::from_std(listener) {
            Ok(listener) => listener,
            Err(source) => {
                runtime_dir::remove(&path);
                return Err(EgressError::Io { action: "listen on", path, source });
            }
        };
        let inner = Arc::new(Inner {
            shared: shared.clone(),
            skill: skill.into(),
            hosts,
            totals: Arc::default(),
            token: shared.token.child_token(),
        });
        let (active, active_rx) = watch::channel(None);
        let token = inner.token.clone();
        let accepting = accept(inner.clone(), listener, active_rx);
        shared.tasks.spawn(token.run_until_cancelled_owned(accepting));
        Ok(Self { inner, path, active })
    }

    /// The socket.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Serves the connections that are held, and those that come. The bound on bytes starts anew; when the lease is active
    /// already, nothing changes.
    pub fn activate(&self) {
        let inner = &self.inner;
        self.active.send_if_modified(|active| {
            if active.is_some() {
                return false;
            }
            let limits = &inner.shared.limits;
            let journal = Journal::new(inner.skill.clone(), limits.lines, limits.hosts);
            let period = Period::new(inner.token.child_token(), inner.totals.clone(), journal, limits.bytes);
            *active = Some(Arc::new(period));
            true
        });
    }

    /// Closes the connections that are served, and holds those that come.
    pub fn deactivate(&self) {
        if let Some(period) = self.active.send_replace(None) {
            period.token.cancel();
        }
    }

    /// What the lease has done so far.
    #[must_use]
    pub fn counts(&self) -> EgressCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let totals = &self.inner.totals;
        EgressCounts {
            allowed: read(&totals.allowed),
            refused: read(&totals.refused),
            failed: read(&totals.failed),
            sent: read(&totals.sent),
            received: read(&totals.received),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.inner.token.cancel();
        runtime_dir::remove(&self.path);
    }
}

impl Inner {
    pub(super) fn declares(&self, target: &Target) -> bool {
        let host = target.host.to_string();
        self.hosts.iter().any(|pattern| pattern.matches(&host, target.port))
    }

    /// The declared hosts, in the words of `SKILL.md`.
    pub(super) fn declared(&self) -> String {
        if self.hosts.is_empty() {
            return "it declares none".to_owned();
        }
        let mut texts: Vec<_> =
            self.hosts.iter().take(LISTED).map(|pattern| format!("network:{pattern}")).collect();
        if self.hosts.len() > LISTED {
            texts.push(format!("and {} more", self.hosts.len() - LISTED));
        }
        texts.join(", ")
    }
}

/// Accepts connections, no more at a time than the lease may have: those that come then wait in the backlog.
async fn accept(inner: Arc<Inner>, listener: UnixListener, active: watch::Receiver<Active>) {
    let slots = Arc::new(Semaphore::new(inner.shared.limits.connections_per_lease));
    while let Ok(slot) = slots.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let serving = serve(inner.clone(), stream, active.clone(), slot);
                inner.shared.tasks.spawn(inner.token.clone().run_until_cancelled_owned(serving));
            }
            Err(error) => {
                tracing::warn!(skill = &*inner.skill, %error, "egress: can't accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Holds a connection until the lease is active, then serves it until it ends, or the activation does.
async fn serve(
    inner: Arc<Inner>,
    stream: UnixStream,
    mut active: watch::Receiver<Active>,
    _slot: OwnedSemaphorePermit,
) {
    let period = match active.wait_for(Option::is_some).await {
        Ok(active) => active.clone(),
        Err(_) => return,
    };
    let Some(period) = period else { return };
    let token = period.token.clone();
    let serving = async {
        let Ok(_slot) = inner.shared.slots.acquire().await else { return };
        proxy::serve(inner.clone(), period, stream).await;
    };
    token.run_until_cancelled(serving).await;
}
