//! Who may call: what the live configuration says, prepared for asking on every request.

use std::{net::SocketAddr, sync::Arc};

use arc_swap::ArcSwap;
use openclaw_core::config::GatewayConfig;
use tokio::sync::watch;

use crate::authority::{AllowedHosts, AllowedOrigins};

/// The policy in force. It follows the configuration from one request to the next: asking compares a pointer.
pub(crate) struct LivePolicy {
    config: watch::Receiver<Arc<GatewayConfig>>,
    local_addr: SocketAddr,
    prepared: ArcSwap<Policy>,
}

/// One configuration, prepared.
pub(crate) struct Policy {
    source: Arc<GatewayConfig>,
    pub(crate) config: Arc<GatewayConfig>,
    pub(crate) hosts: AllowedHosts,
    pub(crate) origins: AllowedOrigins,
}

impl LivePolicy {
    pub(crate) fn new(config: watch::Receiver<Arc<GatewayConfig>>, local_addr: SocketAddr) -> Self {
        let policy = Policy::new(config.borrow().clone(), local_addr);
        Self { config, local_addr, prepared: ArcSwap::from_pointee(policy) }
    }

    pub(crate) fn current(&self) -> Arc<Policy> {
        let prepared = self.prepared.load();
        let config = self.config.borrow();
        if Arc::ptr_eq(&prepared.source, &config) {
            return Arc::clone(&prepared);
        }
        let config = Arc::clone(&config);
        let policy = Arc::new(Policy::new(config, self.local_addr));
        self.prepared.store(policy.clone());
        policy
    }
}

impl Policy {
    fn new(source: Arc<GatewayConfig>, local_addr: SocketAddr) -> Self {
        // Turning auth off while listening beyond loopback is refused at the start; a live change must not get around it.
        let config = if source.auth.enabled || local_addr.ip().is_loopback() {
            source.clone()
        } else {
            let mut guarded = GatewayConfig::clone(&source);
            guarded.auth.enabled = true;
            Arc::new(guarded)
        };
        let hosts = AllowedHosts::new(&config.allowed_hosts, local_addr.ip());
        let origins = AllowedOrigins::new(&config.allowed_origins);
        Self { source, config, hosts, origins }
    }
}
