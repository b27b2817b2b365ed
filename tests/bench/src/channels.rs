//! What ten thousand messages over a channel do to the gateway's memory, and how fast they are taken and answered; beside it, what
//! as many do without a channel.
//!
//! `cargo xtask bench channels`; `OPENCLAW_CHANNELS_ONLY=slack` measures one. Answers go as fast as each platform allows, which is
//! slow: what is not answered after `OPENCLAW_CHANNELS_SECONDS` (160 unless said) waits in the outbox then.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use hyper::StatusCode;
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::sleep};

use crate::{
    api::Api,
    floor::Floor,
    gateway::{Gateway, Home},
    table::Table,
};

const SECONDS: &str = "OPENCLAW_CHANNELS_SECONDS";
const ONLY: &str = "OPENCLAW_CHANNELS_ONLY";
/// People, each in a direct chat.
const CHATS: usize = 50;
/// Messages before the first look at the memory, which are to be answered by then; and, in one burst, before the others.
const FEW: usize = 1_000;
const LOOKS: [usize; 3] = [2_500, 5_000, MANY];
const MANY: usize = 10_000;
/// What is measured without a channel.
const API: &str = "api";
/// People write no further ahead of what is in the log: a chat in which more than 64 messages wait is told to wait.
const AHEAD: usize = 1_000;
/// Share of the time that the first messages may take until they are answered.
const FEW_TIME: u32 = 4;
const LOOK: Duration = Duration::from_millis(50);

/// Which words a platform's server has for the same things.
struct Platform {
    name: &'static str,
    /// Its address as the channel is given it, below the server's.
    path: &'static str,
    /// Keys of the channel that are secrets.
    secrets: &'static str,
    user: fn(usize) -> String,
    /// The lever that makes a direct chat, and the one by which somebody writes there.
    chat: &'static str,
    say: &'static str,
    place: &'static str,
}

const PLATFORMS: [Platform; 3] = [
    Platform {
        name: "telegram",
        path: "",
        secrets: "    token: \"42:TEST\"\n",
        user: |chat| (1000 + chat).to_string(),
        chat: "/private",
        say: "/post",
        place: "chat",
    },
    Platform {
        name: "discord",
        path: "/api",
        secrets: "    token: discord-test-token\n",
        user: |chat| (1000 + chat).to_string(),
        chat: "/dm",
        say: "/post",
        place: "channel",
    },
    Platform {
        name: "slack",
        path: "/api",
        secrets: "    token: xoxb-test\n    secrets:\n      app_token: xapp-test\n",
        user: |chat| format!("U{}", 1000 + chat),
        chat: "/im",
        say: "/say",
        place: "channel",
    },
];

/// Measures.
pub(crate) fn channels(release: &Path, table: &mut Table) -> Result<()> {
    let seconds = std::env::var(SECONDS).ok().and_then(|text| text.parse().ok()).unwrap_or(160);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let only = std::env::var(ONLY).unwrap_or_default();
    let is_wanted = |name: &str| only.is_empty() || only == name;
    if is_wanted(API) {
        runtime.block_on(without(release, table)).context(API)?;
    }
    for platform in PLATFORMS.iter().filter(|platform| is_wanted(platform.name)) {
        let measured = runtime.block_on(measure(release, platform, Duration::from_secs(seconds), table));
        measured.with_context(|| platform.name)?;
    }
    Ok(())
}

async fn measure(release: &Path, platform: &Platform, time: Duration, table: &mut Table) -> Result<()> {
    let server = Server::start(release, platform)?;
    let provider = Floor::provider()?;
    let home = Home::new(release, Some(provider.address))?;
    home.configure(&server.channel())?;
    let (gateway, _) = home.start(release)?;
    let mut people = People::new(&server, &gateway).await?;
    people.until("it connects", |status| status["status"] == "connected").await?;
    sleep(Duration::from_secs(2)).await;
    let mut looks = Looks::new(&gateway)?;
    let begun = Instant::now();
    people.write(FEW, begun + time / FEW_TIME).await?;
    looks.look(&gateway)?;
    let burst = Instant::now();
    for count in LOOKS {
        people.write(count, burst).await?;
        looks.look(&gateway)?;
    }
    let taken = (MANY - FEW) as f64 / burst.elapsed().as_secs_f64();
    people.write(MANY, begun + time).await?;
    let Told { answered, refused } = people.told().await?;
    ensure!(answered <= MANY, "{answered} answers to {MANY} messages");
    let (name, seconds) = (platform.name, begun.elapsed().as_secs_f64());
    looks.tell(name, &gateway, table)?;
    let rate = answered as f64 / seconds;
    table.row(
        format!("{name}: messages into the log, answers, refused for their pace"),
        format!("{taken:.0}/s, {rate:.1}/s ({answered} in {seconds:.0} s), {refused}"),
        "",
    );
    Ok(())
}

/// As many messages in as many conversations over `POST /message`, as many at a time.
async fn without(release: &Path, table: &mut Table) -> Result<()> {
    let provider = Floor::provider()?;
    let home = Home::new(release, Some(provider.address))?;
    let (gateway, _) = home.start(release)?;
    sleep(Duration::from_secs(2)).await;
    let mut looks = Looks::new(&gateway)?;
    let api = Arc::new(Api::new(gateway.address)?);
    let written = Arc::new(AtomicUsize::new(0));
    for count in [FEW].into_iter().chain(LOOKS) {
        let mut work = JoinSet::new();
        for _ in 0..AHEAD {
            let (api, written) = (Arc::clone(&api), Arc::clone(&written));
            work.spawn(async move {
                loop {
                    let number = written.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return anyhow::Ok(());
                    }
                    let conversation = format!("chat-{}", number % CHATS);
                    let body =
                        json!({"channel": "api", "message": text(number), "conversation_id": conversation});
                    api.expect(StatusCode::OK, "POST", "/message", Some(body)).await?;
                }
            });
        }
        while let Some(ended) = work.join_next().await {
            ended??;
        }
        // Each worker has taken one number too many.
        written.store(count, Ordering::Relaxed);
        looks.look(&gateway)?;
    }
    looks.tell(API, &gateway, table)
}

fn text(number: usize) -> String {
    format!("Message {number}: please say thirty-two words.")
}

/// Looks at the memory.
struct Looks {
    idle: f64,
    most: Vec<String>,
}

impl Looks {
    fn new(gateway: &Gateway) -> Result<Self> {
        Ok(Self { idle: gateway.resident()?, most: Vec::new() })
    }

    fn look(&mut self, gateway: &Gateway) -> Result<()> {
        self.most.push(format!("{:.1}", gateway.peak()?));
        Ok(())
    }

    fn tell(self, name: &str, gateway: &Gateway, table: &mut Table) -> Result<()> {
        let counts = [FEW].into_iter().chain(LOOKS).map(|count| count.to_string()).collect::<Vec<_>>();
        table.row(
            format!("{name}: RSS idle; most until {}; at the end", counts.join(", ")),
            format!("{:.1}; {}; {:.1} MiB", self.idle, self.most.join(", "), gateway.resident()?),
            "flat",
        );
        Ok(())
    }
}

/// A platform's server in a process of its own; dropping it ends it.
struct Server<'a> {
    platform: &'a Platform,
    child: Child,
    url: String,
}

impl<'a> Server<'a> {
    fn start(release: &Path, platform: &'a Platform) -> Result<Self> {
        let mut child = Command::new(release.join("openclaw-platforms"))
            .arg(platform.name)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("can't start openclaw-platforms")?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("its output")?).read_line(&mut line)?;
        Ok(Self { platform, child, url: line.trim().to_owned() })
    }

    /// The channel's section of `gateway.yaml`.
    fn channel(&self) -> String {
        let Platform { name, path, secrets, user, .. } = self.platform;
        let users: Vec<_> = (0..CHATS).map(user).collect();
        format!(
            "channels:\n  {name}:\n{secrets}    base_url: {}{path}\n    allowed_users: {users:?}\n",
            self.url
        )
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The people, and what can be asked about what they wrote.
struct People<'a> {
    platform: &'a Platform,
    levers: Api,
    gateway: Api,
    chats: Vec<Value>,
    written: usize,
}

/// What the platform counted.
struct Told {
    answered: usize,
    /// Calls that it refused because there were too many.
    refused: u64,
}

impl<'a> People<'a> {
    async fn new(server: &Server<'a>, gateway: &Gateway) -> Result<Self> {
        let platform = server.platform;
        let levers = Api::at(format!("{}/control", server.url))?;
        let mut people =
            Self { platform, levers, gateway: Api::new(gateway.address)?, chats: Vec::new(), written: 0 };
        if platform.name == "telegram" {
            people.lever("/enforce", json!({"enforce": true})).await?;
        }
        for chat in 0..CHATS {
            let made = people.lever(platform.chat, people.user(chat)).await?;
            people.chats.push(made);
        }
        Ok(people)
    }

    /// Who writes in this chat, as the server's levers take ids.
    fn user(&self, chat: usize) -> Value {
        let id = (self.platform.user)(chat);
        match id.parse::<u64>() {
            Ok(number) if self.platform.name == "telegram" => json!({"user": number}),
            _ => json!({"user": id}),
        }
    }

    async fn lever(&self, verb: &str, body: Value) -> Result<Value> {
        let mut answer = self.levers.expect(StatusCode::OK, "POST", verb, Some(body)).await?;
        // Discord's wraps what it has to say.
        Ok(match answer.get_mut("result") {
            Some(result) => result.take(),
            None => answer,
        })
    }

    async fn status(&self) -> Result<Value> {
        let path = format!("/channels/{}/status", self.platform.name);
        self.gateway.expect(StatusCode::OK, "GET", &path, None).await
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Result<()> {
        let begun = Instant::now();
        loop {
            let status = self.status().await?;
            if is_so(&status) {
                return Ok(());
            }
            ensure!(begun.elapsed() < Duration::from_secs(60), "{what} never: {status}");
            sleep(LOOK).await;
        }
    }

    /// Writes until there are `count` messages in the log, and waits until they are answered, or `until`.
    async fn write(&mut self, count: usize, until: Instant) -> Result<()> {
        loop {
            let status = self.status().await?;
            let taken = number(&status["messages_today"]);
            while self.written < count.min(taken + AHEAD) {
                self.say().await?;
            }
            ensure!(status["outbox"]["failed"] == 0, "answers were not taken: {status}");
            let is_answered = number(&status["outbox"]["waiting"]) == 0;
            if taken >= count && (is_answered || Instant::now() >= until) {
                return Ok(());
            }
            sleep(LOOK).await;
        }
    }

    async fn told(&self) -> Result<Told> {
        let counted = self.lever("/count", json!({})).await?;
        let refused = counted["refused"].as_u64().context("no count")?;
        Ok(Told { answered: number(&counted["answers"]), refused })
    }

    async fn say(&mut self) -> Result<()> {
        let chat = self.written % CHATS;
        let mut said = self.user(chat);
        said[self.platform.place] = self.chats[chat].clone();
        said["text"] = text(self.written).into();
        self.lever(self.platform.say, said).await?;
        self.written += 1;
        Ok(())
    }
}

fn number(value: &Value) -> usize {
    value.as_u64().unwrap_or_default() as usize
}
