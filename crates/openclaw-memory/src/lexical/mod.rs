//! The lexical index: which documents have which terms, on the disk, and BM25 over it.
//!
//! It is derived from the log (and from the Markdown files), knows terms only as keyed hashes, and can be dropped at any
//! time. A **document** is a message, a part of one, or a passage of a file, under a key that its owner chooses. Documents
//! are added in the order of their keys. New ones live in memory; [`Lexical::flush`] makes them an immutable **segment**;
//! [`Lexical::maintain`] merges segments and leaves out what was deleted. A manifest, replaced atomically, says which
//! segments count. What memory it takes does not grow with the index: a cache of pages, and the documents not yet flushed.
//!
//! A crash loses the documents that were only in memory; [`Lexical::covered`] says from where on to give them again.

mod analysis;
mod bits;
mod check;
mod dead;
mod delete;
mod engine;
mod error;
mod flush;
mod hash;
mod length;
mod load;
mod manifest;
mod memtable;
mod merge;
mod page;
mod postings;
mod query;
mod rows;
mod segment;
mod terms;

#[cfg(test)]
mod tests;

pub(crate) use analysis::{fold, folded, is_unspaced};
pub(crate) use check::check_closed;
pub use delete::Doomed;
pub use engine::{Lexical, Options, Stats};
pub use error::LexicalError;
pub use hash::HashKey;

/// What a document is a part of. Each space has its own order of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Space {
    /// A passage of a Markdown file.
    Markdown = 0,
    /// A message of the log.
    Log = 1,
}

impl Space {
    fn of(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Markdown),
            1 => Some(Self::Log),
            _ => None,
        }
    }
}

/// Names a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocKey {
    /// Where it is.
    pub space: Space,
    /// Which record of the log, or which version of which file.
    pub major: u64,
    /// Which part of it.
    pub minor: u32,
}

/// A document to add.
#[derive(Debug, Clone, Copy)]
pub struct NewDoc<'a> {
    /// Its key: above all others of its space.
    pub key: DocKey,
    /// What it can be found by.
    pub text: &'a str,
    /// When it was said.
    pub time_ms: i64,
    /// The owner's: something to filter by.
    pub kind: u8,
    /// The owner's: comes back with the document.
    pub importance: u8,
    /// The owner's: comes back with the document, to find it again. Cheap when it grows steadily.
    pub place: u32,
    /// The conversation it belongs to; empty: none.
    pub conversation: &'a [u8],
    /// The channel it came by; empty: none.
    pub channel: &'a [u8],
}

/// The knobs of ranking. Changing them needs no new index.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Params {
    /// How fast repetition stops counting. 0 and up.
    pub k1: f32,
    /// How much long documents are held back. 0 to 1.
    pub b: f32,
    /// How much it counts that a document has much of the query: the power to which the share is taken. 0 to 1.
    pub cover: f32,
}

impl Default for Params {
    fn default() -> Self {
        Self { k1: 0.9, b: 0.65, cover: 0.4 }
    }
}

/// Which documents may be found. All of it holds at once.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    /// Only of this space.
    pub space: Option<Space>,
    /// Only said at or after.
    pub since_ms: Option<i64>,
    /// Only said at or before.
    pub until_ms: Option<i64>,
    /// Only of this conversation.
    pub conversation: Option<&'a [u8]>,
    /// Only of this channel.
    pub channel: Option<&'a [u8]>,
    /// Only of one of these kinds; empty: of any.
    pub kinds: &'a [u8],
}

/// What to find.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// Words, in any language.
    pub text: &'a str,
    /// Where.
    pub filter: Filter<'a>,
    /// At most this many candidates.
    pub limit: usize,
    /// The first so many are certainly the best; the rest is what was found beside them. Fewer are found faster.
    pub sure: usize,
    /// Up to where matches are counted; counting further costs time.
    pub count_to: u64,
}

/// A document that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Which.
    pub key: DocKey,
    /// Its BM25 score, held back by what of the query it lacks.
    pub score: f32,
    /// How much of the query it covers: its score over what any document could have at most, 0 to 1.
    pub lex: f32,
    /// When it was said.
    pub time_ms: i64,
    /// As given.
    pub importance: u8,
    /// As given.
    pub place: u32,
    /// Its length in terms, nearly.
    pub length: u32,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The best documents, best first, of equal ones the later.
    pub candidates: Vec<Candidate>,
    /// How many documents match, counted up to [`Query::count_to`].
    pub total: u64,
    /// Documents in the index, and their mean length in terms: what the weights are made of.
    pub documents: u64,
    /// See there.
    pub mean_length: f32,
}
