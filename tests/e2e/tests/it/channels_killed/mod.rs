//! `kill -9` between every two steps of receive → log → run → send → receipt, on each platform, again and again over the same
//! data: nothing is lost, nothing is answered twice.

mod check;
mod matrix;
mod moments;
mod platforms;

use std::{
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use openclaw_e2e::{Gateway, Provider, Setup, need_gateway};

use self::{
    check::Count,
    moments::Waiting,
    platforms::{CHATS, Platform},
};

/// Messages that are written in each round: first while nobody listens, then to a gateway that starts.
const EARLY: usize = 1;
const LATE: usize = 3;
/// How long a moment is waited for before people say more, and in all.
const IMPATIENCE: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(40);

/// The Lehmer generator: enough to spread things, and repeatable from its seed.
struct Random(u64);

impl Random {
    /// From `OPENCLAW_KILL_SEED`, or the clock.
    fn new() -> Self {
        let named = std::env::var("OPENCLAW_KILL_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = named.unwrap_or_else(|| {
            u64::from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos())
        });
        println!("OPENCLAW_KILL_SEED={seed}");
        Self(seed % 2_147_483_646 + 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0 * 48_271 % 2_147_483_647;
        self.0 as usize % bound
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for end in (1..list.len()).rev() {
            list.swap(end, self.below(end + 1));
        }
    }
}

/// What people have said so far, by chat.
struct People<'a> {
    platform: &'a Platform,
    random: Random,
    said: Vec<Vec<String>>,
}

impl People<'_> {
    fn say(&mut self, count: usize) {
        for _ in 0..count {
            let chat = self.random.below(CHATS);
            self.say_in(chat);
        }
    }

    fn say_in(&mut self, chat: usize) {
        let text = format!("message {} of person {chat}", self.said[chat].len() + 1);
        self.platform.server.say(chat, &text);
        self.said[chat].push(text);
    }

    /// One more in each chat. As answers come in order, nothing is on its way any more when these are answered.
    fn say_last(&mut self, gateway: &Gateway) {
        (0..CHATS).for_each(|chat| self.say_in(chat));
        self.settle(gateway);
    }

    /// Waits until the last message of each chat is answered.
    fn settle(&self, gateway: &Gateway) {
        let over = comes(PATIENCE, || self.is_over());
        let _ = self.check();
        assert!(over, "{}", gateway.client().get("/channels").expect(200));
    }

    /// What the answers that are there come to.
    fn check(&self) -> Count {
        let mut total = Count::default();
        let mut wrong = Vec::new();
        for (chat, said) in self.said.iter().enumerate() {
            let answers = self.platform.server.answers(chat);
            match check::chat(said, &answers, self.platform.knows_keys) {
                Ok(count) => total += count,
                Err(why) => wrong.push(format!("chat {chat}: {why}; its answers: {answers:#?}")),
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        total
    }

    fn is_over(&self) -> bool {
        let mut chats = self.said.iter().enumerate();
        chats.all(|(chat, said)| {
            let (Some(last), answers) = (said.last(), self.platform.server.answers(chat)) else {
                return true;
            };
            answers.last().is_some_and(|answer| answer.ends_with(&format!("echo: {last}")))
        }) && self.platform.server.unconfirmed() == 0
    }
}

/// Looks often, so that what is to happen at a moment happens at that moment; whether it is so in time.
fn comes(time: Duration, is_so: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < time {
        if is_so() {
            return true;
        }
        thread::sleep(Duration::from_micros(200));
    }
    false
}

fn connected(gateway: &Gateway, channel: &str) {
    let (client, path) = (gateway.client(), format!("/channels/{channel}/status"));
    assert!(comes(PATIENCE, || client.get(&path).expect(200)["status"] == "connected"), "it never connects");
}

fn killed_at_every_moment(platform: &Platform) {
    let (begun, mut random) = (Instant::now(), Random::new());
    let mut moments = platform.moments.clone();
    random.shuffle(&mut moments);
    let mut people = People { platform, random, said: vec![Vec::new(); CHATS] };
    let provider = Provider::openai();
    provider.echoes(0);
    let setup = Setup::with(&provider).extra(&platform.yaml);
    // Who was never heard of has no right to be remembered.
    let gateway = setup.start();
    connected(&gateway, platform.name);
    people.say_last(&gateway);
    gateway.kill();
    for moment in &moments {
        if moment.is_at_work() {
            provider.echoes(0);
            let gateway = setup.start();
            people.settle(&gateway);
            gateway.kill();
        }
        people.say(EARLY);
        let mut waiting = Waiting::prepare(*moment, platform, &provider, setup.data());
        let gateway = setup.start();
        if moment.is_at_work() {
            connected(&gateway, platform.name);
            waiting.begin();
        }
        people.say(LATE);
        let begun_waiting = Instant::now();
        // A chat that has to wait for its turn shows no answer growing: they say more.
        while !comes(IMPATIENCE, || waiting.is_there()) {
            assert!(begun_waiting.elapsed() < PATIENCE, "{moment:?} never came");
            people.say(1);
        }
        gateway.kill();
        println!("{:5.1} s: killed at {moment:?}", begun.elapsed().as_secs_f32());
        platform.server.faults().clear();
    }
    provider.echoes(0);
    let gateway = setup.start();
    people.say_last(&gateway);
    platform.server.settle();
    check::conversations(&gateway.client(), platform.name, &people.said);
    let count: usize = people.said.iter().map(Vec::len).sum();
    let Count { again, cut } = people.check();
    // Each kill between a message and its receipt has to show where nobody can be asked.
    assert!(platform.knows_keys || again > 0);
    let (kills, seconds) = (moments.len(), begun.elapsed().as_secs_f32());
    println!("{count} messages, {kills} kills, {again} sent again, {cut} cut short, {seconds:.1} s");
}

#[test]
fn telegram() {
    need_gateway!();
    killed_at_every_moment(&platforms::telegram());
}

#[test]
fn discord() {
    need_gateway!();
    killed_at_every_moment(&platforms::discord());
}

#[test]
fn slack() {
    need_gateway!();
    killed_at_every_moment(&platforms::slack());
}

#[test]
fn matrix() {
    need_gateway!();
    let Some(matrix) = matrix::matrix() else { return };
    killed_at_every_moment(&matrix);
}
