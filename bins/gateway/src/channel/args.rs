//! The command line of `gateway channel`.

use std::str::FromStr;

use clap::{Args, Subcommand};

/// What to do with chat platforms.
#[derive(Debug, Subcommand)]
pub(crate) enum Channel {
    /// Connect a chat platform: asks for what it needs, tries it, and writes it into gateway.yaml
    Add(Add),
    /// List the configured channels and how they are
    List {
        /// Print JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Ask a platform whether the configuration works there
    Test {
        /// Its type, such as telegram
        #[arg(value_name = "TYPE")]
        kind: String,
        /// Send a line to this chat, by the platform's id
        #[arg(long, value_name = "CHAT")]
        to: Option<String>,
    },
    /// Show a one-time code that lets somebody talk to the assistant
    Pair {
        /// Its type, such as telegram
        #[arg(value_name = "TYPE")]
        kind: String,
    },
    /// List the people whom a code let in
    Paired {
        /// Its type, such as telegram
        #[arg(value_name = "TYPE")]
        kind: String,
        /// Take this user's pairing back
        #[arg(long, value_name = "USER")]
        remove: Option<String>,
    },
    /// Take a channel out of gateway.yaml
    Remove {
        /// Its type, such as telegram
        #[arg(value_name = "TYPE")]
        kind: String,
        /// Don't ask back
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(Debug, Default, Args)]
pub(crate) struct Add {
    /// Its type, such as telegram; without it, those there are are listed
    #[arg(value_name = "TYPE")]
    pub(crate) kind: Option<String>,
    /// The bot's token; - reads it from standard input, so that no shell remembers it
    #[arg(long, value_name = "TOKEN")]
    pub(crate) token: Option<String>,
    /// Where the platform is, when not at its own address
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,
    /// A further secret by the platform's name for it, such as app_token=xapp-…
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) secret: Vec<Pair>,
    /// A further setting by the platform's name for it, such as nick=claw
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<Pair>,
    /// Who may talk to the assistant, by the platform's user id; may be given several times
    #[arg(long, value_name = "USER")]
    pub(crate) allow_user: Vec<String>,
    /// A group in which everybody may, by the platform's id; may be given several times
    #[arg(long, value_name = "CHAT")]
    pub(crate) allow_chat: Vec<String>,
    /// Ask for the settings that have a default, too
    #[arg(long)]
    pub(crate) all: bool,
    /// Write it without asking the platform whether it works
    #[arg(long)]
    pub(crate) no_check: bool,
}

/// `NAME=VALUE`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // It may be a secret.
        f.debug_struct("Pair").field("name", &self.name).finish_non_exhaustive()
    }
}

impl FromStr for Pair {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() && !value.is_empty() => {
                Ok(Self { name: name.to_owned(), value: value.to_owned() })
            }
            _ => Err("must be NAME=VALUE"),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(subcommand)]
        channel: Channel,
    }

    #[test]
    fn settings_are_pairs_and_secrets_are_not_shown() {
        let words = ["channel", "add", "slack", "--secret", "app_token=xapp-canary", "--set", "a=b=c"];
        let line = Line::try_parse_from(words).unwrap();
        assert!(!format!("{:?}", line.channel).contains("canary"));
        let Channel::Add(add) = line.channel else { panic!("another command") };
        assert_eq!((add.set[0].name.as_str(), add.set[0].value.as_str()), ("a", "b=c"));
        assert!("novalue".parse::<Pair>().is_err() && "=x".parse::<Pair>().is_err());
    }
}
