//! What is known of channels: which of them are threads and of which channel, which may not be read, and what we said there last.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    sync::Mutex,
};

use super::wire::{Channel, THREADS};
use crate::message::Address;
use crate::sync::lock;

/// Most channels that are remembered. Discord is asked about whoever is forgotten.
const KNOWN: usize = 16_384;

/// The channels that came by.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// The channel that a thread is in; `None`: it is no thread.
    parents: Mutex<HashMap<String, Option<String>>>,
    hidden: Mutex<HashSet<String>>,
    said: Mutex<HashMap<String, Said>>,
}

/// Our last message in a channel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Said {
    id: String,
    reply_to: String,
}

impl Places {
    /// A channel that Discord told of.
    pub(super) fn learn(&self, channel: &Channel) {
        let parent = THREADS.contains(&channel.kind).then(|| channel.parent_id.clone());
        if !channel.id.is_empty() && parent.as_ref().is_none_or(|parent| !parent.is_empty()) {
            remember(&mut lock(&self.parents), channel.id.clone(), parent);
        }
    }

    /// It is a channel, as far as anybody knows.
    pub(super) fn assume(&self, channel: &str) {
        remember(&mut lock(&self.parents), channel.to_owned(), None);
    }

    /// Where in the engine's words; `None`: Discord has to be asked.
    pub(super) fn address(&self, channel: &str) -> Option<Address> {
        let parents = lock(&self.parents);
        Some(match parents.get(channel)? {
            Some(parent) => Address::chat(parent.as_str()).in_thread(Some(channel.to_owned())),
            None => Address::chat(channel),
        })
    }

    /// It may not be read: there is no use in asking again.
    pub(super) fn hide(&self, channel: &str) {
        let mut hidden = lock(&self.hidden);
        if hidden.len() >= KNOWN {
            hidden.clear();
        }
        hidden.insert(channel.to_owned());
    }

    pub(super) fn is_hidden(&self, channel: &str) -> bool {
        lock(&self.hidden).contains(channel)
    }

    /// Something came from there: it can be read.
    pub(super) fn show(&self, channel: &str) {
        lock(&self.hidden).remove(channel);
    }

    /// We said something.
    pub(super) fn said(&self, channel: &str, id: &str, reply_to: &str) {
        let said = Said { id: id.to_owned(), reply_to: reply_to.to_owned() };
        remember(&mut lock(&self.said), channel.to_owned(), said);
    }

    /// What we said there last.
    pub(super) fn last(&self, channel: &str) -> Option<String> {
        lock(&self.said).get(channel).map(|said| said.id.clone())
    }

    /// Whether what we said there last answers the same message.
    pub(super) fn goes_on(&self, channel: &str, reply_to: &str) -> bool {
        lock(&self.said).get(channel).is_some_and(|said| said.reply_to == reply_to)
    }
}

/// The channel that an address means: a thread is one of its own.
pub(super) fn channel_of(address: &Address) -> &str {
    address.thread.as_deref().unwrap_or(&address.chat)
}

fn remember<K: Eq + Hash, V>(known: &mut HashMap<K, V>, key: K, value: V) {
    if known.len() >= KNOWN {
        known.clear();
    }
    known.insert(key, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_stands_in_its_channel() {
        let places = Places::default();
        assert_eq!(places.address("2"), None);
        places.learn(&Channel { id: "1".to_owned(), ..Channel::default() });
        places.learn(&Channel {
            id: "2".to_owned(),
            kind: 11,
            parent_id: "1".to_owned(),
            ..Channel::default()
        });
        // A thread whose channel is not told has to be asked about.
        places.learn(&Channel { id: "3".to_owned(), kind: 11, ..Channel::default() });
        let thread = places.address("2").unwrap();
        assert_eq!((thread.to_string().as_str(), channel_of(&thread)), ("1/2", "2"));
        assert_eq!((places.address("1"), places.address("3")), (Some(Address::chat("1")), None));
    }
}
