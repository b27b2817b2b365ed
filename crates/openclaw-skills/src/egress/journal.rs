//! The log of attempts: who reached what, never what was said. Neither headers nor paths nor query strings are written.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use super::{refusal::Refusal, target::Target};

/// Attempts of one lease, from one activation to the next. The first ones are written line by line, and beyond these the first at each host, allowed
/// and refused apart; dropped, it sums up the others by host.
pub(super) struct Journal {
    skill: Arc<str>,
    /// Lines of each kind.
    lines: u64,
    /// Hosts that are told apart.
    hosts: usize,
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    written: ByKind<u64>,
    hosts: BTreeMap<String, Attempts>,
    /// At hosts beyond those that are told apart.
    elsewhere: ByKind<u64>,
}

#[derive(Default)]
struct Attempts {
    is_known: ByKind<bool>,
    unwritten: ByKind<u64>,
}

/// Kinds are counted apart, so that a flood of one can't hide the other.
#[derive(Default)]
struct ByKind<T> {
    allowed: T,
    refused: T,
}

#[derive(Clone, Copy)]
enum Kind {
    Allowed,
    Refused,
}

impl<T> ByKind<T> {
    fn of(&mut self, kind: Kind) -> &mut T {
        match kind {
            Kind::Allowed => &mut self.allowed,
            Kind::Refused => &mut self.refused,
        }
    }
}

impl Journal {
    pub(super) fn new(skill: Arc<str>, lines: u64, hosts: usize) -> Self {
        Self { skill, lines, hosts, book: Mutex::default() }
    }

    /// Counts an attempt; whether it gets a line.
    fn has_line(&self, kind: Kind, host: &str) -> bool {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let written = book.written.of(kind);
        let is_early = *written < self.lines;
        *written += u64::from(is_early);
        if !book.hosts.contains_key(host) && book.hosts.len() < self.hosts {
            book.hosts.insert(host.to_owned(), Attempts::default());
        }
        let (is_first, unwritten) = match book.hosts.get_mut(host) {
            Some(known) => (!mem::replace(known.is_known.of(kind), true), known.unwritten.of(kind)),
            None => (false, book.elsewhere.of(kind)),
        };
        let has_line = is_early || is_first;
        *unwritten += u64::from(!has_line);
        has_line
    }

    /// Notes a connection that was made; whether it got a line, so that its end gets one as well.
    pub(super) fn allowed(&self, target: &Target) -> bool {
        let has_line = self.has_line(Kind::Allowed, &target.host.to_string());
        if has_line {
            tracing::info!(
                skill = &*self.skill, host = %target.host, port = target.port, outcome = "allowed",
                "egress: connected"
            );
        }
        has_line
    }

    pub(super) fn ended(&self, target: &Target, sent: u64, received: u64) {
        tracing::info!(
            skill = &*self.skill, host = %target.host, port = target.port, outcome = "ended", sent, received,
            bytes = sent.saturating_add(received), "egress: ended"
        );
    }

    /// Notes a connection that the proxy would not, or could not make. `target` is missing when it could not be read.
    pub(super) fn refused(&self, target: Option<&Target>, refusal: &Refusal) {
        let (host, port) = target.map_or_else(|| ("?".to_owned(), 0), |at| (at.host.to_string(), at.port));
        if !self.has_line(Kind::Refused, &host) {
            return;
        }
        if refusal.is_policy() {
            tracing::warn!(skill = &*self.skill, host, port, outcome = "refused", reason = %refusal, "egress: refused");
        } else {
            tracing::info!(skill = &*self.skill, host, port, outcome = "failed", reason = %refusal, "egress: failed");
        }
    }

    fn sum_up(&self, host: &str, unwritten: &ByKind<u64>) {
        let (allowed, refused) = (unwritten.allowed, unwritten.refused);
        if allowed + refused > 0 {
            tracing::warn!(
                skill = &*self.skill,
                host,
                outcome = "summary",
                allowed,
                refused,
                "egress: further attempts, not written one by one"
            );
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        let book = mem::take(self.book.get_mut().unwrap_or_else(PoisonError::into_inner));
        for (host, attempts) in &book.hosts {
            self.sum_up(host, &attempts.unwritten);
        }
        self.sum_up("(others)", &book.elsewhere);
    }
}
