//! Compaction: what was said becomes Markdown that people read and edit.

mod comment;
mod markup;
mod passages;

pub use passages::{Passage, passages};
