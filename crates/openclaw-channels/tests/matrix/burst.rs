//! Ten thousand messages at once: more than a homeserver takes in a test's time, so this one says what Synapse says, and no more.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use openclaw_core::{Secret, config::ChannelConfig};
use openclaw_platforms::{Answer, Handler, Reply, Request, Server};
use openclaw_testkit::AgentScript;
use serde_json::{Value, json};

use crate::{host::Host, support::PATIENCE};

const ROOMS: usize = 100;
const EACH: usize = 100;

/// Every message of every room, by its place in one order of all.
#[derive(Default)]
struct Crowd {
    said: Mutex<Vec<(String, Value)>>,
    /// Transaction → room.
    heard: Mutex<HashMap<String, String>>,
    /// Whether it was asked what is new since some moment.
    listens: AtomicBool,
}

impl Crowd {
    fn say(&self, room: &str, sender: &str, text: &str) {
        let mut said = self.said.lock().unwrap();
        let id = format!("${}", said.len() + 1);
        let event = json!({
            "event_id": id, "type": "m.room.message", "sender": sender, "content": {"msgtype": "m.text", "body": text},
        });
        said.push((room.to_owned(), event));
    }

    /// Events behind a place, with their places.
    fn since(&self, place: usize) -> Vec<(usize, String, Value)> {
        let said = self.said.lock().unwrap();
        let behind = said.iter().enumerate().skip(place);
        behind.map(|(at, (room, event))| (at + 1, room.clone(), event.clone())).collect()
    }

    async fn sync(&self, since: Option<usize>, limit: usize) -> Value {
        let end = self.said.lock().unwrap().len();
        self.listens.fetch_or(since.is_some(), Ordering::Relaxed);
        if since == Some(end) {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        let mut rooms: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for (at, room, event) in self.since(since.unwrap_or(end)) {
            if at <= end {
                rooms.entry(room).or_default().push(event);
            }
        }
        let join: BTreeMap<_, _> = rooms
            .into_iter()
            .map(|(room, events)| {
                let last = &events[events.len().saturating_sub(limit)..];
                (room, json!({"timeline": {"events": last, "limited": last.len() < events.len()}}))
            })
            .collect();
        json!({"next_batch": format!("s{end}"), "rooms": {"join": join}})
    }

    fn page(&self, room: &str, from: usize, limit: usize) -> Value {
        let page: Vec<_> = self.since(from).into_iter().filter(|(_, at, _)| at == room).take(limit).collect();
        let end = page.last().map(|(at, ..)| format!("s{at}"));
        let chunk: Vec<_> = page.into_iter().map(|(.., event)| event).collect();
        json!({"chunk": chunk, "end": end})
    }
}

fn argument(query: &str, name: &str) -> Option<String> {
    query.split('&').find_map(|part| part.strip_prefix(&format!("{name}="))).map(str::to_owned)
}

fn place(token: &str) -> Option<usize> {
    token.strip_prefix('s')?.parse().ok()
}

impl Handler for Crowd {
    async fn handle(&self, request: Request) -> Answer {
        let path = request.path.trim_start_matches("/_matrix/client/v3/").replace("%21", "!");
        let parts: Vec<&str> = path.split('/').collect();
        let place = |name: &str| argument(&request.query, name).and_then(|token| place(&token));
        let answer = match parts.as_slice() {
            ["account", "whoami"] => json!({"user_id": "@claw:x"}),
            ["sync"] => {
                let limit = if request.query.contains("%22limit%22%3A1%2C") { 1 } else { 20 };
                self.sync(place("since"), limit).await
            }
            ["rooms", _, "joined_members"] => json!({"joined": {"@claw:x": {}, "@anna:x": {}}}),
            ["rooms", _, "members"] => json!({"chunk": []}),
            ["rooms", room, "messages"] => self.page(room, place("from").unwrap_or(0), 20),
            ["rooms", room, "send", _, key] => {
                self.heard.lock().unwrap().insert((*key).to_owned(), (*room).to_owned());
                json!({"event_id": format!("${key}")})
            }
            _ => json!({"versions": ["v1.11"]}),
        };
        Reply::json(200, &answer).into()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_messages_at_once_are_all_answered_once_and_in_order() {
    let crowd = Arc::new(Crowd::default());
    let server = Server::start(0, Arc::clone(&crowd)).await.unwrap();
    let config = ChannelConfig {
        token: Some(Secret::new("t")),
        base_url: Some(server.url()),
        allowed_users: vec!["@anna:x".to_owned()],
        ..ChannelConfig::default()
    };
    let mut host = Host::new("matrix", config, None, PATIENCE);
    let agent = Arc::clone(&host.agent);
    agent.always(AgentScript { reply: Some("yes".to_owned()), tokens: 1, ..AgentScript::default() });
    host.start();
    let begun = Instant::now();
    let until = async |what: &str, reached: &dyn Fn() -> bool| {
        while !reached() {
            assert!(begun.elapsed() < Duration::from_secs(300), "{what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    // What was said before it listened is not for it.
    until("it does not listen", &|| crowd.listens.load(Ordering::Relaxed)).await;
    for number in 0..EACH {
        for room in 0..ROOMS {
            crowd.say(&format!("!{room}"), "@anna:x", &format!("{number}"));
        }
    }
    until("not all was told", &|| agent.submissions().len() >= ROOMS * EACH).await;
    let mut told: HashMap<String, Vec<String>> = HashMap::new();
    for submission in agent.submissions() {
        told.entry(submission.metadata.extra["chat"].to_string()).or_default().push(submission.text);
    }
    let expected: Vec<String> = (0..EACH).map(|number| number.to_string()).collect();
    assert_eq!(told.len(), ROOMS);
    assert!(told.values().all(|texts| *texts == expected));
    until("not all was answered", &|| crowd.heard.lock().unwrap().len() >= ROOMS * EACH).await;
    println!("10,000 messages, told and answered, took {:?}", begun.elapsed());
    assert_eq!(agent.submissions().len(), ROOMS * EACH);
}
