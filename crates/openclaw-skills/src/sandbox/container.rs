//! The engines `podman` and `docker`: a container per sandbox, with the same init as process 1.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use rustix::process::{Pid, Resource, Signal, getrlimit, kill_process};
use tokio::{process::Command, time::timeout};
use tracing::{debug, warn};

use super::{
    engine::{EGRESS_SOCKET, Engine, EngineError, Job, SKILL_FOLDER, Sandbox},
    host, init,
    plan::Bind,
    program::Launcher,
};
use crate::manifest::Runtime;

/// How long a command that only looks or removes may take.
const COMMAND: Duration = Duration::from_secs(20);
/// The label that our containers carry, with the data directory's name as its value.
const LABEL: &str = "ai.openclaw.gateway";
/// Processes that the engine itself may need beside the skill's: a rootless user's are all counted together.
const PROCESSES: u64 = 1024;

/// A container engine's command, and how it has to be called here.
#[derive(Debug, Clone)]
pub(crate) struct Container {
    shared: Arc<Shared>,
    /// `--runtime NAME`, where the engine's own choice does not work.
    runtime: Option<&'static str>,
    /// Whether bounds by control groups are asked for.
    cgroups: bool,
}

#[derive(Debug)]
struct Shared {
    kind: Kind,
    program: PathBuf,
    launcher: Launcher,
    /// For the root's skeleton and pid files.
    folder: PathBuf,
    /// Whose containers are ours.
    owner: String,
    /// What the engine needs of the gateway's environment: where it keeps its things.
    environment: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Podman,
    Docker,
}

impl Container {
    pub(crate) fn new(
        kind: Kind,
        program: PathBuf,
        launcher: Launcher,
        folder: PathBuf,
        owner: String,
        environment: Vec<(String, String)>,
    ) -> Self {
        let shared = Shared { kind, program, launcher, folder, owner, environment };
        Self { shared: Arc::new(shared), runtime: None, cgroups: true }
    }

    /// The ways to call it, the best first. Which works is found by trying.
    pub(crate) fn ways(&self) -> Vec<Self> {
        let mut ways = Vec::new();
        for cgroups in [true, false] {
            for runtime in [None, Some("runc")] {
                ways.push(Self { runtime, cgroups, ..self.clone() });
            }
        }
        ways
    }

    /// How it is called, for people.
    pub(crate) fn way(&self) -> String {
        let runtime = self.runtime.map(|name| format!(" --runtime {name}")).unwrap_or_default();
        let cgroups = if self.cgroups { "" } else { " without control groups" };
        format!("{}{runtime}{cgroups}", self.name())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.shared.program);
        command.env_clear().envs(self.shared.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir("/").kill_on_drop(true);
        if let (Kind::Podman, Some(runtime)) = (self.shared.kind, self.runtime) {
            command.args(["--runtime", runtime]);
        }
        command
    }

    /// Runs a command that only looks or removes; what it printed.
    pub(super) async fn ask(&self, arguments: &[&str]) -> Option<String> {
        let mut command = self.command();
        command.args(arguments).stdin(Stdio::null()).stderr(Stdio::null());
        let output = timeout(COMMAND, command.output()).await.ok()?.ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// The empty root that the host's system directories are mounted into. Without grants it is made once for all sandboxes. The engine
    /// makes mount points in it, which tell where grants lie: with them, each sandbox has its own ([`Running`] removes it).
    fn skeleton(&self, job: &Job, name: &str) -> Result<PathBuf, EngineError> {
        let own = !job.grants.is_empty();
        let root = self.shared.folder.join(if own { format!("{name}.root") } else { "root".to_owned() });
        if !own && root.join("etc/passwd").exists() {
            return Ok(root);
        }
        let fresh = self.shared.folder.join(format!("{name}.new"));
        make_skeleton(&fresh)?;
        match fs::rename(&fresh, &root) {
            // Another sandbox was quicker; what it made is the same.
            Err(_) if root.join("etc/passwd").exists() => {
                let _ = fs::remove_dir_all(&fresh);
                Ok(root)
            }
            done => prepared(&root, done).map(|()| root),
        }
    }

    fn binds(&self, job: &Job) -> (Vec<Bind>, Vec<String>) {
        let bind = |source: &str, target: &str, writable| Bind {
            source: source.to_owned(),
            target: target.to_owned(),
            writable,
            judged: true,
        };
        let launcher = &self.shared.launcher;
        let (mut binds, start) =
            if job.runtime == Runtime::Host { launcher.on_host() } else { launcher.in_image() };
        if job.runtime == Runtime::Host {
            let is_folder = |path: &&&str| fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
            binds.extend(host::SYSTEM.iter().filter(is_folder).map(|path| bind(path, path, false)));
            for name in host::ETC_SHARED {
                let target = format!("/etc/{name}");
                if let Ok(source) = fs::canonicalize(&target) {
                    binds.push(bind(&source.to_string_lossy(), &target, false));
                }
            }
        }
        binds.push(bind(&job.folder.to_string_lossy(), SKILL_FOLDER, false));
        binds.extend(job.grants.iter().map(|grant| bind(&grant.path, &grant.path, grant.writable)));
        if let Some(socket) = &job.egress {
            binds.push(bind(&socket.to_string_lossy(), EGRESS_SOCKET, false));
        }
        (binds, start)
    }

    fn run(&self, job: &Job, name: &str, pid_file: &Path) -> Result<Command, EngineError> {
        let mut command = self.command();
        let bounds = &job.bounds;
        let noexec = if job.any_program { "" } else { ",noexec" };
        let tmpfs =
            |path: &str| format!("{path}:rw,nosuid,nodev{noexec},size={},mode=1777", bounds.memory_bytes / 2);
        // No more than we have ourselves: nobody without rights can raise it.
        let processes = getrlimit(Resource::Nproc).maximum.map_or(PROCESSES, |most| most.min(PROCESSES));
        command.args(["run", "--rm", "--interactive", "--name", name, "--label"]);
        command.arg(format!("{LABEL}={}", self.shared.owner));
        command.args(["--network", "none", "--read-only", "--cap-drop", "all", "--hostname", "sandbox"]);
        command.args(["--security-opt", "no-new-privileges", "--log-driver", "none", "--pull", "never"]);
        command.args(["--workdir", "/", "--tmpfs", &tmpfs("/tmp"), "--tmpfs", &tmpfs("/work")]);
        command.arg(format!("--shm-size={}", bounds.memory_bytes / 8));
        command.arg(format!("--ulimit=nofile={0}:{0}", bounds.open_files));
        command.arg(format!("--ulimit=nproc={processes}:{processes}"));
        if self.cgroups {
            command.arg(format!("--memory={}", bounds.memory_bytes));
            command.arg(format!("--memory-swap={}", bounds.memory_bytes));
            command.arg(format!("--pids-limit={}", bounds.processes + 16)).arg("--cpus=1");
        }
        if self.shared.kind == Kind::Podman {
            command.arg("--pidfile").arg(pid_file).arg("--no-hosts");
            command.arg("--security-opt").arg(format!("mask={}", host::HIDDEN.join(":")));
            for name in ["tcp_rmem", "tcp_wmem"] {
                command.arg("--sysctl").arg(format!("net.ipv4.{name}=4096 16384 131072"));
            }
            command.arg(format!("--timeout={}", bounds.lifetime_ms.div_ceil(1000) + 5));
        }
        if rustix::process::geteuid().is_root() {
            command.args(["--user", "65534:65534"]);
        }
        let (binds, start) = self.binds(job);
        for bind in &binds {
            let mut access = if bind.writable { "rw" } else { "ro" }.to_owned();
            if self.shared.kind == Kind::Podman {
                access.push_str(",nosuid,nodev");
            }
            command.arg("--volume").arg(format!("{}:{}:{access}", bind.source, bind.target));
        }
        let [program, before @ ..] = start.as_slice() else { return Err(EngineError::NoPipe) };
        command.arg(format!("--entrypoint=[\"{program}\"]"));
        match &job.runtime {
            Runtime::Host => command.arg("--rootfs").arg(self.skeleton(job, name)?),
            Runtime::Image(image) => command.arg(image),
        };
        command.args(before).args([init::ARGUMENT, "init"]);
        Ok(command)
    }
}

#[async_trait]
impl Engine for Container {
    fn name(&self) -> &'static str {
        match self.shared.kind {
            Kind::Podman => "podman",
            Kind::Docker => "docker",
        }
    }

    fn is_rootless(&self) -> bool {
        !rustix::process::geteuid().is_root()
    }

    async fn spawn(&self, job: &Job) -> Result<Sandbox, EngineError> {
        let name = format!("openclaw-{:016x}", fresh()?);
        let pid_file = self.shared.folder.join(format!("{name}.pid"));
        let mut command = self.run(job, &name, &pid_file)?;
        let program = self.shared.program.display().to_string();
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|source| EngineError::Start { program, source })?;
        let running = Running { engine: self.clone(), name, pid_file };
        let mut plan = job.plan();
        if !self.cgroups {
            plan.processor = Some(0);
        }
        Sandbox::begin(child, &plan, Some(running)).await
    }

    async fn sweep(&self) {
        for entry in fs::read_dir(&self.shared.folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match path.extension().and_then(std::ffi::OsStr::to_str) {
                Some("root" | "new") => drop(fs::remove_dir_all(path)),
                Some("pid") => drop(fs::remove_file(path)),
                _ => {}
            }
        }
        let filter = format!("label={LABEL}={}", self.shared.owner);
        let left = self.ask(&["ps", "--all", "--quiet", "--filter", &filter]).await.unwrap_or_default();
        let ids: Vec<&str> = left.split_whitespace().collect();
        if ids.is_empty() {
            return;
        }
        warn!(engine = self.name(), containers = ids.len(), "removing containers that a killed gateway left");
        let mut arguments = vec!["rm", "--force", "--time", "0"];
        if self.shared.kind == Kind::Docker {
            arguments = vec!["rm", "--force"];
        }
        arguments.extend(ids);
        if self.ask(&arguments).await.is_none() {
            warn!(engine = self.name(), "they can't be removed; `{} ps` shows them", self.name());
        }
    }
}

fn prepared(path: &Path, done: std::io::Result<()>) -> Result<(), EngineError> {
    done.map_err(|source| EngineError::Prepare { path: path.to_owned(), source })
}

fn make_skeleton(root: &Path) -> Result<(), EngineError> {
    for name in ["dev", "proc", "sys", "run", "tmp", "work", "skill", ".openclaw", "etc"] {
        let path = root.join(name);
        prepared(&path, fs::create_dir_all(&path))?;
    }
    for path in host::SYSTEM {
        let inside = root.join(path.trim_start_matches('/'));
        let Ok(metadata) = fs::symlink_metadata(path) else { continue };
        if metadata.is_symlink() {
            let to = fs::read_link(path).unwrap_or_default();
            prepared(&inside, std::os::unix::fs::symlink(to, &inside))?;
        } else {
            prepared(&inside, fs::create_dir_all(&inside))?;
        }
    }
    for (name, text) in host::ETC_FILES {
        let path = root.join("etc").join(name);
        prepared(&path, fs::write(&path, text))?;
    }
    Ok(())
}

/// A number nobody else has.
fn fresh() -> Result<u64, EngineError> {
    let mut bytes = [0; 8];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .map_err(|error| EngineError::Prepare { path: "/dev/urandom".into(), source: error.into() })?;
    Ok(u64::from_ne_bytes(bytes))
}

/// A container that has to be ended by itself: it outlives the command that started it.
#[derive(Debug)]
pub(super) struct Running {
    engine: Container,
    name: String,
    pid_file: PathBuf,
}

impl Running {
    /// Ends its process 1, and with it everything inside.
    pub(super) fn kill(&self) {
        let pid = fs::read_to_string(&self.pid_file).ok().and_then(|text| text.trim().parse::<i32>().ok());
        if let Some(pid) = pid.filter(|pid| is_ours(*pid)).and_then(Pid::from_raw)
            && kill_process(pid, Signal::KILL).is_ok()
        {
            return;
        }
        // Not far enough yet to have one, or the engine keeps it from us: its command knows.
        let mut command = std::process::Command::new(&self.engine.shared.program);
        command.env_clear().envs(self.engine.shared.environment.iter().map(|(name, value)| (name, value)));
        command.args(["rm", "--force", &self.name]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Err(error) = command.spawn() {
            debug!(container = self.name, %error, "can't be removed now; the next start does");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.pid_file);
        let _ = fs::remove_dir_all(self.pid_file.with_extension("root"));
    }
}

/// Whether that process is a container's init of ours, and not another program that was given the number since.
fn is_ours(pid: i32) -> bool {
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| {
        line.windows(init::ARGUMENT.len()).any(|window| window == init::ARGUMENT.as_bytes())
    })
}
