//! The skills of one directory, and what runs them: the crate's façade.

mod check;
mod infos;
mod keep;
mod manage;
mod scan;
mod tools;

use std::{
    any::Any,
    collections::{BTreeMap, BTreeSet},
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use openclaw_core::{
    ToolDefinition,
    config::SkillsConfig,
    port::{SandboxInfo, SkillsError},
};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

pub use self::{
    check::{SkillCase, SkillCaseError, SkillDifference, copy_skill},
    manage::{SkillAudit, SkillBeyond, SkillDetails, SkillFound, SkillKind, SkillRefusal, SkillRequest},
};
use crate::{
    catalog::Catalog,
    egress::{Egress, Resolve, SystemResolver, secure},
    executor::{Executor, Host, Variables},
    install::{Declared, Installer},
    package::{Fingerprint, Package},
    protocol::mcp::ServerTool,
    registry::{BuiltinSkill, Client},
    sandbox::{Launcher, Selection, Surroundings},
    usage::Usage,
};

/// What the program around knows and this crate must be told.
#[derive(Clone)]
pub struct SkillsOptions {
    /// The skills directory, which need not exist.
    pub dir: PathBuf,
    /// A directory for sockets and the like: short (a socket's path has at most 107 bytes), ours alone, and emptied by whoever wants to.
    pub runtime_dir: PathBuf,
    /// What can be process 1 of a sandbox: a program that calls [`crate::sandbox_main`] first thing, or `openclaw-sandbox`.
    pub launcher: PathBuf,
    /// The user's home directory: what `~` means in a grant, and what no sandbox may see without one.
    pub home: Option<PathBuf>,
    /// What no grant may reach: directories with the program's own secrets.
    pub forbidden: Vec<PathBuf>,
    /// The environment that container engines are run with: `PATH`, `HOME`, `XDG_RUNTIME_DIR` and the like.
    pub environment: Vec<(String, String)>,
    /// Looks up a variable that a skill was granted.
    pub variable: Variables,
    /// Skills that come with the program and can be installed without a registry.
    pub builtin: &'static [BuiltinSkill],
    /// Resolves the names that skills ask for; the system's resolver by default.
    pub resolver: Arc<dyn Resolve>,
}

impl SkillsOptions {
    /// Options with nothing to tell but where things are.
    #[must_use]
    pub fn new(dir: PathBuf, runtime_dir: PathBuf, launcher: PathBuf) -> Self {
        Self {
            dir,
            runtime_dir,
            launcher,
            home: None,
            forbidden: Vec::new(),
            environment: Vec::new(),
            variable: Arc::new(|_| None),
            builtin: &[],
            resolver: Arc::new(SystemResolver::default()),
        }
    }
}

impl std::fmt::Debug for SkillsOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SkillsOptions").field("dir", &self.dir).finish_non_exhaustive()
    }
}

/// The skills below one directory. Cloning shares. Until [`Skills::keep`] runs, nothing can be called.
#[derive(Debug, Clone)]
pub struct Skills {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    config: watch::Receiver<Arc<SkillsConfig>>,
    installer: Installer,
    client: Arc<Client>,
    builtin: &'static [BuiltinSkill],
    surroundings: Surroundings,
    selection: watch::Sender<Option<Selection>>,
    /// The one skill whose server is started, when not all are.
    only: OnceLock<String>,
    executor: Arc<Executor>,
    usage: Usage,
    tasks: TaskTracker,
    seen: Mutex<Seen>,
}

/// What was seen at the last look.
#[derive(Debug, Default)]
struct Seen {
    /// `None`: never looked.
    fingerprint: Option<Fingerprint>,
    config: Option<Arc<SkillsConfig>>,
    catalog: Arc<Catalog>,
    /// Tools of MCP servers by skill, with the stamp of the skill that was asked; or why they are not known.
    servers: BTreeMap<String, (u64, Result<Vec<ServerTool>, String>)>,
    /// Those of which the answer is awaited, with that stamp.
    asking: BTreeSet<(String, u64)>,
    definitions: Arc<Vec<ToolDefinition>>,
}

impl Skills {
    /// The skills of a directory. Blocking: finishes what a crash interrupted.
    ///
    /// # Errors
    /// When the directory for sockets can't be made or is not ours.
    pub fn open(
        options: SkillsOptions,
        config: watch::Receiver<Arc<SkillsConfig>>,
    ) -> Result<Self, SkillsError> {
        // What can't be used for sockets is said when an engine is looked for: the gateway works without skills.
        let _ = secure(&options.runtime_dir);
        // What is mounted from it is mounted by its very path.
        let runtime_dir = options.runtime_dir.canonicalize().unwrap_or(options.runtime_dir);
        let egress = Egress::new(runtime_dir.clone(), config.clone(), options.resolver);
        let installer = Installer::new(options.dir.clone(), read_package);
        if let Err(error) = installer.sweep() {
            tracing::warn!(%error, "what an interrupted change of a skill left can't be cleared away");
        }
        let launcher = Launcher::new(options.launcher);
        let mut secrets = options.forbidden.clone();
        secrets.extend(options.home.clone());
        let owner = format!("{:016x}", hash_of(options.dir.canonicalize().as_ref().unwrap_or(&options.dir)));
        let tasks = TaskTracker::new();
        let surroundings = Surroundings {
            launcher,
            folder: runtime_dir,
            secrets,
            environment: options.environment,
            owner,
            tasks: tasks.clone(),
        };
        // Other skills' sockets and roots are no skill's business.
        let forbidden = [options.forbidden, vec![surroundings.folder.clone()]].concat();
        let host = Host { home: options.home, forbidden, variable: options.variable };
        let selection = watch::Sender::new(None);
        let executor =
            Arc::new(Executor::new(selection.subscribe(), egress, config.clone(), host, tasks.clone()));
        let usage = Usage::open(&options.dir);
        let inner = Inner {
            dir: options.dir,
            config,
            installer,
            client: Arc::default(),
            builtin: options.builtin,
            surroundings,
            selection,
            only: OnceLock::new(),
            executor,
            usage,
            tasks,
            seen: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Work on files, off the async threads. It goes on to its end when the caller leaves.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, SkillsError> + Send + 'static,
    ) -> Result<T, SkillsError> {
        let inner = Arc::clone(&self.inner);
        let what = format!("can't work on {}", self.inner.dir.display());
        // One kind of task, whatever it answers: each is two kilobytes of the program.
        let work: Box<dyn FnOnce() -> Box<dyn Any + Send> + Send> = Box::new(move || Box::new(work(&inner)));
        let done = tokio::task::spawn_blocking(work).await.map_err(io::Error::other);
        match done.and_then(|done| done.downcast().map_err(|_| io::Error::other("it answers something else")))
        {
            Ok(done) => *done,
            Err(error) => Err(SkillsError::Unavailable { what, source: Box::new(error) }),
        }
    }

    /// What runs skills.
    fn sandbox_info(&self) -> SandboxInfo {
        match &*self.inner.selection.borrow() {
            None => SandboxInfo {
                engine: "none".to_owned(),
                rootless: false,
                problems: vec!["the sandbox engines are being tried".to_owned()],
            },
            Some(selection) => SandboxInfo {
                engine: selection.engine.as_ref().map_or("none", |engine| engine.name()).to_owned(),
                rootless: selection.engine.as_ref().is_some_and(|engine| engine.is_rootless()),
                problems: selection.told(),
            },
        }
    }
}

impl Inner {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.seen().catalog)
    }
}

fn read_package(root: &std::path::Path, name: &str) -> Result<Declared, String> {
    let package = Package::load_as(root, name).map_err(|error| error.sentence())?;
    let manifest = package.manifest;
    let version = (manifest.version != crate::manifest::NO_VERSION).then_some(manifest.version);
    Ok(Declared { name: manifest.name, version, permissions: manifest.permissions })
}

fn hash_of(value: impl std::hash::Hash) -> u64 {
    use std::hash::{DefaultHasher, Hasher as _};
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
