//! Files: links that expire, and forms.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    Discord,
    client::{Ask, Body},
    wire::Message,
};
use crate::{
    error::SendError,
    message::{OutFile, RemoteFile},
    net::Form,
};

/// Longest time a file may take.
pub(super) const FILE: Duration = Duration::from_secs(120);

/// The bytes of a file.
pub(super) async fn fetch(discord: &Discord, file: &RemoteFile, limit: usize) -> Result<Bytes, SendError> {
    let mut parts = file.handle.splitn(4, ' ');
    let mut next = || parts.next().unwrap_or_default().to_owned();
    let (channel, message, id, url) = (next(), next(), next(), next());
    if file.size.is_some_and(|size| size > limit as u64) {
        return Err(SendError::rejected(format!("it has more than {limit} bytes")));
    }
    match get(discord, &url, limit).await? {
        Some(bytes) => Ok(bytes),
        // The link is too old: the message has a new one.
        None => {
            let ids = [channel.as_str(), message.as_str()];
            let message: Message = discord.client.ask(Ask::get("/channels/{}/messages/{}", &ids)).await?;
            let gone = || SendError::rejected("it is not there any more");
            let known = message.attachments.iter().find(|known| known.id == id).ok_or_else(gone)?;
            get(discord, &known.url, limit).await?.ok_or_else(gone)
        }
    }
}

/// What is behind a link; `None`: nothing any more.
async fn get(discord: &Discord, url: &str, limit: usize) -> Result<Option<Bytes>, SendError> {
    if !discord.client.is_discords(url) {
        return Err(SendError::rejected("it does not lie at Discord"));
    }
    let call = discord.client.net.call(Method::GET, url).timeout(FILE).limit(limit);
    let answer = call.send().await?;
    match answer.status {
        200..300 => Ok(Some(answer.body)),
        403 | 404 => Ok(None),
        429 => {
            let after = answer.retry_after().unwrap_or(Duration::from_secs(10));
            Err(SendError::Later { after, reason: "Discord asks to wait".to_owned() })
        }
        status => Err(SendError::not_sent(format!("Discord answered with status {status}"))),
    }
}

/// A message with a file, as a form.
pub(super) fn form(mut body: Value, file: &OutFile) -> Body {
    body["attachments"] = json!([{"id": 0, "filename": file.name}]);
    let form = Form::default().field("payload_json", Some("application/json"), &body.to_string());
    let (kind, bytes) = form.file("files[0]", file).finish();
    Body::Form(kind, bytes)
}
