//! Files: down with the bot's token, up in three steps.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;
use serde_json::json;

use super::{
    Slack,
    client::Failed,
    wire::{self, Completed, FileInfo, Upload},
};
use crate::{
    error::SendError,
    message::{Address, OutFile, RemoteFile},
};

/// Longest time a file may take.
const FILE: Duration = Duration::from_secs(120);

/// The bytes of a file.
pub(super) async fn fetch(slack: &Slack, file: &RemoteFile, limit: usize) -> Result<Bytes, SendError> {
    let rejected = |reason: String| SendError::Rejected { reason };
    if file.size.is_some_and(|size| size > limit as u64) {
        return Err(rejected(format!("it has more than {limit} bytes")));
    }
    // Of files from other workspaces an event tells the id alone.
    let url = if file.handle.contains("://") {
        file.handle.clone()
    } else {
        let found: FileInfo = slack.client.ask("files.info", json!({"file": file.handle})).await?;
        let wire::File { url_private, url_private_download, .. } = found.file;
        if url_private_download.is_empty() { url_private } else { url_private_download }
    };
    if !slack.client.is_slacks(&url) {
        return Err(rejected("it does not lie at Slack".to_owned()));
    }
    let answer = slack.client.get(&url, limit, FILE).await?;
    match answer.status {
        200..300 => {}
        429 => {
            let after = answer.retry_after().unwrap_or(Duration::from_secs(10));
            return Err(SendError::Later { after, reason: "Slack asks to wait".to_owned() });
        }
        500.. => {
            return Err(SendError::NotSent {
                reason: format!("Slack answered with status {}", answer.status),
            });
        }
        status => return Err(rejected(format!("Slack does not give it (status {status})"))),
    }
    // Whoever may not have it is shown a page to sign in.
    let is_page = answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
    if is_page && !file.mime_type.starts_with("text/html") {
        return Err(rejected("Slack does not give it: the app needs the scope `files:read`".to_owned()));
    }
    Ok(answer.body)
}

/// Sends a file; its id. Only the last step shows it to anybody.
pub(super) async fn send(slack: &Slack, to: &Address, file: &OutFile) -> Result<String, SendError> {
    let not_shown = |error: SendError| match error {
        SendError::Unknown { reason } => SendError::NotSent { reason },
        error => error,
    };
    if file.bytes.is_empty() {
        return Err(SendError::Rejected {
            reason: format!("Slack takes no empty file, and `{}` is one", file.name),
        });
    }
    let arguments = json!({"filename": file.name, "length": file.bytes.len()});
    let upload: Upload = slack
        .client
        .ask("files.getUploadURLExternal", arguments)
        .await
        .map_err(|failed| not_shown(failed.into()))?;
    if !slack.client.is_slacks(&upload.upload_url) {
        return Err(SendError::NotSent {
            reason: "Slack gave an address for the file that is not its own".to_owned(),
        });
    }
    let call = slack.client.net.call(Method::POST, upload.upload_url).timeout(FILE);
    let answer = call
        .body(&file.mime_type, file.bytes.clone())
        .send()
        .await
        .map_err(|error| not_shown(error.into()))?;
    if !answer.is_success() {
        return Err(SendError::not_sent(format!("Slack took no file (status {})", answer.status)));
    }
    let mut body = json!({"files": [{"id": upload.file_id, "title": file.name}], "channel_id": to.chat});
    if let Some(thread) = &to.thread {
        body["thread_ts"] = thread.as_str().into();
    }
    match slack.client.ask::<Completed>("files.completeUploadExternal", body).await {
        Ok(_) => {}
        // The bytes did not arrive after all: they are sent anew.
        Err(Failed::Refused(refusal)) if refusal.error == "file_not_found" => {
            return Err(SendError::not_sent(refusal));
        }
        Err(failed) => return Err(failed.into()),
    }
    Ok(upload.file_id)
}
