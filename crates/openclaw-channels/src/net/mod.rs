//! HTTP and WebSockets for adapters: with deadlines, bounds, and errors that say what may have happened and hold no secret.

mod form;
mod http;
mod stream;
mod ws;

use std::sync::{Arc, OnceLock};

use rustls_platform_verifier::BuilderVerifierExt as _;

pub use self::{
    form::Form,
    http::{Answer, Call, NetError},
    stream::{Io, Stream},
    ws::{Frame, Socket},
};

/// The network as adapters use it. Cloning shares its connections.
#[derive(Clone, Default)]
pub struct Net {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// Built when first needed: reading the machine's certificates costs a start several milliseconds.
    tls: OnceLock<Result<Arc<rustls::ClientConfig>, String>>,
    http: OnceLock<Result<reqwest::Client, String>>,
}

impl std::fmt::Debug for Net {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Net").finish_non_exhaustive()
    }
}

impl Net {
    /// TLS by rustls with ring, handed over ready-made so that nothing global is installed; certificates by the platform.
    fn tls(&self) -> Result<Arc<rustls::ClientConfig>, NetError> {
        let built = self.shared.tls.get_or_init(|| {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            rustls::ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .and_then(|builder| builder.with_platform_verifier())
                .map(|builder| Arc::new(builder.with_no_client_auth()))
                .map_err(|error| {
                    format!("TLS can't be used on this machine ({error}); install its CA certificates (package `ca-certificates`)")
                })
        });
        built.clone().map_err(|reason| NetError::NotSent { reason })
    }
}
