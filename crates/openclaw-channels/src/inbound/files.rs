//! Files that come with a message.

use openclaw_core::{
    Attachment, AttachmentSource,
    limits::{ATTACHMENT_BYTES, ATTACHMENTS},
};
use tokio::time::{sleep, timeout};

use super::Desk;
use crate::{
    error::SendError,
    limits::{FETCH, FETCHES},
    message::{Inbound, RemoteFile},
    pause::Pause,
};

impl Desk {
    /// The files of a message, and what is to be said of those that could not be had.
    pub(super) async fn fetch_all(&self, message: &Inbound) -> (Vec<Attachment>, Vec<String>) {
        let (mut attachments, mut notes, mut room) = (Vec::new(), Vec::new(), ATTACHMENT_BYTES);
        for file in &message.files {
            let fits = attachments.len() < ATTACHMENTS && file.size.is_none_or(|size| size <= room as u64);
            if !fits {
                notes
                    .push(format!("the file `{}` is left out: at most 10 files, 20 MiB together", file.name));
                continue;
            }
            match self.fetch(file, room).await {
                Ok(bytes) => {
                    room -= bytes.len().min(room);
                    attachments.push(Attachment {
                        name: file.name.clone(),
                        mime_type: file.mime_type.clone(),
                        source: AttachmentSource::Data(bytes),
                    });
                }
                Err(error) => notes.push(format!("the file `{}` could not be fetched: {error}", file.name)),
            }
        }
        (attachments, notes)
    }

    async fn fetch(&self, file: &RemoteFile, room: usize) -> Result<bytes::Bytes, SendError> {
        let mut pause = Pause::sending();
        let mut attempt = 1;
        loop {
            let late = || SendError::not_sent(format!("it took more than {} s", FETCH.as_secs()));
            let fetched =
                timeout(FETCH, self.parts.adapter.fetch(file, room)).await.unwrap_or_else(|_| Err(late()));
            match fetched {
                Err(error) if error.is_retryable() && attempt < FETCHES => {
                    sleep(pause.after(&error)).await;
                    attempt += 1;
                }
                fetched => return fetched,
            }
        }
    }
}
