//! What all connections share.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use openclaw_core::config::GatewayConfig;
use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Limits, Services, body::BodyRoom, conn::Slots, limit::RateLimiter, policy::LivePolicy, router::Router,
};

pub(crate) struct App {
    pub(crate) services: Services,
    pub(crate) limits: Limits,
    pub(crate) policy: LivePolicy,
    pub(crate) router: Router,
    /// Requests per token, or per peer when auth is off.
    pub(crate) requests: RateLimiter,
    /// Failed authentications per peer.
    pub(crate) failures: RateLimiter,
    pub(crate) local_addr: SocketAddr,
    pub(crate) started: Instant,
    /// Fires when connections are to end.
    pub(crate) stop: CancellationToken,
    /// How long they may take.
    pub(crate) drain: Duration,
    pub(crate) tasks: TaskTracker,
    pub(crate) slots: Arc<Slots>,
    pub(crate) body_room: BodyRoom,
}

impl App {
    pub(crate) fn new(
        config: watch::Receiver<Arc<GatewayConfig>>,
        services: Services,
        limits: Limits,
        local_addr: SocketAddr,
        stop: CancellationToken,
        drain: Duration,
    ) -> Arc<Self> {
        Arc::new(Self {
            services,
            limits,
            policy: LivePolicy::new(config, local_addr),
            router: Router::new(),
            requests: RateLimiter::default(),
            failures: RateLimiter::default(),
            local_addr,
            started: Instant::now(),
            stop,
            drain,
            tasks: TaskTracker::new(),
            slots: Arc::default(),
            body_room: BodyRoom::new(),
        })
    }

    pub(crate) fn uptime_seconds(&self) -> u64 {
        self.started.elapsed().as_secs()
    }
}
