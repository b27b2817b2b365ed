//! The file of keys: a head, and a row for each key. Rows are written once and zeroed once.

use std::{
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use zeroize::Zeroizing;

use super::{Key, NONCE_BYTES, Slot, TAG_BYTES, Unlock, VaultError, open_into, seal_into};
use crate::fs::{Fs, FsFile};

pub(super) const NAME: &str = "keyring";
const MAGIC: &[u8; 8] = b"OCLAWKEY";
const VERSION: u32 = 1;
/// Magic, version, way of unlocking, three bytes of nothing, salt.
const HEAD_PLAIN: usize = 8 + 4 + 4 + 16;
/// The key that seals the rows, and the one of the index.
const HEAD_SECRETS: usize = 64;
const HEAD_BYTES: usize = HEAD_PLAIN + NONCE_BYTES + HEAD_SECRETS + TAG_BYTES;
const ROWS_AT: u64 = 256;
const ROW_BYTES: usize = NONCE_BYTES + 32 + TAG_BYTES;

/// The open file.
pub(super) struct Keyring {
    file: Arc<dyn FsFile>,
    path: PathBuf,
    rows_key: Key,
    index_key: Key,
    /// Rows there are; held while one is added or removed.
    rows: Mutex<Slot>,
}

impl Keyring {
    pub(super) fn exists(fs: &dyn Fs, dir: &Path) -> Result<bool, VaultError> {
        let path = dir.join(NAME);
        match fs.open(&path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(VaultError::Io { action: "open", path, source }),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn index_key(&self) -> &Key {
        &self.index_key
    }

    pub(super) fn damaged(&self, what: &'static str) -> VaultError {
        VaultError::Damaged { what, path: self.path.clone() }
    }

    pub(super) fn open(fs: &dyn Fs, dir: &Path, unlock: &Unlock) -> Result<Self, VaultError> {
        let path = dir.join(NAME);
        match fs.open(&path) {
            Ok(file) => Self::read(file, path, unlock),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::create(fs, path, unlock),
            Err(source) => Err(VaultError::Io { action: "open", path, source }),
        }
    }

    fn read(file: Arc<dyn FsFile>, path: PathBuf, unlock: &Unlock) -> Result<Self, VaultError> {
        let mut head = [0; HEAD_BYTES];
        file.read_exact_at(&mut head, 0).map_err(|source| VaultError::Io {
            action: "read",
            path: path.clone(),
            source,
        })?;
        let damaged = || VaultError::Damaged { what: "the head of the keyring", path: path.clone() };
        let (plain, sealed) = head.split_at(HEAD_PLAIN);
        if plain.get(..8) != Some(MAGIC) || plain.get(8..12) != Some(&VERSION.to_le_bytes()) {
            return Err(damaged());
        }
        let code = plain.get(12).copied().unwrap_or_default();
        if code != unlock.code() {
            return Err(VaultError::WrongKey { path, with: Unlock::name_of(unlock.code()) });
        }
        let salt: [u8; 16] = plain.get(16..32).and_then(|salt| salt.try_into().ok()).ok_or_else(damaged)?;
        let key = unlock.key(&salt, false)?;
        let mut secrets = Vec::with_capacity(HEAD_SECRETS);
        if open_into(&key, plain, sealed, &mut secrets).is_none() {
            return Err(VaultError::WrongKey { path, with: Unlock::name_of(code) });
        }
        let secrets = Zeroizing::new(secrets);
        let len =
            file.len().map_err(|source| VaultError::Io { action: "measure", path: path.clone(), source })?;
        // A row that a crash left half written was never used.
        let rows = Slot::try_from(len.saturating_sub(ROWS_AT) / ROW_BYTES as u64).unwrap_or(Slot::MAX);
        let (rows_key, index_key) = halves(&secrets).ok_or_else(damaged)?;
        Ok(Self { file, path, rows_key, index_key, rows: Mutex::new(rows) })
    }

    fn create(fs: &dyn Fs, path: PathBuf, unlock: &Unlock) -> Result<Self, VaultError> {
        let mut random = [0; 16 + HEAD_SECRETS];
        getrandom::fill(&mut random).map_err(|error| VaultError::Random { what: error.to_string() })?;
        let random = Zeroizing::new(random);
        let (salt, secrets) = random.split_at(16);
        let mut head = Vec::with_capacity(HEAD_BYTES);
        head.extend_from_slice(MAGIC);
        head.extend_from_slice(&VERSION.to_le_bytes());
        head.extend_from_slice(&[unlock.code(), 0, 0, 0]);
        head.extend_from_slice(salt);
        let key = unlock.key(salt.try_into().unwrap_or(&[0; 16]), true)?;
        let plain = head.clone();
        seal_into(&key, &plain, secrets, &mut head)?;
        head.resize(ROWS_AT as usize, 0);
        let dir = path.parent().unwrap_or(Path::new("."));
        let tmp = path.with_extension("tmp");
        let write = || {
            fs.create_dir_all(dir)?;
            let file = fs.create(&tmp)?;
            file.write_all_at(&head, 0)?;
            file.sync_data()?;
            fs.rename(&tmp, &path)?;
            fs.sync_dir(dir)?;
            Ok(file)
        };
        let file = write().map_err(|source| VaultError::Io { action: "make", path: path.clone(), source })?;
        let (rows_key, index_key) = halves(secrets)
            .ok_or_else(|| VaultError::Damaged { what: "a new keyring", path: path.clone() })?;
        let keyring = Self { file, path, rows_key, index_key, rows: Mutex::new(0) };
        // Row 0: the key of what belongs to no conversation.
        keyring.add(1)?;
        Ok(keyring)
    }

    fn io(&self, action: &'static str) -> impl Fn(io::Error) -> VaultError + use<> {
        let path = self.path.clone();
        move |source| VaultError::Io { action, path: path.clone(), source }
    }

    /// New keys, durable.
    pub(super) fn add(&self, count: Slot) -> Result<(Range<Slot>, Vec<Key>), VaultError> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let slots = *rows..rows.checked_add(count).ok_or_else(|| self.damaged("the number of keys"))?;
        let mut bytes = Vec::with_capacity(ROW_BYTES * slots.len());
        let mut keys = Vec::with_capacity(slots.len());
        for slot in slots.clone() {
            let mut key = Key::default();
            getrandom::fill(&mut *key).map_err(|error| VaultError::Random { what: error.to_string() })?;
            seal_into(&self.rows_key, &slot.to_le_bytes(), &*key, &mut bytes)?;
            keys.push(key);
        }
        self.file.write_all_at(&bytes, row_at(slots.start)).map_err(self.io("write"))?;
        self.file.sync_data().map_err(self.io("sync"))?;
        *rows = slots.end;
        Ok((slots, keys))
    }

    pub(super) fn get(&self, slot: Slot) -> Result<Key, VaultError> {
        if slot >= *self.rows.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(self.damaged("the number of a key"));
        }
        let mut row = [0; ROW_BYTES];
        self.file.read_exact_at(&mut row, row_at(slot)).map_err(self.io("read"))?;
        if row.iter().all(|byte| *byte == 0) {
            return Err(VaultError::Destroyed);
        }
        let mut key = Zeroizing::new(Vec::with_capacity(32));
        open_into(&self.rows_key, &slot.to_le_bytes(), &row, &mut key)
            .ok_or_else(|| self.damaged("a row of the keyring"))?;
        let mut out = Key::default();
        out.copy_from_slice(&key);
        Ok(out)
    }

    /// Overwrites a key, durably. One that is gone, or never was, is fine.
    pub(super) fn remove(&self, slot: Slot) -> Result<(), VaultError> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        if slot < *rows {
            self.file.write_all_at(&[0; ROW_BYTES], row_at(slot)).map_err(self.io("write"))?;
            self.file.sync_data().map_err(self.io("sync"))?;
        }
        Ok(())
    }
}

fn row_at(slot: Slot) -> u64 {
    ROWS_AT + u64::from(slot) * ROW_BYTES as u64
}

fn halves(secrets: &[u8]) -> Option<(Key, Key)> {
    let (rows, index) = secrets.split_at_checked(32)?;
    Some((Key::new(rows.try_into().ok()?), Key::new(index.try_into().ok()?)))
}
