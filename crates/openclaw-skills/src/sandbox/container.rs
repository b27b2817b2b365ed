//! The engines `podman` and `docker`: a container per sandbox, with the same init as process 1.

mod root;
mod running;
mod sweep;

use std::{fs, path::PathBuf, process::Stdio, sync::Arc, time::Duration};

use async_trait::async_trait;
use rustix::process::{Resource, getegid, geteuid, getrlimit};
use tokio::{io::AsyncReadExt as _, process::Command, runtime::Handle, sync::OnceCell, time::timeout};
use tokio_util::task::TaskTracker;

pub(super) use self::running::Running;

use super::{
    engine::{EGRESS_SOCKET, Engine, EngineError, Job, LIFELINE, SKILL_FOLDER, Sandbox},
    host, init,
    plan::Bind,
    program::Launcher,
    select::Surroundings,
};
use crate::manifest::Runtime;

/// How long a command that only looks or removes may take.
const COMMAND: Duration = Duration::from_secs(20);
/// How much of what it prints is read.
const ANSWER_BYTES: u64 = 1 << 20;
/// The label that our containers carry, with a name of the data directory as its value.
const HOME_LABEL: &str = "ai.openclaw.gateway";
/// The label that says where their gateway can be found alive.
const LINE_LABEL: &str = "ai.openclaw.lifeline";
/// Processes of all containers of a user together: what every kernel has numbers for, and podman goes by.
const PROCESSES: u64 = 32_768;
/// Whom a sandbox of root's gateway runs as.
const NOBODY: u32 = 65_534;

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
    /// Whether it has no more rights than we have, who are not root.
    rootless: bool,
    launcher: Launcher,
    /// For sockets and roots.
    folder: PathBuf,
    /// Whose containers are ours.
    owner: String,
    /// What the engine needs of the gateway's environment: where it keeps its things.
    environment: Vec<(String, String)>,
    /// Docker's stand-in for the host's root: an image with nothing in it.
    image: OnceCell<String>,
    /// Who looks after containers that are ending.
    tasks: TaskTracker,
    handle: Handle,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Podman,
    Docker,
}

impl Container {
    /// The engine whose command is `program`; `None`: it does not answer.
    pub(crate) async fn open(kind: Kind, program: PathBuf, around: &Surroundings) -> Option<Self> {
        let mut shared = Shared {
            kind,
            program,
            rootless: !geteuid().is_root(),
            launcher: around.launcher.clone(),
            folder: around.folder.clone(),
            owner: around.owner.clone(),
            environment: around.environment.clone(),
            image: OnceCell::new(),
            tasks: around.tasks.clone(),
            handle: Handle::current(),
        };
        if kind == Kind::Docker {
            let options = shared.ask(&["info", "--format", "{{.SecurityOptions}}"]).await?;
            shared.rootless &= options.contains("rootless");
        }
        Some(Self { shared: Arc::new(shared), runtime: None, cgroups: true })
    }

    /// The ways to call it, the best first. Which works is found by trying.
    pub(crate) fn ways(&self) -> Vec<Self> {
        let runtimes: &[_] = match self.shared.kind {
            Kind::Podman => &[None, Some("runc")],
            // Its daemon's.
            Kind::Docker => &[None],
        };
        let both = [true, false].into_iter();
        both.flat_map(|cgroups| {
            runtimes.iter().map(move |runtime| Self { runtime: *runtime, cgroups, ..self.clone() })
        })
        .collect()
    }

    /// How it is called, for people.
    pub(crate) fn way(&self) -> String {
        let runtime = self.runtime.map(|name| format!(" --runtime {name}")).unwrap_or_default();
        let cgroups = if self.cgroups { "" } else { " without control groups" };
        format!("{}{runtime}{cgroups}", self.name())
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

    async fn run(&self, job: &Job, running: &Running) -> Result<Command, EngineError> {
        let Shared { kind, owner, rootless, .. } = &*self.shared;
        let mut command = self.shared.command();
        let bounds = &job.bounds;
        if let Some(runtime) = self.runtime {
            command.args(["--runtime", runtime]);
        }
        let noexec = if job.any_program { "" } else { ",noexec" };
        let tmpfs =
            |path: &str| format!("{path}:rw,nosuid,nodev{noexec},size={},mode=1777", bounds.memory_bytes / 2);
        let line = running.socket().to_string_lossy();
        command.args(["run", "--rm", "--interactive", "--name", running.name()]);
        command.arg(format!("--label={HOME_LABEL}={owner}")).arg(format!("--label={LINE_LABEL}={line}"));
        command.args(["--network", "none", "--read-only", "--cap-drop", "all", "--hostname", "sandbox"]);
        command.args(["--security-opt", "no-new-privileges", "--log-driver", "none", "--pull", "never"]);
        command.args(["--workdir", "/", "--tmpfs", &tmpfs("/tmp"), "--tmpfs", &tmpfs("/work")]);
        command.arg(format!("--shm-size={}", bounds.memory_bytes / 8));
        command.arg(format!("--ulimit=nofile={0}:{0}", bounds.open_files));
        // Init lowers it for the skill. No more than we have ourselves: nobody without rights can raise it.
        let processes = getrlimit(Resource::Nproc).maximum.map_or(PROCESSES, |most| most.min(PROCESSES));
        command.arg(format!("--ulimit=nproc={processes}:{processes}"));
        for name in ["tcp_rmem", "tcp_wmem"] {
            command.arg("--sysctl").arg(format!("net.ipv4.{name}=4096 16384 131072"));
        }
        if self.cgroups {
            command.arg(format!("--memory={}", bounds.memory_bytes));
            command.arg(format!("--memory-swap={}", bounds.memory_bytes));
            command.arg(format!("--pids-limit={}", bounds.processes + 16)).arg("--cpus=1");
        }
        if *kind == Kind::Podman {
            command.arg("--no-hosts");
            // Else it puts file systems there that are writable and have no bound, and landlock alone would keep them shut.
            for path in ["/run", "/var/tmp"] {
                command.args(["--tmpfs", &format!("{path}:ro,nosuid,nodev,noexec,size=4k,notmpcopyup")]);
            }
            command.arg("--security-opt").arg(format!("mask={}", host::HIDDEN.join(":")));
            command.arg(format!("--timeout={}", bounds.lifetime_ms.div_ceil(1000) + 5));
        } else {
            // Its own filter keeps init from making a user namespace; ours is tighter, and there before the skill is.
            command.args(["--security-opt", "seccomp=unconfined"]);
        }
        if *rootless {
            // Root inside is us; only with this right may init map it into a namespace of its own (user_namespaces(7)). It gives it up then.
            command.args(["--cap-add", "SETFCAP"]);
        } else if geteuid().is_root() {
            command.arg(format!("--user={NOBODY}:{NOBODY}"));
        } else {
            command.arg(format!("--user={}:{}", geteuid().as_raw(), getegid().as_raw()));
        }
        let (mut binds, start) = self.binds(job);
        binds.push(Bind {
            source: line.into_owned(),
            target: LIFELINE.to_owned(),
            writable: false,
            judged: true,
        });
        if *kind == Kind::Docker {
            binds.extend(self.shared.names(running)?);
        }
        command.args(binds.iter().flat_map(|bind| self.shared.mount(bind)));
        let [program, before @ ..] = start.as_slice() else { return Err(EngineError::NoPipe) };
        command.arg(format!("--entrypoint={program}"));
        match (&job.runtime, kind) {
            (Runtime::Host, Kind::Podman) => command.arg("--rootfs").arg(self.shared.root(job, running)?),
            (Runtime::Host, Kind::Docker) => command.arg(self.shared.image().await?),
            (Runtime::Image(image), _) => command.arg(image),
        };
        command.args(before).args([init::ARGUMENT, "init"]);
        Ok(command)
    }
}

impl Shared {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir("/").kill_on_drop(true);
        command
    }

    /// Runs a command that only looks or removes; what it printed, in so far as that is bounded: past it, the pipe breaks.
    async fn ask(&self, arguments: &[&str]) -> Option<String> {
        let mut command = self.command();
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let asked = async {
            let mut child = command.spawn().ok()?;
            let mut said = Vec::new();
            child.stdout.take()?.take(ANSWER_BYTES).read_to_end(&mut said).await.ok()?;
            let is_done = child.wait().await.ok()?.success();
            is_done.then(|| String::from_utf8_lossy(&said).trim().to_owned())
        };
        timeout(COMMAND, asked).await.ok()?
    }

    /// Removes containers, running or not.
    async fn remove(&self, containers: &[&str]) -> Option<String> {
        let time: &[&str] = if self.kind == Kind::Podman { &["--time", "0"] } else { &[] };
        self.ask(&[&["rm", "--force"], time, containers].concat()).await
    }

    /// The arguments that mount something.
    fn mount(&self, bind: &Bind) -> [String; 2] {
        let Bind { source, target, writable, .. } = bind;
        match self.kind {
            Kind::Podman => {
                let access = if *writable { "rw" } else { "ro" };
                ["--volume".to_owned(), format!("{source}:{target}:{access},nosuid,nodev")]
            }
            Kind::Docker => {
                // Its `--volume` makes a folder of root's where the source has gone. Fields are quoted as in CSV.
                let field = |name, path: &str| format!("\"{name}={}\"", path.replace('"', "\"\""));
                let readonly = if *writable { "" } else { ",readonly" };
                let (source, target) = (field("source", source), field("target", target));
                ["--mount".to_owned(), format!("type=bind,{source},{target}{readonly}")]
            }
        }
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
        self.shared.rootless
    }

    async fn spawn(&self, job: &Job) -> Result<Sandbox, EngineError> {
        let running = Running::begin(&self.shared)?;
        let mut command = self.run(job, &running).await?;
        let program = self.shared.program.display().to_string();
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|source| EngineError::Start { program, source })?;
        let mut plan = job.plan();
        if !self.cgroups {
            plan.processor = Some(0);
        }
        Sandbox::begin(child, &plan, Some(running)).await
    }
}
