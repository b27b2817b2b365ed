//! Stands before a real homeserver and goes wrong on demand.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::{
    server::{Answer, Faults, Handler, Reply, Request, Server},
    synapse::{Synapse, ask},
};

/// A proxy in front of [`Synapse`], with every lever of [`Server`], and a few for Matrix.
#[derive(Debug)]
pub struct Proxy {
    server: Server,
    state: Arc<Forward>,
}

#[derive(Debug)]
struct Forward {
    socket: PathBuf,
    passed: Mutex<Vec<String>>,
    sent: AtomicUsize,
    sinces: Mutex<Vec<String>>,
    replay: Mutex<usize>,
}

impl Proxy {
    /// A proxy on a port of its own.
    pub async fn start(synapse: &Synapse) -> Self {
        let state = Arc::new(Forward {
            socket: synapse.socket(),
            passed: Mutex::default(),
            sent: AtomicUsize::default(),
            sinces: Mutex::default(),
            replay: Mutex::default(),
        });
        Self { server: Server::start(0, Arc::clone(&state)).await.unwrap(), state }
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The faults to come.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        self.server.faults()
    }

    /// Cuts every connection there is; new ones are taken.
    pub fn cut_all(&self) {
        self.server.cut_all();
    }

    /// What was asked so far and reached the homeserver: `METHOD path`.
    #[must_use]
    pub fn passed(&self) -> Vec<String> {
        self.state.passed.lock().unwrap().clone()
    }

    /// How many messages the homeserver has taken so far, or refused: what a room holds is the same until there is one more.
    #[must_use]
    pub fn sent(&self) -> usize {
        self.state.sent.load(Ordering::SeqCst)
    }

    /// Lets through what was held on its way; what the homeserver answers to it.
    pub async fn release(&self) -> Vec<Answer> {
        let mut answers = Vec::new();
        for request in self.faults().held() {
            answers.push(self.state.handle(request).await);
        }
        answers
    }

    /// The next sync begins where the one so many before it began: what came in between comes again.
    pub fn replay(&self, syncs: usize) {
        *self.state.replay.lock().unwrap() = syncs;
    }
}

impl Forward {
    /// The query of a sync, with another beginning when that is wanted.
    fn query(&self, request: &Request) -> String {
        let part = request.query.split('&').find_map(|part| part.strip_prefix("since="));
        let Some(since) = part.filter(|_| request.path.ends_with("/sync")) else {
            return request.query.clone();
        };
        let mut sinces = self.sinces.lock().unwrap();
        sinces.push(since.to_owned());
        let back = std::mem::take(&mut *self.replay.lock().unwrap());
        let earlier = &sinces[sinces.len().saturating_sub(back + 1)];
        request.query.replace(&format!("since={since}"), &format!("since={earlier}"))
    }
}

impl Handler for Forward {
    async fn handle(&self, request: Request) -> Answer {
        self.passed.lock().unwrap().push(format!("{} {}", request.method, request.path));
        let target = match self.query(&request) {
            query if query.is_empty() => request.path.clone(),
            query => format!("{}?{query}", request.path),
        };
        let mut headers = request.headers;
        headers.remove("connection");
        let answer = ask(&self.socket, request.method, &target, headers, request.body).await;
        if request.path.contains("/send/") {
            self.sent.fetch_add(1, Ordering::SeqCst);
        }
        let Ok(answer) = answer else { return Answer::Cut };
        let kept = answer.headers.iter().filter(|(name, _)| {
            !["connection", "content-length", "transfer-encoding"].contains(&name.as_str())
        });
        let header =
            |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = kept.map(|(name, value)| (name.to_string(), header(value))).collect();
        Answer::Reply(Reply { status: answer.status, headers, body: answer.body })
    }
}
