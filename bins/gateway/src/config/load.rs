//! Defaults ← file ← environment ← flags, as one checked configuration.

use std::{io, path::PathBuf, sync::Arc};

use figment::{
    Figment, Metadata, Profile, Provider,
    value::{Dict, Map as Profiles},
};
use openclaw_core::{REDACTED, config::Config};
use serde_json::{Map, Value};

use super::{
    check::{self, Layer},
    env::Environment,
    problem::{Problem, Problems},
    provenance::{Origin, Origins, at, leaves, origin_of},
    yaml,
};

/// Largest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// What a configuration is made of, but for the defaults.
pub(crate) struct Loader {
    file: Arc<PathBuf>,
    environment: Environment,
    flags: Layer,
}

/// A checked configuration and where its values came from.
pub(crate) struct Loaded {
    pub(crate) config: Arc<Config>,
    pub(crate) origins: Origins,
    /// Everything that some layer says. Holds secrets: never show it.
    values: Value,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("can't read {path}", path = .path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Problems(#[from] Problems),
}

impl Loader {
    pub(crate) fn new(file: PathBuf, environment: Environment, flags: Layer) -> Self {
        Self { file: Arc::new(file), environment, flags }
    }

    pub(crate) fn file(&self) -> &PathBuf {
        &self.file
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The file's text; a file that does not exist says nothing.
    pub(crate) fn read(&self) -> Result<String, LoadError> {
        read(&self.file).map_err(|source| LoadError::Io { path: self.file.to_path_buf(), source })
    }

    pub(crate) fn load(&self) -> Result<Loaded, LoadError> {
        Ok(self.load_text(&self.read()?)?)
    }

    /// The configuration as it would be with this text in the file.
    pub(crate) fn load_text(&self, text: &str) -> Result<Loaded, Problems> {
        let root = yaml::parse(text).map_err(|error| {
            let (line, column) = (error.place.line, error.place.column);
            let origin = Origin::File { path: Arc::clone(&self.file), line, column };
            Problems(vec![Problem { origin, key: String::new(), reason: error.message }])
        })?;
        let lookup = |name: &str| self.environment.get(name).map(str::to_owned);
        let file = check::file(root.as_ref(), &self.file, &lookup);
        let environment = self.environment.layer(&file.values);
        let layers = [&file, &environment, &self.flags];

        let mut problems: Vec<Problem> =
            layers.iter().flat_map(|layer| layer.problems.iter().cloned()).collect();
        let mut origins = Origins::new();
        for layer in layers {
            for (path, origin) in &layer.origins {
                // A list is replaced as a whole: its elements' old places mean nothing any more.
                origins.retain(|known, _| {
                    known.strip_prefix(path.as_str()).is_none_or(|rest| !rest.starts_with('['))
                });
                origins.insert(path.clone(), origin.clone());
            }
        }
        let figment = Figment::new()
            .merge(FigmentLayer("gateway.yaml", &file.values))
            .merge(FigmentLayer("environment", &environment.values))
            .merge(FigmentLayer("flags", &self.flags.values));
        let config = match figment.extract::<Config>() {
            Ok(config) => Some(config),
            // What the table refused is told already, and left out of the values: missing keys may follow from it.
            Err(_) if !problems.is_empty() => None,
            Err(errors) => {
                problems.extend(errors.into_iter().map(|error| problem(&error, &origins)));
                None
            }
        };
        if let Some(config) = &config {
            for invalid in config.validate().err().into_iter().flatten() {
                let origin = origin_of(&origins, &invalid.key).clone();
                // What is wrong with a section explains what is missing in it.
                let explained = problems
                    .iter()
                    .any(|known| invalid.key.starts_with(&known.key) || known.key.starts_with(&invalid.key));
                if !explained {
                    problems.push(Problem { origin, key: invalid.key, reason: invalid.reason });
                }
            }
        }
        match config {
            Some(config) if problems.is_empty() => {
                let values = figment.extract().unwrap_or_else(|_| Value::Object(Map::new()));
                Ok(Loaded { config: Arc::new(config), origins, values })
            }
            _ => {
                openclaw_core::sort_by_key(&mut problems, |problem| match &problem.origin {
                    Origin::File { line, column, .. } => (*line, *column),
                    _ => (usize::MAX, 0),
                });
                Err(Problems(problems))
            }
        }
    }
}

impl Loaded {
    /// The whole tree with defaults, secrets redacted.
    pub(crate) fn effective(&self) -> Value {
        effective(&self.config)
    }

    /// The value that some layer gives to a key. May be a secret.
    pub(crate) fn said(&self, path: &str) -> Option<&Value> {
        at(&self.values, path)
    }

    /// Dotted paths whose values differ between the two, secrets compared by what they hold.
    pub(crate) fn changes(&self, next: &Self) -> Vec<String> {
        let (before, after) = (self.effective(), next.effective());
        let mut paths: Vec<String> =
            leaves(&before).into_iter().chain(leaves(&after)).map(|(path, _)| path).collect();
        paths.sort();
        paths.dedup();
        paths.retain(|path| {
            let (old, new) = (at(&before, path), at(&after, path));
            // An address is redacted in part.
            let secret = new.and_then(Value::as_str).is_some_and(|text| text.contains(REDACTED));
            old != new || (secret && self.said(path) != next.said(path))
        });
        // `providers: {}` before and a provider after: the leaf below says it better.
        let all = paths.clone();
        paths.retain(|path| {
            !all.iter().any(|other| other.len() > path.len() && other.starts_with(&format!("{path}.")))
        });
        paths
    }
}

/// The whole tree with defaults, secrets redacted.
pub(crate) fn effective(config: &Config) -> Value {
    serde_json::to_value(config).unwrap_or_else(|_| Value::Object(Map::new()))
}

fn read(path: &std::path::Path) -> io::Result<String> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error),
        Ok(metadata) if metadata.len() > MAX_FILE_BYTES => {
            return Err(io::Error::other(format!(
                "it is over {MAX_FILE_BYTES} bytes: that is no configuration"
            )));
        }
        Ok(_) => {}
    }
    let text = std::fs::read_to_string(path)?;
    // Some editors put a byte-order mark first; it means nothing in UTF-8.
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

fn problem(error: &figment::Error, origins: &Origins) -> Problem {
    let key = error.path.join(".");
    let reason = match &error.kind {
        figment::error::Kind::MissingField(field) => {
            let key = if key.is_empty() { field.to_string() } else { format!("{key}.{field}") };
            let origin = origin_of(origins, &key).clone();
            let allowed = super::schema::expected(&key).map(|expected| expected.kind.allowed());
            let reason = format!("is missing; it must be {}", allowed.unwrap_or_else(|| "given".to_owned()));
            return Problem { origin, key, reason };
        }
        kind => format!("is not valid: {kind}"),
    };
    Problem { origin: origin_of(origins, &key).clone(), key, reason }
}

struct FigmentLayer<'l>(&'static str, &'l Map<String, Value>);

impl Provider for FigmentLayer<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.0)
    }

    fn data(&self) -> Result<Profiles<Profile, Dict>, figment::Error> {
        let dict = match figment::value::Value::serialize(self.1)? {
            figment::value::Value::Dict(_, dict) => dict,
            _ => Dict::new(),
        };
        Ok(Profile::Default.collect(dict))
    }
}
