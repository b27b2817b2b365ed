//! The canary: before an engine is used, a program in it tries what no skill must be able to do.
//!
//! Three sandboxes, each with one song: `look` (files, the network, writing), `fork` (processes without end), `fill` (memory without end, in one
//! process and in many).

use std::{
    ffi::OsString,
    fs,
    io::{self, Read as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::{
    io::AsyncReadExt as _,
    net::TcpListener,
    time::{Instant, timeout_at},
};

use super::{
    ended::{Ended, hear},
    engine::{Engine, EngineError, Job},
    init::{ARGUMENT, InitError},
    plan::Bounds,
    program::PROGRAM,
};
use crate::manifest::Runtime;

/// How long one song may take; an engine that is slower is of no use, or the machine has too much to do: it is tried again.
const TIME: Duration = Duration::from_secs(45);
/// How long the canary goes on having what it was not to get, until it says so. Init looks several times a second, on an idle machine.
const SEEN: Duration = Duration::from_secs(8);
/// What each sandbox of the canary may have.
const BOUNDS: Bounds = Bounds {
    memory_bytes: 96 << 20,
    processes: 24,
    file_bytes: 8 << 20,
    open_files: 64,
    cpu_seconds: 30,
    lifetime_ms: 40_000,
};
/// How much of its answer is read.
const ANSWER_BYTES: u64 = 16 * 1024;

/// What the canary is to try to reach.
#[derive(Debug, Clone)]
pub(crate) struct Secrets {
    /// Files and directories that no skill may see: the home directory, the configuration with the token, ….
    pub(crate) paths: Vec<PathBuf>,
    /// An empty directory to mount as the skill's folder.
    pub(crate) folder: PathBuf,
}

/// Why an engine is not used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CanaryError {
    #[error("{0}")]
    Engine(#[from] EngineError),
    #[error("a sandbox could not be made: {said}")]
    NoSandbox { said: String },
    #[error("the canary got out: {what}")]
    Escaped { what: String },
    #[error("the canary `{song}` ended in an unexpected way ({ended:?}): {said}")]
    Unclear { song: &'static str, ended: Ended, said: String },
    #[error("the canary `{song}` did not come back within {} s", TIME.as_secs())]
    Slow { song: &'static str },
    #[error("the canary can't be prepared: {0}")]
    Prepare(#[source] io::Error),
}

/// Sends the canary into an engine.
pub(crate) async fn test(engine: &dyn Engine, secrets: &Secrets) -> Result<(), CanaryError> {
    // A server of the host, which must not be reached from inside.
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(CanaryError::Prepare)?;
    let address = listener.local_addr().map_err(CanaryError::Prepare)?;
    let mut look = vec!["look".to_owned(), address.to_string()];
    // A home directory that is the root is no secret: each sandbox has one.
    let paths = secrets.paths.iter().filter(|path| path.as_path() != Path::new("/"));
    look.extend(paths.map(|path| path.to_string_lossy().into_owned()));

    let (ended, said) = sing(engine, secrets, "look", look).await?;
    match (ended, said.trim()) {
        (Ended::Exited(0), "contained") => {}
        (Ended::Exited(2), what) => return Err(CanaryError::Escaped { what: what.to_owned() }),
        (Ended::NoSandbox | Ended::NoProgram | Ended::Exited(125..=127), _) => {
            return Err(CanaryError::NoSandbox { said: tail(&said) });
        }
        (ended, _) => return Err(CanaryError::Unclear { song: "look", ended, said: tail(&said) }),
    }
    for song in ["fork", "fill"] {
        let (ended, said) = sing(engine, secrets, song, vec![song.to_owned()]).await?;
        match ended {
            Ended::Memory | Ended::Processes | Ended::Signalled(9) => {}
            Ended::Exited(0) if said.trim() == "contained" => {}
            Ended::Exited(2) => return Err(CanaryError::Escaped { what: said.trim().to_owned() }),
            ended => return Err(CanaryError::Unclear { song, ended, said: tail(&said) }),
        }
    }
    Ok(())
}

fn tail(said: &str) -> String {
    let said = said.replace(|c: char| c.is_control() && c != '\n', " ");
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.iter().rev().take(3).rev().copied().collect::<Vec<_>>().join("; ")
}

/// One sandbox of the canary: how it ended, and what was said on both outputs.
async fn sing(
    engine: &dyn Engine,
    secrets: &Secrets,
    song: &'static str,
    arguments: Vec<String>,
) -> Result<(Ended, String), CanaryError> {
    let mut argv = vec![PROGRAM.to_owned(), ARGUMENT.to_owned(), "canary".to_owned()];
    argv.extend(arguments);
    let job = Job {
        folder: secrets.folder.clone(),
        runtime: Runtime::Host,
        argv,
        env: Vec::new(),
        grants: Vec::new(),
        egress: None,
        bounds: BOUNDS,
        any_program: false,
    };
    let deadline = Instant::now() + TIME;
    let song_ends = async {
        let mut sandbox = engine.spawn(&job).await?;
        let (stdout, stderr) = (sandbox.stdout.take(), sandbox.stderr.take());
        let (mut said, mut complained) = (Vec::new(), Vec::new());
        let read_out = async {
            if let Some(stdout) = stdout {
                let _ = stdout.take(ANSWER_BYTES).read_to_end(&mut said).await;
            }
        };
        let read_err = async {
            if let Some(stderr) = stderr {
                let _ = stderr.take(ANSWER_BYTES).read_to_end(&mut complained).await;
            }
        };
        let (ended, (), ()) = tokio::join!(sandbox.ended(), read_out, read_err);
        for said in [&mut said, &mut complained] {
            if let Some((before, _)) = hear(said) {
                let length = before.len();
                said.truncate(length);
            }
        }
        said.extend_from_slice(&complained);
        Ok((ended, String::from_utf8_lossy(&said).into_owned()))
    };
    timeout_at(deadline, song_ends).await.unwrap_or(Err(CanaryError::Slow { song }))
}

/// The canary itself, inside: `look ADDRESS PATH…`, `fork`, `fill`, and what these start: `sleep`, `hold`.
pub(super) fn attempt(mut arguments: impl Iterator<Item = OsString>) -> Result<u8, InitError> {
    let song = arguments.next().unwrap_or_default();
    let escaped = match song.to_str() {
        Some("look") => look(arguments),
        Some("fork") => fork(),
        Some("fill") => fill(),
        Some("sleep") => {
            std::thread::sleep(TIME);
            Vec::new()
        }
        Some("hold") => {
            let taken = take(HELD_BYTES);
            // Its parent waits for this.
            if taken.len() * CHUNK >= HELD_BYTES {
                let _ = rustix::io::write(rustix::stdio::stdout(), b".");
                std::thread::sleep(TIME);
            }
            Vec::new()
        }
        _ => return Err(InitError::Usage("the canary knows no such song")),
    };
    let text = if escaped.is_empty() { "contained\n".to_owned() } else { escaped.join("; ") };
    let _ = rustix::io::write(rustix::stdio::stdout(), text.as_bytes());
    Ok(if escaped.is_empty() { 0 } else { 2 })
}

/// What could be read, reached or written, in words.
fn look(mut arguments: impl Iterator<Item = OsString>) -> Vec<String> {
    let mut escaped = Vec::new();
    let address = arguments.next().and_then(|text| text.to_str()?.parse::<SocketAddr>().ok());
    let reach =
        |address: SocketAddr| TcpStream::connect_timeout(&address, Duration::from_millis(300)).is_ok();
    if address.is_none_or(reach) {
        escaped.push("it reached a server on the host's loopback".to_owned());
    }
    // An address that is nobody's (TEST-NET-1, RFC 5737): without a route the kernel refuses at once, with one it would wait.
    let nobody = SocketAddr::from(([192, 0, 2, 1], 443));
    let refused = TcpStream::connect_timeout(&nobody, Duration::from_millis(300));
    if !refused.is_err_and(|error| error.kind() == io::ErrorKind::NetworkUnreachable) {
        escaped.push("it has a route to the network".to_owned());
    }
    for path in arguments.map(PathBuf::from) {
        let seen = if path.is_dir() {
            fs::read_dir(&path).is_ok_and(|mut names| names.next().is_some())
        } else {
            fs::read(&path).is_ok()
        };
        if seen {
            escaped.push(format!("it read {}", path.display()));
        }
    }
    for folder in ["/", "/usr", "/usr/bin", "/etc", "/skill", "/proc", "/dev", "/sys", "/var", "/run"] {
        let path = Path::new(folder).join("openclaw-canary");
        if fs::write(&path, "canary").is_ok() {
            let _ = fs::remove_file(&path);
            escaped.push(format!("it wrote to {folder}"));
        }
    }
    if fs::read_dir("/proc").is_ok_and(|names| {
        // Process 1, init's threads and this one; the host has dozens.
        let numbers = names.flatten().filter_map(|name| name.file_name().to_str()?.parse::<u32>().ok());
        numbers.count() > 8
    }) {
        escaped.push("it sees processes of the host".to_owned());
    }
    escaped
}

/// Another process of this program.
fn start(song: &str, stdout: Stdio) -> io::Result<Child> {
    let mut command = Command::new(PROGRAM);
    command.args([ARGUMENT, "canary", song]).stdin(Stdio::null()).stdout(stdout).env_clear();
    command.spawn()
}

/// Starts processes until it is stopped.
fn fork() -> Vec<String> {
    let mut children = Vec::new();
    let most = BOUNDS.processes * 8;
    for _ in 0..most {
        match start("sleep", Stdio::null()) {
            Ok(child) => children.push(child),
            // Refused by the kernel.
            Err(_) => return Vec::new(),
        }
    }
    std::thread::sleep(SEEN);
    vec![format!("it started {most} processes where {} are allowed", BOUNDS.processes)]
}

/// Takes memory until it is stopped: alone, and in many processes of which each stays within the bound.
fn fill() -> Vec<String> {
    let allowed = BOUNDS.memory_bytes >> 20;
    let most = usize::try_from(BOUNDS.memory_bytes * 4).unwrap_or(usize::MAX);
    let taken = take(most);
    if taken.len() * CHUNK >= most {
        std::thread::sleep(SEEN);
        return vec![format!("it had {} MiB of memory where {allowed} are allowed", most >> 20)];
    }
    drop(taken);
    let mut children = Vec::new();
    for _ in 0..HOLDERS {
        let Ok(mut child) = start("hold", Stdio::piped()) else { return Vec::new() };
        let mut told = [0; 1];
        // Refused by the kernel, or ended for the memory of all.
        if child.stdout.as_mut().is_none_or(|stdout| stdout.read_exact(&mut told).is_err()) {
            return Vec::new();
        }
        children.push(child);
    }
    std::thread::sleep(SEEN);
    // A control group ends one after the other, and lets their parent live.
    let alive = children.iter_mut().map(Child::try_wait).filter(|ended| matches!(ended, Ok(None))).count();
    let had = (alive * HELD_BYTES) as u64;
    if had <= BOUNDS.memory_bytes {
        return Vec::new();
    }
    vec![format!("{alive} processes had {} MiB of memory together where {allowed} are allowed", had >> 20)]
}

/// As much of that many bytes as there is to be had.
fn take(bytes: usize) -> Vec<Vec<u8>> {
    let mut taken: Vec<Vec<u8>> = Vec::new();
    while taken.len() * CHUNK < bytes {
        let mut chunk: Vec<u8> = Vec::new();
        if chunk.try_reserve_exact(CHUNK).is_err() {
            break;
        }
        chunk.resize(CHUNK, 1);
        taken.push(chunk);
    }
    taken
}

const CHUNK: usize = 4 << 20;
/// Processes that take memory at the same time, and how much each: within the bound of one, and far beyond that of all.
const HOLDERS: usize = 6;
const HELD_BYTES: usize = 64 << 20;
