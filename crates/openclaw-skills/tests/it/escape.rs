//! The escape battery: each file of `tests/escape/attempts` is a hostile skill, run on every engine that is there. Each must be refused or
//! contained, must leave nothing behind, must not bring back a byte of what it was not to see, and must be seen in the log.

use std::{
    fmt::Write as _,
    fs,
    io::{Read as _, Write as _},
    os::unix::{
        fs::symlink,
        net::{UnixDatagram, UnixListener},
    },
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use futures_util::{StreamExt as _, stream};
use openclaw_core::{
    ToolResult,
    config::{SandboxEngine, SkillLimits, SkillPolicy, SkillsConfig},
};
use serde_json::{Value, json};

use crate::{
    logged::Logged,
    network::AllHere,
    support::Home,
    user::{self, Who},
};

/// What no attempt may bring back: it is in the token file, the home directory and other skills.
const NEEDLE: &str = "needle-in-the-token-file";
/// Attempts at the same time.
const AT_ONCE: usize = 4;
/// Seconds for an attempt that is to end by itself or by another bound, on a busy machine; and for one that may end by this one.
const TIME: (u32, u32) = (90, 8);
/// How long what is left of a sandbox may take to be gone.
const GONE: Duration = Duration::from_secs(60);

/// An attempt, as its header says.
struct Attempt {
    name: String,
    what: String,
    grants: Vec<String>,
    expect: Vec<String>,
    engines: Vec<String>,
    program: String,
    is_shell: bool,
}

fn attempts() -> Vec<Attempt> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/escape/attempts");
    // The test may run as a user who can't enter where the sources are.
    let folder = std::env::var_os(user::ATTEMPTS).map_or(folder, PathBuf::from);
    let mut all: Vec<Attempt> = fs::read_dir(&folder)
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "py" || extension == "sh"))
        .map(|path| read(&path))
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(all.len() >= 60, "only {} attempts", all.len());
    all
}

fn read(path: &Path) -> Attempt {
    let program = fs::read_to_string(path).unwrap();
    let field = |name: &str| {
        let lines = program.lines().take_while(|line| line.starts_with('#'));
        lines
            .filter_map(|line| line.strip_prefix(&format!("# {name}:")))
            .map(str::trim)
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let list = |text: String, separator: &str| {
        text.split(separator).map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect()
    };
    Attempt {
        name: path.file_stem().unwrap().to_str().unwrap().replace('_', "-"),
        what: field("attempt"),
        grants: list(field("grants"), ","),
        expect: list(field("expect"), " or "),
        engines: list(field("engines"), ","),
        is_shell: path.extension().is_some_and(|extension| extension == "sh"),
        program,
    }
}

/// What there is on the host to be reached, and whether it was.
struct World {
    home: Home,
    arguments: Value,
    reached: Arc<AtomicUsize>,
}

impl World {
    fn new(engine: SandboxEngine) -> Self {
        let reached = Arc::new(AtomicUsize::new(0));
        let (host_port, _) = server(&reached, None);
        let allowed = Arc::new(AtomicUsize::new(0));
        let (allowed_port, _) = server(&allowed, Some(host_port));
        let home = Home::with_resolver(
            SkillsConfig {
                engine,
                rootless: engine != SandboxEngine::Docker,
                limits: SkillLimits { memory_mb: 128, processes: 48, warm: 0, ..SkillLimits::default() },
                policy: SkillPolicy {
                    allow_private: vec![format!("allowed.test:{allowed_port}")],
                    ..SkillPolicy::default()
                },
                ..SkillsConfig::default()
            },
            Arc::new(AllHere),
        );
        let user = home.path("home");
        fs::write(user.join("diary.txt"), NEEDLE).unwrap();
        for folder in ["read", "write"] {
            let folder = home.path("granted").join(folder);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("note.txt"), "plain words").unwrap();
            symlink(user.join("diary.txt"), folder.join("link-to-a-file")).unwrap();
            symlink(&user, folder.join("link-to-home")).unwrap();
            symlink("/etc/shadow", folder.join("link-to-shadow")).unwrap();
            symlink("../diary.txt", folder.join("link-up")).unwrap();
            home.open_to_all(&folder);
        }
        let pipe = home.path("granted/read/pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o666.into(), 0).unwrap();
        home.open_to_all(&pipe);
        // Only root can make one.
        let (device, fuse) = (home.path("granted/read/device"), rustix::fs::makedev(10, 229));
        let kind = rustix::fs::FileType::CharacterDevice;
        if rustix::fs::mknodat(rustix::fs::CWD, &device, kind, 0o666.into(), fuse).is_ok() {
            home.open_to_all(&device);
        }
        home.put("other", "SKILL.md", &format!("---\nname: other\ndescription: {NEEDLE}\n---\n{NEEDLE}\n"));
        let socket = home.path("home/host.sock");
        let abstract_name = format!("openclaw-escape-{}-{engine:?}", std::process::id());
        listen(&socket, &abstract_name, &reached);
        let granted = home.path("granted/read/service.sock");
        listen(&granted, &format!("{abstract_name}-granted"), &reached);
        home.open_to_all(&granted);
        let datagrams = home.path("granted/read/datagrams.sock");
        hear(&datagrams, &reached);
        home.open_to_all(&datagrams);
        let arguments = json!({
            "home": user,
            "token_file": user.join(".openclaw/gateway.yaml"),
            "host_port": host_port,
            "abstract": abstract_name,
            "unix_socket": socket,
            "host_pid": std::process::id(),
            "private_url": format!("http://127.0.0.1:{host_port}/"),
            "allowed_url": format!("http://allowed.test:{allowed_port}/"),
            "redirect_url": format!("http://allowed.test:{allowed_port}/redirect"),
            "write_probe": user.join("written-from-inside"),
            "uid": rustix::process::geteuid().as_raw(),
        });
        Self { home, arguments, reached }
    }

    fn put(&self, attempt: &Attempt) {
        let port =
            self.arguments["allowed_url"].as_str().unwrap().rsplit(':').next().unwrap().trim_end_matches('/');
        let grants: Vec<String> = attempt
            .grants
            .iter()
            .map(|grant| {
                let grant = grant
                    .replace("${READ_DIR}", self.home.path("granted/read").to_str().unwrap())
                    .replace("${WRITE_DIR}", self.home.path("granted/write").to_str().unwrap())
                    .replace("${ALLOWED_HOST}", &format!("allowed.test:{port}"));
                format!("'{grant}'")
            })
            .collect();
        let (name, grants) = (&attempt.name, grants.join(", "));
        let entry = if attempt.is_shell { "[/bin/sh, main.sh]" } else { "[python3, -B, main.py]" };
        let time = if attempt.expect.iter().any(|end| end == "ended:time") { TIME.1 } else { TIME.0 };
        let head = format!(
            "---\nname: {name}\ndescription: Hostile.\nentrypoint: {entry}\ntimeout: {time}\npermissions: [{grants}]\n---\n"
        );
        self.home.put(name, "SKILL.md", &head);
        self.home.put(name, if attempt.is_shell { "main.sh" } else { "main.py" }, &attempt.program);
        if !attempt.is_shell {
            let shared = std::env::var_os(user::ATTEMPTS).map_or_else(
                || Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/escape/attempts"),
                PathBuf::from,
            );
            let shared = fs::read_to_string(shared.parent().unwrap().join("attempt.py")).unwrap();
            self.home.put(name, "attempt.py", &shared);
        }
    }
}

/// A server of the host that counts who gets through to it; with `redirect`, it sends to that port of this machine.
fn server(reached: &Arc<AtomicUsize>, redirect: Option<u16>) -> (u16, thread::JoinHandle<()>) {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let reached = Arc::clone(reached);
    let serving = thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            reached.fetch_add(1, Ordering::Relaxed);
            thread::spawn(move || {
                let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
                let mut asked = [0; 4096];
                let count = stream.read(&mut asked).unwrap_or(0);
                let head = match redirect {
                    Some(port) if asked[..count].starts_with(b"GET /redirect") => {
                        format!("302 Found\r\nlocation: http://127.0.0.1:{port}/")
                    }
                    Some(_) => "200 OK".to_owned(),
                    None => "200 OK".to_owned(),
                };
                let body = if redirect.is_some() { "allowed" } else { NEEDLE };
                let length = body.len();
                let _ = write!(
                    stream,
                    "HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                );
            });
        }
    });
    (port, serving)
}

/// Sockets of the host that nobody inside may connect to.
fn listen(path: &Path, abstract_name: &str, reached: &Arc<AtomicUsize>) {
    use std::os::linux::net::SocketAddrExt as _;
    let address = std::os::unix::net::SocketAddr::from_abstract_name(abstract_name).unwrap();
    for listener in [UnixListener::bind(path).unwrap(), UnixListener::bind_addr(&address).unwrap()] {
        let reached = Arc::clone(reached);
        thread::spawn(move || {
            for _ in listener.incoming() {
                reached.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
}

/// The same for a service that takes datagrams.
fn hear(path: &Path, reached: &Arc<AtomicUsize>) {
    let (socket, reached) = (UnixDatagram::bind(path).unwrap(), Arc::clone(reached));
    thread::spawn(move || {
        while socket.recv(&mut [0; 16]).is_ok() {
            reached.fetch_add(1, Ordering::Relaxed);
        }
    });
}

/// What is wrong with how an attempt ended; `None`: it was contained.
fn judge(attempt: &Attempt, result: &ToolResult) -> Option<String> {
    if result.content.contains(NEEDLE) {
        return Some("it brought back what it was not to see".to_owned());
    }
    let answer = serde_json::from_str::<Value>(result.content.trim()).ok();
    let says_escaped = answer.as_ref().map(|answer| &answer["escaped"]);
    if says_escaped == Some(&json!(true)) {
        return Some("it got through".to_owned());
    }
    let content = &result.content;
    let ended = |expected: &str| match expected {
        "contained" => !result.is_error && says_escaped == Some(&json!(false)),
        "cut" => content.contains("cut off"),
        // Whatever it printed is data; nothing else is asked of it.
        "data" => true,
        "error" => result.is_error,
        "ended:memory" => result.is_error && content.contains("of memory and was ended"),
        "ended:processes" => result.is_error && content.contains("processes and was ended"),
        "ended:time" => result.is_error && content.contains("did not answer within"),
        other => panic!("{}: `{other}` is no way to end", attempt.name),
    };
    let expected: Vec<&str> = attempt.expect.iter().map(String::as_str).collect();
    assert!(!expected.is_empty(), "{} does not say how it is to end", attempt.name);
    let is_good = expected.iter().any(|expected| ended(expected));
    (!is_good).then(|| format!("it was to end as {}", expected.join(" or ")))
}

/// What is missing in the log of an attempt; `None`: who reads it knows what was tried, and what stopped it.
fn judge_log(attempt: &Attempt, result: &ToolResult, lines: &[String]) -> Option<String> {
    let count = |words: &str| lines.iter().filter(|line| line.contains(words)).count();
    if count("message=a skill was called") != 1 {
        return Some("the log does not tell that it was called".to_owned());
    }
    let ours = format!("`{}` ", attempt.name);
    let told = result.content.lines().find(|line| line.starts_with(&ours)).unwrap_or_default();
    let was_ended = result.is_error && (told.contains("was ended") || told.contains("ended by signal"));
    let was_cut = result.content.contains(&format!("[cut off: {ours}wrote more"));
    if (was_ended || was_cut) && count("message=a skill was ended by the sandbox") == 0 {
        return Some("the log does not tell what ended it".to_owned());
    }
    // (The one that goes past the forwarder does not get as far as the proxy.)
    let uses_proxy = attempt.name.starts_with("proxy-") && attempt.name != "proxy-other-sockets";
    if uses_proxy && count("message=egress: refused") == 0 {
        return Some("the log does not tell that the proxy refused something".to_owned());
    }
    None
}

async fn battery(engine: SandboxEngine) {
    let logged = Logged::default();
    let _listens = tracing::subscriber::set_default(logged.clone());
    let name = format!("{engine:?}").to_lowercase();
    let attempts: Vec<Attempt> = attempts()
        .into_iter()
        .filter(|attempt| attempt.engines.is_empty() || attempt.engines.contains(&name))
        .collect();
    let world = World::new(engine);
    for attempt in &attempts {
        world.put(attempt);
    }
    world.home.start().await;
    let folders = [world.home.path("home/.openclaw/skills"), world.home.path("granted/read")];
    let before = folders.each_ref().map(|folder| tree(folder));
    let only = std::env::var("OPENCLAW_ESCAPE_ONLY").unwrap_or_default();
    let chosen = attempts.iter().filter(|attempt| attempt.name.contains(&only));
    let calls = stream::iter(chosen).map(|attempt| {
        let world = &world;
        async move { (attempt, world.home.call(&attempt.name, world.arguments.clone()).await) }
    });
    let results: Vec<(&Attempt, ToolResult)> = calls.buffer_unordered(AT_ONCE).collect().await;
    let mut report = String::new();
    for (attempt, result) in &results {
        let shown: String = result.content.chars().take(1500).collect();
        if std::env::var_os("OPENCLAW_ESCAPE_SHOW").is_some() {
            println!("{}: {shown}", attempt.name);
        }
        let field = format!(" skill=\"{}\" ", attempt.name);
        let mut lines = logged.all();
        lines.retain(|line| format!("{line} ").contains(&field));
        let wrong = judge(attempt, result).or_else(|| judge_log(attempt, result, &lines));
        if let Some(wrong) = wrong {
            let lines = lines.join("\n    ");
            let _ = writeln!(
                report,
                "{} ({}) on {name}: {wrong}\n    {shown}\n    {lines}",
                attempt.name, attempt.what
            );
        }
    }
    println!("{} attempts on {name}", results.len());
    assert!(report.is_empty(), "{report}");
    let is_reached = world.reached.load(Ordering::Relaxed) > 0;
    let is_written = world.home.path("home/written-from-inside").exists();
    let is_changed = folders.each_ref().map(|folder| tree(folder)) != before;
    if is_reached || is_written || is_changed {
        // Whoever it was has not said so.
        for (attempt, result) in &results {
            println!("{} on {name}: {}", attempt.name, result.content.chars().take(500).collect::<String>());
        }
        panic!(
            "on {name}, somebody reached a server of the host ({is_reached}), wrote outside ({is_written}), or changed what may only be read ({is_changed})"
        );
    }
    let shared = world.home.path("home/.openclaw/skills").canonicalize().unwrap();
    world.home.end().await;
    let end = tokio::time::Instant::now() + GONE;
    while !left(&shared).is_empty() {
        assert!(tokio::time::Instant::now() < end, "on {name}, processes are left: {:?}", left(&shared));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Every file below a folder, with its content.
fn tree(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            match entry.file_type().unwrap() {
                kind if kind.is_dir() => folders.push(path),
                kind if kind.is_file() && !hidden => found.push((path.clone(), fs::read(path).unwrap())),
                _ => found.push((path, Vec::new())),
            }
        }
    }
    found.retain(|(path, _)| !path.file_name().unwrap().to_string_lossy().starts_with('.'));
    found.sort();
    found
}

/// Processes that have a folder below `shared` mounted as their skill: what they are, and that mount, which names the skill.
pub(crate) fn left(shared: &Path) -> Vec<(String, String)> {
    let shared = shared.to_str().unwrap();
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|process| {
            let mounts = fs::read_to_string(process.path().join("mountinfo")).ok()?;
            let mount = mounts.lines().find(|line| line.contains(" /skill ") && line.contains(shared))?;
            let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
            Some((String::from_utf8_lossy(&command).replace('\0', " "), mount.to_owned()))
        })
        .collect()
}

#[tokio::test]
async fn namespace() {
    battery(SandboxEngine::Namespace).await;
}

#[tokio::test]
async fn namespace_as_a_user() {
    match user::not_root("escape::namespace_as_a_user") {
        Who::Us => battery(SandboxEngine::Namespace).await,
        Who::Another => {}
        Who::Nobody(reason) => println!("SKIPPED: {reason}"),
    }
}

#[tokio::test]
async fn podman_as_a_user() {
    match user::not_root("escape::podman_as_a_user") {
        Who::Us if !crate::engines::is_there("podman") => println!("SKIPPED: podman is not installed"),
        Who::Us => battery(SandboxEngine::Podman).await,
        Who::Another => {}
        Who::Nobody(reason) => println!("SKIPPED: {reason}"),
    }
}

#[tokio::test]
async fn docker() {
    if crate::engines::has_docker() {
        battery(SandboxEngine::Docker).await;
    }
}
