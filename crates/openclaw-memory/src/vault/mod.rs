//! Encryption at rest: what is said is sealed before it reaches the log, with a key per conversation, so that destroying the key
//! destroys what was said, wherever copies of it may lie. Written down in `docs/formats.md`, "Keyring"; what it protects against and
//! what not is in `docs/security.md`.
//!
//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03, from RustCrypto) with a random nonce for each record. The keys lie in a file of
//! fixed rows, sealed by one that comes from a key file or, through Argon2id (RFC 9106), from a passphrase.

mod keyring;
mod lock;
#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    collections::HashMap,
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305,
    aead::{AeadInOut as _, inout::InOutBuf},
};

use self::keyring::Keyring;
pub use self::lock::{Unlock, VaultError};
use crate::{
    fs::Fs,
    record::{Reader, put_varint},
    wal::{Unseal, Unsealed},
};

/// Bytes of a nonce and of the tag behind what is sealed.
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
/// How much longer something is when it is sealed.
pub(crate) const SEAL_BYTES: usize = NONCE_BYTES + TAG_BYTES;
/// Set in a payload's first byte, beside its kind, when the rest is sealed: version 1 of each kind.
const SEALED: u8 = 1 << 5;
const VERSION_MASK: u8 = 0xe0;
/// Keys that are kept ready.
const READY_KEYS: usize = 1024;

/// Number of a conversation's key. Key 0 belongs to no conversation.
pub(crate) type Slot = u32;
/// The key of what belongs to no conversation.
pub(crate) const COMMON: Slot = 0;

/// 32 bytes that are overwritten when they are let go.
pub(crate) type Key = zeroize::Zeroizing<[u8; 32]>;

/// Seals and opens payloads.
pub(crate) struct Vault {
    keyring: Keyring,
    ready: Mutex<HashMap<Slot, Arc<Key>>>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").field("keyring", &self.keyring.path()).finish_non_exhaustive()
    }
}

impl Vault {
    /// Opens the keyring in `dir`, making a new one when there is none.
    pub(crate) fn open(fs: &dyn Fs, dir: &Path, unlock: &Unlock) -> Result<Self, VaultError> {
        let keyring = Keyring::open(fs, dir, unlock)?;
        Ok(Self { keyring, ready: Mutex::default() })
    }

    /// Whether there is a keyring in `dir`: then nothing there can be read without its key.
    pub(crate) fn exists(fs: &dyn Fs, dir: &Path) -> Result<bool, VaultError> {
        Keyring::exists(fs, dir)
    }

    /// Where the keyring of a memory lies.
    pub(crate) fn path(dir: &Path) -> PathBuf {
        dir.join(keyring::NAME)
    }

    /// The key of something that is derived from what was said.
    pub(crate) fn derived_key(&self, purpose: &str) -> Key {
        use sha2::Digest as _;
        let mut key = Key::default();
        let hash =
            sha2::Sha256::new().chain_update(**self.keyring.index_key()).chain_update(purpose).finalize();
        key.copy_from_slice(&hash);
        key
    }

    /// The key of the words' hashes.
    pub(crate) fn words_key(&self) -> [u8; 16] {
        self.derived_key("words").first_chunk().copied().unwrap_or_default()
    }

    fn ready(&self) -> MutexGuard<'_, HashMap<Slot, Arc<Key>>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new conversation's key. Durable when it returns.
    #[cfg(test)]
    pub(crate) fn new_slot(&self) -> Result<Slot, VaultError> {
        Ok(self.new_slots(1)?.start)
    }

    /// Keys for so many new conversations. Durable when it returns.
    pub(crate) fn new_slots(&self, count: Slot) -> Result<Range<Slot>, VaultError> {
        let (slots, keys) = self.keyring.add(count)?;
        for (slot, key) in slots.clone().zip(keys) {
            self.keep(slot, &Arc::new(key));
        }
        Ok(slots)
    }

    fn keep(&self, slot: Slot, key: &Arc<Key>) {
        let mut ready = self.ready();
        if ready.len() >= READY_KEYS {
            // Any: they are read again in microseconds.
            let some: Vec<Slot> = ready.keys().copied().take(READY_KEYS / 2).collect();
            some.iter().for_each(|slot| drop(ready.remove(slot)));
        }
        ready.insert(slot, Arc::clone(key));
    }

    /// Destroys a conversation's key: what is sealed with it can't be read by anybody any more. Durable when it returns.
    pub(crate) fn destroy(&self, slot: Slot) -> Result<(), VaultError> {
        if slot == COMMON {
            return Ok(());
        }
        let removed = self.keyring.remove(slot);
        self.ready().remove(&slot);
        removed
    }

    fn key(&self, slot: Slot) -> Result<Arc<Key>, VaultError> {
        if let Some(key) = self.ready().get(&slot) {
            return Ok(Arc::clone(key));
        }
        let key = Arc::new(self.keyring.get(slot)?);
        self.keep(slot, &key);
        Ok(key)
    }

    /// Seals a payload with a conversation's key. Its kind stays readable.
    pub(crate) fn seal(&self, slot: Slot, payload: &[u8]) -> Result<Vec<u8>, VaultError> {
        let Some((kind, rest)) = payload.split_first() else { return Ok(Vec::new()) };
        let key = self.key(slot)?;
        let mut out = Vec::with_capacity(1 + 5 + NONCE_BYTES + rest.len() + TAG_BYTES);
        out.push(kind | SEALED);
        put_varint(&mut out, u64::from(slot));
        let head = out.len();
        seal_into(&key, &out.clone(), rest, &mut out)?;
        debug_assert!(out.len() == head + NONCE_BYTES + rest.len() + TAG_BYTES, "nonce, text and tag");
        Ok(out)
    }

    /// The payload as it was before [`Vault::seal`].
    pub(crate) fn unseal(&self, payload: &[u8]) -> Result<Vec<u8>, VaultError> {
        let mut out = Vec::new();
        self.unseal_into(payload, &mut out)?;
        Ok(out)
    }

    fn unseal_into(&self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), VaultError> {
        let (kind, slot, head) = read_head(payload).ok_or_else(|| self.keyring.damaged("a sealed record"))?;
        let key = self.key(slot)?;
        let (aad, sealed) = payload.split_at_checked(head).unwrap_or((payload, &[]));
        out.push(kind);
        open_into(&key, aad, sealed, out).ok_or_else(|| self.keyring.damaged("a sealed record, or its key,"))
    }
}

impl Unseal for Vault {
    fn unseal(&self, payload: &[u8], out: &mut Vec<u8>) -> io::Result<Unsealed> {
        if !is_sealed(payload) {
            return Ok(Unsealed::Plain);
        }
        match self.unseal_into(payload, out) {
            Ok(()) => Ok(Unsealed::Opened),
            Err(VaultError::Destroyed) => Ok(Unsealed::Gone),
            Err(VaultError::Io { source, .. }) => Err(source),
            Err(other) => Ok(Unsealed::Unreadable(other.to_string())),
        }
    }
}

/// Whether a payload is sealed.
pub(crate) fn is_sealed(payload: &[u8]) -> bool {
    payload.first().is_some_and(|first| first & VERSION_MASK == SEALED)
}

/// Which key a sealed payload was sealed with.
pub(crate) fn slot_of(payload: &[u8]) -> Option<Slot> {
    if is_sealed(payload) { read_head(payload).map(|(_, slot, _)| slot) } else { None }
}

/// Opens what is sealed and passes on what is not.
pub(crate) fn plain<'a>(vault: Option<&Vault>, payload: &'a [u8]) -> Result<Cow<'a, [u8]>, VaultError> {
    if !is_sealed(payload) {
        return Ok(Cow::Borrowed(payload));
    }
    match vault {
        Some(vault) => vault.unseal(payload).map(Cow::Owned),
        None => Err(VaultError::Locked { path: PathBuf::from(keyring::NAME) }),
    }
}

/// Kind, slot, and length of what stands before the nonce.
fn read_head(payload: &[u8]) -> Option<(u8, Slot, usize)> {
    let (first, rest) = payload.split_first()?;
    let mut reader = Reader::new(rest);
    let slot = reader.varint_u32().ok()?;
    Some((first & !VERSION_MASK, slot, payload.len() - reader.rest().len()))
}

/// Appends a nonce, the sealed text and its tag.
pub(crate) fn seal_into(key: &Key, aad: &[u8], text: &[u8], out: &mut Vec<u8>) -> Result<(), VaultError> {
    let mut nonce = [0; NONCE_BYTES];
    getrandom::fill(&mut nonce).map_err(|error| VaultError::Random { what: error.to_string() })?;
    out.extend_from_slice(&nonce);
    let start = out.len();
    out.extend_from_slice(text);
    let cipher = XChaCha20Poly1305::new((&**key).into());
    let body = out.get_mut(start..).unwrap_or_default();
    let sealed = cipher.encrypt_inout_detached((&nonce).into(), aad, InOutBuf::from(body));
    // Only a text of 256 GiB fails.
    let tag = sealed.map_err(|_| VaultError::TooLong { bytes: text.len() })?;
    out.extend_from_slice(&tag);
    Ok(())
}

/// Appends the text behind `sealed` (nonce, text, tag); `None`: the key is another one, or a bit of it was changed.
pub(crate) fn open_into(key: &Key, aad: &[u8], sealed: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (nonce, rest) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    let (text, tag) = rest.split_last_chunk::<TAG_BYTES>()?;
    let start = out.len();
    out.extend_from_slice(text);
    let cipher = XChaCha20Poly1305::new((&**key).into());
    let body = out.get_mut(start..)?;
    cipher.decrypt_inout_detached(nonce.into(), aad, InOutBuf::from(body), tag.into()).ok()
}
