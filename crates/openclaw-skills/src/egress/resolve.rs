//! Names to addresses.

use std::{io, net::IpAddr};

use async_trait::async_trait;

/// Resolves names for skills. What an address may be connected to is decided afterwards, by the gateway.
#[async_trait]
pub trait Resolve: Send + Sync + std::fmt::Debug {
    /// Every address of a name, in the order in which they are to be tried.
    ///
    /// # Errors
    /// When the name has none, or nobody can be asked.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The system's resolver.
#[derive(Debug)]
pub(crate) struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}
