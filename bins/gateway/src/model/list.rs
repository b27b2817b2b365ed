//! What lies in `models/`.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::catalogue::{CATALOGUE, KnownModel};

/// A model file, or one that could be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedModel {
    /// The catalogue's entry, if it has one.
    pub(crate) known: Option<&'static KnownModel>,
    /// Where the file is, or would be.
    pub(crate) path: PathBuf,
    /// Its length; `None` when it is not there.
    pub(crate) bytes: Option<u64>,
    /// Bytes of an unfinished download.
    pub(crate) partial: Option<u64>,
}

/// The catalogue's models first, then every other `.gguf` file by name. A directory that is not there is empty.
///
/// # Errors
/// When the directory can't be read.
pub(crate) fn list(models_dir: &Path) -> io::Result<Vec<ListedModel>> {
    let length = |path: &Path| path.metadata().ok().filter(std::fs::Metadata::is_file).map(|file| file.len());
    let entry = |known, path: PathBuf| ListedModel {
        known,
        bytes: length(&path),
        partial: length(&super::pull::part_path(&path)),
        path,
    };
    let mut models: Vec<_> =
        CATALOGUE.iter().map(|known| entry(Some(known), models_dir.join(known.file))).collect();
    let found = match std::fs::read_dir(models_dir) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(models),
        Err(error) => return Err(error),
    };
    let mut others = Vec::new();
    for found in found {
        let path = found?.path();
        let is_model = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gguf"));
        if is_model && path.is_file() && !models.iter().any(|model| model.path == path) {
            others.push(entry(None, path));
        }
    }
    openclaw_core::sort_by(&mut others, |a, b| a.path.cmp(&b.path));
    models.append(&mut others);
    Ok(models)
}
