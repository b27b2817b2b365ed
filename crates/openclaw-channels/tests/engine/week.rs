//! A week of use with everything going wrong, on a virtual clock, from a seed. `OPENCLAW_SIM_SEED` plays one again.

use std::{collections::BTreeMap, time::Duration};

use openclaw_core::port::ChannelStatus;
use tokio::time::Instant;

use crate::{
    rig::{Rig, direct},
    world::Odds,
};

const PEOPLE: [&str; 6] = ["ann", "bob", "cem", "dao", "eun", "fay"];
const HOUR: u64 = 3600;
const FAULTS: Odds = Odds { poll_fails: 5, repeats: 40, not_sent: 30, unknown: 15, later: 15, kill: 1 };

/// What happened, as one sees it from outside.
type Trace = Vec<(Duration, String, String)>;

struct Week {
    rig: Rig,
    rng: fastrand::Rng,
    begun: Instant,
    written: BTreeMap<&'static str, Vec<u32>>,
    kills: u32,
    outages: u32,
}

impl Week {
    fn new(seed: u64, resolves: bool) -> Self {
        let mut rig = Rig::new(seed);
        rig.config.allowed_users = PEOPLE.map(str::to_owned).into();
        rig.token_delay = Duration::from_millis(300);
        *rig.world.resolves.lock().unwrap() = resolves;
        *rig.world.odds.lock().unwrap() = FAULTS;
        rig.start();
        let rng = fastrand::Rng::with_seed(seed ^ 0x5eed);
        Self { rig, rng, begun: Instant::now(), written: BTreeMap::new(), kills: 0, outages: 0 }
    }

    async fn live(&mut self, days: u64) {
        let mut number = 0;
        while self.begun.elapsed() < Duration::from_secs(days * 24 * HOUR) {
            match self.rng.u32(0..100) {
                0..2 => self.outage().await,
                2..4 => self.kill().await,
                4 => {
                    // The clock on the wall is set, by hand or by the network.
                    let jump = Duration::from_secs(self.rng.u64(0..6 * HOUR));
                    *self.rig.jump.lock().unwrap() = jump;
                }
                _ => {
                    let person = PEOPLE[self.rng.usize(0..PEOPLE.len())];
                    for _ in 0..self.rng.u32(1..4) {
                        number += 1;
                        let text =
                            if self.rng.u32(0..40) == 0 { "/new".to_owned() } else { number.to_string() };
                        if text != "/new" {
                            self.written.entry(person).or_default().push(number);
                        }
                        self.rig.world.write(direct(person, &format!("{person}-{number}"), &text));
                    }
                }
            }
            let pause = self.rng.u64(1..1200);
            self.pass(pause).await;
        }
    }

    /// Time passes; a process that died is started again, not at once.
    async fn pass(&mut self, seconds: u64) {
        let until = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < until {
            tokio::time::sleep(Duration::from_secs(5)).await;
            if self.rig.is_dead() {
                self.kills += 1;
                self.rig.kill().await;
                let down = self.rng.u64(1..120);
                self.rig.pass(down).await;
                self.rig.start();
            }
        }
    }

    async fn kill(&mut self) {
        self.kills += 1;
        self.rig.kill().await;
        let down = self.rng.u64(1..2 * HOUR);
        self.rig.pass(down).await;
        self.rig.start();
    }

    /// The platform is gone for a while. The status says so within five seconds.
    async fn outage(&mut self) {
        self.outages += 1;
        let length = self.rng.u64(10..3 * HOUR);
        *self.rig.world.outage.lock().unwrap() = Some(Instant::now() + Duration::from_secs(length));
        self.rig.pass(5).await;
        if !self.rig.is_dead() {
            let status = self.rig.info().await.status;
            assert!(matches!(status, ChannelStatus::Disconnected { .. }), "{status:?}");
        }
    }

    /// All is well again, and everybody asks for what they missed.
    async fn settle(&mut self) {
        *self.rig.world.odds.lock().unwrap() = Odds::default();
        *self.rig.world.outage.lock().unwrap() = None;
        self.rig.restart().await;
        self.rig.pass(2 * HOUR).await;
        for person in PEOPLE {
            self.rig.world.write(direct(person, &format!("{person}-missed"), "/missed"));
        }
        self.rig.pass(HOUR).await;
        assert_eq!(self.rig.world.unconfirmed(), 0, "something was never settled");
        let info = self.rig.info().await;
        assert!(matches!(info.status, ChannelStatus::Connected { .. }), "{info:?}");
        assert_eq!((info.detail.waiting, info.detail.failed, info.detail.expired), (0, 0, 0), "{info:?}");
    }

    /// Nothing lost, nothing answered twice: where the platform can't tell, a repetition says that it is one.
    fn check(&self, may_repeat: bool) {
        for (person, numbers) in &self.written {
            let said = self.rig.world.said(person);
            for number in numbers {
                let answer = format!("You said: {number}");
                let plain = said.iter().filter(|text| **text == answer).count();
                let marked = said
                    .iter()
                    .filter(|text| text.starts_with("(Sent again") && text.ends_with(&answer))
                    .count();
                // One that was interrupted while it grew, and had to be given again.
                let good =
                    if may_repeat { plain <= 1 && plain + marked >= 1 } else { plain == 1 && marked == 0 };
                assert!(good, "{person} wrote {number}: answered {plain} times, {marked} more with a mark");
            }
        }
    }

    fn trace(&self) -> Trace {
        let told =
            |sent: crate::world::Sent| (sent.at - self.begun, sent.to.chat.clone(), sent.texts.join(" → "));
        self.rig.world.sent().into_iter().map(told).collect()
    }
}

async fn play(seed: u64, resolves: bool, days: u64) -> (Week, Trace) {
    let mut week = Week::new(seed, resolves);
    week.live(days).await;
    week.settle().await;
    week.check(!resolves);
    let trace = week.trace();
    (week, trace)
}

/// The seed to play again, or this one.
fn seed(usual: u64) -> u64 {
    let again = std::env::var("OPENCLAW_SIM_SEED").ok().and_then(|seed| seed.parse().ok());
    again.unwrap_or(usual)
}

#[tokio::test(start_paused = true)]
async fn a_week_loses_nothing_and_doubles_nothing() {
    let seed = seed(fastrand::u64(..));
    println!("OPENCLAW_SIM_SEED={seed}");
    let (week, trace) = play(seed, true, 7).await;
    let written: usize = week.written.values().map(Vec::len).sum();
    println!("{written} messages, {} kills, {} outages, {} said", week.kills, week.outages, trace.len());
    assert!(written > 300 && week.kills > 10 && week.outages > 5);
}

#[tokio::test(start_paused = true)]
async fn a_week_on_a_platform_that_can_not_tell() {
    let seed = seed(fastrand::u64(..));
    println!("OPENCLAW_SIM_SEED={seed}");
    play(seed, false, 7).await;
}

#[tokio::test(start_paused = true)]
async fn a_seed_plays_the_same_day_again() {
    let seed = seed(7);
    let (_, first) = play(seed, true, 1).await;
    let (_, second) = play(seed, true, 1).await;
    assert!(!first.is_empty());
    assert_eq!(first, second);
}
