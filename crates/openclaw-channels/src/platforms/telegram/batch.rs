//! A batch of updates as events: in order, albums as one message.

use std::time::Duration;

use tokio::time::Instant;

use super::{convert, place::Places, wire::Update, wire::User};
use crate::message::Event;

/// How long more pictures of an album are waited for.
pub(super) const ALBUM: Duration = Duration::from_millis(700);

/// An update, and its number.
pub(super) type Numbered = (i64, Update);

/// Updates that are one event, or none.
#[derive(Debug)]
pub(super) struct Bundle {
    pub(super) updates: Vec<i64>,
    pub(super) event: Option<Event>,
    album: Option<(i64, String)>,
}

/// The events of updates that follow one another.
pub(super) fn bundles(updates: &[Numbered], me: &User, places: &Places) -> Vec<Bundle> {
    let mut bundles: Vec<Bundle> = Vec::new();
    for (id, update) in updates {
        let event = convert::event(update, *id, me, places);
        let message = update.message.as_ref();
        let album = message.and_then(|message| Some((message.chat.id, message.media_group_id.clone()?)));
        let same = |bundle: &&mut Bundle| album.is_some() && bundle.album == album;
        if let Some(bundle) = bundles.iter_mut().find(same) {
            bundle.updates.push(*id);
            merge(&mut bundle.event, event);
        } else {
            bundles.push(Bundle { updates: vec![*id], event, album });
        }
    }
    bundles
}

/// The pictures of an album come as messages of their own; one of them has the words, and only that one mentions us.
fn merge(into: &mut Option<Event>, event: Option<Event>) {
    match (into, event) {
        (Some(Event::Message(first)), Some(Event::Message(next))) => {
            first.files.extend(next.files);
            first.addressed |= next.addressed;
            if !next.text.is_empty() {
                let gap = if first.text.is_empty() { "" } else { "\n" };
                first.text = format!("{}{gap}{}", first.text, next.text);
            }
            first.quoted = first.quoted.take().or(next.quoted);
        }
        (into @ None, event) => *into = event,
        _ => {}
    }
}

/// The album at the end of what came so far: more of it may be on its way.
#[derive(Debug, Default)]
pub(super) struct Held(Option<((i64, String), Instant)>);

impl Held {
    /// Takes the last bundle away while it is an album that is young.
    pub(super) fn back(&mut self, bundles: &mut Vec<Bundle>) {
        let album = bundles.last().and_then(|bundle| bundle.album.clone());
        let Some(album) = album else {
            self.0 = None;
            return;
        };
        let since = match &self.0 {
            Some((held, since)) if *held == album => *since,
            _ => Instant::now(),
        };
        if since.elapsed() < ALBUM {
            bundles.pop();
            self.0 = Some((album, since));
        } else {
            self.0 = None;
        }
    }

    pub(super) fn is_some(&self) -> bool {
        self.0.is_some()
    }
}
