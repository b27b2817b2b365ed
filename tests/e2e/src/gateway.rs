//! The gateway as a program.

use std::{
    ffi::OsString,
    fs::Permissions,
    io::{BufRead as _, BufReader, Read},
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{Client, Provider};

/// The token that every test configures; also a canary that must never reach a log.
pub const TOKEN: &str = "e2e-canary-token-5f0c1d9a7b3e";

const PATIENCE: Duration = Duration::from_secs(60);

/// The gateway to test: `OPENCLAW_GATEWAY_BIN`, else the one beside the tests in cargo's target directory.
#[must_use]
pub fn binary() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("OPENCLAW_GATEWAY_BIN") {
        return Some(PathBuf::from(named)).filter(|path| path.is_file());
    }
    let name = format!("gateway{}", std::env::consts::EXE_SUFFIX);
    let tests = std::env::current_exe().ok()?;
    tests.ancestors().skip(1).take(3).map(|directory| directory.join(&name)).find(|path| path.is_file())
}

/// The default model, when this machine has it: `OPENCLAW_TEST_MODEL`, else what `cargo xtask model` fetched.
#[must_use]
pub fn model() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("OPENCLAW_TEST_MODEL") {
        return Some(PathBuf::from(named)).filter(|path| path.is_file());
    }
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let mut found: Vec<_> = std::fs::read_dir(models)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "gguf"))
        .collect();
    found.sort();
    found.into_iter().next()?.canonicalize().ok()
}

/// A data directory that outlives the gateways run on it.
#[derive(Clone)]
pub struct Home {
    directory: PathBuf,
    // Kept for its destructor, which removes the directory with the last clone.
    _temporary: Option<Arc<TempDir>>,
}

impl Home {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        let temporary = TempDir::new().unwrap();
        // A level deeper, so that the gateway creates it and its mode.
        Self { directory: temporary.path().join("home"), _temporary: Some(Arc::new(temporary)) }
    }

    /// One that somebody else removes.
    #[must_use]
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), _temporary: None }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.directory
    }

    /// Where its `gateway.yaml` is.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.directory.join("gateway.yaml")
    }

    /// Writes its `gateway.yaml`.
    pub fn write_config(&self, yaml: &str) {
        std::fs::create_dir_all(&self.directory).unwrap();
        std::fs::set_permissions(&self.directory, Permissions::from_mode(0o700)).unwrap();
        std::fs::write(self.config(), yaml).unwrap();
        std::fs::set_permissions(self.config(), Permissions::from_mode(0o600)).unwrap();
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

/// How to start a gateway.
#[derive(Clone)]
pub struct Setup {
    home: Home,
    providers: String,
    extra: String,
    gateway_extra: String,
    write_config: bool,
    environment: Vec<(String, OsString)>,
    wrapper: Vec<OsString>,
    // Kept running as long as a gateway may ask it.
    provider: Option<Provider>,
}

impl Setup {
    /// With a fresh data directory and no provider.
    #[must_use]
    pub fn new() -> Self {
        Self {
            home: Home::new(),
            providers: "providers: {}".to_owned(),
            extra: String::new(),
            gateway_extra: "  rate_limit:\n    requests_per_minute: 0".to_owned(),
            write_config: true,
            environment: Vec::new(),
            wrapper: Vec::new(),
            provider: None,
        }
    }

    /// With this one provider as `primary`.
    #[must_use]
    pub fn with(provider: &Provider) -> Self {
        let yaml = format!("providers:\n  primary:\n{}", provider.yaml("    "));
        Self { provider: Some(provider.clone()), ..Self::new().providers(&yaml) }
    }

    /// With this text as the `providers` (and `routing`) sections.
    #[must_use]
    pub fn providers(mut self, yaml: &str) -> Self {
        yaml.clone_into(&mut self.providers);
        self
    }

    /// With further top-level sections.
    #[must_use]
    pub fn extra(mut self, yaml: &str) -> Self {
        yaml.clone_into(&mut self.extra);
        self
    }

    /// With further keys of `gateway`, instead of the rate limit being off.
    #[must_use]
    pub fn gateway(mut self, yaml: &str) -> Self {
        yaml.clone_into(&mut self.gateway_extra);
        self
    }

    /// On this data directory.
    #[must_use]
    pub fn home(mut self, home: &Home) -> Self {
        self.home = home.clone();
        self
    }

    /// With the `gateway.yaml` that is there (or not).
    #[must_use]
    pub fn keep_config(mut self) -> Self {
        self.write_config = false;
        self
    }

    /// With an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// Started by this program, which is given the gateway's command line.
    #[must_use]
    pub fn wrapper(mut self, words: &[&str]) -> Self {
        self.wrapper = words.iter().map(OsString::from).collect();
        self
    }

    /// The `gateway.yaml` it writes.
    #[must_use]
    pub fn yaml(&self) -> String {
        // Trying sandboxes costs each start of a gateway more than most tests do.
        let skills = if self.extra.contains("skills:") { "" } else { "skills:\n  engine: none\n" };
        format!(
            "gateway:\n  port: 0\n  auth:\n    token: \"{TOKEN}\"\n{}\n{}\n{skills}{}\n",
            self.gateway_extra, self.providers, self.extra
        )
    }

    /// The data directory.
    #[must_use]
    pub fn data(&self) -> &Home {
        &self.home
    }

    /// A command that runs `gateway ARGS` on the data directory, with nothing of our own environment but `PATH`.
    #[must_use]
    pub fn command(&self, args: &[&str]) -> Command {
        if self.write_config {
            self.home.write_config(&self.yaml());
        }
        let binary = binary().expect("a gateway binary; tests begin with need_gateway!()").into_os_string();
        let mut words = self.wrapper.iter().cloned().chain([binary]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).args(args).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("OPENCLAW_HOME", self.home.path());
        command.env("HOME", self.home.path().parent().unwrap_or(self.home.path()));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs `gateway ARGS` to its end: status, standard output, standard error.
    #[must_use]
    pub fn run(&self, args: &[&str]) -> (ExitStatus, String, String) {
        let output = self.command(args).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status, text(&output.stdout), text(&output.stderr))
    }

    /// Starts the gateway and waits until it listens.
    #[must_use]
    pub fn start(&self) -> Gateway {
        self.try_start().unwrap_or_else(|output| panic!("the gateway did not start:\n{output}"))
    }

    /// Starts the gateway; when it ends instead of listening, what it said.
    pub fn try_start(&self) -> Result<Gateway, String> {
        let mut command = self.command(&["run"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let output = Arc::new(Output::default());
        follow(child.stdout.take().unwrap(), &output);
        follow(child.stderr.take().unwrap(), &output);
        let started = Instant::now();
        loop {
            if let Some(address) = self.listening(child.id()) {
                return Ok(Gateway {
                    child,
                    address,
                    output,
                    home: self.home.clone(),
                    _provider: self.provider.clone(),
                });
            }
            if let Some(status) = child.try_wait().unwrap() {
                output.drained();
                return Err(format!("{status}\n{}", output.text()));
            }
            assert!(started.elapsed() < PATIENCE, "no address after a minute:\n{}", output.text());
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Setup {
    /// Where the process `pid` says it listens. The file of an earlier one may still be there.
    fn listening(&self, pid: u32) -> Option<SocketAddr> {
        let text = std::fs::read(self.home.path().join("gateway.run.json")).ok()?;
        let running: serde_json::Value = serde_json::from_slice(&text).ok()?;
        (running["pid"] == pid).then(|| running["address"].as_str()?.parse().ok())?
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

/// Everything a process wrote.
#[derive(Default)]
struct Output {
    lines: Mutex<(Vec<String>, usize)>,
    grown: Condvar,
}

impl Output {
    fn text(&self) -> String {
        self.lines.lock().unwrap().0.join("\n")
    }

    /// Waits until both streams are closed.
    fn drained(&self) {
        let guard = self.lines.lock().unwrap();
        let wait = self.grown.wait_timeout_while(guard, PATIENCE, |(_, closed)| *closed < 2);
        drop(wait.unwrap());
    }
}

fn follow(stream: impl Read + Send + 'static, output: &Arc<Output>) {
    let output = Arc::clone(output);
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            output.lines.lock().unwrap().0.push(line);
            output.grown.notify_all();
        }
        output.lines.lock().unwrap().1 += 1;
        output.grown.notify_all();
    });
}

/// A running gateway. Dropping it kills it.
pub struct Gateway {
    child: Child,
    address: SocketAddr,
    output: Arc<Output>,
    home: Home,
    _provider: Option<Provider>,
}

impl Gateway {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its data directory.
    #[must_use]
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// A client with the token.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(self.address, Some(TOKEN))
    }

    /// Everything it printed so far.
    #[must_use]
    pub fn output(&self) -> String {
        self.output.text()
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `kill -9`; returns when it is gone.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to leave, as a service manager does.
    pub fn terminate(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
    }

    /// Waits until it has left; its status and everything it printed.
    #[must_use]
    pub fn wait(mut self) -> (ExitStatus, String) {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(started.elapsed() < PATIENCE, "it does not leave:\n{}", self.output.text());
            std::thread::sleep(Duration::from_millis(5));
        };
        self.output.drained();
        (status, self.output.text())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // It may have left already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            println!("--- what the gateway printed\n{}\n---", self.output.text());
        }
    }
}
