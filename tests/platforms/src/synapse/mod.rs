//! A real homeserver: Synapse, from PyPI's `matrix-synapse`, with SQLite in a directory of its own, behind a Unix socket.

mod http;
mod human;

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::Mutex,
    time::Duration,
};

use serde_json::json;
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep},
};

pub use http::{Answer, ask};
pub use human::{Human, Said};

/// Longest wait until it answers, and until it has ended.
const READY: Duration = Duration::from_secs(60);

/// A running homeserver named `localhost`. It ends when it is dropped.
#[derive(Debug)]
pub struct Synapse {
    python: PathBuf,
    directory: TempDir,
    process: Mutex<Option<Child>>,
}

impl Synapse {
    /// A homeserver that limits nobody's rate. `None`, and `SKIPPED:`, where there is no Synapse: `OPENCLAW_PLATFORM_CLIENTS` names the
    /// virtual environment that has it; with `OPENCLAW_REQUIRE_ALL=1` that is a failure.
    pub async fn start() -> Option<Self> {
        let fast = "{per_second: 10000, burst_count: 10000}";
        Self::start_with(&format!("rc_message: {fast}")).await
    }

    /// The same with further settings, as YAML.
    pub async fn start_with(settings: &str) -> Option<Self> {
        let environment = std::env::var_os("OPENCLAW_PLATFORM_CLIENTS").map(PathBuf::from);
        let python = environment.map(|environment| environment.join("bin/python"));
        let Some(python) = python.filter(|python| has_synapse(python)) else {
            let reason = "OPENCLAW_PLATFORM_CLIENTS names no virtual environment with matrix-synapse";
            assert!(std::env::var_os("OPENCLAW_REQUIRE_ALL").is_none_or(|all| all != "1"), "{reason}");
            println!("SKIPPED: {reason}");
            return None;
        };
        let directory = tempfile::Builder::new().prefix("synapse").tempdir().unwrap();
        let root = directory.path();
        let fast = "{per_second: 10000, burst_count: 10000}";
        let config = format!(
            "server_name: localhost
listeners: [{{path: {0}/http, type: http, x_forwarded: true, resources: [{{names: [client, media]}}]}}]
database: {{name: sqlite3, args: {{database: {0}/db}}}}
signing_key_path: {0}/key
media_store_path: {0}/media
log_config: {0}/log.yaml
report_stats: false
trusted_key_servers: []
enable_registration: true
enable_registration_without_verification: true
bcrypt_rounds: 4
rc_registration: {fast}
rc_login: {{address: {fast}, account: {fast}, failed_attempts: {fast}}}
rc_joins: {{local: {fast}, remote: {fast}}}
rc_invites: {{per_room: {fast}, per_user: {fast}, per_issuer: {fast}}}
rc_room_creation: {fast}
{settings}
",
            root.display()
        );
        let log = format!(
            "version: 1
formatters: {{line: {{format: '%(asctime)s %(name)s %(levelname)s %(message)s'}}}}
handlers: {{file: {{class: logging.FileHandler, filename: {}/log, formatter: line}}}}
root: {{level: INFO, handlers: [file]}}
",
            root.display()
        );
        std::fs::write(root.join("hs.yaml"), config).unwrap();
        std::fs::write(root.join("log.yaml"), log).unwrap();
        // Nobody else ever sees what this key signs.
        std::fs::write(root.join("key"), format!("ed25519 a_test {}", "A".repeat(43))).unwrap();
        let synapse = Self { python, directory, process: Mutex::new(None) };
        synapse.run().await;
        Some(synapse)
    }

    /// Where it listens.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.root().join("http")
    }

    /// Somebody new, with a session.
    pub async fn register(&self, name: &str, password: &str) -> Human {
        let body = json!({
            "username": name, "password": password, "initial_device_display_name": "a person's",
            "auth": {"type": "m.login.dummy"},
        });
        let nobody = Human::nobody(self.socket());
        let session = nobody.ok("POST", "register", &body).await;
        let human = Human::with_session(self.socket(), &session);
        human
            .ok(
                "PUT",
                &format!("profile/{}/displayname", human.id),
                &json!({"displayname": capitalised(name)}),
            )
            .await;
        human
    }

    /// One more session of somebody.
    pub async fn log_in(&self, name: &str, password: &str) -> Human {
        let body = json!({
            "type": "m.login.password", "password": password,
            "identifier": {"type": "m.id.user", "user": name},
        });
        let session = Human::nobody(self.socket()).ok("POST", "login", &body).await;
        Human::with_session(self.socket(), &session)
    }

    /// Kills it: connections end, requests stay without an answer.
    pub async fn kill(&self) {
        let process = self.process.lock().unwrap().take();
        if let Some(mut process) = process {
            process.kill().await.unwrap();
        }
        let _ = std::fs::remove_file(self.socket());
    }

    /// Starts it again after [`Self::kill`], with what it knew.
    pub async fn run(&self) {
        let root = self.root();
        let output = std::fs::File::create(root.join("output")).unwrap();
        let child = Command::new(&self.python)
            .args(["-m", "synapse.app.homeserver", "--config-path"])
            .arg(root.join("hs.yaml"))
            .current_dir(root)
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        *self.process.lock().unwrap() = Some(child);
        let begun = Instant::now();
        while !self.answers().await {
            assert!(begun.elapsed() < READY, "Synapse does not answer:\n{}", self.words());
            let ended = self.process.lock().unwrap().as_mut().unwrap().try_wait().unwrap();
            assert_eq!(ended, None, "Synapse ended:\n{}", self.words());
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn answers(&self) -> bool {
        let nobody = Human::nobody(self.socket());
        nobody.call("GET", "/_matrix/client/versions", None).await.is_ok_and(|(status, _)| status == 200)
    }

    /// What it wrote, for a test that failed.
    #[must_use]
    pub fn words(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.root().join(name)).unwrap_or_default();
        format!("{}\n{}", read("output"), read("log"))
    }

    fn root(&self) -> &Path {
        self.directory.path()
    }
}

fn has_synapse(python: &Path) -> bool {
    python.parent().is_some_and(|bin| bin.join("synapse_homeserver").exists())
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
