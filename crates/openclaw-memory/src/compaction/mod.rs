//! Compaction: what was said becomes Markdown that people read and edit.
//!
//! [`compact`] finds lines worth keeping (a model proposes, [`check`] decides; or extraction), works them into the files as they
//! are ([`merge`], pure), and replaces the files whole. A line of ours carries its sources in a comment; its check tells whether a
//! person changed it, and the ledger beside the files whether one took it out. What is a person's is never touched.

mod care;
mod check;
mod comment;
mod document;
mod error;
mod extract;
mod files;
mod language;
mod ledger;
mod line;
mod markup;
mod merge;
mod passages;
mod place;
mod run;
#[cfg(test)]
mod tests;
mod words;

pub use care::{Dangling, Removed, check_citations, erase_citations, prune_before};
pub(crate) use care::{count_before, uncited};
pub use check::Refused;
pub use error::CompactionError;
pub use passages::{Passage, passages};
pub(crate) use passages::{passage_of, passages_of};
pub use run::{Input, Method, Options, Outcome, Spoken, Written, compact};
