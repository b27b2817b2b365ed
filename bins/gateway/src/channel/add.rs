//! `gateway channel add`.

use std::io::{self, BufRead as _, Read as _};

use openclaw_channels::{Key, Platform, Setting, platform, platforms, probe};
use openclaw_core::port::ChannelStatus;
use serde_json::{Map, Value, json};

use super::{Here, args::Add, prompt::Prompt};
use crate::{
    config::nearest,
    exit::{Exit, Stop},
    output::{complain, harmless, line},
};

/// Of a line with a secret.
const INPUT_BYTES: u64 = 4096;

/// What a channel's section is to hold.
#[derive(Default)]
struct Wanted(Map<String, Value>);

impl Wanted {
    fn of(add: &Add) -> Self {
        let mut wanted = Self::default();
        if let Some(token) = &add.token {
            wanted.set(Key::Token, token);
        }
        if let Some(url) = &add.base_url {
            wanted.set(Key::BaseUrl, url);
        }
        for pair in &add.secret {
            wanted.put("secrets", &pair.name, &pair.value);
        }
        for pair in &add.set {
            wanted.put("options", &pair.name, &pair.value);
        }
        wanted.list("allowed_users", &add.allow_user);
        wanted.list("allowed_chats", &add.allow_chat);
        wanted
    }

    fn set(&mut self, key: Key, value: &str) {
        match key {
            Key::Token => drop(self.0.insert("token".to_owned(), value.into())),
            Key::BaseUrl => drop(self.0.insert("base_url".to_owned(), value.into())),
            Key::Secret(name) => self.put("secrets", name, value),
            Key::Option(name) => self.put("options", name, value),
        }
    }

    fn put(&mut self, section: &str, name: &str, value: &str) {
        let section = self.0.entry(section).or_insert_with(|| json!({}));
        section[name] = value.into();
    }

    fn list(&mut self, name: &str, values: &[String]) {
        if !values.is_empty() {
            self.0.insert(name.to_owned(), values.into());
        }
    }

    fn has(&self, key: Key) -> bool {
        let told = |section: &str, name: &str| {
            self.0.get(section).is_some_and(|section| section.get(name).is_some())
        };
        match key {
            Key::Token => self.0.contains_key("token"),
            Key::BaseUrl => self.0.contains_key("base_url"),
            Key::Secret(name) => told("secrets", name),
            Key::Option(name) => told("options", name),
        }
    }
}

pub(super) async fn add(here: &Here, mut add: Add) -> Result<Exit, Stop> {
    if add.token.as_deref() == Some("-") {
        add.token = Some(from_input()?);
    }
    let mut prompt = Prompt::new();
    let platform = find(add.kind.as_deref(), &mut prompt).await?;
    let kind = platform.name();
    let was_there = here.config().channels.contains_key(kind);
    if was_there {
        complain(&format!(
            "{kind} is configured already; what you say now takes the place of what is there."
        ));
    }
    let mut wanted = Wanted::of(&add);
    ask(platform, &add, &mut wanted, &mut prompt).await?;
    let patch = Value::Object(wanted.0);
    if patch.to_string().contains("${") {
        let message = format!(
            "what is said here means itself, and ${{…}} would not be replaced: write the placeholder into {}, below channels.{kind}",
            here.file().display()
        );
        return Err(Stop::new(Exit::Usage, message));
    }

    let config = here.store.trial(&json!({"channels": {kind: patch}}));
    let config = config.map_err(|failure| Stop::new(Exit::Config, failure.message))?;
    let channel = config.channels.get(kind).cloned().unwrap_or_default();
    if !add.no_check {
        complain(&format!("Asking {kind} …"));
        match probe(kind, &channel).await {
            Ok(account) => complain(&format!("It works: the bot is {} there.", harmless(&account))),
            Err(reason) => {
                let message = format!(
                    "{}\nNothing was written. With --no-check it is written all the same.",
                    harmless(&reason)
                );
                return Err(Stop::new(Exit::Failure, message));
            }
        }
    }
    here.change(kind, &patch)?;
    line(&format!("{kind} is in {}", here.file().display()));
    match here.follow(kind, was_there).await {
        Some(ChannelStatus::Connected { .. }) => line("connected"),
        Some(ChannelStatus::Disconnected { last_error }) => {
            complain(&harmless(&format!("not connected: {last_error}")))
        }
        None if here.client.is_some() => {
            complain("the running gateway does not show it yet: gateway channel list")
        }
        None => complain("It connects when the gateway starts: gateway"),
    }
    if channel.allowed_users.is_empty() && channel.allowed_chats.is_empty() {
        complain(&format!(
            "Nobody may talk to it yet. Let somebody in, while the gateway runs: gateway channel pair {kind}"
        ));
    }
    Ok(Exit::Ok)
}

async fn find(kind: Option<&str>, prompt: &mut Prompt) -> Result<&'static dyn Platform, Stop> {
    let names: Vec<&'static str> = platforms().map(|platform| platform.name()).collect();
    let kind = match kind {
        Some(kind) => kind.to_owned(),
        None if prompt.is_person_there() => {
            prompt.ask(&format!("Which platform? {}: ", names.join(", "))).await?.to_lowercase()
        }
        None => {
            let message = format!("say which platform: {}", names.join(", "));
            return Err(Stop::new(Exit::Usage, message));
        }
    };
    platform(&kind).ok_or_else(|| {
        let near = nearest(&kind, &names).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        let message =
            format!("there is no platform {}{near} There are: {}", harmless(&kind), names.join(", "));
        Stop::new(Exit::Usage, message.replace(" There", ". There").replace("?. ", "? "))
    })
}

/// Asks for what is missing: what the platform can't do without, and with `--all`, or where that is nothing, the rest.
async fn ask(
    platform: &dyn Platform,
    add: &Add,
    wanted: &mut Wanted,
    prompt: &mut Prompt,
) -> Result<(), Stop> {
    let settings = platform.settings();
    let all = add.all || settings.iter().all(|setting| setting.optional);
    let missing: Vec<&Setting> =
        settings.iter().filter(|setting| !wanted.has(setting.key) && (all || !setting.optional)).collect();
    if !prompt.is_person_there() {
        let needed: Vec<String> =
            missing.iter().filter(|setting| !setting.optional).map(|setting| flag(setting.key)).collect();
        if needed.is_empty() {
            return Ok(());
        }
        let message = format!("{} needs {}\n{}", platform.name(), needed.join(" "), platform.introduction());
        return Err(Stop::new(Exit::Usage, message));
    }
    if !missing.is_empty() {
        complain(&format!("{}\n", platform.introduction()));
    }
    for setting in missing {
        let skip = if setting.optional { " (Enter: none)" } else { "" };
        let question = format!("{}{skip}: ", setting.question);
        loop {
            let answer = match setting.key {
                Key::Token | Key::Secret(_) => prompt.ask_secret(&question).await?,
                Key::BaseUrl | Key::Option(_) => prompt.ask(&question).await?,
            };
            if !answer.is_empty() {
                wanted.set(setting.key, &answer);
            } else if !setting.optional {
                continue;
            }
            break;
        }
    }
    if add.allow_user.is_empty() && add.allow_chat.is_empty() {
        let question = "Who may talk to it? Ids of users, separated by commas (Enter: nobody yet; a code lets people in): ";
        let answer = prompt.ask(question).await?;
        let users: Vec<String> =
            answer.split(',').map(str::trim).filter(|user| !user.is_empty()).map(str::to_owned).collect();
        wanted.list("allowed_users", &users);
    }
    Ok(())
}

/// A secret that is piped in.
fn from_input() -> Result<String, Stop> {
    let mut text = String::new();
    let read = io::stdin().lock().take(INPUT_BYTES).read_line(&mut text);
    read.map_err(|error| {
        Stop::new(Exit::Usage, format!("can't read the token from standard input: {error}"))
    })?;
    match text.trim() {
        "" => Err(Stop::new(Exit::Usage, "standard input ended without a token")),
        token => Ok(token.to_owned()),
    }
}

/// How a setting is given on the command line.
fn flag(key: Key) -> String {
    match key {
        Key::Token => "--token TOKEN (or --token - and the token on standard input)".to_owned(),
        Key::BaseUrl => "--base-url URL".to_owned(),
        Key::Secret(name) => format!("--secret {name}=…"),
        Key::Option(name) => format!("--set {name}=…"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_becomes_a_section() {
        let add = Add {
            token: Some("t".to_owned()),
            secret: vec!["app_token=x".parse().unwrap()],
            set: vec!["nick=claw".parse().unwrap()],
            allow_user: vec!["7".to_owned()],
            ..Add::default()
        };
        let wanted = Wanted::of(&add);
        assert!(wanted.has(Key::Token) && wanted.has(Key::Secret("app_token")) && !wanted.has(Key::BaseUrl));
        let expected = json!({
            "token": "t", "secrets": {"app_token": "x"}, "options": {"nick": "claw"}, "allowed_users": ["7"],
        });
        assert_eq!(Value::Object(wanted.0), expected);
    }

    #[tokio::test]
    async fn a_platform_is_suggested() {
        let mut nobody = Prompt::new();
        let error = find(Some("telegrm"), &mut nobody).await.map(|_| ()).unwrap_err();
        assert!(error.message.contains("did you mean telegram?"), "{}", error.message);
    }
}
