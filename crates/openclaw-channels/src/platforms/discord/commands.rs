//! Slash commands: registered once, acknowledged at once, answered when the engine has an answer.
//! <https://docs.discord.com/developers/interactions/receiving-and-responding>

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};
use tracing::{debug, warn};

use super::{
    Discord,
    client::{ACKNOWLEDGED, Ask, Failed, Refusal},
    wire::{Done, Interaction, Message},
};
use crate::commands::COMMANDS;
use crate::sync::lock;

/// How long Discord waits for the acknowledgement.
const FIRST: Duration = Duration::from_secs(3);
/// How long a token is good: fifteen minutes, with room for the call.
const TOKEN: Duration = Duration::from_secs(14 * 60);
/// Most commands that wait for an answer.
const WAITING: usize = 1024;
/// "The bot is thinking": the answer follows.
const DEFERRED: u8 = 5;
/// Commands can be used in servers, in direct chats, in group chats.
const EVERYWHERE: [u8; 2] = [0, 1];

/// What became of an acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    Yes,
    /// An earlier process gave it, and may have answered as well.
    Before,
    No,
}

/// Commands that were used, and not answered yet.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    known: Mutex<HashMap<String, Used>>,
}

#[derive(Debug, Clone)]
struct Used {
    token: String,
    at: Instant,
    /// What became of the acknowledgement; `None`: nobody knows yet.
    taken: watch::Receiver<Option<Taken>>,
    answered: bool,
}

/// What an answer goes by.
struct Ticket {
    token: String,
    /// Whether it is the first answer.
    first: bool,
    taken: Taken,
}

impl Waiting {
    fn known(&self) -> MutexGuard<'_, HashMap<String, Used>> {
        lock(&self.known)
    }

    fn begin(&self, interaction: &Interaction) -> watch::Sender<Option<Taken>> {
        let (taken_tx, taken) = watch::channel(None);
        let mut known = self.known();
        known.retain(|_, used| used.at.elapsed() < TOKEN);
        if known.len() < WAITING {
            let used = Used { token: interaction.token.clone(), at: Instant::now(), taken, answered: false };
            known.insert(interaction.id.clone(), used);
        }
        taken_tx
    }

    /// The token that an answer to this goes by, and what is known of it; `None`: it is answered like a message.
    async fn ticket(&self, id: &str) -> Option<Ticket> {
        let mut used = self.known().get(id).filter(|used| used.at.elapsed() < TOKEN)?.clone();
        let taken =
            timeout(FIRST, used.taken.wait_for(Option::is_some)).await.ok()?.ok()?.unwrap_or(Taken::No);
        if taken == Taken::No {
            self.known().remove(id);
            return None;
        }
        let mut known = self.known();
        let used = known.get_mut(id)?;
        let first = !std::mem::replace(&mut used.answered, true);
        Some(Ticket { token: used.token.clone(), first, taken })
    }
}

/// Tells Discord which commands there are.
pub(super) async fn register(discord: &Discord, app: &str) -> Result<(), Failed> {
    let commands: Vec<Value> = COMMANDS
        .iter()
        .map(|info| json!({"name": info.name, "description": info.about, "type": 1, "contexts": EVERYWHERE}))
        .collect();
    let ask =
        Ask::new(Method::PUT, "/applications/{}/commands", std::slice::from_ref(&app)).json(commands.into());
    discord.client.ask::<Value>(ask).await.map(|_| ())
}

/// Acknowledges a command, before Discord gives it up.
pub(super) async fn acknowledge(discord: &Discord, interaction: Interaction) {
    let taken_tx = discord.waiting.begin(&interaction);
    let ids = [interaction.id.as_str(), interaction.token.as_str()];
    let mut ask =
        Ask::new(Method::POST, "/interactions/{}/{}/callback", &ids).json(json!({"type": DEFERRED}));
    ask.patience = Some(FIRST);
    let taken = match discord.client.ask::<Done>(ask).await {
        Ok(Done {}) => Taken::Yes,
        Err(Failed::Refused(Refusal { code: ACKNOWLEDGED, .. })) => Taken::Before,
        // It may have been taken. If not, the answer is sent like any other.
        Err(Failed::Net(error)) => {
            debug!(channel = "discord", %error, "a command may not be acknowledged");
            Taken::Yes
        }
        Err(failed) => {
            warn!(channel = "discord", ?failed, "a command could not be acknowledged in time");
            Taken::No
        }
    };
    taken_tx.send_replace(Some(taken));
}

/// Answers a command; the message's id. `None`: it has to be answered like a message.
pub(super) async fn answer(discord: &Discord, interaction: &str, body: &Value) -> Option<String> {
    let Ticket { token, first, .. } = discord.waiting.ticket(interaction).await?;
    let app = discord.me().map(|me| me.app.clone())?;
    let ids = [app.as_str(), token.as_str()];
    let ask = if first {
        Ask::new(Method::PATCH, "/webhooks/{}/{}/messages/@original", &ids)
    } else {
        Ask::new(Method::POST, "/webhooks/{}/{}", &ids)
    };
    match discord.client.ask::<Message>(ask.json(body.clone())).await {
        Ok(message) => Some(message.id),
        Err(failed) => {
            debug!(channel = "discord", ?failed, "a command is answered by a message");
            discord.waiting.known().remove(interaction);
            None
        }
    }
}

/// A command that was carried out without a word does not keep its "thinking".
pub(super) async fn close(discord: &Discord, interaction: &str) {
    let Some(Ticket { token, first: true, taken: Taken::Yes }) = discord.waiting.ticket(interaction).await
    else {
        return;
    };
    let Some(me) = discord.me() else { return };
    let ids = [me.app.as_str(), token.as_str()];
    let ask = Ask::new(Method::DELETE, "/webhooks/{}/{}/messages/@original", &ids);
    if let Err(failed) = discord.client.ask::<Done>(ask).await {
        debug!(channel = "discord", ?failed, "a command keeps its notice");
    }
}
