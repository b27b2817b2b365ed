//! Vectors of passages, for search by meaning: derived from the log and the Markdown, so they can be dropped and made again.
//! Written down in `docs/formats.md`, "Vectors".
//!
//! Each vector is a row of fixed size (one byte a number) and a sketch (one bit a number, and what filters ask for). While there are
//! few, a question is compared with every row; when there are many, with every sketch, and then with the rows of the best. Which
//! passage has which row is in a `redb` file. Nothing here grows in memory with the number of vectors.

mod keys;
mod nearest;
mod row;
mod seal;
mod store;
#[cfg(test)]
mod tests;
#[cfg(test)]
use nearest::Near;

pub(crate) use nearest::VectorFilter;
pub(crate) use row::{NewVector, VectorKey};
pub(crate) use store::{Vectors, VectorsError};
