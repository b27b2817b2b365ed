//! What has to be asked before an event can be understood: people's names, and which threads are ours.

use std::{collections::HashMap, hash::Hash, sync::Mutex, time::Duration};

use serde_json::json;
use tokio::time::{sleep, timeout};

use super::{
    client::{Client, Failed},
    wire::{Page, UserInfo},
};
use crate::message::{Address, Event, Inbound};
use crate::sync::lock;

/// Most names, and most threads, that are remembered. Whoever is forgotten is asked for again.
const KNOWN: usize = 4096;
/// Messages of a thread that are looked through for one of ours.
const THREAD: usize = 200;
/// How often, and after what pause, Slack is asked again about a thread. After that the event comes again by itself.
const RETRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);
/// Longest time for a name: a courtesy.
const NAME: Duration = Duration::from_secs(3);

/// What is known of a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Thread {
    /// Whether the assistant takes part in it: what is written there is for it, without a mention.
    ours: bool,
    /// What it began with.
    root: Option<String>,
}

/// Answers that were given before.
#[derive(Debug, Default)]
pub(super) struct Directory {
    names: Mutex<HashMap<String, String>>,
    threads: Mutex<HashMap<Address, Thread>>,
}

/// What was found out for one event.
#[derive(Debug, Default)]
pub(super) struct Facts {
    name: Option<String>,
    thread: Option<Thread>,
}

impl Directory {
    /// The assistant takes part in this thread from now on.
    pub(super) fn joined(&self, address: &Address) {
        if address.thread.is_some() {
            remember(&mut lock(&self.threads), address.clone(), Thread { ours: true, root: None });
        }
    }

    /// What is known without asking; `None`: Slack has to be asked.
    pub(super) fn known(&self, event: &Event) -> Option<Facts> {
        let Event::Message(message) = event else { return Some(Facts::default()) };
        let thread =
            if is_reply(message) { Some(lock(&self.threads).get(&message.address)?.clone()) } else { None };
        let name = if wants_name(message, &thread) {
            Some(lock(&self.names).get(&message.sender.id)?.clone())
        } else {
            None
        };
        Some(Facts { name, thread })
    }

    /// Asks Slack for what is not known.
    ///
    /// # Errors
    /// When it can't be found out whether the event is for the assistant. A name is never waited for long.
    pub(super) async fn ask(&self, client: &Client, me: &str, event: &Event) -> Result<Facts, Failed> {
        let Event::Message(message) = event else { return Ok(Facts::default()) };
        let thread = self.thread(client, me, message).await?;
        let name = if wants_name(message, &thread) {
            Some(self.name(client, &message.sender.id).await)
        } else {
            None
        };
        Ok(Facts { name, thread })
    }

    async fn name(&self, client: &Client, user: &str) -> String {
        if let Some(known) = lock(&self.names).get(user) {
            return known.clone();
        }
        let asking = client.ask::<UserInfo>("users.info", json!({"user": user}));
        let Ok(Ok(UserInfo { user: person })) = timeout(NAME, asking).await else {
            return String::new();
        };
        let names = [person.profile.display_name, person.real_name, person.name];
        let name = names.into_iter().find(|name| !name.is_empty()).unwrap_or_default();
        remember(&mut lock(&self.names), user.to_owned(), name.clone());
        name
    }

    async fn thread(&self, client: &Client, me: &str, message: &Inbound) -> Result<Option<Thread>, Failed> {
        if !is_reply(message) {
            return Ok(None);
        }
        if let Some(known) = lock(&self.threads).get(&message.address) {
            return Ok(Some(known.clone()));
        }
        let Address { chat, thread } = &message.address;
        let arguments = json!({"channel": chat, "ts": thread, "limit": THREAD});
        let mut left = RETRIES;
        let asked = loop {
            match client.ask::<Page>("conversations.replies", arguments.clone()).await {
                Err(Failed::Later(wait)) if left > 0 => sleep(wait).await,
                Err(Failed::Net(_)) if left > 0 => sleep(PAUSE).await,
                asked => break asked,
            }
            left -= 1;
        };
        let found = match asked {
            Ok(page) => {
                let ours = page.messages.iter().any(|said| said.user == me);
                let root = page.messages.first().filter(|root| root.user != me && root.ts != message.id);
                Thread { ours, root: root.map(|root| root.text.clone()).filter(|text| !text.is_empty()) }
            }
            // It can't be looked at: then only a mention counts.
            Err(Failed::Refused(_)) => Thread { ours: false, root: None },
            Err(failed) => return Err(failed),
        };
        let mut threads = lock(&self.threads);
        // Somebody may have mentioned us meanwhile.
        if let Some(known) = threads.get(&message.address).filter(|known| known.ours) {
            return Ok(Some(known.clone()));
        }
        remember(&mut threads, message.address.clone(), found.clone());
        Ok(Some(found))
    }

    /// The event with what was found out.
    pub(super) fn complete(&self, event: Event, facts: Facts) -> Event {
        let Event::Message(mut message) = event else { return event };
        if let Some(name) = facts.name {
            message.sender.name = name;
        }
        if let Some(thread) = facts.thread {
            if message.addressed && !thread.ours && message.quoted.is_none() {
                message.quoted = thread.root;
            }
            message.addressed |= thread.ours;
        }
        if message.addressed {
            self.joined(&message.address);
        }
        Event::Message(message)
    }
}

/// Names are for what the assistant reads.
fn wants_name(message: &Inbound, thread: &Option<Thread>) -> bool {
    let addressed = message.addressed || thread.as_ref().is_some_and(|thread| thread.ours);
    addressed && message.sender.name.is_empty()
}

/// Whether it stands in a thread that somebody else may have begun. In a direct chat everything is for the assistant.
fn is_reply(message: &Inbound) -> bool {
    !message.direct && message.address.thread.as_ref().is_some_and(|thread| *thread != message.id)
}

fn remember<K: Eq + Hash, V>(known: &mut HashMap<K, V>, key: K, value: V) {
    if known.len() >= KNOWN {
        known.clear();
    }
    known.insert(key, value);
}
