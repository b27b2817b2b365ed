//! `gateway doctor`: what is well and what is not, each with what to do about it.

mod channels;
mod config;
mod machine;
mod providers;
mod skills;

use std::fmt;

use openclaw_core::config::Config;

use crate::{
    cli::Options,
    client::Client,
    config::Environment,
    exit::{Exit, Stop},
    home::Home,
    output::line,
    run_file, settings,
};

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    verdict: Verdict,
    about: &'static str,
    /// What was found and, when it is not well, what to do.
    text: String,
}

impl Finding {
    fn ok(about: &'static str, text: impl Into<String>) -> Self {
        Self { verdict: Verdict::Ok, about, text: text.into() }
    }

    fn warn(about: &'static str, text: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warn, about, text: text.into() }
    }

    fn fail(about: &'static str, text: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fail, about, text: text.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Ok => "ok  ",
            Verdict::Warn => "warn",
            Verdict::Fail => "FAIL",
        };
        let mut lines = self.text.lines();
        write!(f, "{verdict}  {:<12} {}", self.about, lines.next().unwrap_or_default())?;
        for line in lines {
            write!(f, "\n{:19}{line}", "")?;
        }
        Ok(())
    }
}

/// What was found so far.
struct Report {
    worst: Verdict,
}

impl Report {
    fn tell(&mut self, findings: Vec<Finding>) {
        for finding in findings {
            if self.worst == Verdict::Ok || finding.verdict == Verdict::Fail {
                self.worst = finding.verdict;
            }
            line(&finding.to_string());
        }
    }
}

/// Runs every check and prints a line for each as it is known.
pub(crate) async fn doctor(options: &Options, environment: &Environment) -> Result<Exit, Stop> {
    let mut report = Report { worst: Verdict::Ok };
    let (home, settings) = examine(&mut report, options, environment).await?;
    // Last: engines take their time.
    report.tell(skills::skills(&home, &settings.skills, environment).await);
    Ok(if report.worst == Verdict::Fail { Exit::Failure } else { Exit::Ok })
}

/// Everything that runs no other program.
async fn examine(
    report: &mut Report,
    options: &Options,
    environment: &Environment,
) -> Result<(Home, Config), Stop> {
    let home = settings::home(options, environment)?;
    let loader = settings::loader(&home, options, environment);
    let loaded = loader.load();
    report.tell(config::configuration(&loader, &loaded));
    report.tell(config::permissions(&home));
    let settings = match &loaded {
        Ok(loaded) => loaded.config.as_ref().clone(),
        // The remaining checks are worth having with a broken file too.
        Err(_) => Config::default(),
    };
    let running = run_file::running(&home);
    let client = Client::new(running.as_ref(), &settings.gateway);
    report.tell(machine::port(running.as_ref(), &client, &settings.gateway).await);
    report.tell(machine::disk(&home, &settings.memory));
    report.tell(machine::log(&home, &settings.gateway.logging).await);
    report.tell(machine::clock(&home, &settings.gateway.logging).await);
    report.tell(providers::models(&home).await);
    report.tell(providers::providers(&home, &settings, environment).await);
    report.tell(channels::channels(&settings).await);
    Ok((home, settings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_line_up() {
        assert_eq!(Finding::ok("disk", "fine").to_string(), "ok    disk         fine");
        let long = Finding::fail("config", "a\nb").to_string();
        assert_eq!(long, "FAIL  config       a\n                   b");
    }

    #[tokio::test]
    async fn a_broken_configuration_does_not_end_the_examination() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("gateway.yaml"), "gateway: {port: x}\n").unwrap();
        let options = Options { home: Some(directory.path().to_owned()), ..Options::default() };
        let mut report = Report { worst: Verdict::Ok };
        examine(&mut report, &options, &Environment::default()).await.unwrap();
        assert_eq!(report.worst, Verdict::Fail);
    }
}
