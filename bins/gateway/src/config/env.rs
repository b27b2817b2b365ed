//! The environment and the flags as layers.

use std::{collections::BTreeMap, path::PathBuf};

use serde_json::{Map, Value};

use super::{
    check::{Layer, typed},
    problem::Problem,
    provenance::Origin,
    schema::{Kind, ROOT, nearest},
};

/// What begins every variable that is meant for the gateway.
pub(crate) const PREFIX: &str = "OPENCLAW_";
/// What separates the sections in a variable's name.
const SEPARATOR: &str = "__";

/// The environment, taken once at the start: nothing else reads it.
#[derive(Clone, Default)]
pub(crate) struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The process's own. Variables that are no UTF-8 are left out.
    pub(crate) fn of_process() -> Self {
        let pairs = std::env::vars_os();
        Self(
            pairs
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
        )
    }

    #[cfg(test)]
    pub(crate) fn of(pairs: &[(&str, &str)]) -> Self {
        Self(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A variable that is set to something.
    pub(crate) fn non_empty(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// The data directory the environment asks for, and the user's home.
    pub(crate) fn home(&self) -> Option<PathBuf> {
        match self.non_empty("OPENCLAW_HOME") {
            Some(home) => Some(PathBuf::from(home)),
            None => Some(PathBuf::from(self.non_empty("HOME")?).join(".openclaw")),
        }
    }

    /// `OPENCLAW_GATEWAY__PORT=…` as the layer `gateway.port`. Variables without a double underscore are not configuration.
    pub(crate) fn layer(&self, file: &Map<String, Value>) -> Layer {
        let mut layer = Layer::default();
        for (name, text) in &self.0 {
            let Some(path) = name.strip_prefix(PREFIX).filter(|path| path.contains(SEPARATOR)) else {
                continue;
            };
            let path: Vec<String> = path.split(SEPARATOR).map(str::to_lowercase).collect();
            set(&mut layer, file, &path, text, Origin::Env(name.clone()));
        }
        layer
    }
}

/// Flags as a layer.
pub(crate) fn flags<'f>(given: impl IntoIterator<Item = (&'static str, &'f [&'f str], String)>) -> Layer {
    let mut layer = Layer::default();
    for (flag, path, text) in given {
        let path: Vec<String> = path.iter().map(|part| (*part).to_owned()).collect();
        set(&mut layer, &Map::new(), &path, &text, Origin::Flag(flag));
    }
    layer
}

fn set(layer: &mut Layer, file: &Map<String, Value>, path: &[String], text: &str, origin: Origin) {
    let mut kind = Kind::Section(ROOT);
    let mut names: Vec<String> = Vec::with_capacity(path.len());
    let mut in_file = Some(file);
    let mut problem = |names: &[String], reason: String| {
        layer.problems.push(Problem { origin: origin.clone(), key: names.join("."), reason });
    };
    for name in path {
        // Names of providers may have capitals, which variables' names can't tell: the file's spelling is meant.
        let spelled = in_file.and_then(|map| map.keys().find(|known| known.to_lowercase() == *name));
        let name = spelled.unwrap_or(name);
        names.push(name.clone());
        match kind.child(name) {
            Ok(child) => kind = child.kind,
            Err(unknown) => return problem(&names, unknown.explain(name)),
        }
        in_file = in_file.and_then(|map| map.get(name)).and_then(Value::as_object);
    }
    if kind.is_section() {
        let separator = SEPARATOR;
        return problem(&names, format!("is a section; name a key in it after a further {separator}"));
    }
    let value = match kind {
        Kind::List => Some(list(text)),
        kind => typed(text, false, kind),
    };
    let Some(value) = value else { return problem(&names, format!("must be {}", kind.allowed())) };
    layer.origins.insert(names.join("."), origin);
    insert(&mut layer.values, &names, value);
}

/// A JSON array of texts, or texts between commas.
fn list(text: &str) -> Value {
    if let Ok(texts) = serde_json::from_str::<Vec<String>>(text) {
        return texts.into();
    }
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect()
}

fn insert(map: &mut Map<String, Value>, path: &[String], value: Value) {
    match path {
        [] => {}
        [last] => {
            map.insert(last.clone(), value);
        }
        [first, rest @ ..] => {
            let below = map.entry(first.clone()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(below) = below {
                insert(below, rest, value);
            }
        }
    }
}

/// A variable that looks like configuration but misses the double underscore, and the one that was meant.
pub(crate) fn near_misses(environment: &Environment) -> Vec<String> {
    const OTHERS: [&str; 1] = ["OPENCLAW_HOME"];
    let sections: Vec<&str> = ROOT.iter().map(|key| key.name).collect();
    let stray = environment.0.keys().filter(|name| {
        name.starts_with(PREFIX) && !name.contains(SEPARATOR) && !OTHERS.contains(&name.as_str())
    });
    stray
        .filter(|name| {
            let first = name[PREFIX.len()..].split('_').next().unwrap_or_default().to_lowercase();
            nearest(&first, &sections).is_some()
        })
        .cloned()
        .collect()
}
