//! The search indexes, which are derived like the index and lie beside what they are derived from.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use openclaw_core::Lsn;

use crate::{
    fs::Fs,
    index::{self, IndexError},
    lexical::{self, LexicalError},
    store::Core,
    vectors::Vectors,
    wal::{Problem, ProblemKind},
};

fn words_dir(dir: &Path) -> PathBuf {
    dir.join("index").join("lexical")
}

fn vectors_dir(dir: &Path) -> PathBuf {
    dir.join("index").join("vectors")
}

pub(super) fn problem(kind: ProblemKind, path: PathBuf, detail: String) -> Problem {
    Problem { kind, path, offset: 0, bytes: 0, lsns: Lsn(0)..Lsn(0), detail }
}

/// What is wrong with those of a memory that nobody has open. One that is missing is no problem: it is made again.
pub(super) fn look(fs: &Arc<dyn Fs>, dir: &Path) -> Vec<Problem> {
    let (words, vectors) = (words_dir(dir), vectors_dir(dir));
    let words_found = of_words(words.clone(), lexical::check_closed(&**fs, &words));
    let vectors_found = index::check_engine_file(fs, &Vectors::keys_path(&vectors));
    words_found.into_iter().chain(of_vectors(vectors, vectors_found)).collect()
}

/// The same for a memory that is in use. What is damaged is dropped and made anew in the background.
pub(super) fn look_open(core: &Core) -> Vec<Problem> {
    let words = of_words(words_dir(core.dir()), core.words.check());
    let vectors = core.semantic.as_ref().map(crate::store::Semantic::check);
    let vectors = vectors.and_then(|found| of_vectors(vectors_dir(core.dir()), found));
    words.into_iter().chain(vectors).collect()
}

fn of_words(path: PathBuf, found: Result<(), LexicalError>) -> Option<Problem> {
    match found {
        Ok(()) | Err(LexicalError::Absent(_) | LexicalError::Version { .. } | LexicalError::Stopped) => None,
        Err(error) => Some(problem(ProblemKind::Index, path, told(&error))),
    }
}

fn of_vectors(path: PathBuf, found: Result<(), IndexError>) -> Option<Problem> {
    found.err().map(|error| problem(ProblemKind::Index, path, told(&error)))
}

/// Drops what was found wrong, so that it is made again.
pub(super) fn drop_wrong(fs: &dyn Fs, dir: &Path, found: &[Problem]) -> io::Result<bool> {
    let is_wrong = |path: &Path| found.iter().any(|problem| problem.path == path);
    let (words, vectors) = (words_dir(dir), vectors_dir(dir));
    let mut doomed = Vec::new();
    if is_wrong(&words) {
        doomed.extend(fs.list(&words)?);
    }
    if is_wrong(&vectors) {
        doomed.extend(fs.list(&vectors)?);
    }
    doomed.iter().try_for_each(|path| fs.remove(path))?;
    Ok(!doomed.is_empty())
}

/// An error with its cause.
pub(super) fn told(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}
