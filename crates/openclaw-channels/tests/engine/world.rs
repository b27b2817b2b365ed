//! A chat platform that exists in memory, and everything that can go wrong with one.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use openclaw_channels::{
    Abilities, Adapter, Address, Body, ConnectError, Event, Link, Misconfigured, Outgoing, Platform,
    RemoteFile, Resolved, SendError, Setting, Unit, net::Net,
};
use openclaw_core::config::ChannelConfig;
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

/// A message of the bot, with every text it ever had.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) id: String,
    pub(crate) to: Address,
    pub(crate) texts: Vec<String>,
    pub(crate) key: String,
    pub(crate) reply_to: Option<String>,
    pub(crate) at: Instant,
    pub(crate) file: Option<Bytes>,
}

impl Sent {
    pub(crate) fn text(&self) -> &str {
        self.texts.last().unwrap()
    }
}

/// How badly things go, in parts of 1000.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Odds {
    /// A connection attempt or a poll fails.
    pub(crate) poll_fails: u32,
    /// A message comes twice.
    pub(crate) repeats: u32,
    /// A message is not sent, and we know.
    pub(crate) not_sent: u32,
    /// A message is sent, and we do not know.
    pub(crate) unknown: u32,
    /// The platform asks to wait.
    pub(crate) later: u32,
    /// The process is killed, at a step.
    pub(crate) kill: u32,
}

#[derive(Debug, Default)]
struct State {
    /// What people wrote, in order; the platform keeps it until it is confirmed.
    inbox: BTreeMap<u64, Event>,
    next: u64,
    sent: Vec<Sent>,
    edits: u64,
    typing: u64,
    polls: u64,
}

/// The platform, and the process beside it.
pub(crate) struct World {
    state: Mutex<State>,
    pub(crate) rng: Mutex<fastrand::Rng>,
    pub(crate) odds: Mutex<Odds>,
    pub(crate) abilities: Mutex<Abilities>,
    /// Whether the platform can say whether it has a message with some key.
    pub(crate) resolves: Mutex<bool>,
    /// Whether it takes a key once, and keeps what came with it first, as Discord does with a nonce.
    pub(crate) dedupes: Mutex<bool>,
    /// Answers with these until there are none.
    pub(crate) script: Mutex<std::collections::VecDeque<SendError>>,
    pub(crate) connects: Mutex<std::collections::VecDeque<ConnectError>>,
    pub(crate) files: Mutex<Option<Bytes>>,
    /// No poll is answered any more.
    pub(crate) silent: Mutex<bool>,
    /// Until then, nobody gets through.
    pub(crate) outage: Mutex<Option<Instant>>,
    /// Ends the process at the step where it is cancelled.
    pub(crate) process: Mutex<CancellationToken>,
    /// Kills at this step, counted down.
    pub(crate) kill_in: Mutex<Option<u64>>,
    pub(crate) changed: Notify,
}

pub(crate) const ABILITIES: Abilities = Abilities {
    limit: 400,
    unit: Unit::Chars,
    edits: Some(Duration::from_secs(1)),
    typing: Some(Duration::from_secs(4)),
    silence: Duration::from_secs(4),
    file_bytes: 1 << 20,
};

impl World {
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            rng: Mutex::new(fastrand::Rng::with_seed(seed)),
            odds: Mutex::default(),
            abilities: Mutex::new(ABILITIES),
            resolves: Mutex::new(true),
            dedupes: Mutex::default(),
            script: Mutex::default(),
            connects: Mutex::default(),
            files: Mutex::default(),
            silent: Mutex::default(),
            outage: Mutex::default(),
            process: Mutex::default(),
            kill_in: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// A place at which the process may be killed.
    pub(crate) async fn step(&self) {
        let dies = {
            let mut kill_in = self.kill_in.lock().unwrap();
            match kill_in.as_mut() {
                Some(0) => {
                    *kill_in = None;
                    true
                }
                Some(left) => {
                    *left -= 1;
                    false
                }
                None => self.happens(|odds| odds.kill),
            }
        };
        if dies {
            self.process.lock().unwrap().cancel();
        }
        tokio::task::yield_now().await;
    }

    fn happens(&self, odds: impl Fn(&Odds) -> u32) -> bool {
        let odds = odds(&self.odds.lock().unwrap());
        odds > 0 && self.rng.lock().unwrap().u32(0..1000) < odds
    }

    /// Somebody writes.
    pub(crate) fn write(&self, event: Event) {
        let mut state = self.state.lock().unwrap();
        state.next += 1;
        let number = state.next;
        state.inbox.insert(number, event);
        drop(state);
        self.changed.notify_waiters();
    }

    pub(crate) fn unconfirmed(&self) -> usize {
        self.state.lock().unwrap().inbox.len()
    }

    /// What the bot said in a chat, in order.
    pub(crate) fn said(&self, chat: &str) -> Vec<String> {
        self.sent().iter().filter(|sent| sent.to.chat == chat).map(|sent| sent.text().to_owned()).collect()
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.state.lock().unwrap().sent.clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.state.lock().unwrap().sent.len()
    }

    pub(crate) fn edits(&self) -> u64 {
        self.state.lock().unwrap().edits
    }

    pub(crate) fn typing(&self) -> u64 {
        self.state.lock().unwrap().typing
    }

    pub(crate) fn polls(&self) -> u64 {
        self.state.lock().unwrap().polls
    }

    /// Somebody deletes a message of the bot.
    pub(crate) fn remove(&self, id: &str) {
        self.state.lock().unwrap().sent.retain(|sent| sent.id != id);
    }

    fn known(&self, key: &str) -> Option<Sent> {
        self.sent().into_iter().find(|sent| sent.key == key)
    }

    fn down(&self) -> bool {
        self.outage.lock().unwrap().is_some_and(|until| Instant::now() < until)
    }

    fn refusal(&self) -> Option<SendError> {
        if let Some(error) = self.script.lock().unwrap().pop_front() {
            return Some(error);
        }
        let reason = "it is simulated".to_owned();
        if self.down() || self.happens(|odds| odds.not_sent) {
            return Some(SendError::NotSent { reason });
        }
        self.happens(|odds| odds.later).then_some(SendError::Later { after: Duration::from_secs(3), reason })
    }
}

fn lost() -> ConnectError {
    ConnectError::Lost { reason: "the cable was pulled".to_owned() }
}

/// The adapter of the simulated platform.
pub(crate) struct SimAdapter(pub(crate) Arc<World>);

/// The simulated platform.
pub(crate) struct Sim(pub(crate) Arc<World>);

impl Platform for Sim {
    fn name(&self) -> &'static str {
        "irc"
    }

    fn introduction(&self) -> &'static str {
        "It exists in memory."
    }

    fn settings(&self) -> &'static [Setting] {
        &[]
    }

    fn open(&self, _config: &ChannelConfig, _net: &Net) -> Result<Arc<dyn Adapter>, Misconfigured> {
        Ok(Arc::new(SimAdapter(Arc::clone(&self.0))))
    }
}

#[async_trait]
impl Adapter for SimAdapter {
    fn abilities(&self) -> Abilities {
        *self.0.abilities.lock().unwrap()
    }

    fn render(&self, markdown: &str) -> String {
        markdown.to_owned()
    }

    async fn probe(&self) -> Result<String, ConnectError> {
        Ok("sim".to_owned())
    }

    /// A long poll, as Telegram's: what is settled is confirmed, the rest comes again.
    async fn connect(&self, link: &Link) -> Result<(), ConnectError> {
        let world = &self.0;
        if let Some(error) = world.connects.lock().unwrap().pop_front() {
            return Err(error);
        }
        if world.down() {
            return Err(lost());
        }
        link.connected("sim");
        // What was handed over and is not settled is not handed over again.
        let mut flying = FuturesUnordered::new();
        let mut in_hand: HashSet<u64> = HashSet::new();
        loop {
            world.state.lock().unwrap().polls += 1;
            if *world.silent.lock().unwrap() {
                std::future::pending::<()>().await;
            }
            if world.down() || world.happens(|odds| odds.poll_fails) {
                return Err(lost());
            }
            let news: Vec<(u64, Event)> = {
                let state = world.state.lock().unwrap();
                let news = state.inbox.iter().filter(|(number, _)| !in_hand.contains(*number));
                news.take(100).map(|(number, event)| (*number, event.clone())).collect()
            };
            link.alive();
            for (number, event) in news {
                in_hand.insert(number);
                if world.happens(|odds| odds.repeats) {
                    // Whoever repeats does not listen.
                    drop(link.deliver(event.clone()).await);
                }
                let receipt = link.deliver(event).await;
                flying.push(async move { (number, receipt.settled().await) });
            }
            let changed = world.changed.notified();
            tokio::select! {
                biased;
                Some(first) = flying.next() => {
                    world.step().await;
                    let mut ended = Some(first);
                    while let Some((number, settled)) = ended {
                        if settled {
                            world.state.lock().unwrap().inbox.remove(&number);
                        }
                        in_hand.remove(&number);
                        ended = flying.next().now_or_never().flatten();
                    }
                }
                () = changed => {}
                () = sleep(Duration::from_secs(3)) => {}
            }
        }
    }

    async fn send(&self, message: Outgoing<'_>) -> Result<String, SendError> {
        let world = &self.0;
        world.step().await;
        sleep(Duration::from_millis(20)).await;
        if let Some(error) = world.refusal() {
            return Err(error);
        }
        let (text, file) = match message.body {
            Body::Rich(text) | Body::Plain(text) => (text.to_owned(), None),
            Body::File(file) => (file.name.clone(), Some(file.bytes.clone())),
        };
        if let Some(known) = world.known(message.key).filter(|_| *world.dedupes.lock().unwrap()) {
            return Ok(known.id);
        }
        let id = {
            let mut state = world.state.lock().unwrap();
            state.next += 1;
            let id = state.next.to_string();
            state.sent.push(Sent {
                id: id.clone(),
                to: message.to.clone(),
                texts: vec![text],
                key: message.key.to_owned(),
                reply_to: message.reply_to.map(str::to_owned),
                at: Instant::now(),
                file,
            });
            id
        };
        world.changed.notify_waiters();
        world.step().await;
        if world.happens(|odds| odds.unknown) {
            return Err(SendError::Unknown { reason: "no answer".to_owned() });
        }
        Ok(id)
    }

    async fn edit(&self, to: &Address, id: &str, text: Body<'_>) -> Result<(), SendError> {
        let world = &self.0;
        world.step().await;
        sleep(Duration::from_millis(20)).await;
        if let Some(error) = world.refusal() {
            return Err(error);
        }
        let (Body::Rich(text) | Body::Plain(text)) = text else { panic!("a file was edited") };
        let mut state = world.state.lock().unwrap();
        state.edits += 1;
        let sent = state.sent.iter_mut().find(|sent| sent.id == id && sent.to == *to);
        sent.ok_or(SendError::Gone)?.texts.push(text.to_owned());
        drop(state);
        world.changed.notify_waiters();
        Ok(())
    }

    async fn typing(&self, _to: &Address) -> Result<(), SendError> {
        self.0.state.lock().unwrap().typing += 1;
        Ok(())
    }

    async fn fetch(&self, file: &RemoteFile, limit: usize) -> Result<Bytes, SendError> {
        let bytes = self.0.files.lock().unwrap().clone();
        match bytes {
            Some(bytes) if bytes.len() <= limit => Ok(bytes),
            Some(_) => Err(SendError::Rejected { reason: "too large".to_owned() }),
            None => Err(SendError::NotSent { reason: format!("no {}", file.handle) }),
        }
    }

    async fn resolve(&self, message: Outgoing<'_>) -> Result<Resolved, SendError> {
        let world = &self.0;
        if world.down() {
            return Err(SendError::NotSent { reason: "down".to_owned() });
        }
        if !*world.resolves.lock().unwrap() {
            return Ok(Resolved::Unknowable);
        }
        if *world.dedupes.lock().unwrap() {
            return Ok(Resolved::NotSent);
        }
        Ok(world.known(message.key).map_or(Resolved::NotSent, |sent| Resolved::Sent(sent.id)))
    }
}
