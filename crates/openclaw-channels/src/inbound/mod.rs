//! What comes in: ordered per chat, known when it comes again, bounded, and written down before the platform hears that we have it.

mod accept;
mod answer;
mod files;
mod record;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use openclaw_core::{
    Timestamp,
    config::{ChannelConfig, Grouping},
    port::{AgentPort, CurationPort},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{info, warn};

use crate::{
    access::Access,
    adapter::Adapter,
    journal::{Change, ChatKey, Journal},
    limits::{CHAT_IDLE, CHAT_QUEUE, EVENTS, OPEN_ANSWERS},
    link::Receipt,
    message::{Address, Event, Inbound},
    notice::Notices,
    outbox::Outbox,
    sync::lock,
};

/// What time it is.
pub(crate) type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// One channel's desk: everything that comes in passes it.
pub(crate) struct Desk {
    pub(crate) parts: DeskParts,
    pub(crate) last_message: Mutex<Option<Timestamp>>,
    chats: Mutex<HashMap<Address, Chat>>,
    flying: Mutex<HashMap<String, Vec<oneshot::Sender<()>>>>,
    room: Arc<Semaphore>,
}

/// The queue of one chat.
#[derive(Clone)]
struct Chat {
    work_tx: mpsc::Sender<Work>,
    /// Whether the people there know that their messages are being refused.
    told_busy: Arc<AtomicBool>,
}

struct Work {
    event: Event,
    key: String,
    _room: OwnedSemaphorePermit,
}

/// What a desk is made of.
pub(crate) struct DeskParts {
    pub(crate) kind: Arc<str>,
    pub(crate) config: ChannelConfig,
    pub(crate) adapter: Arc<dyn Adapter>,
    pub(crate) journal: Journal,
    pub(crate) agent: Arc<dyn AgentPort>,
    pub(crate) curation: Arc<dyn CurationPort>,
    pub(crate) clock: Clock,
    pub(crate) access: Access,
    pub(crate) notices: Notices,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}

impl Desk {
    pub(crate) fn new(parts: DeskParts) -> Self {
        Self {
            parts,
            last_message: Mutex::default(),
            chats: Mutex::default(),
            flying: Mutex::default(),
            room: Arc::new(Semaphore::new(EVENTS)),
        }
    }

    /// See [`crate::Link::deliver`].
    pub(crate) async fn take(self: &Arc<Self>, event: Event) -> Receipt {
        // The semaphore is never closed.
        let room = Arc::clone(&self.room).acquire_owned().await;
        let (done_tx, done) = oneshot::channel();
        let Ok(room) = room else { return Receipt(done) };
        let key = key_of(&event);
        {
            let mut flying = lock(&self.flying);
            let waiting = flying.entry(key.clone()).or_default();
            waiting.push(done_tx);
            // The same event is under way: this one shares its fate.
            if waiting.len() > 1 {
                return Receipt(done);
            }
        }
        self.enqueue(Work { event, key, _room: room });
        Receipt(done)
    }

    fn enqueue(self: &Arc<Self>, work: Work) {
        let address = work.event.address().clone();
        // A worker leaves under the same lock: whoever is in the table takes what it is given.
        let mut chats = lock(&self.chats);
        let chat = chats.entry(address).or_insert_with_key(|address| self.begin(address.clone())).clone();
        let Err(refused) = chat.work_tx.try_send(work) else { return };
        drop(chats);
        let work = match refused {
            mpsc::error::TrySendError::Full(work) => work,
            // The channel is ending, and its workers with it.
            mpsc::error::TrySendError::Closed(work) => {
                self.drop_waiting(&work.key);
                return;
            }
        };
        let desk = Arc::clone(self);
        let stop = self.parts.stop.clone();
        self.parts
            .tasks
            .spawn(stop.run_until_cancelled_owned(async move { desk.refuse(&work, &chat).await }));
    }

    fn begin(self: &Arc<Self>, address: Address) -> Chat {
        let (work_tx, work) = mpsc::channel(CHAT_QUEUE);
        let told_busy = Arc::<AtomicBool>::default();
        let chat = Chat { work_tx, told_busy: Arc::clone(&told_busy) };
        let (desk, stop) = (Arc::clone(self), self.parts.stop.clone());
        self.parts.tasks.spawn(
            stop.run_until_cancelled_owned(async move { desk.work(&address, work, &told_busy).await }),
        );
        chat
    }

    /// Takes one event of a chat after the other, until the chat is quiet.
    async fn work(&self, address: &Address, mut work: mpsc::Receiver<Work>, told_busy: &AtomicBool) {
        loop {
            match timeout(CHAT_IDLE, work.recv()).await {
                Ok(Some(next)) => {
                    self.settle(&next).await;
                    told_busy.store(false, Ordering::Relaxed);
                }
                Ok(None) => return,
                Err(_) => {
                    let mut chats = lock(&self.chats);
                    if work.is_empty() {
                        chats.remove(address);
                        return;
                    }
                }
            }
        }
    }

    async fn settle(&self, work: &Work) {
        // Whoever waits learns of it also when this is cut off: dropping a sender tells.
        let forget = Forget { desk: self, key: &work.key };
        let settled = match &work.event {
            Event::Message(message) => self.message(message).await,
            Event::Edited(change) => self.record(change, false).await,
            Event::Deleted(change) => self.record(change, true).await,
        };
        match settled {
            Ok(()) => self.wake(&work.key),
            Err(error) => {
                warn!(channel = &*self.parts.kind, %error, "an event is not written down; the platform keeps it")
            }
        }
        drop(forget);
    }

    /// A chat that has too much waiting already: its people are told, once, and what they wrote is not carried out.
    async fn refuse(&self, work: &Work, chat: &Chat) {
        let forget = Forget { desk: self, key: &work.key };
        if let Event::Message(message) = &work.event
            && !message.sender.is_bot
            && message.addressed
        {
            let DeskParts { journal, access, kind, .. } = &self.parts;
            let chat_id = &message.address.chat;
            if !journal.is_seen(kind, chat_id, &message.id).unwrap_or(false) {
                let told = chat.told_busy.swap(true, Ordering::Relaxed);
                if !told && access.may_talk(&message.sender.id, chat_id) {
                    self.say_busy(message).await;
                }
                if journal.write(vec![self.seen(message)]).await.is_err() {
                    return;
                }
            }
        }
        self.wake(&work.key);
        drop(forget);
    }

    pub(crate) async fn say_busy(&self, message: &Inbound) {
        info!(channel = &*self.parts.kind, chat = %message.address, "busy: a message was refused");
        let text = "I'm busy: too many of your messages are waiting already. I did not read this one and those after it; \
                    please send them again when I have answered.";
        self.parts.notices.say(&message.address, Some(&message.id), text).await;
    }

    fn wake(&self, key: &str) {
        for done_tx in lock(&self.flying).remove(key).into_iter().flatten() {
            let _ = done_tx.send(());
        }
    }

    fn drop_waiting(&self, key: &str) {
        lock(&self.flying).remove(key);
    }

    fn seen(&self, message: &Inbound) -> Change {
        let (chat, id) = (message.address.chat.clone(), message.id.clone());
        Change::Seen { kind: Arc::clone(&self.parts.kind), chat, id, at: (self.parts.clock)() }
    }

    /// What has a conversation of its own here.
    fn chat_key(&self, message: &Inbound) -> ChatKey {
        let by_user = self.parts.config.conversations == Grouping::User
            && !message.direct
            && message.address.thread.is_none();
        ChatKey { address: message.address.clone(), user: by_user.then(|| message.sender.id.clone()) }
    }

    /// Whether so many answers of the chat are on their way that another one would only make it worse.
    fn is_backed_up(&self, chat: &ChatKey) -> bool {
        self.parts.outbox.open(chat).len() >= OPEN_ANSWERS
    }
}

/// Whatever becomes of an event, nobody waits for it for ever.
struct Forget<'a> {
    desk: &'a Desk,
    key: &'a str,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.desk.drop_waiting(self.key);
    }
}

fn key_of(event: &Event) -> String {
    let chat = &event.address().chat;
    match event {
        Event::Message(message) => format!("m\0{chat}\0{}", message.id),
        Event::Edited(change) => format!("e\0{chat}\0{}\0{}", change.id, change.version),
        Event::Deleted(change) => format!("d\0{chat}\0{}", change.id),
    }
}
