//! From arguments to a command, and from its end to an exit code.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser as _;

use crate::{
    channel, chat,
    cli::{self, Cli, Command, Options},
    client::Client,
    config::{DEFAULT_TEMPLATE, Environment, Loader, show},
    doctor,
    exit::{Exit, Stop},
    memory, models,
    output::{complain, deliver, line},
    run, run_file, settings, skill, status,
};

/// The program.
#[must_use]
pub fn main() -> ExitCode {
    // Sandboxes begin as this program; they need nothing of what follows.
    #[cfg(target_os = "linux")]
    if let Some(code) = openclaw_skills::sandbox_main(std::env::args_os().skip(1)) {
        return code;
    }
    openclaw_heap::share_arenas();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are asked for; they go to standard output, the rest to standard error.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Ok.into() };
        }
    };
    match command(cli, &Environment::of_process()) {
        Ok(exit) => exit.into(),
        Err(stop) => {
            complain(&format!("gateway: {}", stop.message));
            stop.exit.into()
        }
    }
}

fn command(cli: Cli, environment: &Environment) -> Result<Exit, Stop> {
    let options = cli.options;
    match cli.command.unwrap_or(Command::Run) {
        Command::Run => run::run(&options, environment),
        Command::Chat(chat) => {
            let client = client(&options, environment)?;
            wait_for(async { chat::chat(&client, chat).await })
        }
        Command::Status { json } => {
            let client = client(&options, environment)?;
            wait_for(async { status::status(&client, json).await })
        }
        Command::Doctor => wait_for(doctor::doctor(&options, environment)),
        Command::Config(cli::Config::Default) => {
            deliver(DEFAULT_TEMPLATE)?;
            Ok(Exit::Ok)
        }
        Command::Config(cli::Config::Show { token }) => config_show(&options, environment, token),
        Command::Config(cli::Config::Check { file }) => config_check(&options, environment, file),
        Command::Memory(command) => wait_for(async { memory::memory(command, &options, environment).await }),
        Command::Skill(command) => {
            wait_for_files(async { skill::skill(command, &options, environment).await })
        }
        Command::Channel(command) => wait_for(channel::channel(command, &options, environment)),
        Command::Model(cli::Model::List) => models::list(&settings::home(&options, environment)?),
        Command::Model(cli::Model::Pull { name, from: Some(file) }) => {
            models::take(&settings::home(&options, environment)?, name.as_deref(), &file)
        }
        Command::Model(cli::Model::Pull { name, from: None }) => {
            let home = settings::home(&options, environment)?;
            wait_for(async { models::pull(&home, name.as_deref()).await })
        }
    }
}

/// How long work on files may go on when its command was stopped.
const FILES: Duration = Duration::from_secs(10);

/// Runs a short command to its end.
fn wait_for(work: impl Future<Output = Result<Exit, Stop>>) -> Result<Exit, Stop> {
    finish(work, Duration::ZERO)
}

/// The same; what was begun on files is finished even when the command was stopped.
fn wait_for_files(work: impl Future<Output = Result<Exit, Stop>>) -> Result<Exit, Stop> {
    finish(work, FILES)
}

fn finish(work: impl Future<Output = Result<Exit, Stop>>, patience: Duration) -> Result<Exit, Stop> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Stop::because(Exit::Failure, &error))?;
    let ended = runtime.block_on(work);
    runtime.shutdown_timeout(patience);
    ended
}

fn client(options: &Options, environment: &Environment) -> Result<Client, Stop> {
    let home = settings::home(options, environment)?;
    let loaded = settings::load_existing(&home, options, environment, Exit::NotRunning)?;
    // A port on the command line means that one, whoever runs here.
    let running = run_file::running(&home).filter(|_| options.port.is_none());
    Ok(Client::new(running.as_ref(), &loaded.config.gateway))
}

fn config_show(options: &Options, environment: &Environment, token: bool) -> Result<Exit, Stop> {
    let home = settings::home(options, environment)?;
    let loaded = settings::load_existing(&home, options, environment, Exit::Config)?;
    if token {
        deliver(&format!("{}\n", loaded.config.gateway.auth.token.expose()))?;
    } else {
        deliver(&show(&loaded.effective(), &loaded.origins))?;
    }
    Ok(Exit::Ok)
}

fn config_check(options: &Options, environment: &Environment, file: Option<PathBuf>) -> Result<Exit, Stop> {
    let loader = match file {
        Some(file) => Loader::new(file, environment.clone(), settings::flags(options)),
        None => settings::loader(&settings::home(options, environment)?, options, environment),
    };
    if !loader.file().exists() {
        return Err(Stop::new(Exit::Config, format!("{} does not exist", loader.file().display())));
    }
    settings::load(&loader)?;
    line(&format!("{} is valid", loader.file().display()));
    Ok(Exit::Ok)
}
