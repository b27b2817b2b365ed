//! From an envelope to its acknowledgement: what has to be asked is asked, the engine gets the event, and when it has written it down
//! the envelope is due. Events of one chat stay in order; nobody else waits for what one chat needs.

use std::collections::{HashMap, VecDeque};

use futures_util::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use tracing::{debug, warn};

use super::{
    catchup::marks,
    client::{Client, Failed},
    directory::{Directory, Facts},
};
use crate::{
    link::{Link, Receipt},
    message::{Address, Event},
};

/// Most events that wait here. More are not taken: Slack sends again what nobody acknowledges.
const WAITING: usize = 4096;

/// An envelope, and the connection it came by; 0: it was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) connection: u64,
    pub(super) envelope: String,
}

/// An envelope that is to be acknowledged, and where we have read to with it.
pub(super) struct Due {
    pub(super) ticket: Ticket,
    pub(super) marks: Vec<(String, String)>,
}

type Asked = (Address, Result<Facts, Failed>);

/// What is between a connection and the engine.
pub(super) struct Intake<'a> {
    link: &'a Link,
    client: &'a Client,
    directory: &'a Directory,
    me: &'a str,
    /// Events that wait for an answer of Slack's, or for one before them that does.
    lanes: HashMap<Address, VecDeque<(Event, Ticket)>>,
    questions: FuturesUnordered<BoxFuture<'a, Asked>>,
    ready: VecDeque<(Event, Ticket)>,
    handing: Option<(BoxFuture<'a, Receipt>, Due)>,
    receipts: FuturesUnordered<BoxFuture<'a, Option<Due>>>,
    waiting: usize,
    /// Whether something was not taken, or not written down: Slack may not send it again.
    pub(super) lost: bool,
    /// Whether the log knows that there is too much.
    told: bool,
}

impl<'a> Intake<'a> {
    pub(super) fn new(link: &'a Link, client: &'a Client, directory: &'a Directory, me: &'a str) -> Self {
        Self {
            link,
            client,
            directory,
            me,
            lanes: HashMap::new(),
            questions: FuturesUnordered::new(),
            ready: VecDeque::new(),
            handing: None,
            receipts: FuturesUnordered::new(),
            waiting: 0,
            lost: false,
            told: false,
        }
    }

    /// Takes an event in.
    pub(super) fn take(&mut self, event: Event, ticket: Ticket) {
        if self.waiting >= WAITING {
            self.lost = true;
            if !std::mem::replace(&mut self.told, true) {
                warn!(channel = "slack", "too much comes in at once; Slack sends again what is not taken");
            }
            return;
        }
        self.waiting += 1;
        let address = event.address().clone();
        if let Some(lane) = self.lanes.get_mut(&address) {
            lane.push_back((event, ticket));
            return;
        }
        match self.directory.known(&event) {
            Some(facts) => self.ready.push_back((self.directory.complete(event, facts), ticket)),
            None => {
                self.question(event.clone());
                self.lanes.insert(address, VecDeque::from([(event, ticket)]));
            }
        }
    }

    /// Acknowledges `ticket` when `work` is done.
    pub(super) fn after(&mut self, work: impl Future<Output = ()> + Send + 'a, ticket: Ticket) {
        self.receipts.push(Box::pin(async move {
            work.await;
            Some(Due { ticket, marks: Vec::new() })
        }));
    }

    fn question(&self, event: Event) {
        let (client, directory, me) = (self.client, self.directory, self.me);
        self.questions.push(Box::pin(async move {
            let answer = directory.ask(client, me, &event).await;
            (event.address().clone(), answer)
        }));
    }

    /// The next envelope that is due. Cancel safe.
    pub(super) async fn due(&mut self) -> Due {
        loop {
            if self.handing.is_none()
                && let Some((event, ticket)) = self.ready.pop_front()
            {
                let (link, due) = (self.link, Due { ticket, marks: marks(self.me, &event) });
                self.handing = Some((Box::pin(link.deliver(event)), due));
            }
            tokio::select! {
                Some(settled) = self.receipts.next() => match settled {
                    Some(due) => return due,
                    None => self.lost = true,
                },
                Some((address, answer)) = self.questions.next() => self.answered(&address, answer),
                receipt = handed(&mut self.handing) => self.handed(receipt),
                () = std::future::pending(), if self.is_idle() => {}
            }
        }
    }

    /// Whether everything that was taken in is written down.
    pub(super) fn is_settled(&self) -> bool {
        self.waiting == 0 && self.is_idle()
    }

    fn is_idle(&self) -> bool {
        self.receipts.is_empty() && self.questions.is_empty() && self.handing.is_none()
    }

    fn handed(&mut self, receipt: Receipt) {
        let Some((_, due)) = self.handing.take() else { return };
        self.waiting -= 1;
        self.told &= self.waiting > WAITING / 2;
        self.receipts.push(Box::pin(async move { receipt.settled().await.then_some(due) }));
    }

    /// The first of a lane is understood, and what is behind it as far as that goes without asking.
    fn answered(&mut self, address: &Address, answer: Result<Facts, Failed>) {
        let Some(mut lane) = self.lanes.remove(address) else { return };
        let mut answer = Some(answer);
        while let Some((event, ticket)) = lane.pop_front() {
            let facts = match answer.take() {
                Some(Ok(facts)) => Some(facts),
                Some(Err(failed)) => {
                    debug!(
                        channel = "slack",
                        ?failed,
                        "an event is not understood yet; Slack sends it again"
                    );
                    (self.waiting, self.lost) = (self.waiting - 1, true);
                    continue;
                }
                None => self.directory.known(&event),
            };
            match facts {
                Some(facts) => self.ready.push_back((self.directory.complete(event, facts), ticket)),
                None => {
                    self.question(event.clone());
                    lane.push_front((event, ticket));
                    self.lanes.insert(address.clone(), lane);
                    return;
                }
            }
        }
    }
}

/// The receipt of what is being handed over; never, when nothing is.
async fn handed(handing: &mut Option<(BoxFuture<'_, Receipt>, Due)>) -> Receipt {
    match handing {
        Some((handing, _)) => handing.await,
        None => std::future::pending().await,
    }
}
