//! Model files: the catalogue, what is there, and getting one.

mod catalogue;
mod list;
mod pull;
#[cfg(test)]
mod tests;

pub(crate) use catalogue::{CATALOGUE, DEFAULT_MODEL, KnownModel, MODEL_HOST, find};
pub(crate) use list::{ListedModel, list};
pub(crate) use pull::{PullError, Pulled, pull, pull_from};
