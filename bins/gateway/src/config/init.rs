//! The first start: a data directory with a configuration in it.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use openclaw_core::Secret;

use super::{template, write};
use crate::home::Home;

/// Bytes of randomness in a token.
const TOKEN_BYTES: usize = 32;

/// What the start found or made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FirstStart {
    /// Whether `gateway.yaml` was written now.
    pub(crate) created: bool,
    /// What should be mended though it does not stop the start.
    pub(crate) warnings: Vec<String>,
}

/// Why the data directory can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InitError {
    #[error("can't create {path}", path = .path.display())]
    Create {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the system gives no random bytes for a token: {0}")]
    Random(String),
}

/// Makes sure that the data directory is there, with a configuration and a persona.
pub(crate) fn first_start(home: &Home) -> Result<FirstStart, InitError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| InitError::Create { path, source }
    };
    if !home.root().is_dir() {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(home.root()).map_err(failed(home.root()))?;
    }
    let config = home.config_file();
    // A link to a file that is away for now counts as there: it must not be overwritten.
    let created = fs::symlink_metadata(&config).is_err();
    if created {
        let text = template::first(token()?.expose());
        match write::create(&config, text.as_bytes()) {
            // Another first start was faster: its token is the one.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            written => written.map_err(failed(&config))?,
        }
    }
    let soul = home.soul_file();
    if created && fs::symlink_metadata(&soul).is_err() {
        write::create(&soul, template::SOUL.as_bytes()).map_err(failed(&soul))?;
    }
    let warnings = [(home.root(), 0o700), (config.as_path(), 0o600)]
        .into_iter()
        .filter_map(|(path, mode)| too_open(path, mode))
        .collect();
    Ok(FirstStart { created, warnings })
}

/// What to do about a path that others than its owner can reach.
pub(crate) fn too_open(path: &Path, wanted: u32) -> Option<String> {
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
    let path = path.display();
    (mode & 0o077 != 0)
        .then(|| format!("{path} is open to other users (mode {mode:o}); run: chmod {wanted:o} {path}"))
}

/// 256 random bits in hexadecimal.
fn token() -> Result<Secret, InitError> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| InitError::Random(error.to_string()))?;
    Ok(Secret::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
}
