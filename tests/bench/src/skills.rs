//! Calls of skills: cold, warm, many at once, and what a waiting sandbox takes.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use futures_util::future::join_all;
use openclaw_core::{
    RunId, ToolCall,
    config::{SandboxEngine, SkillLimits, SkillsConfig},
    port::{SkillPort as _, ToolContext, ToolPort as _},
};
use openclaw_skills::{Skills, SkillsOptions};
use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::table::{Table, median};

/// Calls that are measured one after another.
const CALLS: usize = 40;
/// Calls at the same time.
const PARALLEL: usize = 50;
/// Longest that a sandbox may take to be ready.
const READY: Duration = Duration::from_secs(5);

pub(crate) fn skills(release: &Path, table: &mut Table) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    for engine in [SandboxEngine::Namespace, SandboxEngine::Podman] {
        runtime.block_on(measure(release, engine, table))?;
    }
    Ok(())
}

async fn measure(release: &Path, engine: SandboxEngine, table: &mut Table) -> Result<()> {
    let name = format!("{engine:?}").to_lowercase();
    let cold = Bench::start(release, engine, 0).await?;
    let Some(cold) = cold else {
        table.row(format!("skills, {name}"), "not measured: it does not work here", "");
        return Ok(());
    };
    let (mut own, mut floor) = (Vec::new(), Vec::new());
    let calls = if engine == SandboxEngine::Podman { CALLS / 4 } else { CALLS };
    for _ in 0..calls {
        own.push(cold.call("echo").await?);
        // In turns, so that what disturbs one disturbs the other.
        floor.push(cold.floor(engine)?);
    }
    let (own, floor) = (median(own), median(floor));
    let goal = match engine {
        SandboxEngine::Podman => "≤ 1.1 × podman run",
        _ => "≤ 15 ms",
    };
    let ratio = own / floor;
    let beside = match engine {
        SandboxEngine::Podman => format!("{own:.1} ms, podman run {floor:.1} ms: {ratio:.2} ×"),
        _ => format!("{own:.1} ms (the program alone, unsandboxed: {floor:.1} ms)"),
    };
    table.row(format!("skills, {name}: cold call"), beside, goal);
    let mut python = Vec::new();
    for _ in 0..calls {
        python.push(cold.call("python").await?);
    }
    table.row(format!("skills, {name}: cold call of Python"), format!("{:.1} ms", median(python)), "");

    let begun = Instant::now();
    let parallel = join_all((0..PARALLEL).map(|_| cold.call("echo"))).await;
    let failed = parallel.iter().filter(|call| call.is_err()).count();
    let took = begun.elapsed().as_secs_f64() * 1e3;
    table.row(
        format!("skills, {name}: {PARALLEL} calls at once"),
        format!("{failed} failed, {took:.0} ms"),
        "0 failed",
    );
    cold.end().await;

    let Some(warm) = Bench::start(release, engine, 2).await? else { return Ok(()) };
    warm.call("echo").await?;
    let mut times = Vec::new();
    for _ in 0..calls {
        warm.ready().await?;
        times.push(warm.call("echo").await?);
    }
    let all = format!("{:.2} ms", median(times));
    table.row(format!("skills, {name}: warm call"), all, "≤ 1 ms");
    warm.ready().await?;
    let (processes, kib) = warm.waiting();
    table.row(
        format!("skills, {name}: a sandbox that waits"),
        format!("{:.1} MiB in {processes} processes (proportional)", kib as f64 / 1024.0),
        "",
    );
    warm.end().await;
    Ok(())
}

/// Skills with one engine.
struct Bench {
    dir: tempfile::TempDir,
    skills: Skills,
    _config: watch::Sender<Arc<SkillsConfig>>,
}

impl Bench {
    /// `None`: the engine does not work here.
    async fn start(release: &Path, engine: SandboxEngine, warm: u32) -> Result<Option<Self>> {
        let dir = tempfile::tempdir()?;
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755))?;
        let skills_dir = dir.path().join("skills");
        put(&skills_dir, "echo", "entrypoint: [/bin/cat]", None)?;
        put(&skills_dir, "python", "entrypoint: [python3, -I, main.py]", Some("print(input())\n"))?;
        let limits = SkillLimits { warm, ..SkillLimits::default() };
        let config = watch::Sender::new(Arc::new(SkillsConfig { engine, limits, ..SkillsConfig::default() }));
        let environment = ["PATH", "HOME", "USER", "XDG_RUNTIME_DIR"]
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)))
            .collect();
        let options = SkillsOptions {
            environment,
            ..SkillsOptions::new(skills_dir, dir.path().join("run"), release.join("gateway").canonicalize()?)
        };
        let skills = Skills::open(options, config.subscribe()).context("skills can't be opened")?;
        skills.start().await;
        if skills.sandbox().engine == "none" {
            eprintln!("{:?}", skills.sandbox().problems);
            return Ok(None);
        }
        Ok(Some(Self { dir, skills, _config: config }))
    }

    /// Milliseconds of a call.
    async fn call(&self, skill: &str) -> Result<f64> {
        let run = RunId::generate();
        let context = ToolContext {
            run,
            conversation: run.new_conversation_id(),
            timeout: Duration::from_secs(120),
            cancel: CancellationToken::new(),
            judged: None,
        };
        let call = ToolCall { id: "1".to_owned(), name: skill.to_owned(), arguments: json!({"a": 1}) };
        let begun = Instant::now();
        let result = self.skills.call(&call, &context).await;
        let took = begun.elapsed().as_secs_f64() * 1e3;
        ensure!(!result.is_error, "{}", result.content);
        Ok(took)
    }

    /// Milliseconds of the same program by the least that the engine itself does: `podman run`, or no sandbox at all.
    fn floor(&self, engine: SandboxEngine) -> Result<f64> {
        let mut command = if engine == SandboxEngine::Podman {
            let mut command = Command::new("podman");
            command.args(["run", "--rm", "--interactive", "--network", "none", "--log-driver", "none"]);
            command.args(["--ulimit=nofile=512:512", "--ulimit=nproc=512:512", "--read-only"]);
            command.args(["--volume", "/usr:/usr:ro", "--rootfs"]);
            command.arg(self.dir.path().join("run/root")).arg("/bin/cat");
            command
        } else {
            Command::new("/bin/cat")
        };
        let begun = Instant::now();
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        ensure!(status.success(), "the floor failed: {command:?}");
        Ok(begun.elapsed().as_secs_f64() * 1e3)
    }

    /// Waits until a sandbox is prepared: a process that has the skill mounted and waits for input.
    async fn ready(&self) -> Result<()> {
        let begun = Instant::now();
        while self.waiting().0 == 0 {
            ensure!(begun.elapsed() < READY, "no sandbox is kept ready");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // The program inside has started, too, and has nothing more to do.
        tokio::time::sleep(Duration::from_millis(60)).await;
        Ok(())
    }

    /// Processes with a skill of ours mounted, and their proportional memory in KiB.
    fn waiting(&self) -> (usize, u64) {
        let folder = self.dir.path().join("skills").to_string_lossy().into_owned();
        let mut found = (0, 0);
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let mounts = fs::read_to_string(entry.path().join("mountinfo")).unwrap_or_default();
            if !mounts.lines().any(|line| line.contains(" /skill ") && line.contains(&folder)) {
                continue;
            }
            found.0 += 1;
            found.1 += pss(&entry.path()).unwrap_or(0);
        }
        found
    }

    async fn end(self) {
        self.skills.close().await;
    }
}

fn pss(process: &Path) -> Option<u64> {
    let text = fs::read_to_string(process.join("smaps_rollup")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("Pss:")?.split_whitespace().next()?.parse().ok())
}

fn put(dir: &Path, name: &str, head: &str, program: Option<&str>) -> Result<()> {
    let folder = dir.join(name);
    fs::create_dir_all(&folder)?;
    let text = format!("---\nname: {name}\ndescription: Measured.\n{head}\n---\n");
    fs::write(folder.join("SKILL.md"), text)?;
    if let Some(program) = program {
        fs::write(folder.join("main.py"), program)?;
    }
    Ok(())
}
