//! Outbound traffic of skills: a proxy in the gateway that a sandbox reaches through a Unix socket of its own.
//!
//! The socket says which skill asks, so nothing a client sends has to be believed about that. Names are resolved here and only
//! here, what they resolve to is checked, and the connection goes to the address that was checked.
//!
//! What can't be checked: inside a tunnel that isn't TLS, or within TLS, a client may name another host of the same server.

mod activity;
mod address;
mod body;
mod dial;
mod environment;
mod hello;
mod journal;
mod lease;
mod limits;
mod period;
mod plain;
mod proxy;
mod refusal;
mod resolve;
mod runtime_dir;
mod target;
mod tunnel;

use std::{path::PathBuf, sync::Arc};

pub use environment::proxy_environment;
pub use hello::fuzz_client_hello;
pub use lease::{EgressCounts, Lease};
pub use limits::EgressLimits;
use openclaw_core::{HostPattern, config::SkillsConfig};
pub use resolve::{Resolve, SystemResolver};
pub use runtime_dir::EgressError;
pub(crate) use runtime_dir::{bind, secure};
use tokio::sync::{Semaphore, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The proxy. It owns every connection of every lease; dropped, it ends them.
pub struct Egress {
    shared: Arc<Shared>,
}

/// What all leases use.
struct Shared {
    runtime_dir: PathBuf,
    config: watch::Receiver<Arc<SkillsConfig>>,
    resolver: Arc<dyn Resolve>,
    limits: EgressLimits,
    /// Connections that are served, over all leases.
    slots: Semaphore,
    tasks: TaskTracker,
    token: CancellationToken,
}

impl std::fmt::Debug for Egress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Egress").field("runtime_dir", &self.shared.runtime_dir).finish_non_exhaustive()
    }
}

impl Egress {
    /// A proxy whose sockets lie in `runtime_dir`, which nothing else may use: sockets that a killed gateway left there are
    /// removed now, the directory is made with the first lease. Of `config` the latest `policy.allow_private` counts.
    #[must_use]
    pub fn new(
        runtime_dir: PathBuf,
        config: watch::Receiver<Arc<SkillsConfig>>,
        resolver: Arc<dyn Resolve>,
    ) -> Self {
        Self::with_limits(runtime_dir, config, resolver, EgressLimits::default())
    }

    /// [`Self::new`] with other bounds.
    #[must_use]
    pub fn with_limits(
        runtime_dir: PathBuf,
        config: watch::Receiver<Arc<SkillsConfig>>,
        resolver: Arc<dyn Resolve>,
        limits: EgressLimits,
    ) -> Self {
        runtime_dir::sweep(&runtime_dir);
        Self {
            shared: Arc::new(Shared {
                runtime_dir,
                config,
                resolver,
                slots: Semaphore::new(limits.connections),
                limits,
                tasks: TaskTracker::new(),
                token: CancellationToken::new(),
            }),
        }
    }

    /// A socket through which `skill` reaches `hosts`, once it is activated. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// When the socket can't be made, or the proxy is closed.
    pub fn lease(&self, skill: &str, hosts: Vec<HostPattern>) -> Result<Lease, EgressError> {
        Lease::open(&self.shared, skill, hosts)
    }

    /// Ends every connection, and waits until they have ended. No lease can be had after that.
    pub async fn close(&self) {
        self.shared.token.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }
}

impl Drop for Egress {
    fn drop(&mut self) {
        self.shared.token.cancel();
    }
}
