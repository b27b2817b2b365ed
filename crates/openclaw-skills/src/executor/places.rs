//! Places for sandboxes: how many there may be at the same time, those that wait for a call counted in.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::RunError;
use crate::limits::WAITING;

/// Held by a sandbox for as long as it lives.
pub(super) type Place = OwnedSemaphorePermit;

#[derive(Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    /// How many there are, free or not.
    size: AtomicUsize,
    waiting: AtomicUsize,
}

impl Places {
    pub(super) fn new(size: usize) -> Self {
        Self {
            free: Arc::new(Semaphore::new(size)),
            size: AtomicUsize::new(size),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Follows `skills.limits.concurrent`.
    pub(super) fn resize(&self, wanted: usize) {
        let had = self.size.swap(wanted, Ordering::AcqRel);
        if wanted > had {
            self.free.add_permits(wanted - had);
        } else if wanted < had {
            let gone = self.free.forget_permits(had - wanted);
            // Places in use can't be taken back now: counted on, and taken by a later call.
            self.size.fetch_add(had - wanted - gone, Ordering::AcqRel);
        }
    }

    /// One that is free, unless somebody waits for it already.
    pub(super) fn spare(&self) -> Option<Place> {
        Arc::clone(&self.free).try_acquire_owned().ok()
    }

    /// Waits for one, at most `most`. `evict` ends a sandbox that waits for a call, and says whether there was one.
    pub(super) async fn wait(&self, most: Duration, evict: impl Fn() -> bool) -> Result<Place, RunError> {
        let taken = || self.size.load(Ordering::Acquire);
        // Told before looking for one to evict: whoever becomes idle after that look sees that somebody waits.
        let _waits = Waits::begin(&self.waiting).ok_or_else(|| RunError::Crowded { places: taken() })?;
        loop {
            if let Some(place) = self.spare() {
                return Ok(place);
            }
            if !evict() {
                break;
            }
        }
        match timeout(most, Arc::clone(&self.free).acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(RunError::Busy {
                places: taken(),
                seconds: (most + Duration::from_millis(500)).as_secs(),
            }),
        }
    }

    pub(super) fn somebody_waits(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > 0
    }
}

/// Counts one of those that wait for a place.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn begin(count: &'a AtomicUsize) -> Option<Self> {
        let before = count.fetch_add(1, Ordering::AcqRel);
        let waits = Self(count);
        (before < WAITING).then_some(waits)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_is_told_how_many_places_there_are() {
        let places = Places::new(2);
        let held = (places.spare().unwrap(), places.spare().unwrap());
        let error = places.wait(Duration::from_secs(60), || false).await.unwrap_err().to_string();
        assert!(error.contains("all 2 places") && error.contains("60 s"), "{error}");
        drop(held);
        assert!(places.wait(Duration::ZERO, || false).await.is_ok());
        assert!(!places.somebody_waits());
    }

    #[tokio::test]
    async fn who_is_idle_makes_room() {
        let places = Places::new(1);
        let idle = Mutex::new(places.spare());
        let evict = || idle.lock().unwrap().take().is_some();
        let place = places.wait(Duration::from_secs(60), evict).await.unwrap();
        places.resize(2);
        assert!(places.spare().is_some());
        places.resize(1);
        assert!(places.spare().is_none());
        drop(place);
    }

    #[tokio::test]
    async fn no_more_wait_than_may() {
        let places = Places::new(1);
        let _held = places.spare().unwrap();
        let _waits: Vec<_> = (0..WAITING).map(|_| Waits::begin(&places.waiting).unwrap()).collect();
        let error = places.wait(Duration::from_secs(60), || false).await.unwrap_err();
        assert!(matches!(error, RunError::Crowded { places: 1 }), "{error}");
    }
}
