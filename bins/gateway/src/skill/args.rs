//! The command line of `gateway skill`.

use std::{path::PathBuf, str::FromStr};

use clap::{Args, Subcommand};
use openclaw_core::Permission;

/// What to do with skills.
#[derive(Debug, Subcommand)]
pub(crate) enum Skill {
    /// Find skills to install: those that come with the gateway, and those of skills.registry
    Search(Search),
    /// Install a skill, or bring it to another version
    Install(Install),
    /// List the skills that are there
    List(Output),
    /// Look at a skill closely: what it may do, its tools, its files
    Info {
        /// Its name
        name: String,
        #[command(flatten)]
        output: Output,
    },
    /// Call a skill once, in its sandbox
    Run(Run),
    /// Run a skill's own tests (tests/*.json), each in a sandbox
    Test {
        /// Its name, or the folder of one that is being written
        #[arg(value_name = "NAME|FOLDER")]
        skill: String,
    },
    /// Say what is wrong with a skill's folder, and what could be better; runs nothing
    Validate {
        /// Folders with a SKILL.md
        #[arg(required = true, value_name = "FOLDER")]
        folders: Vec<PathBuf>,
        #[command(flatten)]
        output: Output,
    },
    /// Remove a skill with all its versions
    #[command(alias = "uninstall")]
    Remove {
        /// Its name
        name: String,
    },
    /// Go back to the version that was in force before
    Rollback {
        /// Its name
        name: String,
    },
    /// Check the files of every installed skill against what was installed
    Audit(Output),
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Output {
    /// Print JSON, for programs
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Search {
    /// Words of the name or description
    #[arg(required = true, value_name = "QUERY")]
    pub(crate) words: Vec<String>,
    /// At most so many results
    #[arg(long, short = 'n', default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=50))]
    pub(crate) limit: u16,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Install {
    /// Its name, and the version if it shall not be the newest
    #[arg(value_name = "NAME[@VERSION]")]
    pub(crate) skill: Wanted,
    /// Something it may do, such as network:api.example.com; may be given several times
    #[arg(long, value_name = "PERMISSION")]
    pub(crate) allow: Vec<Permission>,
    /// Install it although the registry calls it suspicious
    #[arg(long)]
    pub(crate) force: bool,
    /// Allow what it asks for without being asked back
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// A skill to install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) name: String,
    /// `None`: the newest.
    pub(crate) version: Option<String>,
}

impl FromStr for Wanted {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('@') {
            None => Ok(Self { name: text.to_owned(), version: None }),
            Some((name, version)) if !name.is_empty() && !version.is_empty() => {
                Ok(Self { name: name.to_owned(), version: Some(version.to_owned()) })
            }
            Some(_) => Err("must be NAME or NAME@VERSION, such as weather@1.2.0"),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Its name
    pub(crate) name: String,
    /// The arguments as a JSON object, or - for standard input [default: {}]
    #[arg(value_name = "JSON|-")]
    pub(crate) arguments: Option<String>,
    /// Which tool, of a skill that is an MCP server
    #[arg(long, value_name = "TOOL")]
    pub(crate) tool: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(subcommand)]
        skill: Skill,
    }

    fn parsed(words: &[&str]) -> Result<Skill, clap::Error> {
        Line::try_parse_from([&["skill"], words].concat()).map(|line| line.skill)
    }

    #[test]
    fn a_version_stands_behind_the_name() {
        let Skill::Install(install) =
            parsed(&["install", "weather@1.2.0", "--allow", "network:a.example", "--allow", "shell", "-y"])
                .unwrap()
        else {
            panic!("another command");
        };
        let version = Some("1.2.0".to_owned());
        assert_eq!(install.skill, Wanted { name: "weather".to_owned(), version });
        let allowed: Vec<String> = install.allow.iter().map(ToString::to_string).collect();
        assert_eq!((allowed, install.yes), (vec!["network:a.example".to_owned(), "shell".to_owned()], true));
        assert_eq!("weather".parse::<Wanted>().unwrap().version, None);
        for wrong in ["weather@", "@1.0.0", "@"] {
            assert!(wrong.parse::<Wanted>().is_err(), "{wrong}");
        }
        let error = parsed(&["install", "weather", "--allow", "everything"]).unwrap_err().to_string();
        assert!(error.contains("network:HOST"), "it says what is allowed: {error}");
    }

    #[test]
    fn a_hyphen_and_json_are_arguments_not_options() {
        for given in ["-", "{\"n\": -1}"] {
            let Skill::Run(run) = parsed(&["run", "calc", given, "--tool", "sum"]).unwrap() else {
                panic!("another command");
            };
            assert_eq!((run.arguments.as_deref(), run.tool.as_deref()), (Some(given), Some("sum")));
        }
        assert!(parsed(&["validate"]).is_err() && parsed(&["search"]).is_err());
    }
}
