use std::{borrow::Borrow, fs, os::unix::fs::PermissionsExt as _};

use serde_json::json;

use super::*;
use crate::config::{Environment, Layer};

const FILE: &str = "\
# mine
gateway:
  port: 18789 # usual
  auth:
    token: \"${TOKEN}\" # from the safe
providers:
  primary: {type: openai, model: \"${MODEL:-gpt}\", api_key: sk-canary-1}
";

struct Fixture {
    directory: tempfile::TempDir,
    store: Arc<Store>,
}

impl Fixture {
    fn new(environment: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gateway.yaml");
        write::create(&path, FILE.as_bytes()).unwrap();
        let mut all = vec![("TOKEN", "canary-token")];
        all.extend_from_slice(environment);
        let loader = Loader::new(path, Environment::of(&all), Layer::default());
        let loaded = loader.load().unwrap();
        let store = Arc::new(Store::new(loader, loaded, Box::new(|_| {})));
        Self { directory, store }
    }

    fn text(&self) -> String {
        fs::read_to_string(self.directory.path().join("gateway.yaml")).unwrap()
    }

    fn patch(&self, patch: impl Borrow<Value>) -> Result<ConfigUpdate, Failure> {
        self.store.apply(patch.borrow())
    }

    fn refusal(&self, patch: impl Borrow<Value>) -> (String, String) {
        let before = (self.text(), effective(&self.store.config().borrow()));
        let failure = self.patch(patch.borrow()).unwrap_err();
        assert_eq!((self.text(), effective(&self.store.config().borrow())), before);
        assert_eq!(failure.code, ErrorCode::BadRequest);
        (failure.details["field"].as_str().unwrap().to_owned(), failure.message)
    }
}

#[test]
fn a_live_key_comes_into_force_and_into_the_file() {
    let fixture = Fixture::new(&[]);
    let gateway = fixture.store.gateway();
    let update = fixture.patch(json!({"gateway": {"rate_limit": {"requests_per_minute": 120}}})).unwrap();
    assert_eq!(update.updated, ["gateway.rate_limit.requests_per_minute"]);
    assert!(update.restart_required_for.is_empty());
    assert_eq!(update.config["gateway"]["rate_limit"]["requests_per_minute"], 120);
    assert_eq!(gateway.borrow().rate_limit.requests_per_minute, 120);
    let expected = FILE.replace("providers:", "  rate_limit:\n    requests_per_minute: 120\nproviders:");
    assert_eq!(fixture.text(), expected);
    let mode = fs::metadata(fixture.directory.path().join("gateway.yaml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(fs::read_dir(fixture.directory.path()).unwrap().count(), 1, "nothing is left over");
}

#[test]
fn the_whole_tree_sent_back_changes_nothing() {
    let fixture = Fixture::new(&[("OPENCLAW_GATEWAY__BIND", "127.0.0.2")]);
    let tree = effective(&fixture.store.config().borrow());
    assert!(!tree.to_string().contains("canary"), "{tree}");
    let update = fixture.patch(tree).unwrap();
    assert!(update.updated.is_empty());
    assert_eq!(fixture.text(), FILE);
}

#[test]
fn redacted_leaves_a_secret_and_a_value_replaces_it() {
    let fixture = Fixture::new(&[]);
    let patch = json!({"gateway": {"auth": {"token": REDACTED}, "port": 1}, "providers": {"primary": {"api_key": "new-canary"}}});
    let update = fixture.patch(patch).unwrap();
    assert_eq!(update.updated, ["gateway.port", "providers.primary.api_key"]);
    assert_eq!(update.restart_required_for, ["gateway.port"]);
    assert!(!update.config.to_string().contains("canary"));
    assert_eq!(fixture.store.config().borrow().gateway.auth.token.expose(), "canary-token");
    assert_eq!(fixture.store.gateway().borrow().port, 18789, "in force until the next start");
    assert_eq!(fixture.text(), FILE.replace("18789", "1").replace("sk-canary-1", "new-canary"));

    let back = fixture.patch(json!({"gateway": {"port": 18789}})).unwrap();
    assert_eq!((back.updated.len(), back.restart_required_for.len()), (1, 0));
}

#[test]
fn null_removes_and_placeholders_of_callers_are_texts() {
    let fixture = Fixture::new(&[]);
    let update = fixture.patch(json!({"providers": {"primary": {"model": "${TOKEN}"}}})).unwrap();
    assert_eq!(update.config["providers"]["primary"]["model"], "${TOKEN}");
    let update = fixture.patch(json!({"providers": null})).unwrap();
    assert_eq!(update.config["providers"], json!({}));
    assert!(update.updated.iter().all(|path| path.starts_with("providers")), "{:?}", update.updated);
    assert!(!fixture.text().contains("primary"));
    let added = fixture.patch(json!({"channels": {"telegram": {}}})).unwrap();
    assert_eq!(added.config["channels"]["telegram"]["enabled"], true);
}

#[test]
fn mistakes_change_nothing_and_name_the_key() {
    let fixture = Fixture::new(&[("OPENCLAW_GATEWAY__BIND", "127.0.0.2")]);
    let refused = |patch| fixture.refusal(patch);
    assert_eq!(refused(json!([])).0, "body");
    let (field, message) = refused(json!({"gateway": {"prot": 1}}));
    assert_eq!(field, "gateway.prot");
    assert!(message.contains("did you mean `port`"), "{message}");
    assert_eq!(refused(json!({"gateway": {"port": "1"}})).0, "gateway.port");
    assert_eq!(refused(json!({"gateway": {"port": 70000}})).0, "gateway.port");
    assert_eq!(refused(json!({"gateway": {"auth": {"token": null}}})).0, "gateway.auth.token");
    assert_eq!(refused(json!({"gateway": {"allowed_hosts": ["a", 1]}})).0, "gateway.allowed_hosts");
    assert_eq!(
        refused(json!({"gateway": {"port": 2}, "providers": {"x": {"model": "m"}}})).0,
        "providers.x.type"
    );
    assert_eq!(refused(json!({"routing": {"fallback": ["nobody"]}})).0, "routing.fallback[0]");
    assert_eq!(refused(json!({"channels": {"fax": {}}})).0, "channels.fax");
    let (field, message) = refused(json!({"gateway": {"bind": "127.0.0.3"}}));
    assert_eq!(field, "gateway.bind");
    assert!(message.contains("environment variable OPENCLAW_GATEWAY__BIND"), "{message}");
}

#[test]
fn an_edit_by_hand_is_taken_and_a_broken_one_is_not() {
    let fixture = Fixture::new(&[]);
    let path = fixture.directory.path().join("gateway.yaml");
    fs::write(&path, format!("{FILE}routing: {{fallback: [primary]}}\n")).unwrap();
    assert_eq!(fixture.store.reload().unwrap().updated, ["routing.fallback"]);
    fs::write(&path, "gateway: [\n").unwrap();
    assert!(matches!(fixture.store.reload(), Err(LoadError::Problems(_))));
    assert_eq!(fixture.store.config().borrow().routing.fallback, ["primary"]);
    let failure = fixture.patch(json!({"gateway": {"port": 1}})).unwrap_err();
    assert_eq!(failure.code, ErrorCode::Conflict);
    assert!(failure.message.contains("gateway.yaml:2:1: "), "{}", failure.message);
    assert!(!failure.message.contains("/tmp"), "{}", failure.message);
}

#[test]
fn a_link_stays_a_link() {
    let fixture = Fixture::new(&[]);
    let real = fixture.directory.path().join("real.yaml");
    let path = fixture.directory.path().join("gateway.yaml");
    fs::rename(&path, &real).unwrap();
    std::os::unix::fs::symlink(&real, &path).unwrap();
    fixture.patch(json!({"gateway": {"port": 7}})).unwrap();
    assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
    assert!(fs::read_to_string(&real).unwrap().contains("port: 7 # usual"));
}

#[tokio::test]
async fn patches_at_once_all_arrive() {
    let fixture = Fixture::new(&[]);
    let live = Arc::new(LiveConfig(Arc::clone(&fixture.store)));
    let patches =
        (0..8).map(|index| {
            let live = Arc::clone(&live);
            async move {
                live.patch(json!({"providers": {format!("p{index}"): {"type": "ollama"}}})).await.unwrap()
            }
        });
    futures_util::future::join_all(patches).await;
    assert_eq!(live.effective()["providers"].as_object().unwrap().len(), 9);
}

#[test]
fn the_query_of_an_address_is_kept_and_not_shown() {
    let fixture = Fixture::new(&[]);
    let set = |url: &str| fixture.patch(json!({"providers": {"primary": {"base_url": url}}}));
    let update = set("https://a.example/v1?key=canary-1").unwrap();
    assert_eq!(update.config["providers"]["primary"]["base_url"], "https://a.example/v1?key=***REDACTED***");
    assert!(fixture.patch(update.config).unwrap().updated.is_empty(), "sent back as it was shown");
    assert!(fixture.text().contains("?key=canary-1"));
    let update = set("https://a.example/v1?key=canary-2").unwrap();
    assert_eq!(update.updated, ["providers.primary.base_url"], "another value is a change");
    let refused = set("https://b.example/v1?key=***REDACTED***").unwrap_err();
    assert_eq!(refused.details["field"], "providers.primary.base_url");
    let refused = set("https://me:canary-3@a.example/v1").unwrap_err();
    assert!(
        refused.message.contains("api_key") && !refused.message.contains("canary"),
        "{}",
        refused.message
    );
    assert!(fixture.text().contains("?key=canary-2"));
}

#[tokio::test]
async fn an_edit_during_the_start_is_not_lost() {
    let fixture = Fixture::new(&[]);
    fs::write(fixture.directory.path().join("gateway.yaml"), FILE.replace("sk-canary-1", "sk-canary-9"))
        .unwrap();
    let mut config = fixture.store.config();
    let shutdown = tokio_util::sync::CancellationToken::new();
    let kick = Arc::new(tokio::sync::Notify::new());
    let watching = crate::config::watch(Arc::clone(&fixture.store), kick, shutdown.clone());
    let seen = async {
        config.changed().await.unwrap();
        let key = config.borrow().providers["primary"].api_key.clone();
        assert_eq!(key.unwrap().expose(), "sk-canary-9");
        shutdown.cancel();
    };
    tokio::join!(watching, seen);
}
