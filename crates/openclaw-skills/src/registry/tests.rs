use std::{fs, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use super::{
    client::Timing,
    fake::{Answer, Fake},
    *,
};
use crate::{
    archive::{
        ArchiveBounds,
        build::{tar_gz_of, zip_of},
        unpack,
    },
    lock::sha256_hex,
};

const SKILL: &str = "---\nname: weather\n---\n";

fn builtin() -> &'static [BuiltinSkill] {
    vec![BuiltinSkill {
        name: "calc",
        version: "1.0.0",
        description: "Exact arithmetic",
        archive: tar_gz_of(&[("SKILL.md", "---\nname: calc\n---\n")]).leak(),
    }]
    .leak()
}

fn open(address: &str) -> Registry {
    let timing = Timing { pause: Duration::ZERO, ..Timing::default() };
    Registry::open(Some(address), builtin(), &Arc::new(Client::new(timing))).unwrap()
}

fn index(archive: &[u8], change: impl FnOnce(&mut Value)) -> Value {
    let mut version =
        json!({"archive": "weather/1.2.0.tar.gz", "sha256": sha256_hex(archive), "size": archive.len()});
    change(&mut version);
    json!({"version": 1, "generated_by": "a test", "skills": {
        "weather": {"description": "Forecasts", "versions": {"1.2.0": version, "1.0.0": version, "2.0.0-rc.1": version}},
        "umbrella": {"description": "Tells the weather", "versions": {}},
        "calc": {"description": "weather of another's", "versions": {"9.0.0": version}},
    }})
}

async fn get(registry: &Registry, version: Option<&str>) -> Result<(Release, Content), RegistryError> {
    let release = registry.resolve("weather", version).await?;
    let content = registry.download(&release).await?;
    Ok((release, content))
}

async fn refusal(registry: &Registry) -> String {
    get(registry, None).await.expect_err("it was given").to_string()
}

#[tokio::test]
async fn a_directory_and_a_tree_over_http_are_one_format() {
    let archive = tar_gz_of(&[("SKILL.md", SKILL)]);
    let index = index(&archive, |version| version["image_digest"] = json!("sha256:00"));
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("weather")).unwrap();
    fs::write(dir.path().join("weather/1.2.0.tar.gz"), &archive).unwrap();
    fs::write(dir.path().join("index.json"), index.to_string()).unwrap();
    let fake = Fake::start().await;
    for base in ["", "/skills"] {
        fake.json(&format!("{base}/index.json"), &index);
        fake.on(&format!("{base}/weather/1.2.0.tar.gz"), [Answer::ok(archive.clone())]);
    }
    let addresses = [
        dir.path().to_str().unwrap().to_owned(),
        fake.url().to_owned(),
        format!("{}/skills/", fake.url()),
        format!("{}/skills/index.json", fake.url()),
    ];
    for address in addresses {
        let registry = open(&address);
        let (release, content) = get(&registry, None).await.unwrap();
        assert_eq!(release.version, "1.2.0", "the newest that is no pre-release");
        assert_eq!(release.source, address.trim_end_matches('/').trim_end_matches("/index.json"));
        assert_eq!(release.image_digest.as_deref(), Some("sha256:00"));
        let Content { bytes, sha256 } = content;
        assert_eq!((bytes.as_ref(), sha256), (&archive[..], sha256_hex(&archive)));
        assert_eq!(registry.resolve("weather", Some("2.0.0-rc.1")).await.unwrap().version, "2.0.0-rc.1");
        let error = registry.resolve("weather", Some("3.0.0")).await.unwrap_err();
        assert!(error.is_missing() && error.to_string().contains("no version 3.0.0"), "{error}");
        assert!(registry.resolve("rain", None).await.unwrap_err().is_missing());
        assert!(registry.resolve("umbrella", None).await.unwrap_err().is_missing());
        // One that comes with the program is never taken from elsewhere.
        assert!(registry.resolve("calc", None).await.unwrap().is_builtin());
        assert!(registry.resolve("calc", Some("9.0.0")).await.unwrap_err().is_missing());
        let found = registry.search("WEATHER", 10).await.unwrap();
        let found: Vec<_> =
            found.iter().map(|found| (found.name.as_str(), found.version.as_deref())).collect();
        assert_eq!(found, [("weather", Some("1.2.0")), ("umbrella", None)]);
        assert_eq!(registry.search("arithmetic exact", 10).await.unwrap()[0].source, "builtin");
        assert_eq!(registry.search("", 1).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn what_an_index_says_wrong_is_refused() {
    let archive = tar_gz_of(&[("SKILL.md", SKILL)]);
    type Change = fn(&mut Value);
    let table: &[(&str, Change)] = &[
        ("SHA-256", |version| version["sha256"] = json!(sha256_hex(b"other"))),
        ("bytes and should have 3", |version| version["size"] = json!(3)),
        ("64 lower-case", |version| version["sha256"] = json!("abc")),
        ("64 lower-case", |version| version["sha256"] = json!("A".repeat(64))),
        ("leads up", |version| version["archive"] = json!("../../etc/passwd")),
        ("absolute", |version| version["archive"] = json!("/etc/passwd")),
        ("empty", |version| version["archive"] = json!("https://evil.example/x")),
        ("can't read", |version| version["archive"] = json!("weather")),
        ("can't read", |version| version["archive"] = json!("weather/none.zip")),
        ("missing field `sha256`", |version| *version = json!({"archive": "x"})),
    ];
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("weather")).unwrap();
    fs::write(dir.path().join("weather/1.2.0.tar.gz"), &archive).unwrap();
    let registry = open(dir.path().to_str().unwrap());
    assert!(refusal(&registry).await.contains("index.json"));
    for (reason, change) in table {
        fs::write(dir.path().join("index.json"), index(&archive, change).to_string()).unwrap();
        let error = refusal(&registry).await;
        // A scheme has a colon, and is refused for it.
        assert!(error.contains(reason) || error.contains("colon"), "{reason}: {error}");
    }
    for (text, reason) in [
        ("{", "EOF"),
        ("[]", "does not make sense"),
        (r#"{"version":2}"#, "of version 2"),
        ("{\"version\":1}", "skills"),
    ] {
        fs::write(dir.path().join("index.json"), text).unwrap();
        assert!(refusal(&registry).await.contains(reason), "{text}: {}", refusal(&registry).await);
    }
}

/// A ClawHub with one skill.
async fn clawhub(skill: Value, files: Value, archive: Vec<u8>) -> Fake {
    let fake = Fake::start().await;
    fake.json("/.well-known/clawhub.json", &json!({"apiBase": fake.url(), "minCliVersion": "0.1.0"}));
    fake.json("/api/v1/skills/weather", &skill);
    let version = json!({"version": {"version": "1.2.0", "createdAt": 1, "changelog": "", "files": files},
        "skill": {"slug": "weather", "displayName": "Weather"}});
    fake.json("/api/v1/skills/weather/versions/1.2.0", &version);
    fake.on("/api/v1/download?slug=weather&version=1.2.0", [Answer::ok(archive)]);
    fake
}

fn skill(moderation: &Value) -> Value {
    json!({
        "skill": {"slug": "weather", "displayName": "Weather", "summary": null, "tags": {}, "stats": {}, "createdAt": 0, "updatedAt": 0},
        "latestVersion": {"version": "1.2.0", "createdAt": 1, "changelog": ""},
        "owner": {"handle": "someone", "displayName": null, "image": null},
        "moderation": moderation,
    })
}

fn listed(files: &[(&str, &str)]) -> Value {
    let file = |(path, content): &(&str, &str)| json!({"path": path, "size": content.len(), "sha256": sha256_hex(content.as_bytes()), "contentType": "text/plain"});
    files.iter().map(file).collect()
}

const META: (&str, &str) =
    ("_meta.json", r#"{"ownerId":"1","slug":"weather","version":"1.2.0","publishedAt":1}"#);

#[tokio::test]
async fn clawhub_gives_a_skill_whose_files_are_those_it_lists() {
    let files = [("SKILL.md", SKILL), ("run.sh", "echo")];
    let fake = clawhub(skill(&Value::Null), listed(&files), zip_of(&[files[0], files[1], META])).await;
    let hits = json!({"results": [
        {"slug": "weather", "displayName": "Weather", "summary": "Forecasts", "version": "1.2.0", "score": 0.9},
        {"slug": "../evil", "displayName": "x", "score": 0.8},
        {"slug": "calc", "displayName": "x", "version": null, "score": 0.7},
        {"displayName": "x", "score": 0.1},
    ]});
    fake.json("/api/v1/search?q=rain+%26+sun&limit=20", &hits);
    for address in [fake.url().to_owned(), format!("{}/api/v1", fake.url())] {
        let registry = open(&address);
        let (release, content) = get(&registry, None).await.unwrap();
        assert_eq!((release.version.as_str(), release.is_suspicious), ("1.2.0", false));
        assert_eq!(
            (release.source.as_str(), release.publisher.as_deref()),
            (address.as_str(), Some("someone"))
        );
        let Content { bytes, .. } = &content;
        let dir = tempfile::tempdir().unwrap();
        let mut tree = unpack(bytes, dir.path(), &ArchiveBounds::default()).unwrap();
        release.check_files(&mut tree).unwrap();
        assert_eq!(tree.files.keys().collect::<Vec<_>>(), ["SKILL.md", "run.sh"]);
        assert!(!dir.path().join("_meta.json").exists());
        assert_eq!(release.signed_by(&content, &Keys::default()).unwrap(), None);
        let keys = Keys::new(&[STANDARD.encode([1; 32])], false);
        let error = release.signed_by(&content, &keys).unwrap_err().to_string();
        assert!(error.contains("no signature"), "{error}");
        let found = registry.search("rain & sun", 20).await.unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].name.as_str(), found[0].description.as_str()), ("weather", "Forecasts"));
        assert!(registry.resolve("rain", None).await.unwrap_err().is_missing());
        assert!(registry.resolve("weather", Some("9.9.9")).await.unwrap_err().is_missing());
    }
}

#[tokio::test]
async fn clawhub_archives_that_differ_from_the_list_are_refused() {
    let good = [("SKILL.md", SKILL), ("run.sh", "echo")];
    let table: &[(&str, &[(&str, &str)])] = &[
        ("`run.sh` has SHA-256", &[good[0], ("run.sh", "evil")]),
        ("`run.sh` is missing", &[good[0]]),
        ("`more` is not in its list", &[good[0], good[1], ("more", "x")]),
        ("speaks of another", &[good[0], good[1], ("_meta.json", r#"{"slug":"rain","version":"1.2.0"}"#)]),
        ("speaks of another", &[good[0], good[1], ("_meta.json", "[]")]),
        // A list of files in a folder is another list.
        ("is missing", &[("other/run.sh", "echo"), ("SKILL.md", SKILL)]),
    ];
    for (reason, files) in table {
        let fake = clawhub(skill(&Value::Null), listed(&good), zip_of(files)).await;
        let (release, content) = get(&open(fake.url()), None).await.unwrap();
        let Content { bytes, .. } = content;
        let dir = tempfile::tempdir().unwrap();
        let mut tree = unpack(&bytes, dir.path(), &ArchiveBounds::default()).unwrap();
        let error = release.check_files(&mut tree).unwrap_err();
        assert!(error.is_refusal() && error.to_string().contains(reason), "{reason}: {error}");
    }
}

#[tokio::test]
async fn what_clawhub_warns_of_is_heard() {
    let files = listed(&[("SKILL.md", SKILL)]);
    let table = [
        (json!({"isSuspicious": true, "isMalwareBlocked": false}), Some(true)),
        (json!({"isSuspicious": false, "isMalwareBlocked": false, "verdict": "suspicious"}), Some(true)),
        (json!({"isSuspicious": false, "isMalwareBlocked": false, "verdict": "clean"}), Some(false)),
        (json!({"isSuspicious": true, "isMalwareBlocked": true}), None),
        (json!({"verdict": "malicious"}), None),
    ];
    for (moderation, expected) in table {
        let fake = clawhub(skill(&moderation), files.clone(), Vec::new()).await;
        let release = open(fake.url()).resolve("weather", None).await;
        assert_eq!(release.as_ref().ok().map(|release| release.is_suspicious), expected);
        if let Err(error) = release {
            assert!(error.is_refusal() && error.to_string().contains("malware"), "{error}");
        }
    }
    for (status, expected) in [("clean", Some(false)), ("suspicious", Some(true)), ("malicious", None)] {
        let fake = clawhub(skill(&Value::Null), files.clone(), Vec::new()).await;
        let version = json!({"version": {"version": "1.2.0", "files": files, "security": {"status": status}}, "skill": null});
        fake.json("/api/v1/skills/weather/versions/1.2.0", &version);
        let release = open(fake.url()).resolve("weather", None).await;
        assert_eq!(release.ok().map(|release| release.is_suspicious), expected);
    }
}

#[tokio::test]
async fn answers_of_clawhub_that_make_no_sense_are_told() {
    type Change = fn(&Fake);
    let table: &[(&str, Change)] = &[
        ("has no skill", |fake| {
            fake.json(
                "/api/v1/skills/weather",
                &json!({"skill": null, "latestVersion": null, "owner": null}),
            );
        }),
        ("is called `rain` now", |fake| {
            let mut other = skill(&Value::Null);
            other["skill"]["slug"] = json!("rain");
            fake.json("/api/v1/skills/weather", &other);
        }),
        ("no version that can be downloaded", |fake| {
            let mut other = skill(&Value::Null);
            other["latestVersion"] = Value::Null;
            fake.json("/api/v1/skills/weather", &other);
        }),
        ("is no version", |fake| {
            let mut other = skill(&Value::Null);
            other["latestVersion"]["version"] = json!("../../x");
            fake.json("/api/v1/skills/weather", &other);
        }),
        ("speaks of 1.3.0", |fake| {
            let other = json!({"version": {"version": "1.3.0", "files": []}});
            fake.json("/api/v1/skills/weather/versions/1.2.0", &other);
        }),
        ("lists no files", |fake| {
            let other = json!({"version": {"version": "1.2.0"}});
            fake.json("/api/v1/skills/weather/versions/1.2.0", &other);
        }),
        ("does not make sense", |fake| {
            fake.on("/api/v1/skills/weather", [Answer::ok("<html>")]);
        }),
        ("(403): taken down by its author", |fake| {
            fake.on("/api/v1/skills/weather", [Answer::new(403, "taken down\n by its \x1b author")]);
        }),
        ("(403): no", |fake| {
            fake.on("/api/v1/download?slug=weather&version=1.2.0", [Answer::new(403, "no")]);
        }),
        ("is not there", |fake| {
            fake.on("/api/v1/download?slug=weather&version=1.2.0", [Answer::new(404, "")]);
        }),
        ("apiBase is no address", |fake| {
            fake.json("/.well-known/clawhub.json", &json!({"apiBase": "https://"}));
        }),
        ("which a registry may not", |fake| {
            fake.json("/.well-known/clawhub.json", &json!({"apiBase": "http://10.0.0.1/"}));
        }),
        ("is it a skill registry?", |fake| {
            fake.on("/api/v1/skills/weather", [Answer::new(400, "")]);
        }),
    ];
    for (reason, change) in table {
        let fake =
            clawhub(skill(&Value::Null), listed(&[("SKILL.md", SKILL)]), zip_of(&[("SKILL.md", SKILL)]))
                .await;
        change(&fake);
        let error = refusal(&open(fake.url())).await;
        assert!(error.contains(reason), "{reason}: {error}");
        assert!(!error.contains(|c: char| c.is_control()), "{error:?}");
    }
}

#[tokio::test]
async fn the_protocol_is_found_out_once_and_a_failure_is_not_kept() {
    let fake = clawhub(skill(&Value::Null), listed(&[("SKILL.md", SKILL)]), Vec::new()).await;
    let registry = open(fake.url());
    fake.on("/.well-known/clawhub.json", [Answer::new(503, "")]);
    assert!(refusal(&registry).await.contains("status 503"));
    // A host that answers everything with a page, and has the interface all the same.
    fake.on("/.well-known/clawhub.json", [Answer::ok("<html>")]);
    fake.on("/index.json", [Answer::ok("<html>")]);
    assert!(registry.resolve("weather", None).await.is_ok());
    let before = fake.asked().len();
    assert!(registry.resolve("weather", None).await.is_ok());
    assert_eq!(fake.asked()[before..], ["/api/v1/skills/weather", "/api/v1/skills/weather/versions/1.2.0"]);
}

#[tokio::test]
async fn busy_and_broken_answers_are_asked_for_again() {
    let archive = tar_gz_of(&[("SKILL.md", SKILL)]);
    let fake = Fake::start().await;
    fake.json("/index.json", &index(&archive, |_| ()));
    let path = "/weather/1.2.0.tar.gz";
    let busy = || Answer::new(429, "").header("retry-after", "0");
    let cut = || Answer::ok(archive[..50].to_vec()).cut();
    let good = || Answer::ok(archive.clone());
    let registry = open(fake.url());
    for (answers, expected) in [
        (vec![busy(), Answer::new(500, ""), good()], None),
        (vec![cut(), good()], None),
        (vec![busy(), busy(), busy(), good()], Some("status 429: try again in 0 s")),
        (vec![cut(), cut(), cut(), good()], Some("can't be reached")),
        (vec![Answer::new(429, "").header("retry-after", "3600"), good()], Some("try again in 3600 s")),
        (vec![Answer::new(503, "").header("ratelimit-reset", "61"), good()], Some("try again in 61 s")),
        (vec![Answer::new(404, ""), good()], Some("is not there")),
    ] {
        fake.on(path, answers);
        let got = get(&registry, None).await.map(|_| ()).map_err(|error| error.to_string());
        match (expected, got) {
            (None, Ok(())) => {}
            (Some(expected), Err(error)) if error.contains(expected) => {}
            (expected, got) => panic!("{expected:?}: {got:?}"),
        }
    }
}

#[tokio::test]
async fn answers_and_where_they_lead_have_bounds() {
    let archive = tar_gz_of(&[("SKILL.md", SKILL)]);
    let (fake, other) = (Fake::start().await, Fake::start().await);
    fake.json("/index.json", &index(&archive, |_| ()));
    fake.on("/moved", [Answer::ok(archive.clone())]);
    let registry = open(fake.url());
    let path = "/weather/1.2.0.tar.gz";
    fake.on(path, [Answer::new(302, "").header("location", "/moved")]);
    assert!(get(&registry, None).await.is_ok());
    for target in [
        "http://10.0.0.1/x",
        "https://10.0.0.1/x",
        "https://169.254.169.254/latest",
        "http://example.com/x",
        "file:///etc/passwd",
        other.url(),
    ] {
        fake.on(path, [Answer::new(307, "").header("location", target)]);
        let error = refusal(&registry).await;
        assert!(error.contains("leads to"), "{target}: {error}");
    }
    assert!(other.asked().is_empty());
    fake.on(path, [Answer::new(301, "").header("location", path)]);
    assert!(refusal(&registry).await.contains("without end"));
    fake.on(path, [Answer::new(301, "")]);
    assert!(refusal(&registry).await.contains("no address"));
    fake.on(path, [Answer::ok(vec![0; (20 << 20) + 1])]);
    assert!(refusal(&registry).await.contains("more than 20971520 bytes"));
    fake.on("/index.json", [Answer::ok(vec![b' '; (8 << 20) + 1])]);
    assert!(refusal(&registry).await.contains("more than 8388608 bytes"));
}

#[tokio::test(start_paused = true)]
async fn a_silent_registry_is_given_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    // The clock goes on when nothing else does: the first time-out is the one that counts.
    let timing = Timing { connect: Duration::from_secs(600), ..Timing::default() };
    let address = format!("http://{}/index.json?key=secret", listener.local_addr().unwrap());
    let registry = Registry::open(Some(&address), &[], &Arc::new(Client::new(timing))).unwrap();
    let error = refusal(&registry).await;
    assert!(error.contains("did not answer within 15 s") && !error.contains("secret"), "{error}");
}

#[tokio::test]
async fn nobody_at_the_address_is_told() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/index.json?key=secret", listener.local_addr().unwrap());
    drop(listener);
    let error = refusal(&open(&address)).await;
    assert!(error.contains("can't be reached") && !error.contains("secret"), "{error}");
}

#[tokio::test]
async fn addresses_that_are_none_are_told_at_once() {
    let client = Arc::new(Client::default());
    for address in
        ["skills", "./skills", "http://example.com", "ftp://example.com", "https://u:secret@example.com"]
    {
        let error = Registry::open(Some(address), &[], &client).unwrap_err().to_string();
        assert!(error.contains("skills.registry") && !error.contains("secret"), "{error}");
    }
    let error = Registry::open(None, builtin(), &client).unwrap().resolve("weather", None).await.unwrap_err();
    assert!(error.is_missing() && error.to_string().contains("`skills.registry`"), "{error}");
}

#[tokio::test]
async fn signatures_are_of_a_known_key_for_this_name_and_version() {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let key = STANDARD.encode(pair.public_key().as_ref());
    let stranger =
        STANDARD.encode(Ed25519KeyPair::from_seed_unchecked(&[8; 32]).unwrap().public_key().as_ref());
    let archive = tar_gz_of(&[("SKILL.md", SKILL)]);
    let sign = |name: &str, version: &str, sha256: &str| {
        STANDARD.encode(pair.sign(signature::message(name, version, sha256).as_bytes()).as_ref())
    };
    let sha256 = sha256_hex(&archive);
    let good = sign("weather", "1.2.0", &sha256);
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("weather")).unwrap();
    fs::write(dir.path().join("weather/1.2.0.tar.gz"), &archive).unwrap();
    let table = [
        (Some(good.clone()), vec![stranger.clone(), key.clone()], false, Ok(Some(key.clone()))),
        (Some(good.clone()), vec![stranger.clone()], false, Err("none of the keys")),
        (Some(good.clone()), vec![], true, Err("needs keys")),
        (Some(good), vec![], false, Ok(None)),
        (None, vec![], false, Ok(None)),
        (None, vec![key.clone()], false, Err("must be signed")),
        (None, vec![], true, Err("needs keys")),
        (Some(sign("rain", "1.2.0", &sha256)), vec![key.clone()], false, Err("none of the keys")),
        (Some(sign("weather", "1.0.0", &sha256)), vec![key.clone()], false, Err("none of the keys")),
        (
            Some(sign("weather", "1.2.0", &sha256_hex(b"x"))),
            vec![key.clone()],
            false,
            Err("none of the keys"),
        ),
        (Some("not base64".to_owned()), vec![key.clone()], false, Err("none of the keys")),
        (Some(String::new()), vec![key], true, Err("none of the keys")),
    ];
    for (signature, keys, required, expected) in table {
        let index = index(&archive, |version| version["signature"] = json!(signature));
        fs::write(dir.path().join("index.json"), index.to_string()).unwrap();
        let (release, content) = get(&open(dir.path().to_str().unwrap()), None).await.unwrap();
        let checked = release.signed_by(&content, &Keys::new(&keys, required));
        match (expected, checked) {
            (Ok(expected), Ok(by)) => assert_eq!(by, expected),
            (Err(reason), Err(error)) => {
                assert!(error.is_refusal() && error.to_string().contains(reason), "{reason}: {error}");
            }
            (expected, checked) => panic!("{expected:?}: {checked:?}"),
        }
    }
}
