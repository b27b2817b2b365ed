//! Who may talk to the assistant.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use openclaw_core::{Secret, Timestamp, config::ChannelConfig, port::PairingCode};

use crate::{
    journal::Journal,
    limits::{CODE_TIME, CODE_TRIES},
    sync::lock,
};

/// Letters and digits that nobody takes for another.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
const CODE_CHARS: usize = 8;

/// Who may talk on one channel.
pub(crate) struct Access {
    kind: Arc<str>,
    users: HashSet<String>,
    chats: HashSet<String>,
    pub(crate) pairing: Option<Arc<Pairing>>,
    journal: Journal,
}

impl Access {
    pub(crate) fn new(
        kind: Arc<str>,
        config: &ChannelConfig,
        pairing: Arc<Pairing>,
        journal: Journal,
    ) -> Self {
        Self {
            kind,
            users: named(&config.allowed_users),
            chats: named(&config.allowed_chats),
            pairing: config.pairing.then_some(pairing),
            journal,
        }
    }

    /// A journal that can't be read lets nobody in.
    pub(crate) fn may_talk(&self, user: &str, chat: &str) -> bool {
        self.chats.contains(chat) || self.is_named(user)
    }

    /// Whether the owner let in this very person, and not only everybody in some group.
    pub(crate) fn is_named(&self, user: &str) -> bool {
        self.users.contains(user)
            || (self.pairing.is_some() && self.journal.is_paired(&self.kind, user).unwrap_or(false))
    }

    /// Whether there is anybody who may.
    pub(crate) fn is_empty(&self) -> bool {
        self.users.is_empty() && self.chats.is_empty() && self.paired() == 0
    }

    pub(crate) fn paired(&self) -> u64 {
        self.paired_users().len() as u64
    }

    fn paired_users(&self) -> Vec<String> {
        if self.pairing.is_none() {
            return Vec::new();
        }
        self.journal.paired(&self.kind).unwrap_or_default()
    }

    /// Everybody whom the owner let in as a person.
    pub(crate) fn people(&self) -> Vec<String> {
        self.users.iter().cloned().chain(self.paired_users()).collect()
    }
}

/// Without empty names, which anything that has none would bear.
fn named(ids: &[String]) -> HashSet<String> {
    ids.iter().filter(|id| !id.is_empty()).cloned().collect()
}

/// The code of one channel, if there is one. Kept in memory only: a restart voids it.
#[derive(Debug, Default)]
pub(crate) struct Pairing(Mutex<Option<Code>>);

#[derive(Debug)]
struct Code {
    code: Secret,
    expires_at: Timestamp,
    tries: u32,
}

/// What became of a text that may be a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// It does not look like one.
    NoCode,
    /// It is the code, which is used up now.
    Right,
    /// It is not, or not any more.
    Wrong,
    /// It looks like one, and there is none at the moment.
    NoneOut,
}

impl Pairing {
    /// A new code; an earlier one is void.
    pub(crate) fn begin(&self, now: Timestamp) -> Result<PairingCode, getrandom::Error> {
        let mut random = [0_u8; CODE_CHARS];
        getrandom::fill(&mut random)?;
        let code: String = random.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect();
        let (code, expires_at) = (Secret::new(code), now.saturating_add(CODE_TIME));
        *lock(&self.0) = Some(Code { code: code.clone(), expires_at, tries: 0 });
        Ok(PairingCode { code, expires_at })
    }

    /// Tries `text` as the code.
    pub(crate) fn attempt(&self, text: &str, now: Timestamp) -> Attempt {
        let given: String = text
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .map(|c| c.to_ascii_uppercase())
            .collect();
        if given.len() != CODE_CHARS || !given.bytes().all(|byte| ALPHABET.contains(&byte)) {
            return Attempt::NoCode;
        }
        let mut slot = lock(&self.0);
        let Some(code) = slot.as_mut() else { return Attempt::NoneOut };
        if now > code.expires_at {
            *slot = None;
            return Attempt::Wrong;
        }
        if code.code.expose() == given {
            *slot = None;
            return Attempt::Right;
        }
        code.tries += 1;
        if code.tries >= CODE_TRIES {
            *slot = None;
        }
        Attempt::Wrong
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_millis(0).saturating_add(Duration::from_secs(seconds))
    }

    #[test]
    fn a_code_is_good_once_and_for_ten_minutes() {
        let pairing = Pairing::default();
        let code = pairing.begin(at(0)).unwrap();
        let typed = format!(" {}-{} ", &code.code.expose()[..4].to_lowercase(), &code.code.expose()[4..]);
        assert_eq!(pairing.attempt("hello there", at(1)), Attempt::NoCode);
        assert_eq!(pairing.attempt(&typed, at(600)), Attempt::Right);
        assert_eq!(pairing.attempt(&typed, at(600)), Attempt::NoneOut);
        let code = pairing.begin(at(0)).unwrap();
        assert_eq!(pairing.attempt(code.code.expose(), at(601)), Attempt::Wrong);
        assert!(!format!("{pairing:?} {code:?}").contains(code.code.expose()));
    }

    #[test]
    fn nobody_without_a_name_is_let_in() {
        assert_eq!(named(&[String::new(), "7".to_owned()]), HashSet::from(["7".to_owned()]));
    }

    #[test]
    fn five_wrong_tries_void_it() {
        let pairing = Pairing::default();
        let code = pairing.begin(at(0)).unwrap();
        for _ in 0..5 {
            assert_eq!(pairing.attempt("22222222", at(1)), Attempt::Wrong);
        }
        assert_eq!(pairing.attempt(code.code.expose(), at(1)), Attempt::NoneOut);
    }
}
