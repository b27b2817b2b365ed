//! Models and providers.

use std::{
    io::{self, Read as _},
    net::{SocketAddr, ToSocketAddrs as _},
    path::Path,
    time::Duration,
};

use openclaw_core::config::{Config, ProviderConfig, ProviderKind, presentable_url};
use openclaw_inference::{LocalProvider, embed::EmbedFileError};
use openclaw_reasoning::{HttpClient, newest_ollama_model, routes::OLLAMA_BASE};
use sha2::{Digest as _, Sha256};
use tokio::{net::TcpStream, time::timeout};

use super::Finding;
use crate::{
    config::Environment,
    home::Home,
    model::{
        self,
        embeddings::{self, EmbeddingsError},
    },
    models::size,
    wire::{KEYS, configured_file, default_file},
};

/// Longest wait for a connection to a provider.
const PATIENCE: Duration = Duration::from_secs(3);

/// Every model file of the catalogue against its digest.
pub(super) async fn models(home: &Home) -> Vec<Finding> {
    const ABOUT: &str = "model";
    let listed = match model::list(&home.models()) {
        Ok(listed) => listed,
        Err(error) => {
            return vec![Finding::fail(ABOUT, format!("can't read {}: {error}", home.models().display()))];
        }
    };
    let mut findings = Vec::new();
    for file in listed.into_iter().filter(|file| file.bytes.is_some()) {
        let bytes = size(file.bytes.unwrap_or_default());
        let path = file.path.display().to_string();
        let Some(known) = file.known else {
            findings.push(Finding::ok(
                ABOUT,
                format!("{path} ({bytes}), not in the catalogue: its digest is not known"),
            ));
            continue;
        };
        let hashing = file.path.clone();
        let digest = tokio::task::spawn_blocking(move || sha256(&hashing)).await;
        findings.push(match digest.map_err(io::Error::other).and_then(|digest| digest) {
            Ok(digest) if digest == known.sha256 => {
                Finding::ok(ABOUT, format!("{path} ({bytes}), digest as it should be"))
            }
            Ok(_) => Finding::fail(
                ABOUT,
                format!(
                    "{path} is not the file it should be; remove it and run: gateway model pull {}",
                    known.name
                ),
            ),
            Err(error) => Finding::fail(ABOUT, format!("{path} can't be read: {error}")),
        });
    }
    findings.push(embeddings(home).await);
    findings
}

/// The model for semantic search, against its own checksums.
async fn embeddings(home: &Home) -> Finding {
    const ABOUT: &str = "embeddings";
    let path = embeddings::path(&home.models());
    match embeddings::verify(path.clone()).await {
        Ok(model) => Finding::ok(ABOUT, format!("{} in {}", model.name, path.display())),
        Err(EmbeddingsError::File(EmbedFileError::Missing { .. })) => Finding::ok(
            ABOUT,
            format!(
                "none: search is by words alone; to find by meaning, too, run: gateway model pull {}",
                embeddings::NAME
            ),
        ),
        Err(error) => Finding::fail(ABOUT, error.to_string()),
    }
}

fn sha256(path: &Path) -> io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        hasher.update(&buffer[..read]);
    }
}

/// Every configured provider; without one, what the gateway would choose.
pub(super) async fn providers(home: &Home, config: &Config, environment: &Environment) -> Vec<Finding> {
    const ABOUT: &str = "provider";
    let mut findings = Vec::new();
    for (name, provider) in &config.providers {
        findings.push(configured(home, name, provider, environment).await);
    }
    if !findings.is_empty() {
        return findings;
    }
    if let Some((variable, kind)) =
        KEYS.iter().find(|(variable, _)| environment.non_empty(variable).is_some())
    {
        return vec![Finding::ok(
            ABOUT,
            format!("none configured; {} will be used, by {variable}", kind.as_str()),
        )];
    }
    if let Some(model) = newest_ollama_model(&HttpClient::new(), OLLAMA_BASE, PATIENCE).await {
        let text = format!("none configured; {model} of Ollama at {OLLAMA_BASE} will be used");
        return vec![Finding::ok(ABOUT, text)];
    }
    if let Some(file) = default_file(&home.models()) {
        return vec![local(ABOUT, "none configured", &file)];
    }
    vec![Finding::fail(
        ABOUT,
        "nothing can answer. One of three helps:\n\
         1. a provider in gateway.yaml (see: gateway config default), or ANTHROPIC_API_KEY or OPENAI_API_KEY\n\
         2. Ollama on this machine, with a model in it\n\
         3. a model inside the gateway: gateway model pull",
    )]
}

async fn configured(
    home: &Home,
    name: &str,
    provider: &ProviderConfig,
    environment: &Environment,
) -> Finding {
    const ABOUT: &str = "provider";
    if provider.kind == ProviderKind::Local {
        let file = configured_file(provider, &home.models());
        return if file.is_file() {
            local(ABOUT, name, &file)
        } else {
            Finding::fail(
                ABOUT,
                format!(
                    "{name}: {} is not there; run: gateway model pull, or set providers.{name}.model",
                    file.display()
                ),
            )
        };
    }
    let default = match provider.kind {
        ProviderKind::Anthropic => "https://api.anthropic.com",
        ProviderKind::OpenAi => "https://api.openai.com",
        ProviderKind::Ollama | ProviderKind::Local => OLLAMA_BASE,
    };
    let url = provider.base_url.as_deref().unwrap_or(default);
    let (reached, url) = (reach(url).await, presentable_url(url));
    if let Err(why) = reached {
        return Finding::fail(
            ABOUT,
            format!("{name}: can't reach {url}: {why}; check providers.{name}.base_url and the network"),
        );
    }
    let key = provider.api_key.as_ref().is_some_and(|key| !key.is_empty())
        || KEYS
            .iter()
            .any(|(variable, kind)| *kind == provider.kind && environment.non_empty(variable).is_some());
    if !key && provider.kind != ProviderKind::Ollama && provider.base_url.is_none() {
        return Finding::fail(
            ABOUT,
            format!("{name}: {url} answers, but there is no key; set providers.{name}.api_key"),
        );
    }
    Finding::ok(ABOUT, format!("{name}: {url} can be reached (the key is not tried)"))
}

/// A file of the model inside the process, which the gateway must be able to read.
fn local(about: &'static str, name: &str, file: &Path) -> Finding {
    match LocalProvider::inspect(file) {
        Ok(_) => Finding::ok(about, format!("{name}: the local model {} will be used", file.display())),
        Err(error) => Finding::fail(
            about,
            format!("{name}: {} can't be used: {error}; run: gateway model pull", file.display()),
        ),
    }
}

/// Connects to the host of a URL, or says why not.
async fn reach(url: &str) -> Result<(), String> {
    let (scheme, rest) = url.split_once("://").ok_or("it is not a URL")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit('@').next().unwrap_or_default().to_owned();
    let port = if scheme == "https" { 443 } else { 80 };
    let has_port = authority.rsplit(']').next().unwrap_or_default().contains(':');
    let target = if has_port { authority } else { format!("{authority}:{port}") };
    let resolve = tokio::task::spawn_blocking(move || {
        target.to_socket_addrs().map(Iterator::collect::<Vec<SocketAddr>>)
    });
    let addresses = match timeout(PATIENCE, resolve).await {
        Ok(Ok(resolved)) => resolved.map_err(|error| error.to_string())?,
        _ => return Err("its name is not found in time".to_owned()),
    };
    let mut why = "its name has no address".to_owned();
    for address in addresses.into_iter().take(4) {
        match timeout(PATIENCE, TcpStream::connect(address)).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => why = error.to_string(),
            Err(_) => why = format!("no connection within {} s", PATIENCE.as_secs()),
        }
    }
    Err(why)
}
