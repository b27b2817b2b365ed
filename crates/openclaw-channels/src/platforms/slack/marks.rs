//! Keeps where we have read to: the first time in each place at once, later not more often than once a second.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use crate::link::Link;

/// Time between two savings. What is not saved when the process dies is looked at again, and known.
const SAVE: Duration = Duration::from_secs(1);
/// Most places that are remembered as marked. Whether others are is looked up.
const MARKED: usize = 4096;

/// Marks that are not saved yet.
pub(super) struct Marks<'a> {
    link: &'a Link,
    new: BTreeMap<String, String>,
    marked: HashSet<String>,
    next: Instant,
    saving: Option<BoxFuture<'a, ()>>,
}

impl<'a> Marks<'a> {
    pub(super) fn new(link: &'a Link) -> Self {
        Self { link, new: BTreeMap::new(), marked: HashSet::new(), next: Instant::now(), saving: None }
    }

    /// Notes that we have read to there; never back. Where there was no mark there is one when this returns: without any, nothing would
    /// be looked for in that place after a crash. While not all that was missed is there, that is only from `since`.
    pub(super) async fn note(&mut self, marks: Vec<(String, String)>, since: Option<&str>) {
        for (place, ts) in marks {
            if !self.marked.contains(&place) {
                if let Ok(None) = self.link.cursor(&place) {
                    let first = since.unwrap_or(&ts).to_owned();
                    save(self.link, BTreeMap::from([(place.clone(), first)])).await;
                }
                if self.marked.len() >= MARKED {
                    self.marked.clear();
                }
                self.marked.insert(place.clone());
            }
            let known = self.new.entry(place).or_default();
            if *known < ts {
                *known = ts;
            }
        }
    }

    /// Saves what is new. Never returns; cancel safe.
    pub(super) async fn save(&mut self) {
        loop {
            if self.saving.is_none() {
                if self.new.is_empty() {
                    return std::future::pending().await;
                }
                sleep_until(self.next).await;
                self.next = Instant::now() + SAVE;
                let (link, new) = (self.link, std::mem::take(&mut self.new));
                self.saving = Some(Box::pin(save(link, new)));
            }
            if let Some(saving) = &mut self.saving {
                saving.await;
                self.saving = None;
            }
        }
    }
}

async fn save(link: &Link, new: BTreeMap<String, String>) {
    for (place, ts) in new {
        match link.cursor(&place) {
            // Old messages come late sometimes.
            Ok(Some(known)) if known >= ts => continue,
            _ => {}
        }
        if let Err(error) = link.save_cursor(&place, &ts).await {
            debug!(channel = "slack", %error, "where we have read to was not kept");
        }
    }
}
