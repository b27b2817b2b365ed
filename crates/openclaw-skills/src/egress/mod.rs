//! stand-in
use openclaw_core::HostPattern;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
pub(crate) fn proxy_environment(port: u16) -> [(&'static str, String); 1] {
    [("HTTP_PROXY", format!("http://127.0.0.1:{port}"))]
}
#[derive(Debug)]
pub(crate) struct Egress;
#[derive(Debug)]
pub(crate) struct Lease(PathBuf);
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub(crate) struct EgressError;
#[derive(Debug)]
pub(crate) struct SystemResolver;
impl Egress {
    pub(crate) fn new(
        _: PathBuf,
        _: tokio::sync::watch::Receiver<Arc<openclaw_core::config::SkillsConfig>>,
        _: Arc<SystemResolver>,
    ) -> Result<Self, EgressError> {
        Ok(Self)
    }
    pub(crate) fn lease(&self, _: &str, _: Vec<HostPattern>) -> Result<Lease, EgressError> {
        Err(EgressError)
    }
}
impl Lease {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
    pub(crate) fn activate(&self) {}
}
