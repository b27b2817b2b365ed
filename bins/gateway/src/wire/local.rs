//! The model inside the process, from a provider's configuration.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use openclaw_core::config::ProviderConfig;
use openclaw_inference::{LocalOptions, LocalProvider};
use openclaw_reasoning::{Provider, ProviderError, routes::LocalFactory};

use crate::model::{self, DEFAULT_MODEL};

/// The model that is used when none is named: the default one, else the first other file by name that the gateway can read;
/// when it can read none, the first, so that its fault is told. Reads files.
pub(crate) fn default_file(models: &Path) -> Option<PathBuf> {
    let default = models.join(DEFAULT_MODEL.file);
    if default.is_file() {
        return Some(default);
    }
    let listed = model::list(models).unwrap_or_default();
    let mut files: Vec<PathBuf> =
        listed.into_iter().filter(|model| model.bytes.is_some()).map(|model| model.path).collect();
    let readable = if files.len() > 1 {
        files.iter().position(|file| LocalProvider::inspect(file).is_ok()).unwrap_or(0)
    } else {
        0
    };
    (!files.is_empty()).then(|| files.swap_remove(readable))
}

/// The file of a configured local model.
pub(crate) fn configured_file(config: &ProviderConfig, models: &Path) -> PathBuf {
    let default = if config.model.is_none() { default_file(models) } else { None };
    default.unwrap_or_else(|| config.local_file(models, DEFAULT_MODEL.file))
}

/// Makes local providers from files in `models`.
pub(super) fn factory(models: PathBuf) -> LocalFactory {
    Arc::new(move |config| {
        let options = match config {
            Some(config) => options(config, &models),
            None => LocalOptions::new(default_file(&models).ok_or_else(|| missing(&models))?),
        };
        Ok(Arc::new(LocalProvider::new(options)?) as Arc<dyn Provider>)
    })
}

fn options(config: &ProviderConfig, models: &Path) -> LocalOptions {
    let defaults = LocalOptions::new(configured_file(config, models));
    LocalOptions {
        threads: config.threads,
        max_tokens: config.max_tokens.unwrap_or(defaults.max_tokens),
        temperature: config.temperature.unwrap_or(defaults.temperature),
        idle_unload: config.idle_unload_seconds.map_or(defaults.idle_unload, Duration::from_secs),
        context_window: config.context_window,
        timeout: config.timeout_ms.map_or(defaults.timeout, Duration::from_millis),
        ..defaults
    }
}

fn missing(models: &Path) -> ProviderError {
    ProviderError::Misconfigured {
        message: format!("there is no model in {}; run: gateway model pull", models.display()),
    }
}

#[cfg(test)]
mod tests {
    use openclaw_core::config::ProviderKind;

    use super::*;

    #[test]
    fn the_default_file_goes_before_others_and_others_before_none() {
        let models = tempfile::tempdir().unwrap();
        assert_eq!(default_file(models.path()), None);
        assert!(matches!(factory(models.path().to_owned())(None), Err(ProviderError::Misconfigured { .. })));
        std::fs::write(models.path().join("other.gguf"), b"x").unwrap();
        assert_eq!(default_file(models.path()), Some(models.path().join("other.gguf")));
        std::fs::write(models.path().join(DEFAULT_MODEL.file), b"x").unwrap();
        assert_eq!(default_file(models.path()), Some(models.path().join(DEFAULT_MODEL.file)));
    }

    #[test]
    fn the_configuration_reaches_the_model() {
        let config = ProviderConfig {
            model: Some("/elsewhere/m.gguf".to_owned()),
            idle_unload_seconds: Some(0),
            max_tokens: Some(7),
            ..ProviderConfig::new(ProviderKind::Local)
        };
        let options = options(&config, Path::new("/models"));
        assert_eq!(options.path, Path::new("/elsewhere/m.gguf"));
        assert_eq!((options.idle_unload, options.max_tokens), (Duration::ZERO, 7));
    }
}
