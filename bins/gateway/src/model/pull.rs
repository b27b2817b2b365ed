//! Downloading a model: resumable, checked, put in place at once.
//!
//! The bytes go to `FILE.part`, whose version at the server (`ETag`) is kept in `FILE.part.etag`. Another try asks for the
//! rest, on the condition that the version is still the same. Only a file with the pinned digest gets its final name.

use std::{
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use reqwest::{
    Client, Response, StatusCode,
    header::{CONTENT_RANGE, ETAG, IF_RANGE, RANGE},
};
use sha2::{Digest as _, Sha256};
use tokio::{
    fs,
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::timeout,
};

use super::catalogue::{KnownModel, MODEL_HOST};

/// Longest silence of the server, before its answer and inside of it.
const SILENCE: Duration = Duration::from_secs(30);
/// Bytes that are hashed at a time.
const BUFFER: usize = 256 * 1024;

/// What a pull did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pulled {
    /// The file was there already, with the right digest.
    AlreadyThere(PathBuf),
    /// The file was downloaded.
    Downloaded(PathBuf),
}

/// Why a model could not be got. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PullError {
    /// A file or directory.
    #[error("can't write {}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Too little room.
    #[error(
        "no room for {}: {needed} more bytes are needed; free some, then run the same command again: it goes on where \
         it stopped", path.display()
    )]
    NoSpace {
        /// The unfinished file.
        path: PathBuf,
        /// Bytes still to come.
        needed: u64,
    },
    /// No connection, or none that lasted.
    #[error(
        "can't get {url}: {message}. Run the same command again, it goes on where it stopped; where that host can't be \
         reached, {otherwise}"
    )]
    Network {
        /// The address.
        url: String,
        /// Where else the file is.
        otherwise: &'static str,
        /// Why.
        message: String,
    },
    /// The server does not have it.
    #[error("{url} answered {status}: the file is not there any more, but {otherwise}")]
    Refused {
        /// Where else the file is.
        otherwise: &'static str,
        /// The address.
        url: String,
        /// The status.
        status: u16,
    },
    /// The bytes are not those of the catalogue.
    #[error(
        "{url} sent another file than the one expected (SHA-256 {got}, not {expected}): nothing was kept. Try again \
         later, or elsewhere: {otherwise}"
    )]
    WrongDigest {
        /// Where else the file is.
        otherwise: &'static str,
        /// The address.
        url: String,
        /// The digest of what came.
        got: String,
        /// The digest of what should have come.
        expected: &'static str,
    },
}

impl PullError {
    fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}

/// Gets a model from its usual host. `progress` is told the bytes there are and the bytes there will be.
///
/// # Errors
/// See [`PullError`].
///
/// Cancel safety: dropping the future keeps what has come; the next call goes on from there.
pub(crate) async fn pull(
    client: &Client,
    model: &KnownModel,
    models_dir: &Path,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<Pulled, PullError> {
    pull_from(client, MODEL_HOST, model, models_dir, progress).await
}

/// The same from another host, such as a mirror: `base_url` is a scheme, a host and perhaps a port and a path.
///
/// # Errors
/// See [`PullError`].
pub(crate) async fn pull_from(
    client: &Client,
    base_url: &str,
    model: &KnownModel,
    models_dir: &Path,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<Pulled, PullError> {
    let path = models_dir.join(model.file);
    let url = format!("{}{}", base_url.trim_end_matches('/'), model.url_path);
    if fs::metadata(&path).await.is_ok_and(|file| file.len() == model.bytes)
        && digest(&path, &mut Sha256::new()).await? == model.sha256
    {
        return Ok(Pulled::AlreadyThere(path));
    }
    make_directory(models_dir).map_err(|error| PullError::io(models_dir, error))?;
    let part = part_path(&path);
    let mut hasher = Sha256::new();
    // A whole file that only lacks its name needs no server.
    let mut got = hash_file(&part, &mut hasher).await?;
    if got < model.bytes {
        got = download(client, &url, model, &part, got, &mut hasher, progress).await?;
    }
    let sha256 = hex(hasher);
    if got != model.bytes || sha256 != model.sha256 {
        remove(&part).await?;
        let otherwise = model.otherwise;
        return Err(PullError::WrongDigest { url, got: sha256, expected: model.sha256, otherwise });
    }
    fs::rename(&part, &path).await.map_err(|error| PullError::io(&path, error))?;
    sync_dir(models_dir).await?;
    remove(&etag_path(&part)).await?;
    Ok(Pulled::Downloaded(path))
}

/// This may be what makes the data directory, which is for its owner only.
pub(super) fn make_directory(models_dir: &Path) -> io::Result<()> {
    let mut directories = std::fs::DirBuilder::new();
    directories.recursive(true).mode(0o700);
    directories.create(models_dir)
}

/// Where the bytes of a file lie until it is whole.
pub(super) fn part_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

fn etag_path(part: &Path) -> PathBuf {
    let mut name = part.as_os_str().to_owned();
    name.push(".etag");
    name.into()
}

/// Appends what is missing to the unfinished file; returns its length then.
async fn download(
    client: &Client,
    url: &str,
    model: &KnownModel,
    part: &Path,
    have: u64,
    hasher: &mut Sha256,
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<u64, PullError> {
    let otherwise = model.otherwise;
    let network = |message: String| PullError::Network { url: url.to_owned(), message, otherwise };
    let etag = fs::read_to_string(etag_path(part)).await.ok().filter(|etag| !etag.is_empty());
    let mut request = client.get(url);
    if let Some(etag) = etag.filter(|_| have > 0) {
        request = request.header(RANGE, format!("bytes={have}-")).header(IF_RANGE, etag);
    }
    let mut response = timeout(SILENCE, request.send())
        .await
        .map_err(|_| network(format!("no answer within {} s", SILENCE.as_secs())))?
        .map_err(|error| network(causes(&error)))?;
    let status = response.status();
    let resumed = status == StatusCode::PARTIAL_CONTENT && begins_at(&response, have);
    if !resumed && status != StatusCode::OK {
        if status == StatusCode::RANGE_NOT_SATISFIABLE || status == StatusCode::PARTIAL_CONTENT {
            // What is here does not fit what is there: the next try begins anew.
            remove(part).await?;
            return Err(network(format!("the server does not continue the download ({status})")));
        }
        return Err(match status.as_u16() {
            429 | 500.. => network(format!("it answered {status}")),
            status => PullError::Refused { url: url.to_owned(), status, otherwise },
        });
    }
    let mut got = if resumed { have } else { 0 };
    if !resumed {
        *hasher = Sha256::new();
        keep_etag(part, &response).await?;
    }
    let io = |error: io::Error, got: u64| match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            PullError::NoSpace { path: part.to_owned(), needed: model.bytes.saturating_sub(got) }
        }
        _ => PullError::io(part, error),
    };
    let mut options = fs::OpenOptions::new();
    options.create(true).write(true).append(resumed).truncate(!resumed);
    let mut file = options.open(part).await.map_err(|error| io(error, got))?;
    progress(got, model.bytes);
    let cut = loop {
        let chunk = match timeout(SILENCE, response.chunk()).await {
            Ok(Ok(Some(chunk))) => chunk,
            Ok(Ok(None)) => break None,
            Ok(Err(error)) => break Some(causes(&error)),
            Err(_) => break Some(format!("nothing came for {} s", SILENCE.as_secs())),
        };
        file.write_all(&chunk).await.map_err(|error| io(error, got))?;
        hasher.update(&chunk);
        got += chunk.len() as u64;
        progress(got.min(model.bytes), model.bytes);
        if got > model.bytes {
            break None;
        }
    };
    file.flush().await.map_err(|error| io(error, got))?;
    file.sync_all().await.map_err(|error| io(error, got))?;
    match cut {
        Some(message) => Err(network(message)),
        None if got < model.bytes => {
            Err(network(format!("the connection ended after {got} of {} bytes", model.bytes)))
        }
        None => Ok(got),
    }
}

/// Whether a partial answer continues where the file ends.
fn begins_at(response: &Response, have: u64) -> bool {
    let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
    range.and_then(|range| range.strip_prefix("bytes ")).and_then(|range| range.split('-').next())
        == Some(have.to_string().as_str())
}

/// Only a strong version is kept: `If-Range` takes no other.
async fn keep_etag(part: &Path, response: &Response) -> Result<(), PullError> {
    let path = etag_path(part);
    let etag = response.headers().get(ETAG).and_then(|etag| etag.to_str().ok());
    match etag.filter(|etag| etag.starts_with('"')) {
        Some(etag) => fs::write(&path, etag).await.map_err(|error| PullError::io(&path, error)),
        None => remove(&path).await,
    }
}

async fn remove(path: &Path) -> Result<(), PullError> {
    match fs::remove_file(path).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(PullError::io(path, error)),
        _ => Ok(()),
    }
}

/// Makes the new name last.
async fn sync_dir(dir: &Path) -> Result<(), PullError> {
    let opened = fs::File::open(dir).await.map_err(|error| PullError::io(dir, error))?;
    opened.sync_all().await.map_err(|error| PullError::io(dir, error))
}

/// Hashes what is there and returns how much it is: 0 when there is no file.
async fn hash_file(path: &Path, hasher: &mut Sha256) -> Result<u64, PullError> {
    let mut file = match fs::File::open(path).await {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(PullError::io(path, error)),
    };
    let (mut buffer, mut length) = (vec![0u8; BUFFER], 0u64);
    loop {
        let read = file.read(&mut buffer).await.map_err(|error| PullError::io(path, error))?;
        if read == 0 {
            return Ok(length);
        }
        hasher.update(&buffer[..read]);
        length += read as u64;
    }
}

async fn digest(path: &Path, hasher: &mut Sha256) -> Result<String, PullError> {
    hash_file(path, hasher).await?;
    Ok(hex(std::mem::take(hasher)))
}

fn hex(hasher: Sha256) -> String {
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An error with what caused it: reqwest's own text says only "error sending request".
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
