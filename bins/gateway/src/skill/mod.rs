//! `gateway skill`: works on the skills directory itself, whether a gateway runs or not. Whoever changes it holds the
//! directory's lock, and a running gateway notices within a second.

pub(crate) mod args;
mod call;
mod change;
mod look;
mod told;
mod trial;
mod validate;

use std::{path::PathBuf, sync::Arc};

use openclaw_core::{
    config::{Config, SandboxEngine, SkillsConfig},
    port::{SkillInfo, SkillsError},
};
use openclaw_skills::{Skills, SkillsOptions};
use tokio::sync::watch;

use self::args::Skill;
use crate::{
    cli::Options,
    config::{Environment, first_start},
    exit::{Exit, Stop},
    home::Home,
    output::harmless,
    settings, wire,
};

/// Runs the command.
pub(crate) async fn skill(
    command: Skill,
    options: &Options,
    environment: &Environment,
) -> Result<Exit, Stop> {
    match command {
        // Needs neither a directory nor a configuration.
        Skill::Validate { folders, output } => validate::validate(&folders, output),
        Skill::Search(search) => {
            Here::open(options, environment)?.work(async |here| look::search(here, &search).await).await
        }
        Skill::List(output) => {
            Here::open(options, environment)?.work(async |here| look::list(here, output).await).await
        }
        Skill::Info { name, output } => {
            Here::open(options, environment)?.work(async |here| look::info(here, &name, output).await).await
        }
        Skill::Audit(output) => {
            Here::open(options, environment)?.work(async |here| look::audit(here, output).await).await
        }
        Skill::Install(install) => {
            // As with everything that puts something into the data directory: the first start, if there was none.
            first_start(&settings::home(options, environment)?)
                .map_err(|error| Stop::because(Exit::Failure, &error))?;
            Here::open(options, environment)?.work(async |here| change::install(here, &install).await).await
        }
        Skill::Remove { name } => {
            Here::open(options, environment)?.work(async |here| change::remove(here, &name).await).await
        }
        Skill::Rollback { name } => {
            Here::open(options, environment)?.work(async |here| change::rollback(here, &name).await).await
        }
        Skill::Run(run) => {
            // Before anything listens to Ctrl-C: reading standard input can't be stopped otherwise.
            let arguments = call::arguments(run.arguments.as_deref())?;
            let here = Here::open(options, environment)?;
            here.work(async |here| call::run(here, &run, arguments).await).await
        }
        Skill::Test { skill } => {
            Here::open(options, environment)?.work(async |here| trial::test(here, &skill).await).await
        }
    }
}

/// The skills of the data directory, opened for this command.
struct Here {
    home: Home,
    config: Config,
    /// `--port`: the gateway to ask, and no other.
    port: Option<u16>,
    environment: Environment,
    skills: Skills,
    /// Removed last.
    runtime: RuntimeDir,
}

impl Here {
    fn open(options: &Options, environment: &Environment) -> Result<Self, Stop> {
        let home = settings::home(options, environment)?;
        let loaded = settings::load_or_default(&home, options, environment)?;
        let mut config = loaded.config.as_ref().clone();
        // Nobody comes back for a second call.
        config.skills.limits.warm = 0;
        let (skills, runtime) = open(wire::skills::own_options(&home, environment)?, config.skills.clone())?;
        let (port, environment) = (options.port, environment.clone());
        Ok(Self { home, config, port, environment, skills, runtime })
    }

    /// Does the command's work, which Ctrl-C stops; then ends what was begun.
    async fn work(self, work: impl AsyncFnOnce(&Self) -> Result<Exit, Stop>) -> Result<Exit, Stop> {
        let ended = tokio::select! {
            ended = work(&self) => ended,
            () = interrupted() => Err(Stop::new(Exit::Interrupted, "stopped; nothing is half-done")),
        };
        self.skills.close().await;
        ended
    }

    /// A skill as this command can know it: no engine was tried, so whether one works is not said.
    fn at_rest(&self, info: SkillInfo) -> SkillInfo {
        if info.status != "disabled" {
            return info;
        }
        match self.config.skills.engine {
            SandboxEngine::None => {
                let reason = Some("skills.engine is `none`: no skill runs".to_owned());
                SkillInfo { reason, ..info }
            }
            _ => SkillInfo { status: "ready".to_owned(), reason: None, ..info },
        }
    }
}

async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Then the signal ends the process by itself.
        std::future::pending::<()>().await;
    }
}

/// Opens skills with a configuration that stays as it is.
pub(crate) fn open(options: SkillsOptions, config: SkillsConfig) -> Result<(Skills, RuntimeDir), Stop> {
    let runtime = options.runtime_dir.clone();
    // The sender may go: what it sent stays.
    let (_config_tx, config) = watch::channel(Arc::new(config));
    let skills = Skills::open(options, config).map_err(|error| stop(&error))?;
    Ok((skills, RuntimeDir(runtime)))
}

/// A command's own directory for sockets and the like, removed at its end.
#[derive(Debug)]
pub(crate) struct RuntimeDir(PathBuf);

impl Drop for RuntimeDir {
    fn drop(&mut self) {
        // What stays behind is small, and lies where the system clears up.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Why a command fails. Texts of a registry or a skill may be in it.
fn stop(error: &SkillsError) -> Stop {
    let Stop { exit, message } = Stop::because(Exit::Failure, error);
    Stop { exit, message: harmless(&message) }
}
