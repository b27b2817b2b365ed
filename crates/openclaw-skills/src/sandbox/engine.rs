//! The port behind which engines stand, and what they hand out: a skill's process in its sandbox.

use std::{path::PathBuf, time::Duration};

use async_trait::async_trait;
use openclaw_core::Secret;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::AsyncWriteExt as _,
    process::{Child, ChildStderr, ChildStdin, ChildStdout},
    time::timeout,
};

use super::{
    ended::Ended,
    plan::{Bounds, Grant, Plan, PlanError},
};
use crate::manifest::Runtime;

/// Where the skill's folder is inside, and where its program starts.
pub(crate) const SKILL_FOLDER: &str = "/skill";
/// Where the egress proxy's socket is inside.
pub(super) const EGRESS_SOCKET: &str = "/.openclaw/egress.sock";
/// Where the socket is inside that a container's init holds on to: all ends when the gateway's end of it is gone.
pub(super) const LIFELINE: &str = "/.openclaw/life.sock";
/// How long an engine may take until the plan is with init.
const START: Duration = Duration::from_secs(20);

/// What makes sandboxes.
#[async_trait]
pub(crate) trait Engine: Send + Sync {
    /// `podman`, `docker`, `namespace`.
    fn name(&self) -> &'static str;

    /// Whether it runs without root's rights.
    fn is_rootless(&self) -> bool;

    /// Makes a sandbox and starts the job's program in it. Dropped half-way, nothing is left running.
    async fn spawn(&self, job: &Job) -> Result<Sandbox, EngineError>;
}

/// What one sandbox is for, and all it may do.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// Its folder, seen read-only at [`SKILL_FOLDER`].
    pub(crate) folder: PathBuf,
    pub(crate) runtime: Runtime,
    /// The program and its arguments.
    pub(crate) argv: Vec<String>,
    /// Its environment, besides what every sandbox has.
    pub(crate) env: Vec<(String, Secret)>,
    /// Folders and files of the host it may see, under their own path.
    pub(crate) grants: Vec<Grant>,
    /// The egress proxy's socket for it; `None`: no network.
    pub(crate) egress: Option<PathBuf>,
    pub(crate) bounds: Bounds,
    /// Whether it may run programs that are not its own.
    pub(crate) any_program: bool,
}

impl Job {
    /// Init's plan, but for the file system.
    pub(super) fn plan(&self) -> Plan {
        let mut env: Vec<(String, String)> = [
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
            ("HOME", "/work"),
            ("TMPDIR", "/tmp"),
            ("LANG", "C.UTF-8"),
            ("USER", "sandbox"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        if self.egress.is_some() {
            let proxy = crate::egress::proxy_environment(super::init::PROXY_PORT);
            env.extend(proxy.map(|(name, value)| (name.to_owned(), value)));
        }
        env.extend(self.env.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())));
        Plan {
            tree: None,
            argv: self.argv.clone(),
            env,
            cwd: SKILL_FOLDER.to_owned(),
            grants: self.grants.clone(),
            bounds: self.bounds,
            processor: None,
            egress: self.egress.is_some().then(|| EGRESS_SOCKET.to_owned()),
            any_program: self.any_program,
        }
    }
}

/// A skill's process in its sandbox. Dropping it ends everything inside at once.
#[derive(Debug)]
pub(crate) struct Sandbox {
    /// `None` once closed.
    pub(crate) stdin: Option<ChildStdin>,
    /// `None` once taken.
    pub(crate) stdout: Option<ChildStdout>,
    /// `None` once taken.
    pub(crate) stderr: Option<ChildStderr>,
    /// `None` once its container looks after it.
    child: Option<Child>,
    leader: Option<Pid>,
    /// What has to be let go of to end it, if it is a container: that outlives the command which started it.
    container: Option<super::container::Running>,
}

impl Sandbox {
    /// Wraps a process that leads its own group and whose init waits for `plan` on standard input.
    pub(super) async fn begin(
        mut child: Child,
        plan: &Plan,
        container: Option<super::container::Running>,
    ) -> Result<Self, EngineError> {
        let leader = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let mut sandbox = Self { stdin, stdout, stderr, child: Some(child), leader, container };
        let bytes = plan.to_bytes()?;
        let Some(stdin) = sandbox.stdin.as_mut() else { return Err(EngineError::NoPipe) };
        // A failed write is told by what init or the engine says on standard error, when the end is waited for.
        let sent = timeout(START, async {
            stdin.write_all(&bytes).await?;
            stdin.flush().await
        });
        match sent.await {
            Ok(Ok(())) => Ok(sandbox),
            Ok(Err(_)) => {
                sandbox.stdin = None;
                Ok(sandbox)
            }
            Err(_) => Err(EngineError::Slow { seconds: START.as_secs() }),
        }
    }

    /// Waits for the end. Safe to drop and call again.
    pub(crate) async fn ended(&mut self) -> Ended {
        let Some(child) = &mut self.child else { return Ended::Killed };
        match child.wait().await {
            Ok(status) => {
                self.leader = None;
                self.container = None;
                Ended::of_code(status.code())
            }
            Err(_) => Ended::Killed,
        }
    }

    /// Ends everything inside at once, without waiting for it.
    pub(crate) fn kill(&mut self) {
        if let Some(container) = &mut self.container {
            container.let_go();
        } else if let Some(leader) = self.leader.take() {
            // Gone already, perhaps.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.kill();
        if let (Some(container), Some(child)) = (self.container.take(), self.child.take()) {
            container.bury(child, self.leader);
        }
    }
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    #[error("{0}")]
    Plan(#[from] PlanError),
    #[error("can't start `{program}`: {source}")]
    Start { program: String, source: std::io::Error },
    #[error("{0}")]
    Socket(#[from] crate::egress::EgressError),
    #[error("can't prepare {}: {source}", path.display())]
    Prepare { path: PathBuf, source: std::io::Error },
    #[error("the sandbox was not ready within {seconds} s")]
    Slow { seconds: u64 },
    #[error("a pipe to the sandbox is missing")]
    NoPipe,
    #[error(
        "there is no root for the image `{image}`: unpack it and add \"{image}=/its/directory\" to skills.policy.images"
    )]
    NoImage { image: String },
}
