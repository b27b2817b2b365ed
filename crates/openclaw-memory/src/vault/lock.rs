//! Where the key of keys comes from.

use std::{
    io,
    path::{Path, PathBuf},
};

use argon2::{Algorithm, Argon2, Params, Version};
use openclaw_core::Secret;
use zeroize::Zeroizing;

use super::Key;

/// What Argon2id costs: 64 MiB, three passes, one lane (RFC 9106's second choice, for one lane).
const MEMORY_KIB: u32 = 64 << 10;
const PASSES: u32 = 3;
const LANES: u32 = 1;

/// What opens an encrypted memory.
#[derive(Debug, Clone)]
pub enum Unlock {
    /// 32 bytes in a file of its own, in hexadecimal; made when there is none and the keyring is new.
    KeyFile(PathBuf),
    /// A passphrase.
    Passphrase(Secret),
}

/// Why what is sealed can't be opened, or sealed.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The keyring or the key file could not be used.
    #[error("can't {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The keyring was made with another key file or passphrase.
    #[error(
        "{} can't be opened with this {with}: give the one it was made with; without it nothing sealed can ever be read", path.display()
    )]
    WrongKey {
        /// The keyring.
        path: PathBuf,
        /// What it was made with.
        with: &'static str,
    },
    /// There is a keyring, and no key file.
    #[error("the key file {} is missing: put it back; without it nothing sealed can ever be read", path.display())]
    KeyFileMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The key file holds something else.
    #[error("{} is no key file: it must hold 64 hexadecimal digits", path.display())]
    KeyFileInvalid {
        /// Which.
        path: PathBuf,
    },
    /// The memory is encrypted, and no key was given.
    #[error("the memory is encrypted ({}): set memory.encryption and give its key", path.display())]
    Locked {
        /// The keyring.
        path: PathBuf,
    },
    /// There are sealed records, and no keyring.
    #[error(
        "the memory holds encrypted records, but its keyring {} is missing: put it back from a copy; without it nothing sealed can \
         ever be read", path.display()
    )]
    KeyringMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// What was read is not what was written.
    #[error("{what} is damaged, or does not belong to {}", path.display())]
    Damaged {
        /// Which part.
        what: &'static str,
        /// The keyring.
        path: PathBuf,
    },
    /// The conversation was erased.
    #[error("the key of this conversation was destroyed")]
    Destroyed,
    /// No key could be made.
    #[error("the system gives no random bytes: {what}")]
    Random {
        /// What it said.
        what: String,
    },
    /// No record is that long.
    #[error("a record of {bytes} bytes is too long to be sealed")]
    TooLong {
        /// How long.
        bytes: usize,
    },
    /// Argon2 refused.
    #[error("the passphrase can't be used: {what}")]
    Passphrase {
        /// Why.
        what: String,
    },
}

impl VaultError {
    /// Whether it is what was given that is wrong: another key, or the right configuration, helps.
    #[must_use]
    pub fn is_mistake(&self) -> bool {
        matches!(
            self,
            Self::WrongKey { .. }
                | Self::KeyFileMissing { .. }
                | Self::KeyFileInvalid { .. }
                | Self::Locked { .. }
                | Self::KeyringMissing { .. }
                | Self::Passphrase { .. }
        )
    }
}

impl Unlock {
    /// 0 or 1, as the keyring notes it.
    pub(super) fn code(&self) -> u8 {
        match self {
            Self::KeyFile(_) => 0,
            Self::Passphrase(_) => 1,
        }
    }

    pub(super) fn name_of(code: u8) -> &'static str {
        if code == 0 { "key file" } else { "passphrase" }
    }

    /// The key of keys. `new`: the keyring is being made, so a key file may be, too.
    pub(super) fn key(&self, salt: &[u8; 16], new: bool) -> Result<Key, VaultError> {
        match self {
            Self::KeyFile(path) => key_file(path, new),
            Self::Passphrase(passphrase) => {
                let failed = |error: argon2::Error| VaultError::Passphrase { what: error.to_string() };
                let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(32)).map_err(failed)?;
                let mut key = Key::default();
                Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
                    .hash_password_into(passphrase.expose().as_bytes(), salt, &mut *key)
                    .map_err(failed)?;
                Ok(key)
            }
        }
    }
}

fn key_file(path: &Path, new: bool) -> Result<Key, VaultError> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let text = Zeroizing::new(text);
            from_hex(text.trim()).ok_or_else(|| VaultError::KeyFileInvalid { path: path.to_owned() })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && new => make_key_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(VaultError::KeyFileMissing { path: path.to_owned() })
        }
        Err(source) => Err(VaultError::Io { action: "read the key file", path: path.to_owned(), source }),
    }
}

/// Makes a key file that only its owner can read. It is durable when this returns, since the keyring is worth nothing without.
fn make_key_file(path: &Path) -> Result<Key, VaultError> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _};
    let mut key = Key::default();
    getrandom::fill(&mut *key).map_err(|error| VaultError::Random { what: error.to_string() })?;
    let mut text = Zeroizing::new(String::with_capacity(65));
    for byte in key.iter() {
        text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
    }
    text.push('\n');
    let write = || {
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        match path.parent() {
            Some(dir) => std::fs::File::open(dir)?.sync_all(),
            None => Ok(()),
        }
    };
    write().map_err(|source| VaultError::Io {
        action: "make the key file",
        path: path.to_owned(),
        source,
    })?;
    Ok(key)
}

fn from_hex(text: &str) -> Option<Key> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut key = Key::default();
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |digit: Option<&u8>| char::from(*digit?).to_digit(16);
        *byte = (digit(pair.first())? << 4 | digit(pair.get(1))?) as u8;
    }
    Some(key)
}
