use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use redb::{StorageBackend, backends::FileBackend};

use super::*;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_millis(0).saturating_add(Duration::from_secs(seconds))
}

fn delivery(run: RunId, chat: &str, changed_at: Timestamp, state: State) -> Delivery {
    Delivery {
        run: Some(run),
        kind: "x".to_owned(),
        to: Address::chat(chat),
        user: None,
        reply_to: "1".to_owned(),
        asked_at: at(0),
        state,
        parts: vec![Part { key: "k".to_owned(), id: None, file: false, again: false }],
        error: None,
        changed_at,
    }
}

#[tokio::test]
async fn what_is_written_is_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("channels/state.redb");
    let (kind, tasks) = (Arc::<str>::from("x"), TaskTracker::new());
    let run = RunId::generate();
    let chat = ChatKey { address: Address::chat("7"), user: None };
    let conversation = ConversationId::generate();
    let journal = Journal::open(&file, &tasks, at(0), false).unwrap();
    journal
        .write(vec![
            Change::Cursor { kind: Arc::clone(&kind), name: "offset".to_owned(), value: "12".to_owned() },
            Change::Cursor { kind: Arc::clone(&kind), name: "other".to_owned(), value: "1".to_owned() },
            Change::Cursor { kind: "xy".into(), name: "offset".to_owned(), value: "99".to_owned() },
            Change::Seen { kind: Arc::clone(&kind), chat: "7".to_owned(), id: "1".to_owned(), at: at(5) },
            Change::Delivery(delivery(run, "7", at(5), State::Sending)),
            Change::Conversation { kind: Arc::clone(&kind), chat: chat.clone(), id: conversation.clone() },
            Change::Paired { kind: Arc::clone(&kind), user: "u".to_owned(), at: at(5) },
            Change::Received { kind: Arc::clone(&kind), at: at(5) },
            Change::Received { kind: Arc::clone(&kind), at: at(6) },
        ])
        .await
        .unwrap();
    drop(journal);
    tasks.close();
    tasks.wait().await;

    let tasks = TaskTracker::new();
    let journal = Journal::open(&file, &tasks, at(60), false).unwrap();
    assert_eq!(journal.cursor("x", "offset").unwrap().as_deref(), Some("12"));
    assert_eq!(journal.cursors("x", "o").unwrap().len(), 2);
    assert!(journal.is_seen("x", "7", "1").unwrap() && !journal.is_seen("x", "7", "2").unwrap());
    assert_eq!(journal.delivery(run).unwrap().unwrap(), delivery(run, "7", at(5), State::Sending));
    assert_eq!(journal.conversation("x", &chat).unwrap(), Some(conversation));
    assert_eq!(journal.paired("x").unwrap(), ["u"]);
    assert_eq!((journal.received("x", at(7)).unwrap(), journal.received("x", at(90_000)).unwrap()), (2, 0));
    journal.write(vec![Change::Unpaired { kind: Arc::clone(&kind), user: "u".to_owned() }]).await.unwrap();
    assert!(!journal.is_paired("x", "u").unwrap());
}

#[tokio::test]
async fn what_no_platform_repeats_is_forgotten_and_open_answers_are_not() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("state.redb");
    let (open, done, fresh) = (RunId::generate(), RunId::generate(), RunId::generate());
    let tasks = TaskTracker::new();
    let journal = Journal::open(&file, &tasks, at(0), false).unwrap();
    let seen = |id: &str, when| Change::Seen {
        kind: "x".into(),
        chat: "7".to_owned(),
        id: id.to_owned(),
        at: at(when),
    };
    let later = KEPT_SECONDS + 100;
    journal
        .write(vec![
            seen("old", 1),
            seen("new", later),
            Change::Delivery(delivery(open, "7", at(1), State::Queued)),
            Change::Delivery(delivery(done, "7", at(1), State::Delivered)),
            Change::Delivery(delivery(fresh, "7", at(later), State::Delivered)),
        ])
        .await
        .unwrap();
    drop(journal);
    tasks.close();
    tasks.wait().await;
    let journal = Journal::open(&file, &TaskTracker::new(), at(later), false).unwrap();
    assert!(!journal.is_seen("x", "7", "old").unwrap() && journal.is_seen("x", "7", "new").unwrap());
    assert!(journal.delivery(open).unwrap().is_some() && journal.delivery(fresh).unwrap().is_some());
    assert!(journal.delivery(done).unwrap().is_none());
}

#[tokio::test]
async fn a_process_that_runs_on_forgets_too() {
    let directory = tempfile::tempdir().unwrap();
    let journal =
        Journal::open(&directory.path().join("state.redb"), &TaskTracker::new(), at(0), false).unwrap();
    let day = |when: u64| {
        let (kind, id) = (Arc::<str>::from("x"), when.to_string());
        let seen = Change::Seen { kind: Arc::clone(&kind), chat: "7".to_owned(), id, at: at(when) };
        vec![seen, Change::Received { kind, at: at(when) }]
    };
    let open = RunId::generate();
    journal.write(day(1)).await.unwrap();
    journal.write(vec![Change::Delivery(delivery(open, "7", at(1), State::Queued))]).await.unwrap();
    assert!(journal.is_seen("x", "7", "1").unwrap());
    let later = KEPT_SECONDS + 100;
    journal.write(day(later)).await.unwrap();
    assert!(!journal.is_seen("x", "7", "1").unwrap());
    assert!(journal.is_seen("x", "7", &later.to_string()).unwrap());
    assert!(journal.delivery(open).unwrap().is_some());
}

/// A file on a disk that can be full.
#[derive(Debug)]
struct Fillable(FileBackend, Arc<AtomicBool>);

impl StorageBackend for Fillable {
    fn len(&self) -> Result<u64, io::Error> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        if self.1.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.write(offset, data)
    }

    fn close(&self) -> Result<(), io::Error> {
        self.0.close()
    }
}

#[tokio::test]
async fn a_disk_that_was_full_is_used_again() {
    let directory = tempfile::tempdir().unwrap();
    let (file, full) = (directory.path().join("state.redb"), Arc::<AtomicBool>::default());
    let (path, is_full) = (file.clone(), Arc::clone(&full));
    let opener = move || {
        let file =
            std::fs::File::options().read(true).write(true).create(true).truncate(false).open(&path)?;
        let backend = Fillable(FileBackend::new(file)?, Arc::clone(&is_full));
        Ok(Database::builder().create_with_backend(backend)?)
    };
    let journal = Journal::open_with(Box::new(opener), &file, &TaskTracker::new(), at(0), false).unwrap();
    let kind = Arc::<str>::from("x");
    journal.save_cursor(&kind, "offset", "1").await.unwrap();
    full.store(true, Ordering::Relaxed);
    journal.save_cursor(&kind, "offset", "2").await.unwrap_err();
    journal.save_cursor(&kind, "offset", "2").await.unwrap_err();
    full.store(false, Ordering::Relaxed);
    assert_eq!(journal.cursor("x", "offset").unwrap().as_deref(), Some("1"));
    journal.save_cursor(&kind, "offset", "3").await.unwrap();
    assert_eq!(journal.cursor("x", "offset").unwrap().as_deref(), Some("3"));
}

#[tokio::test]
async fn a_file_that_is_none_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("state.redb");
    std::fs::write(&file, b"not a database").unwrap();
    let error = Journal::open(&file, &TaskTracker::new(), at(0), false).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("state.redb"), "{error}");
}
