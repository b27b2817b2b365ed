//! When the model is in memory: from the first call on, until nobody called for a while or another file lies in its place.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use openclaw_core::port::EmbedModel;

use super::{
    EmbedFileError, EmbedOptions, Loaded,
    file::{Identity, Opened},
    lock, model,
};

#[derive(Debug)]
pub(super) struct Residence {
    options: EmbedOptions,
    shared: Arc<Shared>,
    /// The last answer to which model lies there, so that asking costs one look at the directory.
    seen: Mutex<Option<(Identity, EmbedModel)>>,
}

#[derive(Debug, Default)]
struct Shared {
    slot: Mutex<Slot>,
    stopping: Condvar,
}

#[derive(Debug, Default)]
struct Slot {
    loaded: Option<(Identity, Arc<Loaded>)>,
    /// When it was used last.
    used: Option<Instant>,
    stop: bool,
    /// Whether a thread waits for the idle time's end; it does as long as something is loaded.
    watched: bool,
    /// That thread, or the last one there was.
    watcher: Option<JoinHandle<()>>,
}

impl Residence {
    pub(super) fn new(options: EmbedOptions) -> Self {
        Self { options, shared: Arc::default(), seen: Mutex::new(None) }
    }

    pub(super) fn is_loaded(&self) -> bool {
        lock(&self.shared.slot).loaded.is_some()
    }

    /// Which model lies at the path.
    pub(super) fn model(&self) -> Option<EmbedModel> {
        let identity = Identity::of(&self.options.path.metadata().ok()?);
        if let Some((_, model)) = lock(&self.seen).as_ref().filter(|(seen, _)| *seen == identity) {
            return Some(model.clone());
        }
        let opened = Opened::open(&self.options.path).ok()?;
        let model = model(&opened.header);
        *lock(&self.seen) = Some((opened.identity, model.clone()));
        Some(model)
    }

    /// Whoever comes while it loads waits for it, too.
    pub(super) fn get(&self) -> Result<Arc<Loaded>, EmbedFileError> {
        let path = &self.options.path;
        let metadata = path.metadata().map_err(|source| EmbedFileError::io(path, source))?;
        let mut slot = lock(&self.shared.slot);
        if let Some((_, loaded)) = slot.loaded.as_ref().filter(|(here, _)| *here == Identity::of(&metadata)) {
            let loaded = Arc::clone(loaded);
            slot.used = Some(Instant::now());
            return Ok(loaded);
        }
        slot.loaded = None;
        let begun = Instant::now();
        let opened = Opened::open(path)?;
        let identity = opened.identity;
        let loaded = Arc::new(Loaded::new(opened, path)?);
        tracing::debug!(path = %path.display(), ms = begun.elapsed().as_millis(), "embedding model loaded");
        slot.loaded = Some((identity, Arc::clone(&loaded)));
        slot.used = Some(Instant::now());
        self.watch(&mut slot);
        Ok(loaded)
    }

    /// Puts the end of the idle time off.
    pub(super) fn touch(&self) {
        lock(&self.shared.slot).used = Some(Instant::now());
    }

    /// Starts the thread that unloads, unless it runs.
    fn watch(&self, slot: &mut MutexGuard<'_, Slot>) {
        let idle = self.options.idle_unload;
        if idle.is_zero() || slot.watched {
            return;
        }
        // One that watches no more has let go of the lock, and ends.
        join(slot.watcher.take());
        let (shared, path) = (Arc::clone(&self.shared), self.options.path.clone());
        let thread = std::thread::Builder::new().name("embed-idle".to_owned()).spawn(move || {
            if shared.wait_until_idle(idle) {
                tracing::debug!(path = %path.display(), "embedding model unloaded: nobody asked for a while");
            }
        });
        match thread {
            Ok(thread) => (slot.watcher, slot.watched) = (Some(thread), true),
            Err(error) => {
                tracing::warn!(%error, "no thread to unload the embedding model: it stays in memory")
            }
        }
    }
}

impl Shared {
    /// Returns when the model was unloaded, with `true`, or the owner goes.
    fn wait_until_idle(&self, idle: Duration) -> bool {
        let mut slot = lock(&self.slot);
        loop {
            if slot.stop {
                return false;
            }
            let waited = slot.used.map_or(idle, |used| used.elapsed());
            let Some(left) = idle.checked_sub(waited).filter(|left| !left.is_zero()) else {
                slot.loaded = None;
                slot.watched = false;
                return true;
            };
            slot = self.stopping.wait_timeout(slot, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Residence {
    fn drop(&mut self) {
        let watcher = {
            let mut slot = lock(&self.shared.slot);
            slot.stop = true;
            slot.watcher.take()
        };
        self.shared.stopping.notify_all();
        join(watcher);
    }
}

fn join(watcher: Option<JoinHandle<()>>) {
    if watcher.is_some_and(|watcher| watcher.join().is_err()) {
        tracing::error!("the thread that unloads the embedding model panicked");
    }
}
