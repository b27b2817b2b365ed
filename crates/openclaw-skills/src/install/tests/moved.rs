//! A name that is somebody else's now: what was granted to the one before does not count.

use super::{crash::commit_of, *};

type Change = fn(&mut super::commit::Commit);

#[tokio::test]
async fn what_was_granted_to_another_publisher_does_not_count() {
    let table: &[(&str, Change)] = &[
        ("1.0.0 came from /elsewhere, this one comes from ", |old| {
            old.release.source = "/elsewhere".to_owned()
        }),
        ("1.0.0 was published by `ann`, this one by somebody who is not named", |old| {
            old.release.publisher = Some("ann".to_owned());
        }),
        ("1.0.0 was signed with key1, this one by no known key", |old| {
            old.signed_by = Some("key1".to_owned());
        }),
    ];
    for (words, change) in table {
        let mut place = Place::new();
        place.offer("1.0.0", "shell, env:A");
        place.offer("1.1.0", "shell");
        let mut old = commit_of(&place, "1.0.0").await;
        old.allow = permissions(&["shell", "env:A"]);
        change(&mut old);
        old.run(&place.skills(), &place.guard()).unwrap();
        // Granted by name: to whoever had it then.
        place.config.grants.insert("weather".to_owned(), vec!["filesystem:write:/notes".to_owned()]);

        let error = place.install(None).await.unwrap_err();
        let InstallError::Permissions(beyond) = &error else { panic!("{error:?}") };
        assert_eq!(beyond.missing, permissions(&["filesystem:write:/notes", "shell"]));
        assert_eq!(beyond.diff(), ["+ filesystem:write:/notes", "+ shell"], "compared with nothing");
        let text = error.to_string();
        assert!(text.contains(words) && !text.contains("Changed since"), "{text}");
        assert_eq!(place.in_force().as_deref(), Some("1.0.0"));

        place.config.policy.allow = vec!["filesystem:write:/notes".to_owned()];
        let name = "weather".to_owned();
        let request = Request { name, allow: permissions(&["shell"]), ..Request::default() };
        place.installer.install(&place.registry, request, &place.config).await.unwrap();
        let line = &place.installer.audit().unwrap()[0];
        assert_eq!(line.permissions, permissions(&["shell"]), "what it asked for");
        // From here on it is this one's.
        place.config.policy.allow.clear();
        place.offer("1.2.0", "shell");
        place.install(None).await.unwrap();
    }
}

#[tokio::test]
async fn a_skill_that_is_signed_from_now_on_keeps_its_grants() {
    let mut place = Place::new();
    place.offer("1.0.0", "shell");
    place.offer("1.1.0", "shell");
    let mut old = commit_of(&place, "1.0.0").await;
    old.allow = permissions(&["shell"]);
    old.run(&place.skills(), &place.guard()).unwrap();
    let mut new = commit_of(&place, "1.1.0").await;
    new.signed_by = Some("key1".to_owned());
    new.run(&place.skills(), &place.guard()).unwrap();
    assert_eq!(place.in_force().as_deref(), Some("1.1.0"));
}
