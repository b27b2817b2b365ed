//! When the gateway is killed. Each moment is something that can be seen from outside, not a time.

use std::{path::Path, time::SystemTime};

use openclaw_e2e::{Home, Provider};
use openclaw_platforms::Fault;

use super::platforms::{CHATS, Platform};

/// A moment between two steps of receive → log → run → send → receipt.
#[derive(Debug, Clone, Copy)]
pub(super) enum Moment {
    /// The platform was called so, after so many other such calls, and did not do it.
    Before(&'static str, usize),
    /// The platform did it, and did not say so.
    After(&'static str, usize),
    /// The log has something new.
    Logged,
    /// The channels' journal has something new.
    Journaled,
    /// The platform will not tell some message again.
    Confirmed,
    /// The model was asked, and says nothing.
    Asked,
    /// A chat has something new.
    Answered,
    /// The beginning of an answer is in a chat.
    Shown,
    /// What is there of an answer should grow, and did not.
    BeforeEdit(&'static str),
    /// What is there of an answer grew, and nobody was told.
    AfterEdit(&'static str),
}

/// A moment that is waited for.
pub(super) struct Waiting<'a> {
    moment: Moment,
    platform: &'a dyn Platform,
    provider: &'a Provider,
    home: &'a Home,
    before: Seen,
}

/// What can be seen from outside.
#[derive(Clone, Copy, PartialEq)]
struct Seen {
    faults: usize,
    asked: usize,
    logged: Option<SystemTime>,
    journaled: Option<SystemTime>,
    unconfirmed: usize,
    answers: usize,
}

impl<'a> Waiting<'a> {
    /// Prepares a moment, before the gateway is started.
    pub(super) fn prepare(
        moment: Moment,
        platform: &'a dyn Platform,
        provider: &'a Provider,
        home: &'a Home,
    ) -> Self {
        let faults = platform.faults();
        match moment {
            Moment::Before(path, others) => fault(platform, path, others, Fault::Hang),
            Moment::After(path, others) => fault(platform, path, others, Fault::HangAfter),
            Moment::BeforeEdit(path) => faults.add(path, 1, Fault::Hang),
            Moment::AfterEdit(path) => faults.add(path, 1, Fault::HangAfter),
            _ => {}
        }
        provider.echoes(if moment.is_slow() { platform.pause() } else { 0 });
        if matches!(moment, Moment::Asked) {
            provider.hangs();
        }
        let mut waiting = Self { moment, platform, provider, home, before: Seen::NOTHING };
        waiting.look();
        waiting
    }

    /// What is seen from now on counts.
    pub(super) fn look(&mut self) {
        self.before = self.seen();
    }

    /// Whether it is that moment.
    pub(super) fn is_there(&self) -> bool {
        let (before, now) = (&self.before, self.seen());
        match self.moment {
            Moment::Before(_, others) | Moment::After(_, others) => now.faults > before.faults + others,
            Moment::BeforeEdit(_) | Moment::AfterEdit(_) => now.faults > before.faults,
            Moment::Logged => now.logged > before.logged,
            Moment::Journaled => now.journaled > before.journaled,
            Moment::Confirmed => now.unconfirmed < before.unconfirmed,
            Moment::Asked => now.asked > before.asked,
            Moment::Answered | Moment::Shown => now.answers > before.answers,
        }
    }

    fn seen(&self) -> Seen {
        let home = self.home.path();
        Seen {
            faults: self.platform.faults().met(),
            asked: self.provider.asked(),
            logged: written(&home.join("memory/wal")),
            journaled: written(&home.join("channels")),
            unconfirmed: self.platform.unconfirmed(),
            answers: (0..CHATS).map(|chat| self.platform.answers(chat).len()).sum(),
        }
    }
}

impl Seen {
    const NOTHING: Self =
        Self { faults: 0, asked: 0, logged: None, journaled: None, unconfirmed: 0, answers: 0 };
}

impl Moment {
    /// Whether answers are to be seen growing.
    fn is_slow(self) -> bool {
        matches!(self, Self::Shown | Self::BeforeEdit(_) | Self::AfterEdit(_))
    }

    /// Whether it is something of a gateway that is connected already, and not of one that starts.
    pub(super) fn is_at_work(self) -> bool {
        matches!(self, Self::Logged | Self::Journaled | Self::Confirmed)
    }
}

fn fault(platform: &dyn Platform, path: &str, others: usize, fault: Fault) {
    if others > 0 {
        platform.faults().add(path, others, Fault::Late(std::time::Duration::ZERO));
    }
    platform.faults().add(path, 1, fault);
}

/// When a file of this directory was written last.
fn written(directory: &Path) -> Option<SystemTime> {
    let files = std::fs::read_dir(directory).ok()?.flatten();
    files.filter_map(|file| file.metadata().ok()?.modified().ok()).max()
}
