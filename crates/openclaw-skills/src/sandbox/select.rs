//! Which engine is used: the first that proves itself.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use openclaw_core::config::{SandboxEngine, SkillsConfig};
use tokio::{sync::watch, time::Instant};
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::egress::secure;

use super::{
    canary::{self, CanaryError, Secrets},
    container::{Container, Kind},
    engine::Engine,
    namespace::Namespace,
    program::Launcher,
};

/// Where engines find what they need.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    pub(crate) launcher: Launcher,
    /// A directory of ours for sockets, pid files and the like.
    pub(crate) folder: PathBuf,
    /// What no skill may see, and the canary tries to.
    pub(crate) secrets: Vec<PathBuf>,
    /// The environment that container engines are run with: `PATH`, `HOME`, `XDG_RUNTIME_DIR`, ….
    pub(crate) environment: Vec<(String, String)>,
    /// Tells the containers of this data directory from others.
    pub(crate) owner: String,
    /// Where containers that end are looked after.
    pub(crate) tasks: TaskTracker,
}

/// What was chosen, and what is wrong with what was not.
#[derive(Clone, Default)]
pub(crate) struct Selection {
    pub(crate) engine: Option<Arc<dyn Engine>>,
    /// One sentence each.
    pub(crate) problems: Vec<String>,
    /// When they are tried again, as none works.
    pub(crate) again: Option<Instant>,
}

impl Selection {
    /// What is wrong, and what will be done about it; one sentence each.
    pub(crate) fn told(&self) -> Vec<String> {
        let mut told = self.problems.clone();
        if let Some(again) = self.again {
            let minutes = again.saturating_duration_since(Instant::now()).as_secs().div_ceil(60);
            told.push(match minutes {
                0 => "the engines are being tried again".to_owned(),
                minutes => {
                    format!("the engines are tried again in {minutes} min, or when the configuration changes")
                }
            });
        }
        told
    }
}

impl std::fmt::Debug for Selection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let engine = self.engine.as_ref().map(|engine| engine.name());
        f.debug_struct("Selection").field("engine", &engine).field("problems", &self.problems).finish()
    }
}

impl Surroundings {
    /// Tries engines until one proves itself. Takes a second or more where a container engine is installed.
    pub(crate) async fn select(&self, config: watch::Receiver<Arc<SkillsConfig>>) -> Selection {
        let (wanted, rootless) = {
            let config = config.borrow();
            (config.engine, config.rootless)
        };
        let candidates: &[SandboxEngine] = match &wanted {
            SandboxEngine::Auto => &[SandboxEngine::Podman, SandboxEngine::Docker, SandboxEngine::Namespace],
            SandboxEngine::None => &[],
            one => std::slice::from_ref(one),
        };
        let mut problems = Vec::new();
        if wanted == SandboxEngine::None {
            problems.push("skills.engine is `none`: no skill runs".to_owned());
        }
        let usable = secure(&self.folder).inspect_err(|error| {
            let said =
                std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
            problems.push(format!("skills need a directory for sockets: {error}{said}"));
        });
        for candidate in candidates.iter().filter(|_| usable.is_ok()) {
            let found = match candidate {
                SandboxEngine::Podman => self.container(Kind::Podman, rootless).await,
                SandboxEngine::Docker => self.container(Kind::Docker, rootless).await,
                _ => self.namespace(config.clone()).await,
            };
            match found {
                Ok(engine) => {
                    info!(
                        engine = engine.name(),
                        rootless = engine.is_rootless(),
                        "the sandbox has proved itself"
                    );
                    return Selection { engine: Some(engine), problems, again: None };
                }
                // What is not installed is no problem as long as nobody asked for it.
                Err(Unfit::NotInstalled(_)) if wanted == SandboxEngine::Auto => {}
                Err(unfit) => {
                    warn!(reason = %unfit, "a sandbox engine is not used");
                    problems.push(unfit.to_string());
                }
            }
        }
        if wanted != SandboxEngine::None {
            let why = problems.join("; ");
            warn!(why, "no sandbox engine works: skills stay disabled. `gateway doctor` says what to do");
        }
        Selection { engine: None, problems, again: None }
    }

    async fn namespace(&self, config: watch::Receiver<Arc<SkillsConfig>>) -> Result<Arc<dyn Engine>, Unfit> {
        let engine = Namespace::new(self.launcher.clone(), config);
        self.prove(&engine).await.map_err(|error| Unfit::Failed { way: "namespace".to_owned(), error })?;
        Ok(Arc::new(engine))
    }

    async fn container(&self, kind: Kind, rootless: bool) -> Result<Arc<dyn Engine>, Unfit> {
        let name = match kind {
            Kind::Podman => "podman",
            Kind::Docker => "docker",
        };
        let program = self.find(name).ok_or(Unfit::NotInstalled(name))?;
        let container = Container::open(kind, program, self).await.ok_or(Unfit::NoDaemon)?;
        if rootless && !container.is_rootless() && !rustix::process::geteuid().is_root() {
            return Err(Unfit::Rootful);
        }
        let mut first = None;
        for way in container.ways() {
            match self.prove(&way).await {
                Ok(()) => return Ok(Arc::new(way)),
                // Another way of calling it makes it neither tighter nor faster.
                Err(error @ (CanaryError::Escaped { .. } | CanaryError::Slow { .. })) => {
                    return Err(Unfit::Failed { way: way.way(), error });
                }
                Err(error) => {
                    first.get_or_insert(Unfit::Failed { way: way.way(), error });
                }
            }
        }
        Err(first.unwrap_or(Unfit::NotInstalled(name)))
    }

    /// Removes what gateways of this data directory that were killed left in any container engine that is there.
    pub(crate) async fn sweep(&self) {
        for (kind, name) in [(Kind::Podman, "podman"), (Kind::Docker, "docker")] {
            let Some(program) = self.find(name) else { continue };
            if let Some(container) = Container::open(kind, program, self).await {
                container.sweep().await;
            }
        }
    }

    /// Sends the canary into an engine.
    pub(crate) async fn prove(&self, engine: &dyn Engine) -> Result<(), CanaryError> {
        let folder = self.folder.join("canary");
        std::fs::create_dir_all(&folder).map_err(CanaryError::Prepare)?;
        canary::test(engine, &Secrets { paths: self.secrets.clone(), folder }).await
    }

    /// The program in `PATH`.
    fn find(&self, name: &str) -> Option<PathBuf> {
        let path = self.environment.iter().find(|(variable, _)| variable == "PATH")?;
        path.1.split(':').map(|folder| Path::new(folder).join(name)).find(|path| path.is_file())
    }
}

/// Why an engine is not used.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error("{0} is not installed (looked in PATH)")]
    NotInstalled(&'static str),
    #[error(
        "docker is installed, but its daemon does not answer: start it, or add yourself to those who may use it"
    )]
    NoDaemon,
    #[error(
        "docker runs as root here, and skills.rootless is true: use rootless docker, podman, or skills.engine: namespace"
    )]
    Rootful,
    #[error("{way} is not used: {error}")]
    Failed { way: String, error: CanaryError },
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn surroundings(folder: &Path) -> Surroundings {
        let home = folder.join("home");
        fs::create_dir_all(&home).unwrap();
        fs::write(home.join("gateway.yaml"), "token: secret").unwrap();
        Surroundings {
            launcher: Launcher::new(folder.join("no-such-program")),
            folder: folder.to_owned(),
            secrets: vec![home],
            environment: vec![("PATH".to_owned(), folder.join("bin").display().to_string())],
            owner: "test".to_owned(),
            tasks: TaskTracker::new(),
        }
    }

    async fn select(surroundings: &Surroundings, engine: SandboxEngine) -> Selection {
        let config = SkillsConfig { engine, ..SkillsConfig::default() };
        surroundings.select(watch::channel(Arc::new(config)).1).await
    }

    #[tokio::test]
    async fn what_does_not_work_is_not_used_and_said() {
        let dir = tempfile::tempdir().unwrap();
        let here = surroundings(dir.path());
        let none = select(&here, SandboxEngine::None).await;
        assert!(none.engine.is_none() && none.problems[0].contains("skills.engine"), "{none:?}");
        let podman = select(&here, SandboxEngine::Podman).await;
        assert!(podman.engine.is_none() && podman.problems[0].contains("not installed"), "{podman:?}");
        let auto = select(&here, SandboxEngine::Auto).await;
        assert!(auto.engine.is_none() && auto.problems.len() == 1, "{auto:?}");
        assert!(auto.problems[0].contains("no-such-program"), "{auto:?}");
    }

    /// An engine's command that does as `script` says.
    fn command(folder: &Path, name: &str, script: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let program = folder.join("bin").join(name);
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        program
    }

    #[tokio::test]
    async fn an_engine_that_runs_things_on_the_host_is_found_out() {
        let dir = tempfile::tempdir().unwrap();
        let here = surroundings(dir.path());
        // An "engine" that lets the canary see the host: it says what the canary would say then. Standard input stays open until the end: the
        // program must not wait for it.
        command(dir.path(), "podman", "echo \"it read /home/me\"\nexit 2");
        let found = select(&here, SandboxEngine::Podman).await;
        assert!(
            found.engine.is_none() && found.problems[0].contains("got out: it read /home/me"),
            "{found:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_engine_that_hangs_is_waited_for_once() {
        let dir = tempfile::tempdir().unwrap();
        let here = surroundings(dir.path());
        command(dir.path(), "podman", "exec /bin/sleep 600");
        let begun = tokio::time::Instant::now();
        let found = select(&here, SandboxEngine::Podman).await;
        assert!(found.engine.is_none() && found.problems[0].contains("did not come back"), "{found:?}");
        assert!(begun.elapsed() < std::time::Duration::from_secs(60), "{:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn where_sockets_cannot_lie_no_engine_is_tried() {
        let dir = tempfile::tempdir().unwrap();
        let obstacle = dir.path().join("no-directory");
        fs::write(&obstacle, "").unwrap();
        let here = Surroundings { folder: obstacle, ..surroundings(dir.path()) };
        let found = select(&here, SandboxEngine::Namespace).await;
        assert!(found.engine.is_none(), "{found:?}");
        assert!(found.problems[0].contains("no-directory"), "{found:?}");
    }

    #[tokio::test]
    async fn an_engine_that_prints_without_end_is_not_listened_to() {
        let dir = tempfile::tempdir().unwrap();
        let here = surroundings(dir.path());
        let docker = command(dir.path(), "docker", "exec /usr/bin/head -c 3000000 /dev/zero");
        assert!(Container::open(Kind::Docker, docker, &here).await.is_none());
    }
}
