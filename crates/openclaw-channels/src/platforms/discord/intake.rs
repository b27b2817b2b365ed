//! From an event to its receipt: what has to be asked is asked, the engine gets the event, and when it is written down the session may
//! go on behind it. Events of one channel stay in order; no channel waits for what another one needs.

use std::collections::{HashMap, HashSet, VecDeque};

use futures_util::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use tracing::warn;

use super::{
    Discord, commands,
    convert::Reader,
    directs::{self, Direct, Unmet, cursor},
    gaps::{self, Gap},
    progress::Progress,
    wire::{Channel, Interaction, Message, number},
};
use crate::{
    error::ConnectError,
    link::{Link, Receipt},
    message::{Address, Event},
};

/// Most events that wait here. More are not taken: they are told again when the session is gone on with.
pub(super) const WAITING: usize = 4096;
/// Most events of one channel that the engine has at once; it refuses more than twice as many.
const AT_ONCE: usize = 32;
/// Most events of one channel that wait here. More go to the engine, which refuses them and says so.
const IN_CHANNEL: usize = 512;
/// Most gaps that are filled at once.
const FILLING: usize = 4;

/// Something that happened in a channel.
pub(super) enum Item {
    Message(Box<Message>),
    Edited(Box<Message>),
    Deleted(String),
    Command(Box<Interaction>),
    /// Found when a gap was filled.
    Found(Box<Event>),
}

#[derive(Default)]
struct Lane {
    queue: VecDeque<(Item, u64)>,
    /// With the engine, and not settled.
    out: usize,
    /// Questions that have to be answered first.
    blocked: usize,
}

/// What a question came to.
enum Answer {
    Direct(Result<(String, Direct), ConnectError>),
    Place(String, Result<Channel, ConnectError>),
    Gap(Gap, Result<Vec<Message>, ConnectError>),
}

/// Where a receipt belongs.
struct Ticket {
    channel: String,
    seq: u64,
    command: Option<String>,
}

/// What is between a connection and the engine.
pub(super) struct Intake<'a> {
    link: &'a Link,
    discord: &'a Discord,
    pub(super) reader: Reader,
    pub(super) progress: Progress,
    lanes: HashMap<String, Lane>,
    gaps: VecDeque<Gap>,
    filling: usize,
    questions: FuturesUnordered<BoxFuture<'a, Answer>>,
    ready: VecDeque<(Event, Ticket)>,
    handing: Option<(BoxFuture<'a, Result<Receipt, ConnectError>>, Ticket)>,
    receipts: FuturesUnordered<BoxFuture<'a, (Ticket, bool)>>,
    courtesies: FuturesUnordered<BoxFuture<'a, ()>>,
    /// Direct chats that are looked through for what was missed, and with whom they are.
    directs: HashMap<String, String>,
    /// Those who are in none of them.
    unmet: Option<Unmet>,
    waiting: usize,
}

impl<'a> Intake<'a> {
    pub(super) fn new(
        link: &'a Link,
        discord: &'a Discord,
        reader: Reader,
        directs: HashMap<String, String>,
    ) -> Self {
        Self {
            link,
            discord,
            reader,
            progress: Progress::default(),
            lanes: HashMap::new(),
            gaps: VecDeque::new(),
            filling: 0,
            questions: FuturesUnordered::new(),
            ready: VecDeque::new(),
            handing: None,
            receipts: FuturesUnordered::new(),
            courtesies: FuturesUnordered::new(),
            directs,
            unmet: None,
            waiting: 0,
        }
    }

    /// How many events wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Looks through direct chats for what was missed: those that are known, and those of people who may talk and have not been heard yet.
    pub(super) fn catch_up(&mut self, after: u64, seq: u64) {
        let known: Vec<String> = self.directs.keys().cloned().collect();
        self.progress.more(seq, known.len() + 1);
        for channel in known {
            self.fill(Gap { channel, direct: true, after, seq });
        }
        let people = directs::unmet(self.link.people(), self.directs.values());
        self.unmet =
            Some(Unmet { after, seq: Some(seq), met: HashSet::new(), people, without: HashSet::new() });
        self.open_next();
    }

    /// Asks for the chat of one more of those who are in none that is known.
    fn open_next(&mut self) {
        let Some(unmet) = &mut self.unmet else { return };
        let Some(user) = unmet.people.pop() else {
            if let Some(seq) = unmet.seq.take() {
                self.progress.settle(seq);
            }
            return;
        };
        let discord = self.discord;
        self.questions.push(Box::pin(async move { Answer::Direct(directs::open(discord, user).await) }));
    }

    fn opened(&mut self, user: String, direct: Direct) {
        let Some(Unmet { after, seq: Some(seq), met, people, without }) = &mut self.unmet else { return };
        if let Direct::Is(channel) = direct {
            let is_new = self.directs.insert(channel.id.clone(), user.clone()).is_none();
            let (link, name) = (self.link, cursor(&self.reader.me, &channel.id));
            if is_new && number(&channel.last_message_id) > *after && !met.contains(&channel.id) {
                let gap = Gap { channel: channel.id, direct: true, after: *after, seq: *seq };
                self.progress.more(gap.seq, 1);
                self.fill(gap);
            }
            self.courtesy(async move {
                let _ = link.save_cursor(&name, &user).await;
            });
        } else {
            if let Direct::NotNow = direct {
                warn!(
                    channel = "discord",
                    "Discord opens no more direct chats for now; what people wrote there who have not been heard yet is looked for when they write"
                );
                without.extend(people.drain(..));
            }
            without.insert(user);
        }
        self.open_next();
    }

    /// Somebody speaks before their chat was found, or although there could be none: what they said before comes first.
    fn meet(&mut self, user: &str, channel: &str, now: u64) {
        let is_new = !self.directs.contains_key(channel) && self.link.may_talk(user, channel);
        if let Some(Unmet { after, seq, met, without, .. }) = self.unmet.as_mut().filter(|_| is_new)
            && (seq.is_some() || without.contains(user))
            && met.insert(channel.to_owned())
        {
            let gap =
                Gap { channel: channel.to_owned(), direct: true, after: *after, seq: seq.unwrap_or(now) };
            self.progress.more(gap.seq, 1);
            self.fill(gap);
        }
    }

    /// Takes in what happened in a channel.
    pub(super) fn take(&mut self, channel: &str, item: Item, seq: u64) {
        if let Item::Command(interaction) = &item {
            // Discord waits three seconds for this, whatever else there is to do.
            self.courtesies.push(Box::pin(commands::acknowledge(self.discord, (**interaction).clone())));
        }
        match &item {
            Item::Message(message) if message.guild_id.is_empty() => {
                self.meet(&message.author.id, channel, seq)
            }
            Item::Command(command) if command.guild_id.is_empty() => {
                self.meet(&command.user.id, channel, seq)
            }
            _ => {}
        }
        self.waiting += 1;
        self.lanes.entry(channel.to_owned()).or_default().queue.push_back((item, seq));
        self.pump(channel);
    }

    /// What was said there since `gap.after` comes before everything that is taken in from now on.
    pub(super) fn fill(&mut self, gap: Gap) {
        self.lanes.entry(gap.channel.clone()).or_default().blocked += 1;
        self.gaps.push_back(gap);
        self.fill_next();
    }

    fn fill_next(&mut self) {
        while self.filling < FILLING
            && let Some(gap) = self.gaps.pop_front()
        {
            self.filling += 1;
            let discord = self.discord;
            self.questions.push(Box::pin(async move {
                let found = gaps::fetch(discord, &gap).await;
                Answer::Gap(gap, found)
            }));
        }
    }

    /// Does something because it is kind, not because anything waits for it.
    pub(super) fn courtesy(&self, doing: impl Future<Output = ()> + Send + 'a) {
        self.courtesies.push(Box::pin(doing));
    }

    /// Works until something is settled.
    ///
    /// Cancel safe.
    pub(super) async fn work(&mut self) -> Result<(), ConnectError> {
        loop {
            self.hand_over();
            tokio::select! {
                Some((ticket, settled)) = self.receipts.next() => {
                    if !settled {
                        let reason = "an event could not be written down; it is told again".to_owned();
                        return Err(ConnectError::Lost { reason });
                    }
                    self.settled(ticket);
                    return Ok(());
                }
                receipt = handed(&mut self.handing) => {
                    let Some((_, ticket)) = self.handing.take() else { continue };
                    let receipt = receipt?;
                    self.receipts.push(Box::pin(async move { (ticket, receipt.settled().await) }));
                }
                Some(answer) = self.questions.next() => match answer {
                    Answer::Place(channel, found) => self.placed(&channel, &found?),
                    Answer::Direct(found) => {
                        let (user, direct) = found?;
                        self.opened(user, direct);
                        return Ok(());
                    }
                    Answer::Gap(gap, found) => {
                        self.filled(&gap, &found?);
                        return Ok(());
                    }
                },
                Some(()) = self.courtesies.next() => {}
                () = std::future::pending() => {}
            }
        }
    }

    fn hand_over(&mut self) {
        if self.handing.is_some() {
            return;
        }
        let Some((event, ticket)) = self.ready.pop_front() else { return };
        let (link, new) = (self.link, self.new_direct(&event));
        let handing = Box::pin(async move {
            if let Some((name, user)) = new {
                link.save_cursor(&name, &user).await?;
            }
            Ok(link.deliver(event).await)
        });
        self.handing = Some((handing, ticket));
    }

    /// The cursor of the direct chat of an event, when it is not known yet and its person may talk.
    fn new_direct(&mut self, event: &Event) -> Option<(String, String)> {
        let Event::Message(message) = event else { return None };
        let (chat, user) = (&message.address.chat, &message.sender.id);
        let is_new = message.direct && !self.directs.contains_key(chat) && self.link.may_talk(user, chat);
        is_new.then(|| {
            self.directs.insert(chat.clone(), user.clone());
            (cursor(&self.reader.me, chat), user.clone())
        })
    }

    fn settled(&mut self, ticket: Ticket) {
        self.waiting -= 1;
        self.progress.settle(ticket.seq);
        if let Some(command) = ticket.command {
            let discord = self.discord;
            self.courtesy(async move { commands::close(discord, &command).await });
        }
        if let Some(lane) = self.lanes.get_mut(&ticket.channel) {
            lane.out -= 1;
        }
        self.pump(&ticket.channel);
    }

    fn placed(&mut self, channel: &str, found: &Channel) {
        self.discord.places.learn(found);
        if self.discord.places.address(channel).is_none() {
            self.discord.places.assume(channel);
        }
        self.unblock(channel);
    }

    fn filled(&mut self, gap: &Gap, found: &[Message]) {
        self.filling -= 1;
        let places = &self.discord.places;
        let last = places.last(&gap.channel);
        let address = places.address(&gap.channel).unwrap_or_else(|| Address::chat(&*gap.channel));
        let read =
            |message: &Message| self.reader.message(message, address.clone(), gap.direct, last.as_deref());
        let is_ours = |event: &Event| matches!(event, Event::Message(message) if message.addressed);
        let events: Vec<Event> = found.iter().filter_map(read).filter(is_ours).collect();
        self.waiting += events.len();
        self.progress.more(gap.seq, events.len());
        if let Some(lane) = self.lanes.get_mut(&gap.channel) {
            for event in events.into_iter().rev() {
                lane.queue.push_front((Item::Found(Box::new(event)), gap.seq));
            }
        }
        self.progress.settle(gap.seq);
        self.unblock(&gap.channel);
        self.fill_next();
    }

    fn unblock(&mut self, channel: &str) {
        if let Some(lane) = self.lanes.get_mut(channel) {
            lane.blocked -= 1;
        }
        self.pump(channel);
    }

    /// Gives the engine what it may have of a channel.
    fn pump(&mut self, channel: &str) {
        let Some(lane) = self.lanes.get_mut(channel) else { return };
        while lane.blocked == 0 && (lane.out < AT_ONCE || lane.queue.len() > IN_CHANNEL) {
            let Some((item, seq)) = lane.queue.pop_front() else { break };
            let Some(address) = place(self.discord, channel, &item) else {
                lane.queue.push_front((item, seq));
                lane.blocked += 1;
                let (discord, channel) = (self.discord, channel.to_owned());
                self.questions.push(Box::pin(async move {
                    let found = gaps::ask_place(discord, &channel).await;
                    Answer::Place(channel, found)
                }));
                break;
            };
            let command =
                if let Item::Command(interaction) = &item { Some(interaction.id.clone()) } else { None };
            match read(self.discord, &self.reader, item, address) {
                Some(event) => {
                    lane.out += 1;
                    self.ready.push_back((event, Ticket { channel: channel.to_owned(), seq, command }));
                }
                None => {
                    self.waiting -= 1;
                    self.progress.settle(seq);
                }
            }
        }
        if lane.blocked == 0 && lane.out == 0 && lane.queue.is_empty() {
            self.lanes.remove(channel);
        }
    }
}

/// Where it happened; `None`: Discord has to be asked.
fn place(discord: &Discord, channel: &str, item: &Item) -> Option<Address> {
    let direct = match item {
        Item::Message(message) | Item::Edited(message) => message.guild_id.is_empty(),
        Item::Command(interaction) => interaction.guild_id.is_empty(),
        Item::Found(event) => return Some(event.address().clone()),
        // Of a message in a channel that nobody spoke of, nobody has to hear.
        Item::Deleted(_) => {
            return Some(discord.places.address(channel).unwrap_or_else(|| Address::chat(channel)));
        }
    };
    if direct { Some(Address::chat(channel)) } else { discord.places.address(channel) }
}

fn read(discord: &Discord, reader: &Reader, item: Item, address: Address) -> Option<Event> {
    match item {
        Item::Message(message) => {
            let last = discord.places.last(&message.channel_id);
            reader.message(&message, address, message.guild_id.is_empty(), last.as_deref())
        }
        Item::Edited(message) => reader.edited(&message, address),
        Item::Deleted(id) => Some(Reader::deleted(&id, address)),
        Item::Command(interaction) => Some(Reader::command(&interaction, address)),
        Item::Found(event) => Some(*event),
    }
}

/// The receipt of what is being handed over; never, when nothing is.
async fn handed(
    handing: &mut Option<(BoxFuture<'_, Result<Receipt, ConnectError>>, Ticket)>,
) -> Result<Receipt, ConnectError> {
    match handing {
        Some((handing, _)) => handing.await,
        None => std::future::pending().await,
    }
}
