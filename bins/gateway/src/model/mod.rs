//! Model files: the catalogue, what is there, and getting one.

mod catalogue;
pub(crate) mod embeddings;
mod list;
mod pull;
#[cfg(test)]
mod tests;

pub(crate) use catalogue::{CATALOGUE, DEFAULT_MODEL, KnownModel, find};
pub(crate) use list::list;
pub(crate) use pull::{Pulled, pull};
