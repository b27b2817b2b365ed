//! Permissions: what is granted, what is refused, and how it is told.

use super::*;

#[tokio::test]
async fn nothing_is_granted_that_nobody_allowed() {
    let mut place = Place::new();
    place.offer("1.0.0", "network:api.example.com, shell");
    let error = SkillsError::from(place.install(None).await.unwrap_err());
    let SkillsError::Refused { name, reason, permissions } = &error else { panic!("{error:?}") };
    assert_eq!(
        (name.as_str(), permissions.as_slice()),
        ("weather", &["network:api.example.com", "shell"].map(str::to_owned)[..])
    );
    let expected = "`weather` 1.0.0 asks for more than it may have. Nobody has granted network:api.example.com, shell. Install \
                    it with `--allow network:api.example.com --allow shell`, or add that to `skills.policy.allow`";
    assert_eq!(reason, expected);
    assert_eq!(place.in_force(), None);
    assert!(!place.skills().join("weather").exists());

    let request = |allow: &[&str]| Request {
        name: "weather".to_owned(),
        allow: super::permissions(allow),
        ..Request::default()
    };
    let error =
        place.installer.install(&place.registry, request(&["shell"]), &place.config).await.unwrap_err();
    assert!(error.to_string().contains("granted network:api.example.com."), "{error}");
    // In part by policy, in part by what is allowed now, in part by the skill's own grants.
    place.config.policy.allow = vec!["network:*.example.com".to_owned()];
    place.config.grants.insert("weather".to_owned(), vec!["filesystem:write:/srv".to_owned()]);
    place.offer("1.0.0", "network:api.example.com, shell, filesystem:read:/srv/data");
    let allowed = request(&["shell", "env:UNUSED"]);
    let installed = place.installer.install(&place.registry, allowed, &place.config).await.unwrap();
    let Installed::New { record, .. } = installed else { panic!("not new") };
    // What it asked for, not what it could have had.
    assert_eq!(
        record.permissions.to_texts(),
        ["network:api.example.com", "filesystem:read:/srv/data", "shell"]
    );
}

#[tokio::test]
async fn an_update_keeps_its_grants_and_shows_what_is_new() {
    let mut place = Place::new();
    place.config.policy.allow = vec!["shell".to_owned(), "env:A".to_owned()];
    place.offer("1.0.0", "shell, env:A");
    place.install(None).await.unwrap();
    place.config.policy.allow.clear();
    place.offer("1.1.0", "shell");
    place.install(None).await.unwrap();
    place.offer("1.2.0", "env:A, env:B, network:example.com");
    let error = place.install(None).await.unwrap_err();
    let InstallError::Permissions(beyond) = &error else { panic!("{error:?}") };
    // What an update gave up is not given back without being asked for.
    assert_eq!(beyond.missing, permissions(&["env:A", "env:B", "network:example.com"]));
    assert_eq!(beyond.diff(), ["+ network:example.com", "+ env:A", "+ env:B", "- shell"]);
    let text = error.to_string();
    assert!(
        text.contains("Changed since 1.1.0: + network:example.com, + env:A, + env:B, - shell."),
        "{text}"
    );
    assert_eq!(place.in_force().as_deref(), Some("1.1.0"));
    // The version gone back to has its own grants again.
    place.installer.rollback("weather", place.guard()).unwrap();
    place.install(Some("1.1.0")).await.unwrap();
    let line = &place.installer.audit().unwrap()[0];
    assert_eq!(line.permissions, permissions(&["shell"]));
}

#[tokio::test]
async fn what_policy_denies_nobody_can_allow() {
    let mut place = Place::new();
    place.config.policy.deny = vec!["network:evil.example".to_owned(), "filesystem:write:/".to_owned()];
    place.config.policy.allow = vec!["network:*".to_owned(), "filesystem:write:/srv".to_owned()];
    place.offer("1.0.0", "network:*, filesystem:write:/srv/a, filesystem:read:/srv, shell");
    let error = place.install(None).await.unwrap_err();
    let InstallError::Permissions(beyond) = &error else { panic!("{error:?}") };
    assert_eq!(beyond.denied, permissions(&["network:*", "filesystem:write:/srv/a"]));
    assert_eq!(beyond.missing, permissions(&["shell"]));
    assert!(!error.to_string().contains("--allow"), "{error}");
    place.offer("1.0.0", "network:good.example, filesystem:read:/srv");
    place.install(None).await.unwrap();
}

#[test]
fn denying_a_part_denies_the_whole() {
    for (deny, wanted, expected) in [
        ("network:evil.example", "network:evil.example", true),
        ("network:evil.example", "network:*", true),
        ("network:*", "network:any.example", true),
        ("network:evil.example", "network:good.example", false),
        ("filesystem:read:/home", "filesystem:read:/", true),
        ("filesystem:read:/home", "filesystem:read:/home/me", true),
        ("filesystem:read:/home", "filesystem:write:/home/me", true),
        ("filesystem:read:/home", "filesystem:write:/", true),
        ("filesystem:read:/home", "filesystem:write:/srv", false),
        ("filesystem:write:/home", "filesystem:read:/home/me", false),
        ("filesystem:write:/home", "filesystem:write:/", true),
        ("env:A", "env:B", false),
        ("shell", "shell", true),
    ] {
        let found = denied(&permissions(&[wanted]), &permissions(&[deny]));
        assert_eq!(!found.is_empty(), expected, "deny {deny}, want {wanted}");
    }
}

#[tokio::test]
async fn a_suspicious_skill_needs_force() {
    let fake = crate::registry::fake::Fake::start().await;
    let head = "---\nname: weather\n---\n";
    let files = json!([{"path": "SKILL.md", "sha256": sha256_hex(head.as_bytes())}]);
    fake.json("/.well-known/clawhub.json", &json!({"apiBase": fake.url()}));
    let skill = json!({"skill": {"slug": "weather"}, "latestVersion": {"version": "1.2.0"}, "moderation": {"isSuspicious": true}});
    fake.json("/api/v1/skills/weather", &skill);
    fake.json(
        "/api/v1/skills/weather/versions/1.2.0",
        &json!({"version": {"version": "1.2.0", "files": files}}),
    );
    let download = "/api/v1/download?slug=weather&version=1.2.0";
    let answer = |archive| [crate::registry::fake::Answer::ok(archive)];
    fake.on(download, answer(zip_of(&[("SKILL.md", head), ("evil.sh", "x")])));
    let mut place = Place::new();
    place.registry = Registry::open(Some(fake.url()), &[], &Arc::new(Client::default())).unwrap();
    assert!(place.refusal(None).await.contains("`--force`"));
    assert!(!fake.asked().iter().any(|path| path == download), "it is not even downloaded");
    let forced = || Request { name: "weather".to_owned(), force: true, ..Request::default() };
    let error = place.installer.install(&place.registry, forced(), &place.config).await.unwrap_err();
    assert!(error.to_string().contains("`evil.sh` is not in its list"), "{error}");
    assert_eq!(place.installer.audit().unwrap(), []);
    fake.on(download, answer(zip_of(&[("SKILL.md", head)])));
    place.installer.install(&place.registry, forced(), &place.config).await.unwrap();
    let line = &place.installer.audit().unwrap()[0];
    assert_eq!((line.version.as_deref(), line.source.as_deref()), (Some("1.2.0"), Some(fake.url())));
}
