use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    time::Duration,
};

use tempfile::TempDir;

use super::*;

fn record(version: &str, files: &[(&str, &str)]) -> Record {
    let file = |content: &str| FileRecord {
        sha256: sha256_hex(content.as_bytes()),
        bytes: content.len() as u64,
        executable: content.starts_with("#!"),
    };
    Record {
        version: version.to_owned(),
        installed_at: "2026-03-20T15:30:00Z".parse().unwrap(),
        source: "https://registry.example".to_owned(),
        publisher: None,
        archive_sha256: Some(sha256_hex(b"archive")),
        signed_by: None,
        image_digest: None,
        permissions: ["network:api.example.com", "shell"].iter().map(|text| text.parse().unwrap()).collect(),
        files: files.iter().map(|(path, content)| ((*path).to_owned(), file(content))).collect(),
    }
}

const FILES: &[(&str, &str)] = &[("SKILL.md", "---\n"), ("bin/run.sh", "#!/bin/sh\n"), ("data/a", "one")];

fn installed() -> (TempDir, Record) {
    let dir = tempfile::tempdir().unwrap();
    for (path, content) in FILES {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        let mode = if content.starts_with("#!") { 0o755 } else { 0o644 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    (dir, record("1.0.0", FILES))
}

#[test]
fn what_is_written_is_read() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(Lock::read(dir.path()).unwrap(), None);
    let mut lock = Lock::default();
    for number in 0..6 {
        lock.add("weather", record(&format!("1.{number}.0"), FILES));
    }
    lock.add("weather", record("1.3.0", FILES));
    lock.retain("weather", |_| true);
    let versions: Vec<_> = lock.versions("weather").iter().map(|record| record.version.as_str()).collect();
    assert_eq!(versions, ["1.3.0", "1.5.0", "1.4.0", "1.2.0"]);
    lock.write(dir.path()).unwrap();
    assert_eq!(Lock::read(dir.path()).unwrap(), Some(lock.clone()));
    let path = dir.path().join("skills.lock");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    lock.retain("weather", |_| false);
    assert_eq!(lock, Lock::default());
}

/// A file of version 1, as `docs/formats.md` shows it.
const GOLDEN: &str = include_str!("../../tests/fixtures/skills-1.lock");

#[test]
fn the_documented_file_is_read_and_written_byte_by_byte() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("skills.lock");
    fs::write(&path, GOLDEN).unwrap();
    let lock = Lock::read(dir.path()).unwrap().unwrap();
    let record = lock.record("weather", "1.2.0").unwrap();
    assert!(record.files["run.sh"].executable);
    assert!(lock.record("weather", "1.2.1").is_none() && lock.record("other", "1.2.0").is_none());
    lock.write(dir.path()).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), GOLDEN);
}

#[test]
fn a_damaged_lock_is_told_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("skills.lock");
    let table: Vec<(&str, String)> = vec![
        ("damaged", String::new()),
        ("damaged", GOLDEN[..GOLDEN.len() / 2].to_owned()),
        ("damaged", GOLDEN.replace("\"files\"", "\"more\"")),
        ("damaged", GOLDEN.replace("network:api", "networks:api")),
        ("damaged", GOLDEN.replace("\"weather\"", "\"../weather\"")),
        ("damaged", GOLDEN.replace("\"1.2.0\"", "\"..\"")),
        ("damaged", GOLDEN.replace("run.sh", "../run.sh")),
        ("damaged", GOLDEN.replace("run.sh", "/run.sh")),
        ("its sha256 is none", GOLDEN.replace("cb83", "CB83")),
        ("has no version", r#"{"version":1,"skills":{"weather":[]}}"#.to_owned()),
        ("is of version 2", GOLDEN.replace("\"version\": 1,", "\"version\": 2, \"new\": [],")),
    ];
    for (reason, text) in table {
        fs::write(&path, &text).unwrap();
        let error = Lock::read(dir.path()).unwrap_err().to_string();
        assert!(error.contains(reason) && error.contains("skills.lock"), "{reason}: {error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    let twice = record("1.0.0", FILES);
    let mut lock = Lock::default();
    lock.skills.insert("weather".to_owned(), vec![twice.clone(), twice]);
    lock.write(dir.path()).unwrap();
    assert!(Lock::read(dir.path()).unwrap_err().to_string().contains("twice"));
    fs::remove_file(&path).unwrap();
    symlink("/etc/hostname", &path).unwrap();
    assert!(matches!(Lock::read(dir.path()), Err(LockError::Io { .. })));
}

#[test]
fn a_lock_that_can_not_be_written_stays_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let mut lock = Lock::default();
    lock.add("weather", record("1.0.0", FILES));
    lock.write(dir.path()).unwrap();
    // A folder where the draft is written.
    fs::create_dir(dir.path().join(".skills.lock.new")).unwrap();
    let mut newer = lock.clone();
    newer.remove("weather");
    assert!(newer.write(dir.path()).is_err());
    assert_eq!(Lock::read(dir.path()).unwrap(), Some(lock));
}

#[test]
fn a_draft_that_can_not_be_used_takes_no_room() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    fs::create_dir(&path).unwrap();
    assert!(write_whole(&path, b"text").is_err());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_holds_the_directory_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("skills");
    assert!(Guard::try_take(&path).unwrap().is_none(), "there is no directory yet");
    let guard = Guard::wait(&path).await.unwrap();
    assert!(Guard::try_take(&path).unwrap().is_none());
    // Who waits does so for a time, and is told for whom.
    let before = tokio::time::Instant::now();
    let error = Guard::wait(&path).await.unwrap_err();
    assert!(before.elapsed() >= crate::limits::LOCK_TIME);
    assert!(error.to_string().contains("by another request to this program, after 30 s"), "{error}");
    fs::write(path.join(".lock"), "7\n").unwrap();
    let error = Guard::wait(&path).await.unwrap_err();
    assert!(error.to_string().contains("by another program (process 7)"), "{error}");
    // Who stops waiting has nothing; who waits long enough gets it.
    let waits = Guard::wait(&path);
    assert!(tokio::time::timeout(Duration::from_secs(1), waits).await.is_err());
    let (waited, ()) = tokio::join!(Guard::wait(&path), async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        drop(guard);
    });
    drop(waited.unwrap());
    assert!(Guard::try_take(&path).unwrap().is_some());
}

#[test]
fn every_change_of_a_file_is_found() {
    type Change = fn(&Path);
    let table: &[(&str, Change)] = &[
        ("changed: data/a", |root| fs::write(root.join("data/a"), "two").unwrap()),
        ("changed: data/a", |root| fs::write(root.join("data/a"), "longer").unwrap()),
        ("changed: data/a", |root| {
            fs::set_permissions(root.join("data/a"), fs::Permissions::from_mode(0o755)).unwrap();
        }),
        ("changed: bin/run.sh", |root| {
            fs::set_permissions(root.join("bin/run.sh"), fs::Permissions::from_mode(0o644)).unwrap();
        }),
        ("changed: bin/run.sh", |root| {
            fs::set_permissions(root.join("bin/run.sh"), fs::Permissions::from_mode(0o4755)).unwrap();
        }),
        ("missing: SKILL.md", |root| fs::remove_file(root.join("SKILL.md")).unwrap()),
        ("added: data/b", |root| fs::write(root.join("data/b"), "").unwrap()),
        ("added: link", |root| symlink("SKILL.md", root.join("link")).unwrap()),
        ("changed: data/a", |root| {
            // The same content, elsewhere.
            fs::rename(root.join("data/a"), root.join("../elsewhere")).unwrap();
            symlink(root.join("../elsewhere"), root.join("data/a")).unwrap();
        }),
        ("added: data, missing: data/a", |root| {
            fs::rename(root.join("data"), root.join("../elsewhere")).unwrap();
            symlink(root.join("../elsewhere"), root.join("data")).unwrap();
        }),
        ("changed: data/a", |root| {
            fs::remove_file(root.join("data/a")).unwrap();
            rustix::fs::mknodat(
                rustix::fs::CWD,
                root.join("data/a"),
                rustix::fs::FileType::Fifo,
                rustix::fs::Mode::RUSR,
                0,
            )
            .unwrap();
        }),
        ("missing: SKILL.md, missing: bin/run.sh, missing: data/a", |root| fs::remove_dir_all(root).unwrap()),
        ("", |root| fs::create_dir(root.join("empty")).unwrap()),
        ("", |root| {
            // Another file of the same content.
            fs::remove_file(root.join("data/a")).unwrap();
            fs::write(root.join("data/a"), "one").unwrap();
        }),
    ];
    for (expected, change) in table {
        let (dir, record) = installed();
        let root = dir.path().join("root");
        fs::create_dir(&root).unwrap();
        for folder in ["SKILL.md", "bin", "data"] {
            fs::rename(dir.path().join(folder), root.join(folder)).unwrap();
        }
        let verifier = Verifier::new(Duration::ZERO);
        assert_eq!(verifier.differences(&root, &record).unwrap(), []);
        change(&root);
        // A second look, by who knows the folder, and a first one.
        for verifier in [verifier, Verifier::default()] {
            let found = verifier.differences(&root, &record).unwrap();
            let mut found: Vec<_> = found.iter().map(ToString::to_string).collect();
            found.sort();
            assert_eq!(found.join(", "), *expected);
        }
    }
}

#[test]
fn untouched_folders_are_not_read_again_unless_the_lock_changed() {
    let (dir, record) = installed();
    let verifier = Verifier::new(Duration::ZERO);
    assert_eq!(verifier.differences(dir.path(), &record).unwrap(), []);
    assert_eq!(verifier.known(), 1);
    let mut other = record;
    other.files.get_mut("data/a").unwrap().sha256 = sha256_hex(b"two");
    let found = verifier.differences(dir.path(), &other).unwrap();
    assert_eq!(found, [Difference::Changed("data/a".to_owned())]);
    assert_eq!(verifier.known(), 0);
    // What was written this moment can be written again within one tick of the file system's clock.
    let fresh = Verifier::new(Duration::from_secs(3600));
    assert_eq!(fresh.differences(dir.path(), &other).unwrap().len(), 1);
    assert_eq!(fresh.known(), 0);
}
