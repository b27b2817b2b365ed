//! What every command starts from: the data directory and the configuration.

use crate::{
    cli::Options,
    config::{self, Environment, Layer, LoadError, Loaded, Loader},
    exit::{Exit, Stop},
    home::Home,
};

/// The data directory that the options and the environment name.
pub(crate) fn home(options: &Options, environment: &Environment) -> Result<Home, Stop> {
    options.home.clone().or_else(|| environment.home()).map(Home::new).ok_or_else(|| {
        Stop::new(
            Exit::Config,
            "there is no home directory: set OPENCLAW_HOME or use --home to name a data directory",
        )
    })
}

/// The options as the configuration's topmost layer.
pub(crate) fn flags(options: &Options) -> Layer {
    let port = options.port.map(|port| ("--port", &["gateway", "port"][..], port.to_string()));
    let bind = options.bind.map(|bind| ("--bind", &["gateway", "bind"][..], bind.to_string()));
    let level = options
        .log_level
        .map(|level| ("--log-level", &["gateway", "logging", "level"][..], level.as_str().to_owned()));
    config::flags([port, bind, level].into_iter().flatten())
}

pub(crate) fn loader(home: &Home, options: &Options, environment: &Environment) -> Loader {
    Loader::new(home.config_file(), environment.clone(), flags(options))
}

/// Loads the configuration or says everything that is wrong with it.
pub(crate) fn load(loader: &Loader) -> Result<Loaded, Stop> {
    loader.load().map_err(|error| stop(&error))
}

/// The same for a command that talks about a gateway, or to one: without a first start there is neither.
pub(crate) fn load_existing(
    home: &Home,
    options: &Options,
    environment: &Environment,
    absent: Exit,
) -> Result<Loaded, Stop> {
    let loader = loader(home, options, environment);
    let loaded = load(&loader);
    let file = loader.file();
    if loaded.is_err() && !file.exists() {
        let message = format!("there is no {} yet; the first start makes it: gateway run", file.display());
        return Err(Stop::new(absent, message));
    }
    loaded
}

/// The same for a command that needs no gateway: without a file, what the environment says and the defaults.
pub(crate) fn load_or_default(
    home: &Home,
    options: &Options,
    environment: &Environment,
) -> Result<Loaded, Stop> {
    let first = loader(home, options, environment);
    if first.file().exists() {
        return load(&first);
    }
    // A token is needed where somebody listens, and nobody does.
    let token = ("", &["gateway", "auth", "token"][..], "nobody-listens-here".to_owned());
    load(&Loader::new(home.config_file(), environment.clone(), config::flags([token])))
}

/// A configuration that can't be used, as the end of a command.
pub(crate) fn stop(error: &LoadError) -> Stop {
    match error {
        LoadError::Problems(problems) => {
            let count = problems.0.len();
            let what = if count == 1 { "a mistake".to_owned() } else { format!("{count} mistakes") };
            let hint = "Every key with its default: gateway config default";
            Stop::new(Exit::Config, format!("the configuration has {what}:\n{problems}\n{hint}"))
        }
        LoadError::Io { .. } => Stop::because(Exit::Config, error),
    }
}
