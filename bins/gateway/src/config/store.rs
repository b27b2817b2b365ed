//! The configuration in force: read by everybody, changed by `PUT /config` and by edits of the file.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use openclaw_core::{
    ErrorCode, Failure, REDACTED,
    config::{ChannelConfig, Config, GatewayConfig, SkillsConfig},
    port::{ConfigPort, ConfigUpdate},
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use tokio::sync::watch;

use super::{
    edit::{self, EditError},
    load::{LoadError, Loaded, Loader, effective},
    placeholder,
    problem::Problems,
    provenance::{Origin, at},
    schema::{Kind, ROOT, expected},
    write,
};

/// Told of every configuration before it comes into force: scrubbing and log levels must never lag behind.
type Listener = Box<dyn Fn(&Config) + Send + Sync>;

/// The live configuration.
pub(crate) struct Store {
    loader: Loader,
    /// What the process started with; keys that wait for a restart are in force as they are here.
    boot: Arc<Config>,
    /// One change at a time.
    current: Mutex<Loaded>,
    listener: Listener,
    config: watch::Sender<Arc<Config>>,
    gateway: watch::Sender<Arc<GatewayConfig>>,
    skills: watch::Sender<Arc<SkillsConfig>>,
    channels: watch::Sender<Arc<BTreeMap<String, ChannelConfig>>>,
}

/// What reading the file again brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reloaded {
    /// Dotted paths that have another value now.
    pub(crate) updated: Vec<String>,
    /// Those of them that wait for the next start.
    pub(crate) restart_required_for: Vec<String>,
}

impl Store {
    pub(crate) fn new(loader: Loader, loaded: Loaded, listener: Listener) -> Self {
        let boot = Arc::clone(&loaded.config);
        listener(&boot);
        Self {
            config: watch::Sender::new(Arc::clone(&boot)),
            gateway: watch::Sender::new(Arc::new(boot.gateway.clone())),
            skills: watch::Sender::new(Arc::new(boot.skills.clone())),
            channels: watch::Sender::new(Arc::new(boot.channels.clone())),
            boot,
            loader,
            current: Mutex::new(loaded),
            listener,
        }
    }

    pub(crate) fn loader(&self) -> &Loader {
        &self.loader
    }

    pub(crate) fn config(&self) -> watch::Receiver<Arc<Config>> {
        self.config.subscribe()
    }

    pub(crate) fn gateway(&self) -> watch::Receiver<Arc<GatewayConfig>> {
        self.gateway.subscribe()
    }

    pub(crate) fn skills(&self) -> watch::Receiver<Arc<SkillsConfig>> {
        self.skills.subscribe()
    }

    pub(crate) fn channels(&self) -> watch::Receiver<Arc<BTreeMap<String, ChannelConfig>>> {
        self.channels.subscribe()
    }

    /// Reads the file again. On an error the configuration in force stays.
    pub(crate) fn reload(&self) -> Result<Reloaded, LoadError> {
        let mut current = self.lock();
        let next = self.loader.load()?;
        Ok(self.publish(&mut current, next))
    }

    /// The configuration as [`Self::apply`] would make it. Changes nothing.
    pub(crate) fn trial(&self, patch: &Value) -> Result<Arc<Config>, Failure> {
        Ok(self.edited(patch)?.0.config)
    }

    /// Applies a merge patch: edits the file, and brings it into force.
    pub(crate) fn apply(&self, patch: &Value) -> Result<ConfigUpdate, Failure> {
        let mut current = self.lock();
        let (next, edited) = self.edited(patch)?;
        if let Some(edited) = edited {
            write::replace(self.loader.file(), edited.as_bytes()).map_err(|error| {
                tracing::error!(path = %self.loader.file().display(), %error, "can't write the configuration");
                Failure::new(
                    ErrorCode::ServiceUnavailable,
                    format!("gateway.yaml can't be written ({error}); nothing has changed. Check free space and permissions"),
                )
            })?;
        }
        let Reloaded { updated, restart_required_for } = self.publish(&mut current, next);
        Ok(ConfigUpdate { updated, restart_required_for, config: current.effective() })
    }

    /// What a merge patch makes of the file: the configuration then, and its text when that changes.
    fn edited(&self, patch: &Value) -> Result<(Loaded, Option<String>), Failure> {
        let Value::Object(patch) = patch else {
            return Err(Failure::bad_field("body", "must be an object with the keys to change"));
        };
        let text = self.loader.read().map_err(|error| unreadable(&error))?;
        let on_disk = self.loader.load_text(&text).map_err(|problems| self.conflict(&problems))?;
        let mut wanted = Map::new();
        prune(patch, "", Kind::Section(ROOT), &on_disk, &on_disk.effective(), &mut wanted)?;

        if wanted.is_empty() {
            return Ok((on_disk, None));
        }
        let edited = edit::apply(&text, &Value::Object(wanted)).map_err(|error| match error {
            EditError::Layout(_) => Failure::new(ErrorCode::Conflict, format!("gateway.yaml: {error}")),
            EditError::Syntax(_) => Failure::new(ErrorCode::Conflict, format!("gateway.yaml, {error}")),
        })?;
        let next = self.loader.load_text(&edited).map_err(|problems| refused(&problems))?;
        Ok((next, Some(edited)))
    }

    fn publish(&self, current: &mut Loaded, next: Loaded) -> Reloaded {
        let updated = current.changes(&next);
        let boot = effective(&self.boot);
        let configured = next.effective();
        let waits = |path: &String| {
            expected(path).is_some_and(|expected| expected.restart)
                && at(&boot, path) != at(&configured, path)
        };
        let restart_required_for = updated.iter().filter(|path| waits(path)).cloned().collect();
        *current = next;
        if updated.is_empty() {
            return Reloaded { updated, restart_required_for };
        }
        let config = &current.config;
        (self.listener)(config);
        let changed = |section: &str| updated.iter().any(|path| path.split('.').next() == Some(section));
        if changed("gateway") {
            let mut gateway = config.gateway.clone();
            (gateway.port, gateway.bind) = (self.boot.gateway.port, self.boot.gateway.bind);
            gateway.logging.file.clone_from(&self.boot.gateway.logging.file);
            self.gateway.send_replace(Arc::new(gateway));
        }
        if changed("skills") {
            self.skills.send_replace(Arc::new(config.skills.clone()));
        }
        if changed("channels") {
            self.channels.send_replace(Arc::new(config.channels.clone()));
        }
        self.config.send_replace(Arc::clone(config));
        Reloaded { updated, restart_required_for }
    }

    fn conflict(&self, problems: &Problems) -> Failure {
        // A caller needs the line, not where the operator keeps the file.
        let path = self.loader.file().display().to_string();
        let told = problems.to_string().replace(&path, "gateway.yaml");
        let message = format!("gateway.yaml was changed and can't be read now; mend it first: {told}");
        Failure::new(ErrorCode::Conflict, message)
    }

    fn lock(&self) -> MutexGuard<'_, Loaded> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The part of a patch that changes something, as it goes into the file. Values that are in force already are left out, so
/// that sending the whole tree back keeps every placeholder; redacted ones are, so that secrets stay.
fn prune(
    patch: &Map<String, Value>,
    path: &str,
    kind: Kind,
    on_disk: &Loaded,
    effective: &Value,
    wanted: &mut Map<String, Value>,
) -> Result<(), Failure> {
    for (name, value) in patch {
        let key = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let child = kind.child(name).map_err(|unknown| Failure::bad_field(&key, unknown.explain(name)))?;
        if let (Value::Object(below), true) = (value, child.kind.is_section()) {
            let mut kept = Map::new();
            prune(below, &key, child.kind, on_disk, effective, &mut kept)?;
            // An empty object still makes a section that was not there, such as a channel with nothing but defaults.
            if !kept.is_empty() || (below.is_empty() && at(effective, &key).is_none()) {
                wanted.insert(name.clone(), Value::Object(kept));
            }
            continue;
        }
        let secret = matches!(child.kind, Kind::Secret);
        let unchanged =
            if secret { on_disk.said(&key) == Some(value) } else { at(effective, &key) == Some(value) };
        if value.as_str() == Some(REDACTED) || unchanged {
            continue;
        }
        if value.as_str().is_some_and(|text| text.contains(REDACTED)) {
            let reason = format!("must not hold {REDACTED}; give the whole value, or leave it out");
            return Err(Failure::bad_field(&key, reason));
        }
        check_type(&key, value, child.kind)?;
        if let Some(origin @ (Origin::Env(_) | Origin::Flag(_))) = on_disk.origins.get(&key) {
            let reason = format!("is set by the {origin}, which goes before gateway.yaml; change it there");
            return Err(Failure::bad_field(&key, reason));
        }
        wanted.insert(name.clone(), escaped(value));
    }
    Ok(())
}

/// JSON has types, so a text where a number belongs is a mistake even when it would read as one in YAML.
fn check_type(key: &str, value: &Value, kind: Kind) -> Result<(), Failure> {
    let fits = match kind {
        _ if value.is_null() => true,
        Kind::Text | Kind::Secret | Kind::Ip | Kind::Choice(_) => value.is_string(),
        Kind::Bool => value.is_boolean(),
        Kind::Int(..) => value.is_i64() || value.is_u64(),
        Kind::Float(..) => value.is_number(),
        Kind::List => value.as_array().is_some_and(|items| items.iter().all(Value::is_string)),
        Kind::Section(_) | Kind::Named(..) | Kind::Secrets | Kind::Texts | Kind::Lists => false,
    };
    if fits { Ok(()) } else { Err(Failure::bad_field(key, format!("must be {}", kind.allowed()))) }
}

/// A value that comes over the API means itself: a caller must not read the environment through placeholders.
fn escaped(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(placeholder::escape(text)),
        Value::Array(items) => items.iter().map(escaped).collect(),
        other => other.clone(),
    }
}

fn refused(problems: &Problems) -> Failure {
    let Some(first) = problems.0.first() else {
        return Failure::new(ErrorCode::BadRequest, "the configuration would not be valid");
    };
    let all: Vec<Value> = problems
        .0
        .iter()
        .map(|problem| serde_json::json!({"field": problem.key, "reason": problem.reason}))
        .collect();
    Failure::bad_field(&first.key, first.reason.clone()).with("problems", all)
}

fn unreadable(error: &LoadError) -> Failure {
    tracing::error!(%error, cause = ?std::error::Error::source(error), "can't read the configuration");
    Failure::new(ErrorCode::ServiceUnavailable, "gateway.yaml can't be read; the log says more")
}

/// [`Store`] as the HTTP API sees it.
pub(crate) struct LiveConfig(pub(crate) Arc<Store>);

#[async_trait]
impl ConfigPort for LiveConfig {
    fn effective(&self) -> Value {
        effective(&self.0.config.borrow())
    }

    async fn patch(&self, patch: Value) -> Result<ConfigUpdate, Failure> {
        let store = Arc::clone(&self.0);
        // Runs to its end even when the caller goes away: the file and what is in force never part.
        let applied = tokio::task::spawn_blocking(move || store.apply(&patch)).await;
        let update =
            applied.map_err(|_| Failure::new(ErrorCode::InternalError, "The change could not be made"))??;
        if !update.updated.is_empty() {
            tracing::info!(updated = %update.updated.join(", "), "configuration changed over the API");
        }
        Ok(update)
    }
}

#[cfg(test)]
mod tests;
