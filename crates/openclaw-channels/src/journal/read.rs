//! Questions to the journal. They read a few pages, mostly from memory.

use openclaw_core::{ConversationId, RunId, Timestamp};
use redb::{Database, ReadableDatabase as _, ReadableTable as _};

use super::{
    CHATS, CURSORS, ChatKey, DAYS, DELIVERIES, Delivery, GREETED, Journal, JournalError, PAIRED, SEEN, day,
    key, run_key,
};

impl Journal {
    fn read<T>(&self, ask: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, JournalError> {
        let told = self.disk.with(ask);
        told.map_err(|error| JournalError { file: "state.redb".into(), reason: error.to_string() })
    }

    pub(crate) fn cursor(&self, kind: &str, name: &str) -> Result<Option<String>, JournalError> {
        self.read(|database| {
            let table = database.begin_read()?.open_table(CURSORS)?;
            Ok(table.get(key(&[kind, name]).as_str())?.map(|value| value.value().to_owned()))
        })
    }

    pub(crate) fn cursors(&self, kind: &str, prefix: &str) -> Result<Vec<(String, String)>, JournalError> {
        let (from, own) = (key(&[kind, prefix]), key(&[kind, ""]));
        self.read(|database| {
            let table = database.begin_read()?.open_table(CURSORS)?;
            let mut found = Vec::new();
            for entry in table.range(from.as_str()..)? {
                let (name, value) = entry?;
                let Some(rest) = name.value().strip_prefix(&own).filter(|rest| rest.starts_with(prefix))
                else {
                    break;
                };
                found.push((rest.to_owned(), value.value().to_owned()));
            }
            Ok(found)
        })
    }

    pub(crate) fn is_seen(&self, kind: &str, chat: &str, id: &str) -> Result<bool, JournalError> {
        self.read(|database| {
            let table = database.begin_read()?.open_table(SEEN)?;
            Ok(table.get(key(&[kind, chat, id]).as_str())?.is_some())
        })
    }

    pub(crate) fn delivery(&self, run: RunId) -> Result<Option<Delivery>, JournalError> {
        self.read(|database| {
            let table = database.begin_read()?.open_table(DELIVERIES)?;
            let run = run_key(run);
            Ok(table.get(run.as_slice())?.and_then(|value| Delivery::decode(&run, value.value())))
        })
    }

    /// The deliveries of a channel that `wanted` takes, oldest first.
    pub(crate) fn deliveries(
        &self,
        kind: &str,
        wanted: impl Fn(&Delivery) -> bool,
    ) -> Result<Vec<Delivery>, JournalError> {
        self.read(|database| {
            let table = database.begin_read()?.open_table(DELIVERIES)?;
            let mut found = Vec::new();
            for entry in table.iter()? {
                let (run, value) = entry?;
                let delivery = Delivery::decode(run.value(), value.value());
                found.extend(delivery.filter(|delivery| delivery.kind == kind && wanted(delivery)));
            }
            Ok(found)
        })
    }

    pub(crate) fn conversation(
        &self,
        kind: &str,
        chat: &ChatKey,
    ) -> Result<Option<ConversationId>, JournalError> {
        self.read(|database| {
            let table = database.begin_read()?.open_table(CHATS)?;
            let found = table.get(chat.key(kind).as_str())?;
            Ok(found.and_then(|value| value.value().parse().ok()))
        })
    }

    pub(crate) fn is_paired(&self, kind: &str, user: &str) -> Result<bool, JournalError> {
        self.read(|database| {
            let table = database.begin_read()?.open_table(PAIRED)?;
            Ok(table.get(key(&[kind, user]).as_str())?.is_some())
        })
    }

    pub(crate) fn paired(&self, kind: &str) -> Result<Vec<String>, JournalError> {
        let own = key(&[kind, ""]);
        self.read(|database| {
            let table = database.begin_read()?.open_table(PAIRED)?;
            let mut found = Vec::new();
            for entry in table.range(own.as_str()..)? {
                let (user, _) = entry?;
                let Some(user) = user.value().strip_prefix(&own) else { break };
                found.push(user.to_owned());
            }
            Ok(found)
        })
    }

    /// When somebody was last sent the polite line, in Unix seconds.
    pub(crate) fn greeted(&self, kind: &str, who: &str) -> Result<Option<u64>, JournalError> {
        self.read(|database| {
            let table = database.begin_read()?.open_table(GREETED)?;
            Ok(table.get(key(&[kind, who]).as_str())?.map(|at| at.value()))
        })
    }

    /// Messages received on the day of `at`.
    pub(crate) fn received(&self, kind: &str, at: Timestamp) -> Result<u64, JournalError> {
        self.read(|database| {
            let table = database.begin_read()?.open_table(DAYS)?;
            Ok(table.get(key(&[kind, &day(at)]).as_str())?.map_or(0, |count| count.value()))
        })
    }
}

impl ChatKey {
    pub(super) fn key(&self, kind: &str) -> String {
        let thread = self.address.thread.as_deref().unwrap_or_default();
        key(&[kind, &self.address.chat, thread, self.user.as_deref().unwrap_or_default()])
    }
}
