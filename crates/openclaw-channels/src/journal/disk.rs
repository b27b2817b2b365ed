//! The file, opened anew after it failed: redb refuses everything after an error of the disk, a full one too, until then.

use std::sync::{Arc, Mutex};

use redb::Database;

use crate::sync::lock;

/// Opens the file.
pub(super) type Opener = Box<dyn Fn() -> Result<Database, redb::Error> + Send + Sync>;

pub(super) struct Disk {
    opener: Opener,
    /// `None` after a failure: the next who needs it tries to open it.
    database: Mutex<Option<Arc<Database>>>,
}

impl Disk {
    pub(super) fn new(opener: Opener) -> Self {
        Self { opener, database: Mutex::default() }
    }

    /// Works with the database, which is opened before if need be.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, redb::Error> {
        let worked = self.database().and_then(|database| work(&database));
        if worked.is_err() {
            // It is closed when nobody reads in it any more, and can be opened from then on.
            *lock(&self.database) = None;
        }
        worked
    }

    fn database(&self) -> Result<Arc<Database>, redb::Error> {
        let mut database = lock(&self.database);
        if let Some(open) = &*database {
            return Ok(Arc::clone(open));
        }
        let opened = Arc::new((self.opener)()?);
        Ok(Arc::clone(database.insert(opened)))
    }
}
