//! Whether a message is there. For some minutes Discord itself knows a nonce again, so that sending twice makes one message; later, what
//! we said since the question is looked through. (A message that is fetched tells no nonce.)

use std::{collections::HashMap, sync::Mutex, time::Duration};

use tokio::time::Instant;

use super::{
    Discord,
    client::{Ask, Failed, Refusal},
    places::channel_of,
    wire::{Message, number},
};
use crate::{
    adapter::Resolved,
    error::SendError,
    message::{Body, Outgoing},
    sync::lock,
};

/// How long a nonce is surely known: "the past few minutes".
const KNOWN: Duration = Duration::from_secs(90);
/// Most messages that are being sent.
const SENDING: usize = 4096;
/// Messages on a page.
pub(super) const PAGE: usize = 100;
/// Pages that are looked through.
const PAGES: usize = 10;

/// When messages were first sent.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    first: Mutex<HashMap<String, Instant>>,
}

impl Attempts {
    /// A message is about to be sent.
    pub(super) fn note(&self, key: &str) {
        let mut first = lock(&self.first);
        if first.len() >= SENDING {
            first.retain(|_, at| at.elapsed() < KNOWN);
        }
        first.entry(key.to_owned()).or_insert_with(Instant::now);
    }

    fn is_fresh(&self, key: &str) -> bool {
        let first = lock(&self.first);
        first.get(key).is_some_and(|at| at.elapsed() < KNOWN)
    }
}

pub(super) async fn resolve(discord: &Discord, message: Outgoing<'_>) -> Result<Resolved, SendError> {
    if discord.attempts.is_fresh(message.key) {
        return Ok(Resolved::NotSent);
    }
    let me = discord.who().await?;
    let question = message.reply_to.filter(|id| number(id) > 0).unwrap_or("0");
    let channel = channel_of(message.to);
    let (mut after, mut ours) = (question.to_owned(), Vec::new());
    for _ in 0..PAGES {
        let ids = [channel];
        let mut ask = Ask::get("/channels/{}/messages", &ids);
        ask.query =
            if question == "0" { format!("?limit={PAGE}") } else { format!("?after={after}&limit={PAGE}") };
        let page: Vec<Message> = match discord.client.ask(ask).await {
            Ok(page) => page,
            Err(Failed::Refused(Refusal { status: 403, .. })) => return Ok(Resolved::Unknowable),
            Err(failed) => return Err(failed.into()),
        };
        let (count, newest) = (page.len(), page.iter().map(|said| number(&said.id)).max());
        ours.extend(page.into_iter().filter(|said| said.author.id == me.id));
        match newest.filter(|_| count == PAGE && question != "0") {
            Some(newest) => after = newest.to_string(),
            None => return Ok(found(&ours, &message)),
        }
    }
    Ok(Resolved::Unknowable)
}

/// Which of our messages it is.
fn found(ours: &[Message], message: &Outgoing<'_>) -> Resolved {
    if let Some(same) = ours.iter().find(|said| said.nonce == message.key) {
        return Resolved::Sent(same.id.clone());
    }
    let answers = |said: &&Message| message.reply_to.is_none_or(|id| said.message_reference.message_id == id);
    let answers: Vec<&Message> = ours.iter().filter(answers).collect();
    let best = match message.body {
        Body::File(file) => answers.iter().find(|said| {
            let is_it = |known: &super::wire::Attachment| {
                known.filename == file.name && known.size == Some(file.bytes.len() as u64)
            };
            said.attachments.iter().any(is_it)
        }),
        Body::Rich(text) | Body::Plain(text) => {
            let likeness = |said: &&Message| likeness(&said.content, text);
            answers.iter().filter(|said| likeness(said).is_some()).max_by_key(|said| likeness(said))
        }
    };
    match best {
        Some(said) => Resolved::Sent(said.id.clone()),
        None if answers.is_empty() => Resolved::NotSent,
        // Another part of the answer, or this one before it was given anew.
        None => Resolved::Unknowable,
    }
}

/// How much of a text was there when it was said; `None`: it is another one. A draft is the head of what it became, but for the marks at
/// its end.
fn likeness(said: &str, text: &str) -> Option<usize> {
    let common = said.chars().zip(text.trim().chars()).take_while(|(said, meant)| said == meant).count();
    (common > 0 && common * 10 >= said.chars().count() * 8).then_some(common)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Address;

    fn said(id: &str, reply_to: &str, content: &str) -> Message {
        let mut message = Message { id: id.to_owned(), content: content.to_owned(), ..Message::default() };
        message.message_reference.message_id = reply_to.to_owned();
        message
    }

    #[test]
    fn a_message_is_known_by_what_it_answers_and_says() {
        let to = Address::chat("1");
        let ask = |ours: &[Message], text: &str| {
            let message = Outgoing { to: &to, body: Body::Rich(text), reply_to: Some("5"), key: "k0" };
            found(ours, &message)
        };
        let whole = "The **answer** is long, and goes on.";
        assert_eq!(ask(&[], whole), Resolved::NotSent);
        assert_eq!(ask(&[said("6", "4", whole)], whole), Resolved::NotSent);
        assert_eq!(ask(&[said("6", "5", "The **answer** is**")], whole), Resolved::Sent("6".to_owned()));
        let parts = [said("6", "5", "Some other part"), said("7", "5", whole)];
        assert_eq!(ask(&parts, whole), Resolved::Sent("7".to_owned()));
        assert_eq!(ask(&parts[..1], whole), Resolved::Unknowable);
        let keyed = Message { nonce: "k0".into(), ..said("8", "", "x") };
        assert_eq!(ask(&[keyed], whole), Resolved::Sent("8".to_owned()));
    }
}
