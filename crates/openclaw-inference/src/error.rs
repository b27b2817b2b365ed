//! What can be wrong with a model file, and what to do about it.

use std::path::{Path, PathBuf};

use openclaw_reasoning::ProviderError;

/// A model file that can't be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum ModelFileError {
    #[error(
        "there is no model at {}: get the default one with `gateway model pull` (from a checkout also \
         `cargo xtask model`), or set the provider's `model` to a .gguf file",
        path.display()
    )]
    Missing { path: PathBuf },
    #[error("can't read the model {}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{} is not a GGUF file: set the provider's `model` to one, or get the default with `gateway model pull`", path.display())]
    NotGguf { path: PathBuf },
    #[error("the model {} is cut off or damaged ({what}): delete it and get it again (`gateway model pull`)", path.display())]
    Damaged { path: PathBuf, what: String },
    #[error(
        "the model {} can't be run here: {what}. GGUF files of the architectures llama, qwen2 and qwen3 with a byte-level \
         BPE tokenizer work; for others run Ollama and set the provider's type to `ollama`",
        path.display()
    )]
    Unsupported { path: PathBuf, what: String },
    #[error("the computing thread is going down")]
    Stopped,
}

impl ModelFileError {
    pub(super) fn io(path: &Path, source: std::io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            std::io::ErrorKind::NotFound => Self::Missing { path },
            std::io::ErrorKind::UnexpectedEof => Self::Damaged { path, what: "it ends too early".to_owned() },
            _ => Self::Io { path, source },
        }
    }

    pub(super) fn damaged(path: &Path, what: impl std::fmt::Display) -> Self {
        Self::Damaged { path: path.to_owned(), what: what.to_string() }
    }

    pub(super) fn unsupported(path: &Path, what: impl Into<String>) -> Self {
        Self::Unsupported { path: path.to_owned(), what: what.into() }
    }

    /// The error of a request whose thread ended before it answered.
    pub(super) fn stopped() -> ProviderError {
        ProviderError::Unreachable {
            url: "the local model".to_owned(),
            message: "it is being stopped or reconfigured; ask again".to_owned(),
        }
    }
}

impl From<ModelFileError> for ProviderError {
    fn from(error: ModelFileError) -> Self {
        match error {
            ModelFileError::Stopped => ModelFileError::stopped(),
            other => Self::Misconfigured { message: other.to_string() },
        }
    }
}
