//! The writer: what comes in together becomes durable together.

use std::{path::PathBuf, sync::Arc};

use openclaw_core::Timestamp;
use redb::{Database, ReadableTable as _, WriteTransaction};
use tokio::sync::{mpsc, oneshot};

use super::{
    CHATS, CURSORS, Change, DAYS, DELIVERIES, Delivery, Disk, GREETED, JournalError, KEPT_SECONDS, PAIRED,
    SEEN, WAITING, day, key, run_key, seconds,
};

/// Changes, and who waits for them.
pub(super) type Request = (Vec<Change>, oneshot::Sender<Result<(), JournalError>>);

/// Creates the tables, and forgets what no platform repeats any more.
pub(super) fn begin(database: &Database, now: Timestamp) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(CURSORS)?;
    transaction.open_table(CHATS)?;
    transaction.open_table(PAIRED)?;
    forget(&transaction, now)?;
    transaction.commit()?;
    Ok(())
}

/// Forgets what is older than [`KEPT_SECONDS`], but for answers that are on their way.
fn forget(transaction: &WriteTransaction, now: Timestamp) -> Result<(), redb::Error> {
    let oldest = seconds(now).saturating_sub(KEPT_SECONDS);
    transaction.open_table(SEEN)?.retain(|_, at| at >= oldest)?;
    transaction.open_table(GREETED)?.retain(|_, at| at >= oldest)?;
    let oldest_day = day(Timestamp::from_unix_millis(i64::try_from(oldest * 1000).unwrap_or(0)));
    transaction.open_table(DAYS)?.retain(|key, _| key.rsplit('\0').next() >= Some(oldest_day.as_str()))?;
    transaction.open_table(DELIVERIES)?.retain(|run, value| {
        let delivery = Delivery::decode(run, value);
        delivery.is_some_and(|delivery| delivery.state.is_open() || seconds(delivery.changed_at) >= oldest)
    })?;
    Ok(())
}

/// Writes until the last handle is gone.
pub(super) async fn keep(
    disk: Arc<Disk>,
    file: PathBuf,
    mut requests: mpsc::Receiver<Request>,
    in_place: bool,
) {
    let mut batch = Vec::with_capacity(WAITING);
    while requests.recv_many(&mut batch, WAITING).await > 0 {
        let (changes, waiting): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
        let changes = changes.into_iter().flatten();
        let writing = Arc::clone(&disk);
        let written = if in_place {
            Ok(writing.with(|database| commit(database, changes)))
        } else {
            tokio::task::spawn_blocking(move || writing.with(|database| commit(database, changes))).await
        };
        let result = match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the writer failed".to_owned()),
        };
        let result = result.map_err(|reason| JournalError { file: file.clone(), reason });
        for done_tx in waiting {
            let _ = done_tx.send(result.clone());
        }
    }
}

fn commit(database: &Database, changes: impl Iterator<Item = Change>) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    let mut new_day = None;
    {
        let mut cursors = transaction.open_table(CURSORS)?;
        let mut seen = transaction.open_table(SEEN)?;
        let mut deliveries = transaction.open_table(DELIVERIES)?;
        let mut chats = transaction.open_table(CHATS)?;
        let mut paired = transaction.open_table(PAIRED)?;
        let mut greeted = transaction.open_table(GREETED)?;
        let mut days = transaction.open_table(DAYS)?;
        for change in changes {
            match change {
                // A place that is reached, and of no use any more.
                Change::Cursor { kind, name, value } if value.is_empty() => {
                    cursors.remove(key(&[&kind, &name]).as_str())?;
                }
                Change::Cursor { kind, name, value } => {
                    cursors.insert(key(&[&kind, &name]).as_str(), value.as_str())?;
                }
                Change::Seen { kind, chat, id, at } => {
                    seen.insert(key(&[&kind, &chat, &id]).as_str(), seconds(at))?;
                }
                Change::Delivery(delivery) => {
                    let Some(run) = delivery.run else { continue };
                    deliveries.insert(run_key(run).as_slice(), delivery.encode().as_slice())?;
                }
                Change::Conversation { kind, chat, id } => {
                    chats.insert(chat.key(&kind).as_str(), id.as_str())?;
                }
                Change::Paired { kind, user, at } => {
                    paired.insert(key(&[&kind, &user]).as_str(), seconds(at))?;
                }
                Change::Unpaired { kind, user } => {
                    paired.remove(key(&[&kind, &user]).as_str())?;
                }
                Change::Greeted { kind, who, at } => {
                    greeted.insert(key(&[&kind, &who]).as_str(), seconds(at))?;
                }
                Change::Received { kind, at } => {
                    let day = key(&[&kind, &day(at)]);
                    let before = days.get(day.as_str())?.map_or(0, |count| count.value());
                    days.insert(day.as_str(), before + 1)?;
                    if before == 0 {
                        new_day = Some(at);
                    }
                }
            }
        }
    }
    // Also a process that runs for a year forgets.
    if let Some(now) = new_day {
        forget(&transaction, now)?;
    }
    transaction.commit()?;
    Ok(())
}
