//! Looking at files that may never answer: a server that is gone, a FUSE program that died. A thread that waits for such a one
//! can't be ended, so there must not be one for each call.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::{
    task::AbortHandle,
    time::{Instant, timeout},
};

use super::RunError;
use crate::limits::GRANT_TIME;

/// Which looks have not ended, by skill.
#[derive(Debug, Default)]
pub(super) struct Patience {
    looks: Mutex<BTreeMap<String, Vec<Look>>>,
}

#[derive(Debug)]
struct Look {
    begun: Instant,
    thread: AbortHandle,
}

impl Patience {
    /// Does blocking work for a skill; `None`: it takes too long, or some that was begun earlier does.
    pub(super) async fn look<T: Send + 'static>(
        &self,
        skill: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Option<T>, RunError> {
        if self.is_over(skill) {
            return Ok(None);
        }
        let work = tokio::task::spawn_blocking(work);
        let look = Look { begun: Instant::now(), thread: work.abort_handle() };
        self.looks().entry(skill.to_owned()).or_default().push(look);
        match timeout(GRANT_TIME, work).await {
            Ok(Ok(done)) => Ok(Some(done)),
            Ok(Err(_)) => Err(RunError::Interrupted),
            Err(_) => Ok(None),
        }
    }

    /// Whether work for a skill takes too long just now.
    pub(super) fn is_over(&self, skill: &str) -> bool {
        let mut looks = self.looks();
        let Some(own) = looks.get_mut(skill) else { return false };
        own.retain(|look| !look.thread.is_finished());
        let is_over = own.iter().any(|look| look.begun.elapsed() >= GRANT_TIME);
        if own.is_empty() {
            looks.remove(skill);
        }
        is_over
    }

    fn looks(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Look>>> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_does_not_answer_holds_one_thread_and_no_call() {
        let patience = Patience::default();
        assert_eq!(patience.look("a", || 1).await.unwrap(), Some(1));
        let (end, ended) = mpsc::sync_channel::<()>(1);
        let wait = move || ended.recv().unwrap();
        let (late, ()) = tokio::join!(patience.look("a", wait), tokio::time::advance(GRANT_TIME));
        assert!(late.unwrap().is_none() && patience.is_over("a"));
        // No other is begun.
        assert!(patience.look("a", || unreachable!("it was begun")).await.unwrap().is_none());
        assert_eq!(patience.look("b", || 2).await.unwrap(), Some(2));
        end.send(()).unwrap();
        while patience.is_over("a") {
            tokio::task::yield_now().await;
        }
        assert_eq!(patience.look("a", || 3).await.unwrap(), Some(3));
    }
}
