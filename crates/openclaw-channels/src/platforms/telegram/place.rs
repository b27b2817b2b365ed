//! Groups that became supergroups: a new id on Telegram, the same place to the engine.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
};

use super::wire::Message;
use crate::{error::ConnectError, link::Link, message::Address, sync::lock};

/// Cursors that say where a supergroup came from: `moved:NEW` → OLD.
const MOVED: &str = "moved:";

/// Where chats are. The engine goes on to know a group by its first id, so that its conversation and its permission stay.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<Moves>);

#[derive(Debug, Default)]
struct Moves {
    /// New id → the one that the engine knows: for what comes in.
    homes: HashMap<i64, i64>,
    /// Old id → new one: for what goes out.
    gone: HashMap<i64, i64>,
}

impl Places {
    fn lock(&self) -> MutexGuard<'_, Moves> {
        lock(&self.0)
    }

    /// What earlier processes learned.
    pub(super) fn load(&self, link: &Link) -> Result<(), ConnectError> {
        for (name, old) in link.cursors(MOVED)? {
            let new = name.strip_prefix(MOVED).and_then(|new| new.parse().ok());
            if let (Some(new), Ok(old)) = (new, old.parse()) {
                self.learn(old, new, link);
            }
        }
        Ok(())
    }

    /// The group `old` is `new` from now on.
    pub(super) async fn moved(&self, old: i64, new: i64, link: &Link) -> Result<(), ConnectError> {
        link.save_cursor(&format!("{MOVED}{new}"), &old.to_string()).await?;
        self.learn(old, new, link);
        Ok(())
    }

    fn learn(&self, old: i64, new: i64, link: &Link) {
        let mut moves = self.lock();
        moves.gone.insert(old, new);
        // An owner who has allowed the new id means it as a chat of its own.
        if !link.may_talk("", &new.to_string()) {
            moves.homes.insert(new, old);
        }
    }

    /// The same, learned from a refusal: Telegram tells it again to the next process.
    pub(super) fn sent_away(&self, old: i64, new: i64) {
        self.lock().gone.insert(old, new);
    }

    /// The chat that messages for `chat` go to.
    pub(super) fn now(&self, chat: i64) -> i64 {
        self.lock().gone.get(&chat).copied().unwrap_or(chat)
    }

    /// Where a message was said.
    pub(super) fn address(&self, message: &Message) -> Address {
        let chat = self.lock().homes.get(&message.chat.id).copied().unwrap_or(message.chat.id);
        let thread = message.message_thread_id.filter(|_| message.is_topic_message);
        Address::chat(chat.to_string()).in_thread(thread.map(|thread| thread.to_string()))
    }

    /// A message's id, unique in its chat also when that has moved and counts anew.
    pub(super) fn id(&self, message: &Message) -> String {
        let moved = self.lock().homes.contains_key(&message.chat.id);
        written(message.chat.id, message.message_id, moved)
    }
}

/// `ID`, or `CHAT.ID` in a chat that has moved.
pub(super) fn written(chat: i64, id: i64, moved: bool) -> String {
    if moved { format!("{chat}.{id}") } else { id.to_string() }
}

/// The message that `id` names in `chat`, if it is there: ids of before a move name nothing any more.
pub(super) fn read(id: &str, chat: i64, moved: bool) -> Option<i64> {
    let (there, number) = match id.split_once('.') {
        Some((there, number)) => (there.parse().ok()?, number),
        None if moved => return None,
        None => (chat, id),
    };
    if there == chat { number.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_name_their_chat_once_it_has_moved() {
        assert_eq!((written(-5, 7, false), written(-100, 7, true)), ("7".to_owned(), "-100.7".to_owned()));
        assert_eq!(read("7", -5, false), Some(7));
        assert_eq!(read("-100.7", -100, true), Some(7));
        for (id, chat, moved) in [("7", -100, true), ("-5.7", -100, true), ("x", -5, false), ("", -5, false)]
        {
            assert_eq!(read(id, chat, moved), None, "{id}");
        }
    }
}
