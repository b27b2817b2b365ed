//! The configuration: read, checked, shown, edited, watched.

mod check;
mod edit;
mod env;
mod init;
mod load;
mod openness;
mod placeholder;
mod problem;
mod provenance;
mod schema;
mod store;
mod template;
mod watch;
mod write;
mod yaml;

pub(crate) use check::Layer;
pub(crate) use env::{Environment, flags, near_misses};
pub(crate) use init::{first_start, too_open};
pub(crate) use load::{LoadError, Loaded, Loader};
pub(crate) use openness::openness;
pub(crate) use provenance::show;
pub(crate) use schema::nearest;
pub(crate) use store::{LiveConfig, Store};
pub(crate) use template::DEFAULT as DEFAULT_TEMPLATE;
pub(crate) use watch::watch;

/// Reads `text` as a `gateway.yaml` and edits it with a merge patch made from `patch`: everything that parses foreign
/// text here, for the fuzzer. Returns whether both were readable.
#[doc(hidden)]
#[must_use]
pub fn fuzz(text: &str, patch: &str) -> bool {
    let loader =
        Loader::new(std::path::PathBuf::from("gateway.yaml"), Environment::default(), Layer::default());
    let loaded = loader.load_text(text).is_ok();
    let patch = serde_json::from_str::<serde_json::Value>(patch).ok().filter(serde_json::Value::is_object);
    let edited = patch.is_some_and(|patch| edit::apply(text, &patch).is_ok());
    loaded && edited
}

#[cfg(test)]
mod tests;
