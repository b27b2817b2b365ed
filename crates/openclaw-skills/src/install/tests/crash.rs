//! The power goes between any two steps.

use super::{
    commit::{Commit, Step},
    *,
};

const STEPS: [Step; 6] =
    [Step::Unpacked, Step::Checked, Step::Locked, Step::Cleared, Step::Moved, Step::Switched];

pub(super) async fn commit_of(place: &Place, version: &str) -> Commit {
    let release = place.registry.resolve("weather", Some(version)).await.unwrap();
    let content = place.registry.download(&release).await.unwrap();
    Commit {
        release,
        content,
        signed_by: None,
        allow: Permissions::default(),
        config: place.config.clone(),
        read,
    }
}

/// Installs a version up to a step, and leaves everything as it then is.
async fn crash(place: &Place, version: &str, at: Step) {
    let commit = commit_of(place, version).await;
    drop(place.guard());
    let result = commit.steps(&place.skills(), &mut |step| {
        if step == at { Err(io::Error::other("the power went")) } else { Ok(()) }
    });
    assert!(result.is_err());
}

/// The version that a reader sees before anybody has swept, with its files intact.
fn seen(place: &Place) -> Option<String> {
    let line = place.installer.audit().unwrap().into_iter().find(|line| line.name == "weather")?;
    line.version.filter(|_| line.state == State::Intact)
}

#[tokio::test]
async fn an_interrupted_update_leaves_the_version_before_in_force() {
    for at in STEPS {
        let mut place = Place::new();
        for version in ["1.0.0", "1.1.0"] {
            place.offer(version, "");
            place.install(None).await.unwrap();
        }
        place.offer("1.2.0", "");
        crash(&place, "1.2.0", at).await;
        let expected = if at == Step::Switched { "1.2.0" } else { "1.1.0" };
        assert_eq!(seen(&place).as_deref(), Some(expected), "{at:?}");
        place.installer.sweep().unwrap();
        assert_eq!(place.in_force().as_deref(), Some(expected), "{at:?}");
        place.installer.sweep().unwrap();
        place.install(None).await.unwrap();
        assert_eq!(place.in_force().as_deref(), Some("1.2.0"), "{at:?}");
        assert_eq!(place.installer.rollback("weather", place.guard()).unwrap().version, "1.1.0", "{at:?}");
    }
}

#[tokio::test]
async fn an_interrupted_first_installation_is_taken_back_or_completed() {
    for at in STEPS {
        let mut place = Place::new();
        place.offer("1.0.0", "");
        crash(&place, "1.0.0", at).await;
        let before = seen(&place);
        assert_eq!(before.is_some(), at == Step::Switched, "{at:?}");
        place.installer.sweep().unwrap();
        let expected = matches!(at, Step::Moved | Step::Switched).then_some("1.0.0");
        assert_eq!(place.in_force().as_deref(), expected, "{at:?}");
        assert_eq!(place.skills().join("weather").exists(), expected.is_some(), "{at:?}");
        place.install(None).await.unwrap();
        assert_eq!(place.in_force().as_deref(), Some("1.0.0"), "{at:?}");
    }
}

#[tokio::test]
async fn an_interrupted_repair_can_be_done_again() {
    for at in STEPS {
        let mut place = Place::new();
        for version in ["1.0.0", "1.1.0"] {
            place.offer(version, "");
            place.install(None).await.unwrap();
        }
        fs::write(place.skills().join("weather/1.1.0/lib/version.txt"), "evil!").unwrap();
        crash(&place, "1.1.0", at).await;
        let is_mended = matches!(at, Step::Moved | Step::Switched);
        assert_eq!(seen(&place).is_some(), is_mended, "{at:?}");
        place.installer.sweep().unwrap();
        assert_eq!(seen(&place).is_some(), is_mended, "{at:?}");
        assert_eq!(place.installer.audit().unwrap()[0].earlier, ["1.0.0"], "{at:?}");
        place.install(None).await.unwrap();
        assert_eq!(place.in_force().as_deref(), Some("1.1.0"), "{at:?}");
    }
}

#[tokio::test]
async fn the_next_installation_does_not_need_the_sweep() {
    for at in STEPS {
        let mut place = Place::new();
        place.offer("1.0.0", "");
        place.install(None).await.unwrap();
        place.offer("1.1.0", "");
        crash(&place, "1.1.0", at).await;
        place.offer("1.2.0", "");
        place.install(Some("1.2.0")).await.unwrap();
        assert_eq!(place.in_force().as_deref(), Some("1.2.0"), "{at:?}");
        let earlier = if at == Step::Switched { vec!["1.1.0", "1.0.0"] } else { vec!["1.0.0"] };
        assert_eq!(place.installer.audit().unwrap()[0].earlier, earlier, "{at:?}");
    }
}

#[tokio::test]
async fn an_installation_that_fails_takes_back_what_it_began() {
    let mut place = Place::new();
    place.offer("1.0.0", "");
    place.install(None).await.unwrap();
    place.offer("1.1.0", "");
    let before = fs::read(place.skills().join("skills.lock")).unwrap();
    // The pointer's draft can't be written: a folder is in its way, and not an empty one.
    let draft = place.skills().join("weather/.current.new");
    fs::create_dir_all(draft.join("x")).unwrap();
    assert!(matches!(place.install(None).await, Err(InstallError::Io { .. })));
    assert_eq!(place.in_force().as_deref(), Some("1.0.0"));
    assert_eq!(fs::read(place.skills().join("skills.lock")).unwrap(), before);
    fs::remove_dir_all(&draft).unwrap();
    // Nor can the lock.
    let draft = place.skills().join(".skills.lock.new");
    fs::create_dir(&draft).unwrap();
    assert!(matches!(place.install(None).await, Err(InstallError::Lock(_))));
    fs::remove_dir(&draft).unwrap();
    assert_eq!(place.in_force().as_deref(), Some("1.0.0"));
    assert_eq!(fs::read(place.skills().join("skills.lock")).unwrap(), before);
    place.install(None).await.unwrap();
    assert_eq!(place.in_force().as_deref(), Some("1.1.0"));
}

#[tokio::test]
async fn interrupted_rollbacks_and_removals_are_completed() {
    let mut place = Place::new();
    for version in ["1.0.0", "1.1.0"] {
        place.offer(version, "");
        place.install(None).await.unwrap();
    }
    // A rollback ends after its first step.
    layout::set_current(&place.skills(), "weather", "1.0.0").unwrap();
    assert_eq!(seen(&place).as_deref(), Some("1.0.0"));
    place.installer.sweep().unwrap();
    assert_eq!(place.in_force().as_deref(), Some("1.0.0"));
    assert!(!place.skills().join("weather/1.1.0").exists());
    // A removal, likewise.
    fs::rename(place.skills().join("weather"), place.skills().join(".removed-1700000000000-weather"))
        .unwrap();
    assert_eq!(seen(&place), None);
    place.installer.sweep().unwrap();
    assert_eq!(place.in_force(), None);
    assert_eq!(place.installer.audit().unwrap(), []);
    // While another program is at work nothing is swept.
    place.install(None).await.unwrap();
    let _other = place.guard();
    fs::create_dir(place.skills().join(".staging-of-the-other")).unwrap();
    place.installer.sweep().unwrap();
    assert!(place.skills().join(".staging-of-the-other").exists());
}
