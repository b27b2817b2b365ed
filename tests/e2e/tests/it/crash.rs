//! `kill -9` under load: what was acknowledged is there, exactly once.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use openclaw_e2e::{Client, Provider, Request, Setup, need_gateway};
use serde_json::{Value, json};

/// Rounds unless `OPENCLAW_KILL_ROUNDS` says otherwise.
const ROUNDS: usize = 6;
const CLIENTS: usize = 8;

struct Sent {
    key: String,
    /// The answer, when there was one before the kill.
    answer: Option<Value>,
}

fn request(key: &str) -> Request {
    let body =
        json!({"channel": "api", "message": format!("say {key}"), "conversation_id": format!("conv_{key}")});
    Request::new("POST", "/api/v1/message").header("Idempotency-Key", key).json(&body)
}

/// Sends messages from many clients until the gateway is killed, somewhere after `acknowledged` answers.
fn load(
    client: &Client,
    round: usize,
    acknowledged: usize,
    extra: Duration,
    kill: impl FnOnce(),
) -> Vec<Sent> {
    let (stop, answers, sent) = (AtomicBool::new(false), AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for thread in 0..CLIENTS {
            let (stop, answers, sent) = (&stop, &answers, &sent);
            scope.spawn(move || {
                for number in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let key = format!("r{round}-t{thread}-n{number}");
                    let answer = client.try_send(&request(&key)).ok().filter(|answer| answer.status == 200);
                    answers.fetch_add(usize::from(answer.is_some()), Ordering::Relaxed);
                    let answer = answer.map(|answer| answer.json());
                    sent.lock().unwrap().push(Sent { key, answer });
                }
            });
        }
        while answers.load(Ordering::Relaxed) < acknowledged {
            std::thread::yield_now();
        }
        std::thread::sleep(extra);
        kill();
        stop.store(true, Ordering::Relaxed);
    });
    sent.into_inner().unwrap()
}

fn assert_once(client: &Client, key: &str, answer: &Value) {
    let view = client.get(&format!("/conversations/conv_{key}")).expect(200);
    let messages = view["messages"].as_array().unwrap();
    let told: Vec<_> =
        messages.iter().map(|message| (&message["role"], &message["content"], &message["id"])).collect();
    assert_eq!(told.len(), 2, "{key}: {told:?}");
    assert_eq!((told[0].0, told[0].1), (&json!("user"), &json!(format!("say {key}"))));
    assert_eq!((told[1].0, told[1].1, told[1].2), (&json!("assistant"), &answer["content"], &answer["id"]));
}

#[test]
fn nothing_acknowledged_is_lost_or_doubled() {
    need_gateway!();
    let rounds =
        std::env::var("OPENCLAW_KILL_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
    let mut seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
    println!("seed {seed}");
    let mut random = |below: u32| {
        // A linear congruential generator: enough to spread the kills, and repeatable from the seed.
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) % below
    };
    let provider = Provider::openai();
    let setup = Setup::with(&provider);
    let mut gateway = setup.start();
    let mut before: Vec<(String, Value)> = Vec::new();
    for round in 0..rounds {
        let client = gateway.client();
        let extra = Duration::from_micros(random(3_000).into());
        let sent = load(&client, round, random(60) as usize, extra, || gateway.kill());
        gateway = setup.start();
        let client = gateway.client();
        let mut answered = Vec::new();
        for Sent { key, answer } in sent {
            // Asked again with its key, an unanswered message is answered now, and an answered one as it was.
            let again = client.send(&request(&key)).expect(200);
            if let Some(answer) = answer {
                assert_eq!(again, answer, "{key}");
            }
            assert_once(&client, &key, &again);
            answered.push((key, again));
        }
        // Earlier rounds have now been through several kills.
        for (key, answer) in before.iter().rev().take(20) {
            assert_once(&client, key, answer);
        }
        before.extend(answered);
        let total = client.get("/conversations?limit=1").expect(200)["total"].as_u64().unwrap();
        assert_eq!(total, before.len() as u64);
        assert_eq!(client.get("/status").expect(200)["memory"]["wal_entries"], total * 2);
    }
}
