//! Who answers: found at the start, and again when the configuration changes.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use openclaw_core::config::{Config, ProviderConfig, RoutingConfig};
use openclaw_reasoning::{
    HttpClient, Router, newest_ollama_model,
    routes::{BuildInput, EnvKeys, OLLAMA_BASE, build},
};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{default_file, env_keys, late, local};
use crate::{config::Store, home::Home};

/// How often a gateway that nobody answers for looks again.
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// Longest wait for Ollama then.
const OLLAMA_WAIT: Duration = Duration::from_millis(300);

/// Finds providers.
#[derive(Clone)]
pub(super) struct Search {
    config: watch::Receiver<Arc<Config>>,
    models: PathBuf,
    keys: EnvKeys,
    client: HttpClient,
}

impl Search {
    pub(super) fn new(home: &Home, store: &Store) -> Self {
        Self {
            config: store.config(),
            models: home.models(),
            keys: env_keys(store.loader().environment()),
            client: HttpClient::new(),
        }
    }

    pub(super) async fn build(&self) -> Router {
        let config = self.config.borrow().clone();
        build(BuildInput {
            config: &config.providers,
            routing: &config.routing,
            env: self.keys.clone(),
            ollama_base: Some(OLLAMA_BASE),
            local_factory: Some(local::factory(self.models.clone())),
            client: self.client.clone(),
        })
        .await
    }

    fn asked(&self) -> (BTreeMap<String, ProviderConfig>, RoutingConfig) {
        let config = self.config.borrow();
        (config.providers.clone(), config.routing.clone())
    }

    /// Whether something has turned up that could answer: a pulled model, a started Ollama.
    async fn turned_up(&self) -> bool {
        let models = self.models.clone();
        let file = tokio::task::spawn_blocking(move || default_file(&models)).await;
        file.is_ok_and(|file| file.is_some())
            || newest_ollama_model(&self.client, OLLAMA_BASE, OLLAMA_WAIT).await.is_some()
    }
}

/// Starts the agent with the first router, and keeps the router in `router_tx` as the configuration says until `shutdown`.
pub(super) async fn keep(
    mut search: Search,
    first: JoinHandle<Router>,
    start: late::Start,
    router_tx: watch::Sender<Arc<Router>>,
    shutdown: CancellationToken,
) {
    let mut asked = search.asked();
    // A fault while searching is logged where it happened; the gateway then runs without a provider.
    router_tx.send_replace(Arc::new(first.await.unwrap_or_default()));
    start.go(router_tx.subscribe());
    loop {
        let nobody = router_tx.borrow().is_empty();
        let again = tokio::select! {
            () = shutdown.cancelled() => return,
            changed = search.config.changed() => {
                if changed.is_err() {
                    return;
                }
                let now = search.asked();
                let again = now != asked;
                asked = now;
                again
            }
            () = tokio::time::sleep(LOOK_AGAIN), if nobody => asked.0.is_empty() && search.turned_up().await,
        };
        if again {
            router_tx.send_replace(Arc::new(search.build().await));
        }
    }
}
