//! The built-in engine: namespaces, seccomp and landlock of the kernel. Nothing needs to be installed.

use std::{
    path::PathBuf,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use openclaw_core::config::SkillsConfig;
use rustix::thread::sched_getaffinity;
use tokio::{process::Command, sync::watch};

use super::{
    engine::{EGRESS_SOCKET, Engine, EngineError, Job, SKILL_FOLDER, Sandbox},
    init,
    plan::{Bind, Tree},
    program::Launcher,
};
use crate::manifest::Runtime;

/// The engine.
#[derive(Debug)]
pub(crate) struct Namespace {
    launcher: Launcher,
    config: watch::Receiver<Arc<SkillsConfig>>,
    /// Processors the gateway may use; each sandbox gets one, in turn.
    processors: Vec<usize>,
    next: AtomicUsize,
}

impl Namespace {
    pub(crate) fn new(launcher: Launcher, config: watch::Receiver<Arc<SkillsConfig>>) -> Self {
        let set = sched_getaffinity(None).ok();
        let processors = (0..rustix::thread::CpuSet::MAX_CPU)
            .filter(|cpu| set.is_some_and(|set| set.is_set(*cpu)))
            .collect();
        Self { launcher, config, processors, next: AtomicUsize::new(0) }
    }

    fn root(&self, job: &Job) -> Result<Tree, EngineError> {
        let (image, (mut binds, start)) = match &job.runtime {
            Runtime::Host => (None, self.launcher.on_host()),
            Runtime::Image(name) => match self.config.borrow().policy.image_root(name) {
                Some(root) => (Some(root.to_owned()), self.launcher.in_image()),
                None => return Err(EngineError::NoImage { image: name.clone() }),
            },
        };
        let text = |path: &PathBuf| path.to_string_lossy().into_owned();
        let bind = |source: String, target: &str, writable| Bind {
            source,
            target: target.to_owned(),
            writable,
            judged: true,
        };
        binds.push(bind(text(&job.folder), SKILL_FOLDER, false));
        binds.extend(job.grants.iter().map(|grant| bind(grant.path.clone(), &grant.path, grant.writable)));
        if let Some(socket) = &job.egress {
            binds.push(bind(text(socket), EGRESS_SOCKET, false));
        }
        Ok(Tree { image, binds, start })
    }
}

#[async_trait]
impl Engine for Namespace {
    fn name(&self) -> &'static str {
        "namespace"
    }

    fn is_rootless(&self) -> bool {
        !rustix::process::geteuid().is_root()
    }

    async fn spawn(&self, job: &Job) -> Result<Sandbox, EngineError> {
        let mut plan = job.plan();
        plan.tree = Some(self.root(job)?);
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        plan.processor =
            turn.checked_rem(self.processors.len()).and_then(|at| self.processors.get(at)).copied();
        let program = self.launcher.program();
        let child = Command::new(program)
            .args([init::ARGUMENT, "outer"])
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| EngineError::Start { program: program.display().to_string(), source })?;
        Sandbox::begin(child, &plan, None).await
    }
}
