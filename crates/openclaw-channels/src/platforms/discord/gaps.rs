//! What was said while nobody listened: asked for by REST, oldest first, after a session could not be gone on with.

use tokio::time::sleep;
use tracing::{debug, info, warn};

use super::{
    Discord,
    client::{Ask, Failed, Refusal},
    resolve::PAGE,
    wire::{Channel, Message, THREADS, number},
};
use crate::{error::ConnectError, pause::Pause};

/// Pages of one channel that are asked for.
const PAGES: usize = 50;

/// A channel in which something was missed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) channel: String,
    pub(super) direct: bool,
    /// The last message that is settled for certain.
    pub(super) after: u64,
    /// The event that the gap is looked for because of.
    pub(super) seq: u64,
}

/// Whether a channel has messages that are newer than this one.
pub(super) fn is_newer(channel: &Channel, than: u64) -> bool {
    // Text, voice, announcements, stages, threads. In forums, what is last is a thread.
    let has_messages = matches!(channel.kind, 0 | 2 | 5 | 13) || THREADS.contains(&channel.kind);
    has_messages && number(&channel.last_message_id) > than
}

/// Everything that was said in a gap, oldest first. Tries until Discord tells.
pub(super) async fn fetch(discord: &Discord, gap: &Gap) -> Result<Vec<Message>, ConnectError> {
    let (mut after, mut found) = (gap.after, Vec::new());
    for _ in 0..PAGES {
        let mut page = match page(discord, &gap.channel, after).await? {
            Some(page) => page,
            None => return Ok(found),
        };
        openclaw_core::sort_by_key(&mut page, |message| number(&message.id));
        let count = page.len();
        let Some(newest) = page.last().map(|message| number(&message.id)) else { break };
        after = newest;
        // What is not for us would only take room.
        let is_ours = |message: &Message| gap.direct || mentions(message, &discord.my_id());
        found.extend(page.into_iter().filter(is_ours));
        if count < PAGE {
            info!(
                channel = "discord",
                place = gap.channel,
                messages = found.len(),
                "looked for what was missed"
            );
            return Ok(found);
        }
    }
    warn!(
        channel = "discord",
        place = gap.channel,
        "more was missed than is asked for; the rest is left out"
    );
    Ok(found)
}

/// Whether a message may be for us.
fn mentions(message: &Message, me: &str) -> bool {
    message.mentions.iter().any(|user| user.id == me)
        || !message.mention_roles.is_empty()
        || message.referenced_message.as_ref().is_some_and(|replied| replied.author.id == me)
}

/// `None`: nobody may read there.
async fn page(discord: &Discord, channel: &str, after: u64) -> Result<Option<Vec<Message>>, ConnectError> {
    let mut pause = Pause::sending();
    loop {
        let ids = [channel];
        let mut ask = Ask::get("/channels/{}/messages", &ids);
        ask.query = format!("?after={after}&limit={PAGE}");
        match discord.client.ask(ask).await {
            Ok(page) => return Ok(Some(page)),
            Err(Failed::Refused(Refusal { status: 403 | 404, .. })) => {
                discord.places.hide(channel);
                return Ok(None);
            }
            Err(failed) => wait(failed, &mut pause).await?,
        }
    }
}

/// What a channel is. Tries until Discord tells; one that can't be seen is taken for a plain one.
pub(super) async fn ask_place(discord: &Discord, channel: &str) -> Result<Channel, ConnectError> {
    let mut pause = Pause::sending();
    loop {
        match discord.client.ask(Ask::get("/channels/{}", &[channel])).await {
            Ok(found) => return Ok(found),
            Err(Failed::Refused(_)) => return Ok(Channel { id: channel.to_owned(), ..Channel::default() }),
            Err(failed) => wait(failed, &mut pause).await?,
        }
    }
}

/// # Errors
/// When it is of no use to ask again.
pub(super) async fn wait(failed: Failed, pause: &mut Pause) -> Result<(), ConnectError> {
    debug!(channel = "discord", ?failed, "Discord is asked again");
    let wait = match failed {
        Failed::Token => return Err(failed.into()),
        Failed::Later(after) => after,
        Failed::Net(_) | Failed::Refused(_) => pause.next(),
    };
    sleep(wait).await;
    Ok(())
}
