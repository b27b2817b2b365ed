//! What waits to be delivered over Socket Mode: in order, to whichever connection takes it, until it is acknowledged.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::Instant;

/// Slack's patience with an acknowledgement.
pub(super) const ACK: Duration = Duration::from_secs(3);
/// More connections of one app are turned away.
const CONNECTIONS: usize = 10;

/// Something for the app.
#[derive(Debug)]
pub(super) struct Delivery {
    kind: &'static str,
    payload: Value,
    accepts: bool,
    attempt: u32,
    /// When it was acknowledged, with what.
    pub(super) acked: Option<Value>,
}

/// What happens on a connection.
#[derive(Debug, Clone)]
pub(super) enum Out {
    Text(String),
    Close,
    Cut,
}

/// What a connection does next.
pub(super) enum Next {
    Do(Out),
    /// Nothing before this time.
    Wait(Option<Instant>),
    Frozen,
}

#[derive(Debug, Default)]
struct Connection {
    own: VecDeque<Out>,
    close_at: Option<Instant>,
    frozen: bool,
}

#[derive(Debug)]
pub(super) struct Hub {
    pub(super) deliveries: Vec<Delivery>,
    envelopes: HashMap<String, usize>,
    ready: VecDeque<usize>,
    /// Sent, with the end of our patience; in this order.
    flying: VecDeque<(Instant, usize)>,
    connections: Vec<(u64, Connection)>,
    pub(super) opened: u64,
    pub(super) held: bool,
    pub(super) patience: Duration,
    tickets: Vec<String>,
}

impl Default for Hub {
    fn default() -> Self {
        Self {
            deliveries: Vec::new(),
            envelopes: HashMap::new(),
            ready: VecDeque::new(),
            flying: VecDeque::new(),
            connections: Vec::new(),
            opened: 0,
            held: false,
            patience: ACK,
            tickets: Vec::new(),
        }
    }
}

impl Hub {
    pub(super) fn push(&mut self, kind: &'static str, payload: Value, accepts: bool) -> usize {
        self.deliveries.push(Delivery { kind, payload, accepts, attempt: 0, acked: None });
        self.ready.push_back(self.deliveries.len() - 1);
        self.deliveries.len() - 1
    }

    /// A ticket for one connection.
    pub(super) fn ticket(&mut self) -> String {
        let ticket = format!("{:016x}{}", self.tickets.len() * 7919 + 17, self.opened);
        self.tickets.push(ticket.clone());
        ticket
    }

    pub(super) fn redeem(&mut self, ticket: &str) -> bool {
        let at = self.tickets.iter().position(|known| known == ticket);
        at.map(|at| self.tickets.remove(at)).is_some()
    }

    pub(super) fn open(&mut self) -> u64 {
        self.opened += 1;
        let mut connection = Connection::default();
        if self.connections.len() >= CONNECTIONS {
            connection.own.extend([disconnect("too_many_websockets"), Out::Close]);
        } else {
            let hello = json!({
                "type": "hello", "num_connections": self.connections.len() + 1,
                "connection_info": {"app_id": super::APP},
                "debug_info": {"host": "applink-1", "build_number": 42, "approximate_connection_time": 18060},
            });
            connection.own.push_back(Out::Text(hello.to_string()));
        }
        self.connections.push((self.opened, connection));
        self.opened
    }

    pub(super) fn closed(&mut self, id: u64) {
        self.connections.retain(|(known, _)| *known != id);
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.len()
    }

    /// Whether something can be taken by a connection now, as far as it is not frozen.
    fn promote(&mut self, now: Instant) {
        while let Some((due, at)) = self.flying.front().copied() {
            let acked = self.deliveries[at].acked.is_some();
            if !acked && due > now {
                return;
            }
            self.flying.pop_front();
            if !acked {
                self.again(at);
            }
        }
    }

    fn again(&mut self, at: usize) {
        self.deliveries[at].attempt += 1;
        self.ready.push_back(at);
    }

    pub(super) fn next(&mut self, id: u64, now: Instant) -> Next {
        self.promote(now);
        let Some((_, connection)) = self.connections.iter_mut().find(|(known, _)| *known == id) else {
            return Next::Do(Out::Cut);
        };
        if connection.frozen {
            return Next::Frozen;
        }
        if let Some(own) = connection.own.pop_front() {
            return Next::Do(own);
        }
        let close_at = connection.close_at;
        if close_at.is_some_and(|at| at <= now) {
            return Next::Do(Out::Close);
        }
        if !self.held
            && let Some(at) = self.ready.pop_front()
        {
            return Next::Do(Out::Text(self.send(at, now)));
        }
        let due = self.flying.front().map(|(due, _)| *due);
        Next::Wait([close_at, due].into_iter().flatten().min())
    }

    /// Each attempt has an envelope of its own: whoever knows repetitions by `envelope_id` alone is found out.
    fn send(&mut self, at: usize, now: Instant) -> String {
        let id = format!("{:08x}-0000-4000-8000-{at:012x}", self.envelopes.len());
        self.envelopes.insert(id.clone(), at);
        self.flying.push_back((now + self.patience, at));
        let delivery = &self.deliveries[at];
        let mut envelope = json!({
            "envelope_id": id, "type": delivery.kind, "payload": delivery.payload,
            "accepts_response_payload": delivery.accepts,
        });
        if delivery.kind == "events_api" {
            envelope["retry_attempt"] = json!(delivery.attempt);
            envelope["retry_reason"] = json!(if delivery.attempt == 0 { "" } else { "timeout" });
        }
        envelope.to_string()
    }

    pub(super) fn ack(&mut self, frame: &Value) {
        let id = frame["envelope_id"].as_str().unwrap_or_default();
        if let Some(at) = self.envelopes.get(id) {
            self.deliveries[*at].acked = Some(frame["payload"].clone());
        }
    }

    pub(super) fn unacked(&self) -> usize {
        self.deliveries.iter().filter(|delivery| delivery.acked.is_none()).count()
    }

    /// Everything that was sent and not acknowledged comes again now.
    pub(super) fn redeliver(&mut self) {
        for (_, at) in std::mem::take(&mut self.flying) {
            if self.deliveries[at].acked.is_none() {
                self.again(at);
            }
        }
    }

    /// Everything there ever was comes again.
    pub(super) fn duplicate(&mut self) {
        self.flying.clear();
        self.ready.clear();
        (0..self.deliveries.len()).for_each(|at| self.again(at));
    }

    /// What waits is forgotten: Slack gives up after three attempts.
    pub(super) fn give_up(&mut self) {
        self.flying.clear();
        self.ready.clear();
        for delivery in &mut self.deliveries {
            delivery.acked.get_or_insert_default();
        }
    }

    /// What is held goes out, the last first.
    pub(super) fn release_reversed(&mut self) {
        self.held = false;
        self.ready.make_contiguous().reverse();
    }

    /// Every connection does this.
    pub(super) fn all(&mut self, out: &Out) {
        for (_, connection) in &mut self.connections {
            connection.own.push_back(out.clone());
        }
    }

    /// Every connection is asked to leave, and closed after `grace`.
    pub(super) fn disconnect(&mut self, reason: &str, grace: Duration) {
        self.all(&disconnect(reason));
        for (_, connection) in &mut self.connections {
            connection.close_at = Some(Instant::now() + grace);
        }
    }

    pub(super) fn freeze(&mut self) {
        self.connections.iter_mut().for_each(|(_, connection)| connection.frozen = true);
    }

    pub(super) fn is_frozen(&self, id: u64) -> bool {
        self.connections.iter().any(|(known, connection)| *known == id && connection.frozen)
    }
}

fn disconnect(reason: &str) -> Out {
    Out::Text(
        json!({"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-1"}}).to_string(),
    )
}
