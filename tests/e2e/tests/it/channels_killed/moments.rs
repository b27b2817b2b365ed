//! When the gateway is killed. Each moment is something that can be seen from outside, not a time.

use std::{
    path::Path,
    time::{Duration, UNIX_EPOCH},
};

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
    /// Something came, and the platform was called so before that is in the log, and did not do it.
    BeforeLog(&'static str),
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
    /// The platform was called so, and does it when all is over: long after the next gateway has tried again.
    Held(&'static str),
}

/// A moment that is waited for.
pub(super) struct Waiting<'a> {
    moment: Moment,
    platform: &'a Platform,
    provider: &'a Provider,
    home: &'a Home,
    /// What was seen before.
    before: u128,
}

impl<'a> Waiting<'a> {
    /// Prepares a moment, before the gateway is started.
    pub(super) fn prepare(
        moment: Moment,
        platform: &'a Platform,
        provider: &'a Provider,
        home: &'a Home,
    ) -> Self {
        provider.echoes(if moment.is_slow() { platform.pause } else { 0 });
        if matches!(moment, Moment::Asked) {
            provider.hangs();
        }
        let mut waiting = Self { moment, platform, provider, home, before: 0 };
        if !moment.is_at_work() {
            waiting.begin();
        }
        waiting
    }

    /// What happens from now on counts.
    pub(super) fn begin(&mut self) {
        let faults = self.platform.server.faults();
        match self.moment {
            Moment::Before(path, others) | Moment::After(path, others) if others > 0 => {
                faults.add(path, others, Fault::Late(Duration::ZERO));
            }
            _ => {}
        }
        match self.moment {
            Moment::Before(path, _) | Moment::BeforeEdit(path) | Moment::BeforeLog(path) => {
                faults.add(path, 1, Fault::Hang);
            }
            Moment::After(path, _) | Moment::AfterEdit(path) => faults.add(path, 1, Fault::HangAfter),
            Moment::Held(path) => faults.add(path, 1, Fault::Hold),
            _ => {}
        }
        self.before = self.seen();
    }

    /// Whether it is that moment.
    pub(super) fn is_there(&self) -> bool {
        let others = match self.moment {
            Moment::Before(_, others) | Moment::After(_, others) => others,
            _ => 0,
        };
        self.seen() > self.before + others as u128
    }

    /// What shows from outside that the moment is there: it grows.
    fn seen(&self) -> u128 {
        let (home, server) = (self.home.path(), &self.platform.server);
        match self.moment {
            Moment::Logged => written(&home.join("memory/wal")),
            Moment::Journaled => written(&home.join("channels")),
            Moment::Confirmed => u128::MAX - server.unconfirmed() as u128,
            Moment::Asked => self.provider.asked() as u128,
            Moment::Answered | Moment::Shown => {
                (0..CHATS).map(|chat| server.answers(chat).len() as u128).sum()
            }
            // It was called.
            _ => server.faults().met() as u128,
        }
    }
}

impl Moment {
    /// Whether answers are to be seen growing.
    fn is_slow(self) -> bool {
        matches!(self, Self::Shown | Self::BeforeEdit(_) | Self::AfterEdit(_))
    }

    /// Whether it is something of a gateway that is connected already and has done its work, and not of one that starts.
    pub(super) fn is_at_work(self) -> bool {
        matches!(self, Self::BeforeLog(_) | Self::Logged | Self::Journaled | Self::Confirmed)
    }
}

/// When a file of this directory was written last, in nanoseconds.
fn written(directory: &Path) -> u128 {
    let files = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let times = files.filter_map(|file| file.metadata().ok()?.modified().ok());
    times.filter_map(|time| Some(time.duration_since(UNIX_EPOCH).ok()?.as_nanos())).max().unwrap_or_default()
}
